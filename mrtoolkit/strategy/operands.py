"""The numbers a bar that the conditions of some points compare and their settings read, each fetched once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from mrtoolkit.data.alignment import is_own, longer_bars
from mrtoolkit.errors import StrategyError
from mrtoolkit.expressions.binding import bind_each
from mrtoolkit.expressions.nodes import Call, Comparison, Constant, Logic, Node, OnTimeframe, Shift
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.key import call_of, indicator_of
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.features.surveys import address_of, survey_of
from mrtoolkit.indicators.registry import is_built_in
from mrtoolkit.indicators.spec import Indicator
from mrtoolkit.strategy._kernels.words import BITS
from mrtoolkit.strategy.points import Points

_NAN = float("nan")
_MOST_KNOWN = 20_000
_warmups: dict[str, tuple[Indicator, int]] = {}  # of calls whose arguments are within their bounds

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Which numbers a bar some nodes compare and read at some points; nothing of it is computed yet.

    Attributes
    ----------
    operands : mapping of id to node
        They live as long as what is known by their ids.
    wanted : tuple of Node
        The distinct series among the operands, their parameters bound.
    columns : mapping of id to (row,) int64
        Of each distinct value of an operand's parameters: which of `wanted` it is, -1 where it is a number.
    numbers : mapping of id to list of float
        That number.
    index : mapping of id to (point,) int64
        The row of each point.
    """

    operands: Mapping[int, Node]
    wanted: tuple[Node, ...]
    columns: Mapping[int, np.ndarray]
    numbers: Mapping[int, list[float]]
    index: Mapping[int, np.ndarray]


def needed_by(points: Points, nodes: Iterable[Node], bars: xr.Dataset) -> Needed:
    """The numbers a bar that some nodes need at some points.

    Raises
    ------
    StrategyError
        If an indicator has no value within the history.
    BarsError
        If the bars do not make bars of a timeframe.
    """
    operands = {id(operand): operand for node in nodes for operand in operands_of(node)}
    rows = {key: points.rows(operand.params) for key, operand in operands.items()}
    bound = {key: bound_rows(operand, points, rows[key][0], bars) for key, operand in operands.items()}
    wanted = {id(node): node for each in bound.values() for node in each if not isinstance(node, Constant)}
    place = {key: k for k, key in enumerate(wanted)}
    return Needed(
        operands=operands,
        wanted=tuple(wanted.values()),
        columns={key: np.array([place.get(id(n), -1) for n in each], np.int64) for key, each in bound.items()},
        numbers={key: [number_of(n) if type(n) is Constant else _NAN for n in each] for key, each in bound.items()},
        index={key: index for key, (_, index) in rows.items()},
    )


def fetch_operands(bars: xr.Dataset, store: FeatureStore, points: Points, nodes: Iterable[Node]) -> Operands:
    """The operands of some nodes at some points over all assets, found or computed.

    Raises
    ------
    StrategyError
        If an indicator has no value within the history.
    """
    shape = (bars.sizes.get("asset", 1), bars.sizes["time"])
    needed = needed_by(points, nodes, bars)
    arrays = store.fetch(bars, needed.wanted)
    surveys = [survey_of(array) for array in arrays]
    first = np.empty((shape[0], len(arrays)), dtype=np.int64)
    for k, found in enumerate(surveys):
        first[:, k] = found.first
    return Operands(needed, shape, arrays, first, [s.whole for s in surveys], [s.address for s in surveys])


