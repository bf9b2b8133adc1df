"""Points whose features are in memory, ready to be cut into slices for an engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Constant, Node, Shift
from mrtoolkit.expressions.walk import walk
from mrtoolkit.strategy._kernels.codes import join_compared
from mrtoolkit.strategy._kernels.conditions import AND, CONSTANT, SHIFT
from mrtoolkit.strategy._kernels.words import ALL, NONE
from mrtoolkit.strategy.batch import Batch, constant_setting
from mrtoolkit.strategy.operands import Operands, number_of, operands_of
from mrtoolkit.strategy.pieces import is_plain
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.rules import Part, Rules, rules_of
from mrtoolkit.strategy.signals import BitSignals, Signals
from mrtoolkit.strategy.strategy import RULES, SETTINGS

_SLICE_BYTES = 64 * 2**20
_SLICE_BARS = 12_000_000  # about 50 ms of the dense engine: pause, progress and Ctrl-C wait for no longer

_ROWS_A_CODE = 4  # comparisons a feature from which codes pay; from 2 where the features are larger than the caches
_NO_GROUPS = np.empty(0, dtype=np.int64)


class _Recipes(NamedTuple):
    """What bits of some points are made from, whatever the assets."""

    rows: np.ndarray
    rules: np.ndarray
    groups: np.ndarray
    are_all: bool  # of the span's points, in order


@dataclass(frozen=True, kw_only=True)
class Span:
    """Points that share flags and categories, and the features that they need.

    Attributes
    ----------
    operands : Operands
        Holds the features.
    points : Points
    positions : (point,) int64
        Of the points among all.
    nodes : mapping of name to node
        The rules in normal form and the settings, their structural parameters bound.
    is_moved : bool
        Whether the same will be asked of other assets (`moved`), so that what they share is kept.
    """

    operands: Operands
    points: Points
    positions: np.ndarray
    nodes: Mapping[str, Node]
    is_moved: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Assets and bars."""
        return self.operands.shape

    @property
    def dense_slice(self) -> int:
        """How many points the dense engine takes at once: few enough for small masks and for 50 ms."""
        n_values = math.prod(self.shape)
        parts = (part for name in RULES for part in walk(self.nodes[name]))
        conditions = {id(part) for part in parts if part.is_condition and part.params}
        return max(1, min(_SLICE_BYTES // ((len(conditions) + 1) * n_values), _SLICE_BARS // n_values))

    @cached_property
    def is_plain(self) -> bool:
        """Whether positions are long, of the whole account, without stops and limits, at every point."""
        return is_plain(self.nodes)

    def moved(self, operands: Operands) -> Span:
        """The same points where other assets' values lie in the same places: recipes of bits are made once."""
        made = replace(self, operands=operands)
        kept: dict[str, object] = {"_read": self._read, "is_plain": self.is_plain}
        if operands.have_gaps(self.nodes[name] for name in RULES) == self.rules.has_gaps:
            kept |= {"rules": self.rules, "_recipes_of": self._recipes_of}
        if all(isinstance(self.nodes[name], Constant) for name in SETTINGS):
            kept["settings"] = self.settings
        made.__dict__.update(kept)
        return made

    @cached_property
    def rules(self) -> Rules:
        """The rules as parts."""
        conditions = tuple([self.nodes[name] for name in RULES])
        return rules_of(conditions, has_gaps=self.operands.have_gaps(conditions))

    @cached_property
    def _recipes_of(self) -> dict[bytes, _Recipes]:
        """Of the points that bits were asked for; kept for other assets by spans that are moved alone."""
        return {}

    @cached_property
    def settings(self) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """Values of the settings, (asset, row, time or 1) each, and the row of each point, (point, setting)."""
        nodes = tuple([self.nodes[name] for name in SETTINGS])
        if all(type(node) is Constant for node in nodes):
            return _same_settings(nodes, self.shape[0]), np.zeros((self.points.n, len(nodes)), dtype=np.int64)
        made = [self._all.setting(name, self.nodes[name]) for name in SETTINGS]
        index = np.empty((self.points.n, len(made)), dtype=np.int64)
        for k, (_, rows) in enumerate(made):
            index[:, k] = rows
        return tuple(values for values, _ in made), index

    @cached_property
    def warm(self) -> np.ndarray:
        """The first bar at which every operand of every rule and setting has had a value, (asset, point)."""
        if self._read:
            return self.operands.warm_of(self._read)
        warm = np.zeros((self.shape[0], self.points.n), dtype=np.int64)
        for node in self.nodes.values():
            if not isinstance(node, Constant):
                np.maximum(warm, self._all.warm(node), out=warm)
        return warm

    @cached_property
    def _read(self) -> tuple[Node, ...] | None:
        """The operands of all rules and settings; None where conditions of earlier bars are looked at."""
        nodes = [node for node in self.nodes.values() if not isinstance(node, Constant)]
        if any(isinstance(part, Shift) and part.is_condition for node in nodes for part in walk(node)):
            return None
        return tuple({id(operand): operand for node in nodes for operand in operands_of(node)}.values())

    @cached_property
    def _all(self) -> Batch:
        return Batch(self.operands, self.points, np.arange(self.points.n))

    def prepare(self) -> None:
        """Make what all slices share, before they are run side by side: later each thread might make its own."""
        _ = self.rules, self.settings, self.warm, self.operands.places

    def signals(self, chosen: np.ndarray) -> Signals:
        """The signals of the points at some positions of this span, a byte a bar."""
        batch = Batch(self.operands, self.points.take(chosen), chosen)
        masks = [batch.mask(self.nodes[name]) for name in RULES]
        values, index = self.settings
        return Signals(
            points=self.positions[chosen],
            masks=tuple(mask for mask, _ in masks),
            settings=values,
            index=np.column_stack([*(rows for _, rows in masks), index[chosen]]).astype(np.int64),
            warm=self.warm[:, chosen],
        )

    def bits(self, chosen: np.ndarray) -> BitSignals:
        """The signals of the points at some positions of this span, as recipes for rows of bits."""
        recipes = self._recipes(chosen)
        values, index = self.settings
        return BitSignals(
            points=self.positions[chosen],
            rows=recipes.rows,
            n_compared=int(np.count_nonzero(recipes.rows[:, 0] < AND)),
            has_shifts=self.rules.has_shifts,
            places=self.operands.places,
            groups=recipes.groups,
            rules=recipes.rules,
            flips=np.array([ALL if root.flip else NONE for root in self.rules.roots], np.uint64),
            settings=values,
            index=index if recipes.are_all else np.ascontiguousarray(index[chosen]),
            warm=self.warm if recipes.are_all else np.ascontiguousarray(self.warm[:, chosen]),
        )

    def _recipes(self, chosen: np.ndarray) -> _Recipes:
        """Recipes of rows of bits, and what they share, of the points at some positions."""
        key = chosen.tobytes() if self.is_moved else b""
        if self.is_moved and key in self._recipes_of:
            return self._recipes_of[key]
        points = self.points.take(chosen)
        rows, rules = self._rows(points, chosen)
        steps = self.operands.places.steps
        groups = _groups(rows, steps) if not self.rules.has_gaps else _NO_GROUPS
        made = _Recipes(rows, rules, groups, points is self.points)
        if self.is_moved:
            self._recipes_of[key] = made
        return made

    def _rows(self, points: Points, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Recipes of all rows, and each trial's rows of the four rules."""
        unique: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}
        index: list[np.ndarray] = []  # of each part: the row of each point
        blocks: list[np.ndarray] = []
        n_rows = 0
        for part in self.rules.parts:
            if part.params not in unique:
                unique[part.params] = points.rows(part.params)
            first, inverse = unique[part.params]
            blocks.append(self._part(part, points, chosen, first, index))
            index.append(inverse + n_rows)
            n_rows += len(first)
        rules = np.empty((points.n, len(self.rules.roots)), dtype=np.int64)
        for k, root in enumerate(self.rules.roots):
            rules[:, k] = index[root.part]
        return np.concatenate(blocks), rules

    def _part(
        self, part: Part, points: Points, chosen: np.ndarray, first: np.ndarray, index: list[np.ndarray]
    ) -> np.ndarray:
        block = np.zeros((len(first), 5), dtype=np.int64)
        block[:, 0] = part.kind
        if part.kind < AND:
            for column, node in enumerate(part.nodes, start=1):
                block[:, column] = self.operands.place(node)[chosen[first]]
            return block
        for column, ref in enumerate(part.refs, start=1):
            block[:, column] = index[ref.part][first]
            block[:, column + 2] = -1 if ref.flip else 0
        if part.kind == SHIFT:
            block[:, 2] = [min(int(number_of(node)), self.shape[1]) for node in _bound(part, points, first)]
        elif part.kind == CONSTANT:
            block[:, 1] = [node is Constant(True) for node in _bound(part, points, first)]
        return block


@lru_cache(maxsize=64)
def _same_settings(nodes: tuple[Constant, ...], n_assets: int) -> tuple[np.ndarray, ...]:
    """Values of settings that are the same at every point, (asset, 1, 1) each; nobody writes to them."""
    return tuple([constant_setting(name, node, n_assets) for name, node in zip(SETTINGS, nodes, strict=True)])


def _bound(part: Part, points: Points, first: np.ndarray) -> list[Node]:
    (node,) = part.nodes
    return [bind(node, points.values(int(i), node.params)) for i in first]


def _groups(rows: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The group of each operand that is worth coding: those that are compared with each other, by many rows."""
    groups = np.empty(len(steps), dtype=np.int64)
    n_rows, n_coded = join_compared(rows, steps, groups)
    return groups if n_coded and n_rows >= _ROWS_A_CODE * n_coded else _NO_GROUPS
