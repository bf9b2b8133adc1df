"""The numbers a bar that the conditions of some points compare and their settings read, each fetched once."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from mrtoolkit.errors import StrategyError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Call, Comparison, Constant, Logic, Node, Shift
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.key import indicator_of
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy._kernels.first_value import survey
from mrtoolkit.strategy._kernels.words import BITS
from mrtoolkit.strategy.points import Points

_SURVEYS: dict[int, tuple[weakref.ref[np.ndarray], np.ndarray, bool]] = {}

Value = np.ndarray | float
"""A feature (asset, time), or a number that is the same at every bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where operands lie in memory, for kernels that go over many of them.

    Attributes
    ----------
    addresses : (operand,) uint64
        Of the first asset's first number; of 64 equal ones where the operand is a constant.
    steps : (operand,) uint64
        Bytes from one word's numbers to the next one's: 512, or 0.
    asset_bytes : int
        Bytes from one asset's numbers to the next one's, where they step.
    kept : tuple of arrays
        What lies there; it must live as long as the addresses are used.
    """

    addresses: np.ndarray
    steps: np.ndarray
    asset_bytes: int
    kept: tuple[np.ndarray, ...]

    def of_asset(self, asset: int) -> np.ndarray:
        """The addresses of one asset's numbers, (operand,) uint64."""
        return self.addresses + np.where(self.steps > 0, np.uint64(asset * self.asset_bytes), np.uint64(0))


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
        surveys = {key: _survey(array) for key, array in arrays.items()}
        always = np.zeros(self.shape[0], dtype=np.int64)
        self._kept = operands, bound  # what is known by its id must live as long
        self._rows: dict[int, tuple[list[Value], np.ndarray, np.ndarray]] = {}
        self._has_gaps: dict[int, bool] = {}
        for key, nodes_of_rows in bound.items():
            values: list[Value] = []
            firsts, has_gaps = [], False
            for node in nodes_of_rows:
                value: Value
                if isinstance(node, Constant):
                    value, first, is_whole = number_of(node), always, node.value is not None
                else:
                    value, (first, is_whole) = arrays[id(node)], surveys[id(node)]
                values.append(value)
                firsts.append(first)
                has_gaps |= not is_whole
            self._rows[key] = (values, np.array(firsts, dtype=np.int64).T, rows[key][1])
            self._has_gaps[key] = has_gaps

    def __contains__(self, node: Node) -> bool:
        """Whether `node` is one of the operands."""
        return id(node) in self._rows

    def values(self, node: Node) -> tuple[list[Value], np.ndarray]:
        """The rows of an operand, and the row of each point, (point,)."""
        values, _, index = self._rows[id(node)]
        return values, index

    def have_gaps(self, nodes: Iterable[Node]) -> bool:
        """Whether some operand of these conditions misses a value after its first, at some point."""
        return any(self._has_gaps.get(id(operand), False) for node in nodes for operand in operands_of(node))

    @cached_property
    def places(self) -> Places:
        """Where all distinct values of all operands lie."""
        return self._placed[0]

    def place(self, node: Node) -> np.ndarray:
        """The place of an operand at each point, (point,)."""
        return np.asarray(self._placed[1][id(node)][self._rows[id(node)][2]])

    @cached_property
    def _placed(self) -> tuple[Places, dict[int, np.ndarray]]:
        """Places, and of each operand the place of each row; a feature that two operands share has one."""
        kept: list[np.ndarray] = []
        steps: list[int] = []
        found: dict[object, int] = {}
        of_rows: dict[int, np.ndarray] = {}
        for key, (values, _, _) in self._rows.items():
            rows = []
            for value in values:
                is_array = isinstance(value, np.ndarray)
                identity: object = id(value) if is_array else ("constant", value)
                if identity not in found:
                    found[identity] = len(kept)
                    kept.append(np.ascontiguousarray(value, dtype=np.float64) if is_array else np.full(BITS, value))
                    steps.append(8 * BITS if is_array else 0)
                rows.append(found[identity])
            of_rows[key] = np.array(rows, dtype=np.int64)
        places = Places(
            addresses=np.array([address_of(array) for array in kept], dtype=np.uint64),
            steps=np.array(steps, dtype=np.uint64),
            asset_bytes=8 * self.shape[1],
            kept=tuple(kept),
        )
        return places, of_rows

    def warm(self, node: Node) -> np.ndarray:
        """The first bar at which an operand has had a value, (asset, point)."""
        _, warm, index = self._rows[id(node)]
        return np.asarray(warm[:, index])


def address_of(array: np.ndarray) -> int:
    """Where the first number of an array lies."""
    return int(array.__array_interface__["data"][0])


def bound_rows(operand: Node, points: Points, rows: np.ndarray, n_bars: int) -> list[Node]:
    """An operand with the values of each of some points in the place of its parameters.

    Raises
    ------
    StrategyError
        If a value is no number where one is needed, or an indicator has no value within the history.
    """
    _, bound = points.keep(
        ("bound", id(operand), n_bars),  # with the operand, as what is known by its id must live as long
        lambda: (operand, _bound_rows(operand, points, rows, n_bars)),
    )
    return bound


def _bound_rows(operand: Node, points: Points, rows: np.ndarray, n_bars: int) -> list[Node]:
    labels = [[points.labels[name][code] for code in points.codes[name][rows].tolist()] for name in operand.params]
    sets = zip(*labels, strict=True) if labels else [()] * len(rows)
    bound = [bind(operand, dict(zip(operand.params, values, strict=True))) for values in sets]
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
    if type(node) is Call and node.depth == 2:  # over inputs, as most are
        return [node]
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


def _survey(array: np.ndarray) -> tuple[np.ndarray, bool]:
    """The first bar of each asset of a feature, and whether none has a gap after it; kept while the array lives."""
    known = _SURVEYS.get(id(array))
    if known is not None and known[0]() is array:
        return known[1], known[2]
    first = np.empty(len(array), dtype=np.int64)
    whole = bool(survey(array, first))
    if not array.flags.writeable:
        key = id(array)
        _SURVEYS[key] = (weakref.ref(array, lambda _: _SURVEYS.pop(key, None)), first, whole)
    return first, whole


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
