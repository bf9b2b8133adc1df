"""Points cut into pieces whose arrays fit into memory together, before any of these is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xarray as xr

from mrtoolkit.expressions.nodes import Call, Constant, Input, Node, OnTimeframe
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.key import indicator_of, without_output
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.groups import Group
from mrtoolkit.strategy.operands import operands_of
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.strategy import SETTINGS

Share = Callable[[Mapping[str, Node]], int]
"""Bytes that the arrays of points with some nodes may take."""
_NUMBER_BYTES = 512  # of an operand that is a constant: 64 equal numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Points that share flags and categories, and whose arrays are in memory together.

    Attributes
    ----------
    positions : (point,) int64
        Of the points among all.
    points : Points
    nodes : mapping of name to node
        Rules and settings, or features, their structural parameters bound.
    kept_bytes : int
        Of the features, which the store keeps; of indicators inside others too.
    own_bytes : int
        Of what is made of the features and of settings.
    passing_bytes : int
        Of `own_bytes`: parts of expressions, which are let go of before a trial is run; the rest lives as long as the
        piece.
    """

    positions: np.ndarray
    points: Points
    nodes: Mapping[str, Node]
    kept_bytes: int
    own_bytes: int
    passing_bytes: int = 0

    @property
    def n_bytes(self) -> int:
        """Of all arrays."""
        return self.kept_bytes + self.own_bytes


def is_plain(nodes: Mapping[str, Node]) -> bool:
    """Whether positions are long, of the whole account, without stops and limits, at every point."""
    never = all(nodes[name] is Constant(False) for name in ("short_entry", "short_exit"))
    size, *limits = (nodes[name] for name in SETTINGS)
    whole = isinstance(size, Constant) and size.value == 1
    return never and whole and all(limit is Constant(None) for limit in limits)


class Arrays:
    """What arrays some expressions need: for each set of parameters, the bytes a distinct row of them.

    Parameters
    ----------
    nodes : mapping of name to node
        Their structural parameters bound.
    n_values : int
        Bars times assets.
    dtype : str
        Of the store.
    """

    def __init__(self, nodes: Mapping[str, Node], n_values: int, dtype: str) -> None:
        self._bytes: dict[tuple[str, ...], list[int]] = {}
        self._passing: dict[tuple[str, ...], int] = {}
        wide, narrow = 8 * n_values, np.dtype(dtype).itemsize * n_values
        operands = {id(operand): operand for node in nodes.values() for operand in operands_of(node)}
        parts = {id(part): part for operand in operands.values() for part in _parts(operand) if part.is_series}
        features = {}
        for operand in operands.values():
            if not operand.is_series:
                self._add(operand, own=_NUMBER_BYTES)
        for part in parts.values():
            if isinstance(part, Call):
                features[without_output(part).key] = part
            if isinstance(part, OnTimeframe):  # aligned, and over half as many bars or fewer
                inner = [indicator_of(each).outputs for each in walk(part.operand) if isinstance(each, Call)]
                self._add(part, kept=narrow + sum(narrow // 2 * max(1, len(outputs)) for outputs in inner))
            is_kept = isinstance(part, Call | OnTimeframe)
            if not (is_kept or isinstance(part, Input)) or (is_kept and narrow < wide):
                self._add(part, own=wide)  # what the store keeps in half of the bytes is widened
                if id(part) not in operands:
                    self._passing[part.params] = self._passing.get(part.params, 0) + wide
        for call in features.values():
            self._add(call, kept=narrow * max(1, len(indicator_of(call).outputs)))
        for name in SETTINGS:
            if name in nodes and nodes[name].is_series:
                self._add(nodes[name], own=wide)  # settings are copied, side by side

    def of(self, points: Points) -> tuple[int, int]:
        """Bytes that some points' arrays take: in the store, and beside it."""
        kept = own = 0
        for params, (kept_bytes, own_bytes) in self._bytes.items():
            n_rows = len(points.rows(params)[0])
            kept, own = kept + n_rows * kept_bytes, own + n_rows * own_bytes
        return kept, own

    def passing(self, points: Points) -> int:
        """Of the bytes beside the store: those of parts of expressions, which trials do not read."""
        return sum(n_bytes * len(points.rows(params)[0]) for params, n_bytes in self._passing.items())

    @property
    def params(self) -> list[str]:
        """Parameters on which arrays depend."""
        return sorted({name for params in self._bytes for name in params})

    def bytes_on(self, points: Points, param: str) -> int:
        """Bytes of those arrays of some points that depend on a parameter."""
        sets = ((params, sum(each)) for params, each in self._bytes.items() if param in params)
        return sum(n_bytes * len(points.rows(params)[0]) for params, n_bytes in sets)

    def _add(self, node: Node, *, kept: int = 0, own: int = 0) -> None:
        found = self._bytes.setdefault(node.params, [0, 0])
        found[0] += kept
        found[1] += own


def _parts(node: Node) -> Iterator[Node]:
    """An expression and what it is made of, over the bars themselves."""
    yield node
    for child in () if isinstance(node, OnTimeframe) else node.children:
        yield from _parts(child)


def pieces_of(
    points: Points, groups: Iterable[Group], bars: xr.Dataset, store: FeatureStore, share: Share | None
) -> list[Piece]:
    """Cut groups of points into tiles until the arrays of each piece fit into its share, or it is one point.

    Without a share half of the store's memory is.
    """
    n_values = bars.sizes["time"] * bars.sizes.get("asset", 1)
    pieces: list[Piece] = []
    for positions, nodes in groups:
        arrays = _arrays_of(tuple(nodes.items()), n_values, store.dtype)
        most = store.memory_limit // 2 if share is None else share(nodes)
        pieces.extend(_tiles(points.take(positions), positions, nodes, arrays, most))
    return pieces


@lru_cache(maxsize=256)
def _arrays_of(nodes: tuple[tuple[str, Node], ...], n_values: int, dtype: str) -> Arrays:
    return Arrays(dict(nodes), n_values, dtype)


def _tiles(
    points: Points, positions: np.ndarray, nodes: Mapping[str, Node], arrays: Arrays, share: int
) -> Iterator[Piece]:
    """Halve points by the labels of the parameter on which most bytes hang, until they fit.

    The second half comes in reverse, so that one piece differs from the next in one parameter, and finds in the store
    what hangs on the others.
    """
    kept, own = arrays.of(points)
    if points.n == 1 or kept + own <= share:
        yield Piece(
            positions=positions, points=points, nodes=nodes, kept_bytes=kept, own_bytes=own,
            passing_bytes=arrays.passing(points),
        )  # fmt: skip
        return
    halves = [_tiles(points.take(half), positions[half], nodes, arrays, share) for half in _halved(points, arrays)]
    yield from halves[0]
    yield from reversed(list(halves[1]))


def _halved(points: Points, arrays: Arrays) -> list[np.ndarray]:
    """Positions of the points with the lower and with the higher labels of the parameter that takes most bytes."""
    found = {name: np.unique(points.codes[name]) for name in arrays.params}
    several = [name for name, codes in found.items() if len(codes) > 1]
    if not several:  # nothing that takes memory differs
        return np.array_split(np.arange(points.n), 2)
    name = max(several, key=lambda name: arrays.bytes_on(points, name))
    codes = found[name]
    is_low = points.codes[name] < codes[len(codes) // 2]
    return [np.flatnonzero(is_low), np.flatnonzero(~is_low)]
