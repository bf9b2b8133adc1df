"""Which labels of a parameter satisfy a constraint that turns true, or false, once as it grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mrtoolkit.expressions.nodes import Comparison, Node
from mrtoolkit.expressions.pointwise import evaluate
from mrtoolkit.search.conditions import holds
from mrtoolkit.search.dimensions import Dimension
from mrtoolkit.search.monotone import direction

_LISTED = 1_000_000  # labels up to which a search in the list of them is worth it
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True, eq=False)
class LabelRange:
    """Codes from `first` up to but without `after`, arrays that broadcast."""

    first: np.ndarray
    after: np.ndarray


def label_range(
    dimensions: Mapping[str, Dimension],
    node: Node,
    name: str,
    columns: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    *,
    rises: bool,
) -> LabelRange:
    """Return the codes of a parameter with which a condition holds, for labels of the others.

    Parameters
    ----------
    node : Node
        In normal form; its direction in the parameter is known.
    columns : mapping of name to array
        Labels of the other parameters, of shapes that broadcast.
    masks : mapping of name to array
        Where those that have a condition matter; a comparison of one that does not holds.
    rises : bool
        Whether the condition is true from some label on; else it is true up to one.
    """
    n_labels = dimensions[name].size
    if isinstance(node, Comparison) and n_labels <= _LISTED:
        mine = [side.params for side in (node.left, node.right) if name in side.params]
        if mine == [(name,)]:  # it stands on one side, alone
            return _looked_up(dimensions, node, name, columns, masks)
    turns = _bisected(dimensions, node, name, columns, masks, rises=rises)
    return LabelRange(turns, np.asarray(n_labels)) if rises else LabelRange(np.asarray(0), turns)


def _looked_up(
    dimensions: Mapping[str, Dimension],
    node: Comparison,
    name: str,
    columns: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
) -> LabelRange:
    """Find the other side's values among those of the side that is the parameter's alone."""
    is_left = name in node.left.params
    own, other = (node.left, node.right) if is_left else (node.right, node.left)
    op = node.op if is_left else _TURNED[node.op]
    values = evaluate(own, {name: dimensions[name].decode(np.arange(dimensions[name].size))})
    wanted = evaluate(other, {n: columns[n] for n in other.params})
    if direction(dimensions, own, name) == -1:
        values, wanted, op = -values, -wanted, _TURNED[op]
    turn = np.searchsorted(values, wanted, side="left" if op in ("<", ">=") else "right")
    first, after = (np.zeros_like(turn), turn) if op in ("<", "<=") else (turn, np.full_like(turn, len(values)))
    after = np.where(np.isnan(wanted), first, after)  # nothing compares with a missing value
    for parent in other.params:
        if parent in masks:
            first, after = np.where(masks[parent], first, 0), np.where(masks[parent], after, len(values))
    return LabelRange(first, after)


def _bisected(
    dimensions: Mapping[str, Dimension],
    node: Node,
    name: str,
    columns: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    *,
    rises: bool,
) -> np.ndarray:
    """Return the first code at which the condition turns, for all labels of the others at once."""
    dimension = dimensions[name]
    others = {n: columns[n] for n in node.params if n != name}
    masked = [masks[n] for n in node.params if n in masks]
    shape = np.broadcast_shapes(*(np.shape(values) for values in (*others.values(), *masked)))
    low, high = np.zeros(shape, dtype=np.int64), np.full(shape, dimension.size, dtype=np.int64)
    for _ in range(dimension.size.bit_length()):
        middle = np.minimum((low + high) // 2, dimension.size - 1)
        has_turned = holds(node, {**others, name: dimension.decode(middle)}, masks, unless=True) == rises
        is_open = low < high
        high = np.where(is_open & has_turned, middle, high)
        low = np.where(is_open & ~has_turned, middle + 1, low)
    return low