class Operands:
    """Values of the operands of some nodes at some points, a row for each distinct value of an operand's parameters.

    Parameters
    ----------
    needed : Needed
    shape : tuple of int
        Assets and bars.
    arrays : sequence of (asset, time) float64
        Of each of the needed series. Bars lie side by side, and assets equally far apart in all of them.
    first : (asset, series) int64
        The first bar at which each has a value.
    whole : sequence of bool
        Whether each has every value from there on.
    addresses : sequence of int, optional
        Where each lies, if that is known.
    """

    def __init__(
        self, needed: Needed, shape: tuple[int, int], arrays: Sequence[np.ndarray], first: np.ndarray,
        whole: Sequence[bool], addresses: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        self.shape, self._needed, self._arrays = shape, needed, arrays
        self._addresses = addresses
        self._whole = [*whole, True]  # and that of what is a number
        self._first = np.concatenate([first, np.zeros((shape[0], 1), dtype=np.int64)], axis=1)

    def moved(self, first: np.ndarray, whole: Sequence[bool]) -> Operands:
        """The same places, where other assets' values lie now."""
        made = Operands(self._needed, self.shape, self._arrays, first, whole)
        made.__dict__["_placed"] = self._placed
        return made

    def __contains__(self, node: Node) -> bool:
        """Whether `node` is one of the operands."""
        return id(node) in self._needed.columns

    def values(self, node: Node) -> tuple[list[Value], np.ndarray]:
        """The rows of an operand, and the row of each point, (point,)."""
        return self._values(id(node)), self._needed.index[id(node)]

    def _values(self, key: int) -> list[Value]:
        needed = self._needed
        columns = needed.columns[key].tolist()
        return [x if k < 0 else self._arrays[k] for k, x in zip(columns, needed.numbers[key], strict=True)]

    def have_gaps(self, nodes: Iterable[Node]) -> bool:
        """Whether some operand of these conditions misses a value after its first, at some point."""
        keys = {id(operand) for node in nodes for operand in operands_of(node) if operand in self}
        return any(self._has_gaps(key) for key in keys)

    def _has_gaps(self, key: int) -> bool:
        columns, numbers = self._needed.columns[key].tolist(), self._needed.numbers[key]
        missing = any(k < 0 and x != x for k, x in zip(columns, numbers, strict=True))  # None: at every bar
        return missing or not all(self._whole[k] for k in columns)

    @cached_property
    def places(self) -> Places:
        """Where all distinct values of all operands lie."""
        return self._placed[0]

    def place(self, node: Node) -> np.ndarray:
        """The place of an operand at each point, (point,)."""
        return np.asarray(self._placed[1][id(node)][self._needed.index[id(node)]])

    @cached_property
    def _placed(self) -> tuple[Places, dict[int, np.ndarray]]:
        """Places, and of each operand the place of each row; a feature that two operands share has one."""
        arrays, known = self._arrays, self._addresses
        kept, steps = list(arrays), [8 * BITS] * len(arrays)
        addresses = [address_of(array) for array in arrays] if known is None else list(known)
        found: dict[float, int] = {}
        of_rows: dict[int, np.ndarray] = {}
        for key, columns in self._needed.columns.items():
            if (columns >= 0).all():
                of_rows[key] = columns
                continue
            rows = columns.tolist()
            for k, value in enumerate(self._needed.numbers[key]):
                if rows[k] >= 0:
                    continue
                if value not in found:
                    found[value] = len(kept)
                    kept.append(np.full(BITS, value))
                    steps.append(0)
                    addresses.append(address_of(kept[-1]))
                rows[k] = found[value]
            of_rows[key] = np.array(rows, dtype=np.int64)
        places = Places(
            addresses=np.array(addresses, dtype=np.uint64),
            steps=np.array(steps, dtype=np.uint64),
            asset_bytes=arrays[0].strides[0] if arrays else 0,
            kept=tuple(kept),
        )
        return places, of_rows

    def warm(self, node: Node) -> np.ndarray:
        """The first bar at which an operand has had a value, (asset, point)."""
        return np.asarray(self._first[:, self._column(node)])

    def warm_of(self, nodes: Iterable[Node]) -> np.ndarray:
        """The first bar at which some operands all have had a value, (asset, point)."""
        first, *others = (self.warm(node) for node in nodes)
        for other in others:
            np.maximum(first, other, out=first)
        return first

    def _column(self, node: Node) -> np.ndarray:
        """Where an operand of each point stands among the series, (point,)."""
        return np.asarray(self._needed.columns[id(node)][self._needed.index[id(node)]])


def bound_rows(operand: Node, points: Points, rows: np.ndarray, bars: xr.Dataset) -> list[Node]:
    """An operand with the values of each of some points in the place of its parameters.

    Raises
    ------
    StrategyError
        If a value is no number where one is needed, or an indicator has no value within the history.
    BarsError
        If the bars do not make bars of a timeframe.
    """
    _, bound = points.keep(
        # with the operand, as what is known by its id must live as long
        ("bound", id(operand), bars.sizes["time"], bars.attrs.get("timeframe")),
        lambda: (operand, _bound_rows(operand, points, rows, bars)),
    )
    return bound


def _bound_rows(operand: Node, points: Points, rows: np.ndarray, bars: xr.Dataset) -> list[Node]:
    labels = [[points.labels[name][code] for code in points.codes[name][rows].tolist()] for name in operand.params]
    bound = bind_each(operand, operand.params, zip(*labels, strict=True) if labels else [()] * len(rows))
    if type(operand) is Call and operand.depth == 2:  # over inputs, as most are
        spec, n_bars = indicator_of(operand), bars.sizes["time"]
        for node in bound:
            assert isinstance(node, Call)  # noqa: S101 - for the type checker
            _check_arguments(node, spec, n_bars, bars)
        return bound
    bound = [on_own(node, bars) for node in bound]
    for node in bound:
        for call in calls_of(node):
            _check_call(call, bars)
        if _has_timeframe(node):
            _check_timeframes(node, bars)
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


def on_own(node: Node, bars: xr.Dataset) -> Node:
    """What is on the bars' own timeframe as the plain expression, so that both are one; anything else as it is."""
    return node.operand if isinstance(node, OnTimeframe) and is_own(bars, node.text) else node


def calls_of(node: Node) -> list[Call | OnTimeframe]:
    """All indicator calls in an expression, those inside others too, each on the timeframe that it is computed on."""
    if type(node) is Call and node.depth == 2:  # over inputs, as most are
        return [node]
    if isinstance(node, OnTimeframe):
        return [OnTimeframe(node.timeframe, part) for part in walk(node.operand) if isinstance(part, Call)]
    found: dict[int, Call | OnTimeframe] = {id(node): node} if isinstance(node, Call) else {}
    for child in node.children:
        found |= {id(call): call for call in calls_of(child)}
    return list(found.values())


def warmup_of(node: Node, bars: xr.Dataset) -> int:
    """Leading bars without a value of an expression whose parameters are bound, as its indicators declare them."""
    if isinstance(node, OnTimeframe) and not is_own(bars, node.text):
        longer = longer_bars(bars, node.text)
        return longer.first_bar(warmup_of(node.operand, longer.bars))
    inner = max((warmup_of(child, bars) for child in node.children), default=0)
    if isinstance(node, Call):
        return inner + indicator_of(node).warmup_of([number_of(argument) for argument in node.arguments])
    return inner + int(number_of(node.periods)) if isinstance(node, Shift) else inner


def number_of(node: Node) -> float:
    """The value of a constant, NaN where it is None."""
    value = node.value if isinstance(node, Constant) else None
    return float("nan") if value is None else float(value)


def _has_timeframe(node: Node) -> bool:
    return any(isinstance(part, OnTimeframe) for part in walk(node))


def _check_timeframes(node: Node, bars: xr.Dataset) -> None:
    """Refuse an expression whose longer bars are so few that it has no value within the history."""
    n_bars = bars.sizes["time"]
    if warmup_of(node, bars) >= n_bars:
        raise StrategyError(
            f"{node.key} has no value within the history of {n_bars:,} bars of {bars.attrs['timeframe']}, as too few "
            "longer bars are complete; shorten its lookback or timeframe, or give a longer history."
        )


def _check_call(call: Call | OnTimeframe, bars: xr.Dataset) -> None:
    if isinstance(call, OnTimeframe) and not is_own(bars, call.text):
        bars = longer_bars(bars, call.text).bars
    call = call_of(call)
    _check_arguments(call, indicator_of(call), bars.sizes["time"], bars)


def _check_arguments(call: Call, spec: Indicator, n_bars: int, bars: xr.Dataset) -> None:
    """Refuse arguments out of their bounds, and those with which an indicator has no value within the history."""
    known = _warmups.get(call.key)
    if known is None or known[0] is not spec:
        values = [argument.value if type(argument) is Constant else None for argument in call.arguments]
        for parameter, value in zip(spec.parameters, values, strict=True):
            parameter.check(value, spec.name)
        known = spec, spec.warmup_of([float(value) for value in values if value is not None])
        if len(_warmups) > _MOST_KNOWN:
            _warmups.clear()
        if is_built_in(spec.name):  # what a user's own depends on may change
            _warmups[call.key] = known
    warmup = known[1]
    if warmup >= n_bars:
        raise StrategyError(
            f"{call.key} has its first value after {warmup:,} bars, but there are {n_bars:,} of "
            f"{bars.attrs['timeframe']}; "
            "shorten its lookback or give a longer history."
        )
