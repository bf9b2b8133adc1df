"""Parameters that matter only under a condition (`only=`): which ones do at which points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mrtoolkit.errors import SpaceError, nearest
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.nodes import Call, Comparison, Constant, Input, Logic, Metric, Node, Parameter
from mrtoolkit.expressions.normal_form import normal_form
from mrtoolkit.expressions.objective import no_call
from mrtoolkit.expressions.pointwise import evaluate
from mrtoolkit.expressions.walk import walk

if TYPE_CHECKING:
    from mrtoolkit.search.dimensions import Dimension

_TABLE = 65_536  # labels of a parameter up to which a condition on it alone is looked up instead of evaluated


class Conditions:
    """Says which parameters of a space matter at which points.

    A parameter without a condition matters everywhere. Another one matters where its condition holds, in which a
    comparison that names a parameter that does not matter is false, as its negation is.
    """

    __slots__ = ("_dimensions", "_places", "_rules", "_tables")

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self._dimensions = dimensions
        self._places = {name: j for j, name in enumerate(dimensions)}
        self._rules = {name: normal_form(node) for name, node in _in_order(dimensions).items()}
        self._tables: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, name: object) -> bool:
        return name in self._rules

    @property
    def rules(self) -> Mapping[str, Node]:
        """The condition of each parameter that has one, in normal form, after those of the parameters that it names."""
        return self._rules

    def active(self, codes: np.ndarray) -> np.ndarray:
        """Return which parameters matter at each point, (point, dimension) bool."""
        active = np.ones(codes.shape, dtype=bool)
        columns = _Columns(self._dimensions, self._places, codes)
        for name, rule in self._rules.items():
            if len(rule.params) == 1 and self._dimensions[parent := rule.params[0]].size <= _TABLE:
                j = self._places[parent]
                here = self._table(name, rule)[codes[:, j]] & active[:, j]
            else:
                here = holds(rule, columns, self.masks(active), unless=False)
            active[:, self._places[name]] = here
        return active

    def masks(self, active: np.ndarray) -> dict[str, np.ndarray]:
        """Return of each parameter that has a condition where it matters, by name."""
        return {name: active[:, self._places[name]] for name in self._rules}

    def satisfied(self, where: Sequence[Node], codes: np.ndarray) -> np.ndarray:
        """Return which points satisfy constraints in normal form: comparisons of what does not matter hold."""
        masks = self.masks(self.active(codes))
        columns = _Columns(self._dimensions, self._places, codes)
        mask = np.ones(len(codes), dtype=bool)
        for node in where:
            mask &= holds(node, columns, masks, unless=True)
        return mask

    def _table(self, name: str, rule: Node) -> np.ndarray:
        found = self._tables.get(name)
        if found is None:
            parent = rule.params[0]
            labels = self._dimensions[parent].decode(np.arange(self._dimensions[parent].size))
            found = self._tables[name] = np.broadcast_to(evaluate(rule, {parent: labels}), len(labels))
        return found


class _Columns(dict[str, np.ndarray]):
    """Labels of points by parameter, decoded when one is asked for."""

    def __init__(self, dimensions: Mapping[str, Dimension], places: Mapping[str, int], codes: np.ndarray) -> None:
        super().__init__()
        self._dimensions, self._places, self._codes = dimensions, places, codes

    def __missing__(self, name: str) -> np.ndarray:
        found = self[name] = self._dimensions[name].decode(self._codes[:, self._places[name]])
        return found


def holds(
    rule: Node, columns: Mapping[str, np.ndarray], active: Mapping[str, np.ndarray], *, unless: bool
) -> np.ndarray:
    """Return where a condition in normal form holds; `unless` is what a comparison of what does not matter counts as.

    Parameters
    ----------
    columns : mapping of name to array
        Labels, of shapes that broadcast.
    active : mapping of name to bool array
        Where a parameter matters; those that it does not name matter everywhere.
    """
    if isinstance(rule, Logic):
        left = holds(rule.left, columns, active, unless=unless)
        right = holds(rule.right, columns, active, unless=unless)
        return np.asarray(left & right if rule.op == "&" else left | right)
    found: np.ndarray = evaluate(rule, {name: columns[name] for name in rule.params})
    for name in rule.params:
        if name in active:
            found = (found | ~active[name]) if unless else (found & active[name])
    return found


def as_only(only: object, kind: str) -> Node | None:
    """Return what `only=` means as a condition: of parameters, as text, or a parameter that is True or False.

    Raises
    ------
    SpaceError
        If it is none.
    """
    if only is None:
        return None
    found = parse(only, no_call) if isinstance(only, str) else Constant(only) if isinstance(only, bool) else only
    if isinstance(found, Parameter):
        return Comparison("==", found, Constant(True))
    shown = f"{kind}(only={found.key if isinstance(found, Node) else repr(found)})"
    cure = "write one over other parameters, as in only=P.kind == 'macd'"
    if not isinstance(found, Node) or not found.is_condition:
        raise SpaceError(f"{shown} is no condition; {cure}.")
    for part in walk(found):
        if isinstance(part, Input | Call | Metric):
            what = "a metric" if isinstance(part, Metric) else "prices"
            raise SpaceError(f"{shown} asks for {part.key}, which is {what}, but it is over parameters alone; {cure}.")
    if not found.params:
        raise SpaceError(f"{shown} names no parameter, so it chooses nothing; {cure}, or leave it out.")
    return found


def _in_order(dimensions: Mapping[str, Dimension]) -> dict[str, Node]:
    """Return the conditions by parameter, each after those of the parameters that it names."""
    left = {name: dimension.only for name, dimension in dimensions.items() if dimension.only is not None}
    for name, node in left.items():
        for parent in node.params:
            if parent == name:
                msg = f"{name!r} matters only where {node.key}, which is about itself; name other parameters in only=."
                raise SpaceError(msg)
            if parent not in dimensions:
                msg = (
                    f"{name!r} matters only where {node.key}, but the space has no parameter "
                    f"{parent!r}{nearest(parent, dimensions)}; it has {', '.join(dimensions)}."
                )
                raise SpaceError(msg)
    ordered: dict[str, Node] = {}
    while left:
        ready = [name for name, node in left.items() if not any(parent in left for parent in node.params)]
        if not ready:
            raise SpaceError(_circle(left))
        ordered |= {name: left.pop(name) for name in ready}
    return ordered


def _circle(left: Mapping[str, Node]) -> str:
    way = [next(iter(left))]
    while way.count(way[-1]) == 1:
        way.append(next(parent for parent in left[way[-1]].params if parent in left))
    way = way[way.index(way[-1]) :]
    text = ", ".join(f"{name!r} only where {left[name].key}" for name in way[:-1])
    return f"the conditions of the space go in a circle ({text}); take one of these only= away."
