"""The rules of a strategy as parts in order: each condition once, and every rule a part, turned over or not.

Where no operand has a gap (a missing value after its first), the negation of a comparison is its complement from the
first warm bar on, and no signal counts before. So `a > b`, `a <= b`, `b < a` and an exit that is `~entry` are one part.
Where there are gaps a comparison and its negation are two, as both are false at a missing value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from mrtoolkit.expressions.nodes import Comparison, Constant, Logic, Node, Shift
from mrtoolkit.strategy._kernels.conditions import AND, CONSTANT, OR, SHIFT
from mrtoolkit.strategy._kernels.words import EQUAL, GREATER, GREATER_EQUAL, NOT_EQUAL

_KINDS = {">": GREATER, ">=": GREATER_EQUAL, "==": EQUAL, "!=": NOT_EQUAL}
_TURNED_ROUND = {"<": ">", "<=": ">="}
_COMPLEMENTS = {"<=": ">", ">=": "<", "!=": "=="}


class Ref(NamedTuple):
    """A part by its place in the list, turned over or not."""

    part: int
    flip: bool = False

    def turned(self, *, flip: bool) -> Ref:
        """Turn over where `flip`."""
        return Ref(self.part, self.flip is not flip)


@dataclass(frozen=True, slots=True)
class Part:
    """One condition: what kind, of which nodes (operands, periods or a constant) or of which parts."""

    kind: int
    params: tuple[str, ...]
    nodes: tuple[Node, ...] = ()
    refs: tuple[Ref, ...] = ()


@dataclass(slots=True)
class Rules:
    """The parts of some conditions, comparisons first, and which part each condition is.

    Parameters
    ----------
    conditions : conditions in normal form, their structural parameters bound
    has_gaps : bool
        Whether an operand may miss a value after its first.
    """

    conditions: Sequence[Node]
    has_gaps: bool
    parts: list[Part] = field(init=False, default_factory=list)
    roots: tuple[Ref, ...] = field(init=False)
    n_compared: int = field(init=False)
    _found: dict[object, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        roots = [self._ref(node) for node in self.conditions]
        compared = [k for k, part in enumerate(self.parts) if part.kind < AND]
        order = compared + [k for k, part in enumerate(self.parts) if part.kind >= AND]
        place = {old: new for new, old in enumerate(order)}
        self.parts = [
            Part(p.kind, p.params, p.nodes, tuple(Ref(place[r.part], r.flip) for r in p.refs))
            for p in (self.parts[k] for k in order)
        ]
        self.roots = tuple(Ref(place[r.part], r.flip) for r in roots)
        self.n_compared = len(compared)

    @property
    def has_shifts(self) -> bool:
        """Whether a part looks at bars before its own."""
        return any(part.kind == SHIFT for part in self.parts)

    def _ref(self, node: Node) -> Ref:
        if isinstance(node, Comparison) and any(child.is_series for child in node.children):
            return self._comparison(node)
        if isinstance(node, Logic):
            return self._logic(node)
        if isinstance(node, Shift):
            inner = self._ref(node.operand)
            params = _params_of([node.periods], self.parts[inner.part].params)
            outside = not self.has_gaps and inner.flip
            ref = inner.turned(flip=outside)
            return self._add(Part(SHIFT, params, (node.periods,), (ref,))).turned(flip=outside)
        if isinstance(node, Constant):
            return self._add(Part(CONSTANT, (), (node,)))
        return self._add(Part(CONSTANT, node.params, (node,)))  # of parameters alone

    def _comparison(self, node: Comparison) -> Ref:
        op, left, right, flip = node.op, node.left, node.right, False
        if not self.has_gaps and op in _COMPLEMENTS:  # then one operator will do
            op, flip = _COMPLEMENTS[op], True
        if op in _TURNED_ROUND:
            op, left, right = _TURNED_ROUND[op], right, left
        return self._add(Part(_KINDS[op], _params_of([left, right]), (left, right))).turned(flip=flip)

    def _logic(self, node: Logic) -> Ref:
        kind = AND if node.op == "&" else OR
        left, right = sorted([self._ref(node.left), self._ref(node.right)])
        flip = left.flip
        if flip:  # ~a & b is ~(a | ~b)
            kind, left, right = (OR if kind == AND else AND), left.turned(flip=True), right.turned(flip=True)
        params = _params_of([], self.parts[left.part].params + self.parts[right.part].params)
        return self._add(Part(kind, params, (), (left, right))).turned(flip=flip)

    def _add(self, part: Part) -> Ref:
        identity = (part.kind, *map(id, part.nodes), part.refs)
        if identity not in self._found:
            self._found[identity] = len(self.parts)
            self.parts.append(part)
        return Ref(self._found[identity])


@lru_cache(maxsize=256)
def rules_of(conditions: tuple[Node, ...], *, has_gaps: bool) -> Rules:
    """The parts of some conditions, made once: every batch of a search asks for them."""
    return Rules(conditions, has_gaps=has_gaps)


def _params_of(nodes: Iterable[Node], more: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(sorted({*more, *(name for node in nodes for name in node.params)}))
