"""How many points of a lattice satisfy its constraints, and points drawn from among them, none of them listed.

Parameters are taken away one after the other, each by a sum over its labels for every combination of the labels of
those that share a constraint with it (Dechter 1999, "Bucket elimination"). Where a constraint turns true in one
direction, as `P.fast < P.slow` does, the labels that satisfy it are a range, and the sum is a difference of two running
totals: a chain of constraints over twelve parameters costs twelve look-ups a label. Taking the way back draws points
without rejecting any.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrtoolkit.expressions.nodes import Comparison, Logic, Node
from mrtoolkit.expressions.normal_form import normal_form
from mrtoolkit.search.conditions import Conditions, holds
from mrtoolkit.search.dimensions import Dimension
from mrtoolkit.search.label_ranges import LabelRange, label_range
from mrtoolkit.search.monotone import direction, is_numeric

_LARGEST = 8_000_000  # combinations of labels that one sum may go through
_FEW = 32_768  # combinations that are sooner gone through than looked up
_INT64 = 2**62
_SLICE = 1_000_000  # numbers of a table over points and labels that is made at once


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A constraint in normal form, and the parameters that decide it: those it names, and those they depend on."""

    node: Node
    scope: tuple[str, ...]
    unless: bool = True  # what a comparison of a parameter that does not matter counts as


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """How many combinations of the parameters taken away go with each combination of labels of those in `scope`."""

    scope: tuple[str, ...]
    counts: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One parameter to be taken away: what it takes part in, and whose labels its sum depends on."""

    name: str
    scope: tuple[str, ...]
    rules: tuple[Rule, ...]
    tables: tuple[Table, ...]
    by_range: bool
    totals: np.ndarray | None = field(default=None)  # running totals of its own weights, where not all are 1


class TooLargeError(Exception):
    """The sum over a parameter would go through more combinations than is worth while."""


class Elimination:
    """The parameters of a group that constraints join, taken away in the cheapest order.

    Attributes
    ----------
    n_points : int
        How many points of the group satisfy its rules, points that differ in what does not matter being one.

    Raises
    ------
    TooLargeError
        If a sum would go through more than 8,000,000 combinations.
    """

    def __init__(
        self, dimensions: Mapping[str, Dimension], conditions: Conditions, names: Sequence[str], rules: Sequence[Rule]
    ) -> None:
        self._dimensions = dimensions
        self._conditions = conditions
        self._ancestors = {name: ancestors(conditions, name) for name in names}
        self._ways: dict[tuple[int, str], int | None] = {}
        is_large = math.prod(dimensions[name].size for name in names) >= _INT64
        self._dtype = np.dtype(object if is_large else np.int64)
        self._largest = _LARGEST // 8 if is_large else _LARGEST
        self._steps: list[Step] = []
        self.n_points = 1
        left, rules, tables = list(names), list(rules), list[Table]()
        while left:
            step = self._cheapest(left, rules, tables)
            step, counts = self._taken(step)
            self._steps.append(step)
            rules = [rule for rule in rules if rule not in step.rules]
            tables = [table for table in tables if table not in step.tables]
            if step.scope:
                tables.append(Table(step.scope, counts))
            else:
                self.n_points *= int(counts)
            left.remove(step.name)

    def place(self, unit: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return points, codes by name, for numbers in [0, 1) by name: uniform ones give points that are uniform."""
        codes: dict[str, np.ndarray] = {}
        for step in reversed(self._steps):
            n_labels = 1 if step.by_range else self._dimensions[step.name].size
            width = max(1, _SLICE // n_labels)
            u = unit[step.name]
            parts = [
                self._placed(step, {n: codes[n][k : k + width] for n in step.scope}, u[k : k + width])
                for k in range(0, len(u), width)
            ]
            codes[step.name] = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        return codes

    def _cheapest(self, left: Sequence[str], rules: Sequence[Rule], tables: Sequence[Table]) -> Step:
        best: tuple[float, Step] | None = None
        for name in left:
            if any(name in self._ancestors[other] for other in left):
                continue  # whether the other matters is still to be asked
            cost, step = self._candidate(name, rules, tables)
            if best is None or cost < best[0]:
                best = cost, step
        if best is None or best[0] > self._largest:
            raise TooLargeError
        return best[1]

    def _candidate(self, name: str, rules: Sequence[Rule], tables: Sequence[Table]) -> tuple[float, Step]:
        own = tuple(rule for rule in rules if name in rule.scope)
        mine = tuple(table for table in tables if name in table.scope)
        found = {*self._ancestors[name]}.union(*(rule.scope for rule in own), *(table.scope for table in mine))
        scope = tuple(other for other in self._dimensions if other in found and other != name)
        n_labels = self._dimensions[name].size
        around = math.prod(self._dimensions[other].size for other in scope)
        is_range = all(len(table.scope) == 1 for table in mine) and all(self._way(rule, name) for rule in own)
        if mine and name in self._conditions:
            is_range = False
        lists = n_labels if mine else 0
        if is_range and (around * n_labels > _FEW or not own):
            return around + lists, Step(name, scope, own, mine, by_range=True)
        return around * n_labels, Step(name, scope, own, mine, by_range=False)

    def _way(self, rule: Rule, name: str) -> int | None:
        key = id(rule), name
        if key not in self._ways:
            self._ways[key] = direction(self._dimensions, rule.node, name) if rule.unless else None
        return self._ways[key]

    def _taken(self, step: Step) -> tuple[Step, np.ndarray]:
        """Return the step with its running totals, and the sum over the parameter for every combination around it."""
        axes = {
            name: np.arange(self._dimensions[name].size).reshape([-1 if k == j else 1 for k in range(len(step.scope))])
            for j, name in enumerate(step.scope)
        }
        shape = tuple(self._dimensions[name].size for name in step.scope)
        if not step.by_range:
            counts = np.empty(shape, dtype=self._dtype)
            rows = max(1, _SLICE // max(1, math.prod(shape[1:]) * self._dimensions[step.name].size))
            for k in range(0, shape[0] if shape else 1, rows):  # along the first axis
                part = {name: axis[k : k + rows] if name == step.scope[0] else axis for name, axis in axes.items()}
                summed = self._weights(step, part).sum(axis=-1)
                if not shape:
                    return step, summed
                counts[k : k + rows] = summed
            return step, counts
        if step.tables:
            weights = np.prod([table.counts for table in step.tables], axis=0, dtype=self._dtype)
            totals = np.concatenate([np.zeros(1, dtype=self._dtype), np.cumsum(weights, dtype=self._dtype)])
            step = Step(step.name, step.scope, step.rules, step.tables, step.by_range, totals)
        low, high = self._totals(step, self._range(step, axes))
        return step, np.broadcast_to(np.asarray(high - low, dtype=self._dtype), shape)

    def _range(self, step: Step, codes: Mapping[str, np.ndarray]) -> LabelRange:
        """Return which labels of a step's parameter go with the codes around it."""
        masks = self._masks(step, codes)
        columns = {name: self._dimensions[name].decode(code) for name, code in codes.items()}
        n_labels = self._dimensions[step.name].size
        first, after = np.asarray(0), np.asarray(n_labels)
        own = masks.pop(step.name, None)
        lowest = self._dimensions[step.name].decode(np.zeros(1, dtype=np.int64))
        alone = np.asarray(1)  # labels where the parameter does not matter: the lowest, or none
        for rule in step.rules:
            rises = self._way(rule, step.name) == 1
            found = label_range(self._dimensions, rule.node, step.name, columns, masks, rises=rises)
            first, after = np.maximum(first, found.first), np.minimum(after, found.after)
            if own is not None:
                alone = alone & holds(rule.node, {**columns, step.name: lowest}, {**masks, step.name: own}, unless=True)
        if own is not None:
            first, after = np.where(own, first, 0), np.where(own, after, alone)
        return LabelRange(first, np.maximum(first, after))

    def _totals(self, step: Step, labels: LabelRange) -> tuple[np.ndarray, np.ndarray]:
        if step.totals is None:
            return labels.first.astype(self._dtype), labels.after.astype(self._dtype)
        return np.asarray(step.totals[labels.first]), np.asarray(step.totals[labels.after])

    def _weights(self, step: Step, codes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return what each label of a step's parameter counts for, the labels along a new last axis."""
        around = {name: code[..., np.newaxis] for name, code in codes.items()}
        own = np.arange(self._dimensions[step.name].size)
        around[step.name] = own
        masks = self._masks(step, around)
        columns = {name: self._dimensions[name].decode(code) for name, code in around.items()}
        shape = np.broadcast_shapes(*(code.shape for code in around.values()))
        weights = np.ones(shape, dtype=bool)
        for rule in step.rules:
            weights &= holds(rule.node, columns, masks, unless=rule.unless)
        if step.name in masks:
            weights &= masks[step.name] | (own == 0)
        counted = weights.astype(self._dtype)
        for table in step.tables:
            counted *= table.counts[tuple(around[name] for name in table.scope)]
        return np.asarray(counted)

    def _masks(self, step: Step, codes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return where the parameters that the step's rules name matter."""
        named = {step.name}.union(*(rule.node.params for rule in step.rules))
        needed = named.union(*(self._ancestors[name] for name in named))
        masks: dict[str, np.ndarray] = {}
        for name, rule in self._conditions.rules.items():
            if name in needed:
                columns = {parent: self._dimensions[parent].decode(codes[parent]) for parent in rule.params}
                masks[name] = holds(rule, columns, masks, unless=False)
        return masks

    def _placed(self, step: Step, codes: Mapping[str, np.ndarray], unit: np.ndarray) -> np.ndarray:
        if step.by_range:
            low, high = self._totals(step, self._range(step, codes))
            wanted = np.broadcast_to(low + _scaled(unit, high - low, self._dtype), unit.shape)
            if step.totals is None:
                return wanted.astype(np.int64)
            return np.asarray(np.searchsorted(step.totals, wanted, side="right") - 1, dtype=np.int64)
        totals = np.cumsum(self._weights(step, codes), axis=-1)
        totals = np.broadcast_to(totals, (len(unit), totals.shape[-1]))
        wanted = _scaled(unit, totals[:, -1], self._dtype)
        return np.asarray((totals <= wanted[:, np.newaxis]).sum(axis=1), dtype=np.int64)


def _scaled(unit: np.ndarray, totals: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return whole numbers from 0 up to but without totals, in the place of numbers in [0, 1)."""
    if dtype.hasobject:
        pairs = zip(unit.tolist(), np.broadcast_to(totals, unit.shape).tolist(), strict=True)
        return np.array([min(int(u * n), n - 1) for u, n in pairs], dtype=object)
    return np.asarray(np.minimum((unit * totals).astype(np.int64), totals - 1))


def ancestors(conditions: Conditions, name: str) -> tuple[str, ...]:
    """Return the parameters that decide whether one matters."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        rule = conditions.rules.get(waiting.pop())
        for parent in rule.params if rule is not None else ():
            if parent not in found:
                found[parent] = None
                waiting.append(parent)
    return tuple(found)


def as_rules(
    dimensions: Mapping[str, Dimension], conditions: Conditions, where: Sequence[Node], *, unless: bool = True
) -> list[Rule]:
    """Return constraints as rules, each as small as it can be: `&` is taken apart, and `==` of numbers."""
    rules, waiting = [], [normal_form(node) for node in reversed(where)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Logic) and node.op == "&":
            waiting += [node.right, node.left]
        elif isinstance(node, Comparison) and node.op == "==" and all(is_numeric(dimensions, c) for c in node.children):
            waiting += [Comparison("<=", node.left, node.right), Comparison(">=", node.left, node.right)]
        else:
            scope = dict.fromkeys([*node.params, *(a for name in node.params for a in ancestors(conditions, name))])
            rules.append(Rule(node, tuple(scope), unless))
    return rules


def groups(conditions: Conditions, names: Sequence[str], rules: Sequence[Rule]) -> list[tuple[list[str], list[Rule]]]:
    """Return the parameters in groups that share neither a rule nor a condition, each with its rules."""
    joined = [set(rule.scope) for rule in rules] + [{name, *ancestors(conditions, name)} for name in conditions.rules]
    merged: list[set[str]] = []
    for members in [*joined, *({name} for name in names)]:
        apart = [other for other in merged if not other & members]
        merged = [*apart, members.union(*(other for other in merged if other & members))]
    found = [([n for n in names if n in group], [r for r in rules if group.issuperset(r.scope)]) for group in merged]
    return [(members, own) for members, own in found if members]
