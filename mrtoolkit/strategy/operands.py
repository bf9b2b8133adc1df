"""The numbers a bar that the conditions of some points compare and their settings read, each fetched once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from mrtoolkit.errors import StrategyError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Call, Comparison, Constant, Logic, Node, Shift
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.key import indicator_of
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy._kernels.first_value import first_value
from mrtoolkit.strategy.points import Points

Value = np.ndarray | float
"""A feature (asset, time), or a number that is the same at every bar."""


class Operands:
    """Values of the operands of some nodes at some points, a row for each distinct value of an operand's parameters.

    Raises
    ------
    StrategyError
        If an indicator has no value within the history.
    """

    def __init__(self, bars: xr.Dataset, store: FeatureStore, points: Points, nodes: Iterable[Node]) -> None:
        self.shape = (bars.sizes.get("asset", 1), bars.sizes["time"])
        operands = {id(operand): operand for node in nodes for operand in operands_of(node)}
        rows = {key: points.rows(operand.params) for key, operand in operands.items()}
        bound = {key: bound_rows(operand, points, rows[key][0], self.shape[1]) for key, operand in operands.items()}
        wanted = {id(node): node for each in bound.values() for node in each if not isinstance(node, Constant)}
        arrays = dict(zip(wanted, store.fetch(bars, list(wanted.values())), strict=True))
        first = {key: _first_bars(array) for key, array in arrays.items()}
        always = np.zeros(self.shape[0], dtype=np.int64)
        self._kept = operands, bound  # what is known by its id must live as long
        self._rows: dict[int, tuple[list[Value], np.ndarray, np.ndarray]] = {}
        for key, nodes_of_rows in bound.items():
            values = [number_of(n) if isinstance(n, Constant) else arrays[id(n)] for n in nodes_of_rows]
            warm = np.stack([first.get(id(n), always) for n in nodes_of_rows], axis=1)
            self._rows[key] = (values, warm, rows[key][1])

    def __contains__(self, node: Node) -> bool:
        """Whether `node` is one of the operands."""
        return id(node) in self._rows

    def values(self, node: Node) -> tuple[list[Value], np.ndarray]:
        """The rows of an operand, and the row of each point, (point,)."""
        values, _, index = self._rows[id(node)]
        return values, index

    def warm(self, node: Node) -> np.ndarray:
        """The first bar at which an operand has had a value, (asset, point)."""
        _, warm, index = self._rows[id(node)]
        return np.asarray(warm[:, index])


def bound_rows(operand: Node, points: Points, rows: np.ndarray, n_bars: int) -> list[Node]:
    """An operand with the values of each of some points in the place of its parameters.

    Raises
    ------
    StrategyError
        If a value is no number where one is needed, or an indicator has no value within the history.
    """
    bound = [bind(operand, points.values(int(i), operand.params)) for i in rows]
    for node in bound:
        for call in calls_of(node):
            _check_call(call, n_bars)
        if isinstance(node, Constant) and isinstance(node.value, (str, bool)):
            raise StrategyError(
                f"a comparison or a setting needs a number, but a point gives it {node.value!r}; "
                "give the parameter numbers."
            )
    return bound


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


def warmup_of(node: Node) -> int:
    """Leading bars without a value of an expression whose parameters are bound, as its indicators declare them."""
    inner = max((warmup_of(child) for child in node.children), default=0)
    if isinstance(node, Call):
        return inner + indicator_of(node).warmup_of([number_of(argument) for argument in node.arguments])
    return inner + int(number_of(node.periods)) if isinstance(node, Shift) else inner


def number_of(node: Node) -> float:
    """The value of a constant, NaN where it is None."""
    value = node.value if isinstance(node, Constant) else None
    return float("nan") if value is None else float(value)


def _first_bars(array: np.ndarray) -> np.ndarray:
    return np.array([first_value(row) for row in array], dtype=np.int64)


def _check_call(call: Call, n_bars: int) -> None:
    spec = indicator_of(call)
    values = [argument.value if isinstance(argument, Constant) else None for argument in call.arguments]
    for parameter, value in zip(spec.parameters, values, strict=True):
        parameter.check(value, spec.name)
    warmup = spec.warmup_of([float(value) for value in values if value is not None])
    if warmup >= n_bars:
        raise StrategyError(
            f"{call.key} has its first value after {warmup:,} bars, but there are {n_bars:,}; "
            "shorten its lookback or give a longer history."
        )
