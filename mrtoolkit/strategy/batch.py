"""The conditions and settings of a batch of points, each once per distinct value of the parameters it depends on.

One mechanism for grids and scattered points alike: for each node, take the codes of its own parameters, find the unique
rows, compute those, and let an index say which row is which point's.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Comparison, Constant, Logic, Node, Shift
from mrtoolkit.expressions.operators import COMPARISON, LOGIC
from mrtoolkit.strategy.operands import Operands, Value, number_of
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.strategy import check_setting

Rows = tuple[np.ndarray, np.ndarray]
"""Values of a node, (asset, row, time), and the row of each point, (point,)."""


class Batch:
    """Some of the points of `operands` (at the positions `chosen`), whose structural parameters are all bound."""

    def __init__(self, operands: Operands, points: Points, chosen: np.ndarray) -> None:
        self._operands, self._points, self._chosen = operands, points, chosen
        self._n_assets, self._n_bars = operands.shape
        self._rows: dict[tuple[str, ...], Rows] = {}
        self._masks: dict[int, tuple[Node, Rows]] = {}

    def mask(self, node: Node) -> Rows:
        """Where a condition is true, (asset, row, time) bool."""
        if id(node) not in self._masks:
            self._masks[id(node)] = (node, self._make_mask(node))
        return self._masks[id(node)][1]

    def _make_mask(self, node: Node) -> Rows:
        first, index = self._unique(node.params)
        out = np.empty((self._n_assets, len(first), self._n_bars), dtype=bool)
        if isinstance(node, Comparison) and not (node.left.is_series or node.right.is_series):
            for k, i in enumerate(first):  # of parameters alone: true or false at every bar
                out[:, k] = bind(node, self._points.values(int(i), node.params)) is Constant(True)
        elif isinstance(node, Comparison):
            left, right = self._values(node.left), self._values(node.right)
            compare = COMPARISON[node.op]
            for k, i in enumerate(first):
                compare(left[0][left[1][i]], right[0][right[1][i]], out=out[:, k])
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
                out[:, k, periods:] = inner[:, at_inner[i], : self._n_bars - periods]
        else:
            out[:] = isinstance(node, Constant) and node.value is True
        return out, index

    def setting(self, name: str, node: Node) -> Rows:
        """What an order reads at its signal bar, (asset, row, time or 1); infinite where there is no stop or limit."""
        if isinstance(node, Constant):
            return constant_setting(name, node, self._n_assets), np.zeros(self._points.n, dtype=np.int64)
        values, index = self._values(node)
        rows, index = np.unique(index, return_inverse=True)
        chosen = [values[row] for row in rows]
        n_bars = self._n_bars if any(isinstance(value, np.ndarray) for value in chosen) else 1
        out = np.empty((self._n_assets, len(chosen), n_bars))
        for k, value in enumerate(chosen):
            if not isinstance(value, np.ndarray):
                check_setting(name, None if np.isnan(value) else value)
            out[:, k] = np.inf if not isinstance(value, np.ndarray) and np.isnan(value) else value
        return out, index

    def warm(self, node: Node) -> np.ndarray:
        """The first bar at which every operand of a condition or setting has had a value, (asset, point)."""
        if node in self._operands:
            return self._operands.warm(node)[:, self._chosen]
        if isinstance(node, Logic | Comparison) and any(child.is_series for child in node.children):
            return np.asarray(np.maximum(self.warm(node.children[0]), self.warm(node.children[1])))
        if isinstance(node, Shift):
            first, index = self._unique(node.periods.params)
            periods = np.array([self._periods(node, int(i)) for i in first])[index]
            return np.asarray(np.minimum(self.warm(node.operand) + periods, self._n_bars))
        return np.zeros((self._n_assets, self._points.n), dtype=np.int64)

    def _values(self, node: Node) -> tuple[list[Value], np.ndarray]:
        values, index = self._operands.values(node)
        return values, index[self._chosen]

    def _periods(self, node: Shift, point: int) -> int:
        bound = bind(node.periods, self._points.values(point, node.periods.params))
        return min(int(number_of(bound)), self._n_bars)

    def _unique(self, params: tuple[str, ...]) -> Rows:
        if params not in self._rows:
            self._rows[params] = self._points.rows(params)
        return self._rows[params]


def constant_setting(name: str, node: Constant, n_assets: int) -> np.ndarray:
    """A setting that is the same at every bar and point, (asset, 1, 1); infinite where there is no stop or limit."""
    value = number_of(node)
    check_setting(name, None if value != value else value)
    return np.full((n_assets, 1, 1), np.inf if value != value else value)
