"""The nodes of one batch of points, each computed once per distinct value of the parameters that it depends on.

One mechanism for grids and scattered points alike: for each node, take the codes of its own parameters, find the unique
rows, compute those, and let an index say which row is which point's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mrtoolkit.errors import StrategyError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Call, Comparison, Constant, Logic, Node, Shift
from mrtoolkit.expressions.operators import COMPARISON, LOGIC
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.key import indicator_of
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy._kernels.first_value import first_value
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.strategy import check_setting

Value = np.ndarray | float
"""A feature (asset, time), or a number that is the same at every bar."""

Rows = tuple[np.ndarray, np.ndarray]
"""Values of a node, (asset, row, time), and the row of each point, (point,)."""


class Batch:
    """Conditions and settings of some points over some bars, whose structural parameters are all bound."""

    def __init__(self, bars: xr.Dataset, store: FeatureStore, points: Points) -> None:
        self._bars, self._store, self._points = bars, store, points
        self._shape = (bars.sizes.get("asset", 1), bars.sizes["time"])
        self._operands: dict[int, tuple[Node, list[Value], np.ndarray]] = {}
        self._rows: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._first: dict[int, np.ndarray] = {}

    def load(self, nodes: Sequence[Node]) -> None:
        """Fetch all features that the conditions and settings `nodes` compare or read, each family in one call."""
        operands = {id(operand): operand for node in nodes for operand in operands_of(node)}
        bound: dict[int, list[Node]] = {}
        wanted: dict[int, Node] = {}
        for key, operand in operands.items():
            first, _ = self._unique(operand.params)
            bound[key] = [bind(operand, self._points.values(int(i), operand.params)) for i in first]
            wanted.update((id(node), node) for node in bound[key] if not isinstance(node, Constant))
        for node in wanted.values():
            _check_history(node, self._shape[1])
        arrays: dict[int, Value] = dict(zip(wanted, self._store.fetch(self._bars, list(wanted.values())), strict=True))
        for key, operand in operands.items():
            values = [_number(node) if isinstance(node, Constant) else arrays[id(node)] for node in bound[key]]
            self._operands[key] = (operand, values, self._unique(operand.params)[1])

    def mask(self, node: Node) -> Rows:
        """Where a condition is true, (asset, row, time) bool."""
        first, index = self._unique(node.params)
        out = np.empty((self._shape[0], len(first), self._shape[1]), dtype=bool)
        if isinstance(node, Comparison) and not (node.left.is_series or node.right.is_series):
            for k, i in enumerate(first):  # of parameters alone: true or false at every bar
                out[:, k] = bind(node, self._points.values(int(i), node.params)) is Constant(True)
        elif isinstance(node, Comparison):
            (_, left, at_left), (_, right, at_right) = self._operands[id(node.left)], self._operands[id(node.right)]
            compare = COMPARISON[node.op]
            for k, i in enumerate(first):
                compare(left[at_left[i]], right[at_right[i]], out=out[:, k])
        elif isinstance(node, Logic):
            (left_mask, at_left), (right_mask, at_right) = self.mask(node.left), self.mask(node.right)
            combine = LOGIC[node.op]
            for k, i in enumerate(first):
                combine(left_mask[:, at_left[i]], right_mask[:, at_right[i]], out=out[:, k])
        elif isinstance(node, Shift):
            inner, at_inner = self.mask(node.operand)
            for k, i in enumerate(first):
                periods = self._periods(node, int(i))
                out[:, k, :periods] = False
                out[:, k, periods:] = inner[:, at_inner[i], : self._shape[1] - periods]
        else:
            out[:] = isinstance(node, Constant) and node.value is True
        return out, index

    def setting(self, name: str, node: Node) -> Rows:
        """What an order reads at its signal bar, (asset, row, time or 1); infinite where there is no stop or limit."""
        _, values, index = self._operands[id(node)]
        n_bars = self._shape[1] if any(isinstance(value, np.ndarray) for value in values) else 1
        out = np.empty((self._shape[0], len(values), n_bars))
        for k, value in enumerate(values):
            if not isinstance(value, np.ndarray):
                check_setting(name, None if np.isnan(value) else value)
            out[:, k] = np.inf if not isinstance(value, np.ndarray) and np.isnan(value) else value
        return out, index

    def warm(self, node: Node) -> np.ndarray:
        """The first bar at which every operand of a condition or setting has had a value, (asset, point)."""
        if id(node) in self._operands:
            _, values, index = self._operands[id(node)]
            return np.stack([self._first_bar(value) for value in values], axis=1)[:, index]
        if isinstance(node, Logic | Comparison) and any(child.is_series for child in node.children):
            return np.asarray(np.maximum(self.warm(node.children[0]), self.warm(node.children[1])))
        if isinstance(node, Shift):
            periods = np.array([self._periods(node, i) for i in range(self._points.n)])
            return np.asarray(np.minimum(self.warm(node.operand) + periods, self._shape[1]))
        return np.zeros((self._shape[0], self._points.n), dtype=np.int64)

    def _first_bar(self, value: Value) -> np.ndarray:
        if not isinstance(value, np.ndarray):
            return np.zeros(self._shape[0], dtype=np.int64)
        if id(value) not in self._first:
            self._first[id(value)] = np.array([first_value(row) for row in value], dtype=np.int64)
        return self._first[id(value)]

    def _periods(self, node: Shift, point: int) -> int:
        bound = bind(node.periods, self._points.values(point, node.periods.params))
        return min(int(_number(bound)), self._shape[1])

    def _unique(self, params: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        if params not in self._rows:
            self._rows[params] = self._points.rows(params)
        return self._rows[params]


def operands_of(node: Node) -> list[Node]:
    """The numbers a bar that a condition compares, or the setting itself."""
    if not node.is_condition and not (isinstance(node, Constant) and isinstance(node.value, bool)):
        return [node]
    if isinstance(node, Comparison) and (node.left.is_series or node.right.is_series):
        return [node.left, node.right]
    if isinstance(node, Logic):
        return operands_of(node.left) + operands_of(node.right)
    return operands_of(node.operand) if isinstance(node, Shift) else []


def calls_of(node: Node) -> list[Call]:
    """All indicator calls in an expression, those inside others too."""
    return [part for part in walk(node) if isinstance(part, Call)]


def _number(node: Node) -> float:
    value = node.value if isinstance(node, Constant) else None
    return float("nan") if value is None else float(value)


def _check_history(node: Node, n_bars: int) -> None:
    for call in calls_of(node):
        values = [_number(argument) for argument in call.arguments]
        warmup = indicator_of(call).warmup_of(values)
        if warmup >= n_bars:
            raise StrategyError(
                f"{call.key} has its first value after {warmup:,} bars, but there are {n_bars:,}; "
                "shorten its lookback or give a longer history."
            )
