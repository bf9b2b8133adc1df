"""The tests at the door: what a user's indicator must show before its values may be kept.

On simulated bars, for several values of its parameters: the same result twice, its inputs left alone, no value before
its warm-up and one at every bar after it, a value that no later bar can change, and recovery from missing bars.
"""

from __future__ import annotations

import itertools
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mrtoolkit.errors import IndicatorError
from mrtoolkit.indicators.look_ahead import check_past, compute_one, shown_call
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.spec import Indicator

MEASURE_LIMIT = 65_536
"""Bars within which an indicator must give a value."""

_MISSING_AT_START = 7
_CUTS = 9
_REACH = 1_000  # of parameters, above their lowest value
_OFFSETS = (0, 7, 23, 150, _REACH)
_LONG = 12_000
_SLOW = 0.02
"""Seconds: of an indicator whose one call takes longer, fewer cases are tried, so that it is registered soon."""


def accept(indicator: Indicator) -> None:
    """Return if the indicator passes every test.

    Raises
    ------
    IndicatorError
        Naming the test, the parameters and the bar at which it was not passed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing but NaN is no news here
        sets = list(parameter_sets(indicator.parameters))
        trial = _Trial(indicator, sets[0])
        trial.run()
        for values in [sets[-1]] if trial.is_slow else sets[1:]:
            trial = _Trial(indicator, values)
            trial.run()
        if not trial.is_slow:
            trial.check_long()


def parameter_sets(parameters: Sequence[IndicatorParameter]) -> Iterator[tuple[float, ...]]:
    """Yield sets of values over the bounds, up to 1,000 above the lowest; each parameter a little above the last."""
    seen = set()
    for rung, offset in enumerate(_OFFSETS):
        values = []
        for rank, parameter in enumerate(parameters):
            reach = min(parameter.high - parameter.low, _REACH)
            step = min(offset, reach * rung / (len(_OFFSETS) - 1)) + 3 * rank
            room = max(reach - 3 * (len(parameters) - 1 - rank), 0)
            value = parameter.low + min(step, room)
            values.append(math.floor(value) if parameter.integer else value)
        if tuple(values) not in seen:
            seen.add(tuple(values))
            yield tuple(values)


def simulated_inputs(names: Sequence[str], bars: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return positive prices (time,) that fit each other (low <= open, close <= high), for each input name."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, bars)))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0.0, 0.005, bars))
    known = {
        "open": open_,
        "high": np.maximum(open_, close) * np.exp(rng.exponential(0.01, bars)),
        "low": np.minimum(open_, close) * np.exp(-rng.exponential(0.01, bars)),
        "close": close,
        "volume": np.rint(1e6 * np.exp(rng.normal(0.0, 0.5, bars))),
        "hour": (np.arange(bars) % 24).astype(float),
        "weekday": (np.arange(bars) // 24 % 5).astype(float),
    }
    other = iter(np.random.default_rng([seed, 1]).spawn(len(names)))
    return tuple(
        known[name] if name in known else 20.0 * np.exp(np.cumsum(next(other).normal(0.0, 0.05, bars)))
        for name in names
    )


def measured_warmup(indicator: Indicator, values: tuple[float, ...]) -> int:
    """Return the bars before the first at which every output has a value, on simulated bars."""
    bars = min(64 + 4 * int(max(values, default=0)), MEASURE_LIMIT)  # most functions fail on less than their lookback
    while True:
        first = _first_value(compute_one(indicator, simulated_inputs(indicator.inputs, bars), values))
        if first < bars:
            return first
        if bars == MEASURE_LIMIT:
            break
        bars = min(4 * bars, MEASURE_LIMIT)
    msg = (
        f"{shown_call(indicator, values)} gave no value in {MEASURE_LIMIT:,} simulated bars; give it a value at "
        "every bar after its "
        "warm-up, or narrow its bounds."
    )
    raise IndicatorError(msg)


class _Trial:
    """One indicator with one set of values, on its simulated bars."""

    def __init__(self, indicator: Indicator, values: tuple[float, ...]) -> None:
        self.indicator = indicator
        self.values = values
        self.shown = shown_call(indicator, values)
        self.warmup = _declared_warmup(indicator, values)
        self.inputs = simulated_inputs(indicator.inputs, 3 * self.warmup + 200)
        self.bars = self.inputs[0].size
        start = time.perf_counter()
        self.result = self.compute(self.inputs)
        seconds = time.perf_counter() - start
        if seconds > _SLOW:  # it may have been compiled just now
            start = time.perf_counter()
            self.compute(self.inputs)
            seconds = time.perf_counter() - start
        self.is_slow = seconds > _SLOW

    def compute(self, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
        before = [column.copy() for column in inputs]
        result = compute_one(self.indicator, inputs, self.values)
        for name, column, copy in zip(self.indicator.inputs, inputs, before, strict=True):
            if not np.array_equal(column, copy, equal_nan=True):
                bar = _first(column != copy)
                msg = f"{self.shown} writes into its input {name!r}, first at bar {bar:,}; work on a copy of it."
                raise IndicatorError(msg)
        return result

    def run(self) -> None:
        self.check_determinism()
        for cut in self.cuts():
            self.check_look_ahead(cut)
        self.check_infinite()
        self.check_warmup()
        self.check_missing_start()
        self.check_missing_middle()

    def cuts(self) -> list[int]:
        """Last bars that are left as they are: spread over the history, and the end."""
        if self.is_slow:
            return [self.warmup + 5, self.bars - 3]
        spread = np.linspace(self.warmup + 5, self.bars - 9, _CUTS).astype(int)
        return [*spread.tolist(), self.bars - 3, self.bars - 2]

    def check_determinism(self) -> None:
        again = self.compute(self.inputs)
        if not np.array_equal(again, self.result, equal_nan=True):
            bar = _first(again != self.result)
            msg = (
                f"{self.shown} gave two different values at bar {bar:,} of the same bars; fix its seed, "
                "or keep no state."
            )
            raise IndicatorError(msg)

    def check_infinite(self) -> None:
        infinite = np.isinf(self.result)
        if infinite.any():
            msg = (
                f"{self.shown} is infinite at {int(infinite.any(axis=0).sum()):,} of {self.bars:,} simulated bars, "
                f"first bar {_first(infinite):,}; divide by nothing that can be zero, and give NaN where there is no "
                "value."
            )
            raise IndicatorError(msg)

    def check_long(self) -> None:
        """Compare a long history with its first two thirds, for what looks ahead only when there are many bars."""
        inputs = simulated_inputs(self.indicator.inputs, max(_LONG, 2 * self.bars), seed=2)
        cut = 2 * inputs[0].size // 3
        now = self.compute(tuple(column[: cut + 1].copy() for column in inputs))
        check_past(now, self.compute(inputs)[:, : cut + 1], self.shown, cut, "are left out")

    def check_warmup(self) -> None:
        first = _first_value(self.result)
        if first != self.warmup:
            got = f"its first value at bar {first:,}" if first < self.bars else "no value at all"
            late = (
                f"begin {first - self.warmup:,} earlier (a window of lookback bars is full at bar lookback - 1)"
                if self.warmup < first < self.bars
                else "put NaN at the bars before it"
            )
            msg = (
                f"{self.shown} has {got}, counted from 0, but declares a warm-up of {self.warmup:,} bars; "
                f"correct warmup=, {late}, or leave warmup= out and it is measured."
            )
            raise IndicatorError(msg)
        holes = np.isnan(self.result[:, first:]).any(axis=0)
        if holes.any():
            msg = (
                f"{self.shown} has no value at bar {first + _first(holes):,}, after its warm-up of {first:,} "
                "bars, though no price is "
                "missing there; give it a value at every bar after the warm-up."
            )
            raise IndicatorError(msg)

    def check_look_ahead(self, cut: int) -> None:
        later = slice(cut + 1, None)
        for factor in (1.7,) if self.is_slow else (1.7, 0.4):
            inputs = tuple(column.copy() for column in self.inputs)
            for column in inputs:
                column[later] = column[later][::-1] * factor
            check_past(self.compute(inputs)[:, : cut + 1], self.result[:, : cut + 1], self.shown, cut, "are changed")
        inputs = tuple(column[: cut + 1].copy() for column in self.inputs)
        check_past(self.compute(inputs), self.result[:, : cut + 1], self.shown, cut, "are left out")

    def check_missing_start(self) -> None:
        inputs = tuple(column.copy() for column in self.inputs)
        for column in inputs:
            column[:_MISSING_AT_START] = np.nan
        first = _first_value(result := self.compute(inputs))
        due = _MISSING_AT_START + self.warmup
        holes = np.isnan(result[:, due:]).any(axis=0)
        if first != due or holes.any():
            late = f"its first value at bar {first:,}" if first < self.bars else "no value at all"
            got = late if first != due else f"no value at bar {due + _first(holes):,}"
            cure = "start at the first bar that is not NaN (start = np.argmax(~np.isnan(close))), and count from there"
            if _MISSING_AT_START < first < due:
                cure = (
                    f"it begins {due - first:,} later than it must on whole bars: its first value can be at bar "
                    f"{first - _MISSING_AT_START:,}, so begin its loop there (lookback - 1 in place of lookback) and "
                    "correct warmup=, if it is given"
                )
            msg = (
                f"{self.shown} has {got} where the first {_MISSING_AT_START} bars are missing (NaN, as an indicator of "
                f"an indicator begins), but is due from bar {due:,} on; {cure}."
            )
            raise IndicatorError(msg)

    def check_missing_middle(self) -> None:
        missing = self.warmup + 20
        inputs = tuple(column.copy() for column in self.inputs)
        for column in inputs:
            column[missing] = np.nan
        due = missing + 2 * (self.warmup + 1) + 1
        holes = np.isnan(self.compute(inputs)[:, due:]).any(axis=0)
        if holes.any():
            msg = (
                f"{self.shown} has no value at bar {due + _first(holes):,} because the one bar {missing:,} is "
                "missing (NaN), and it must "
                f"be back by bar {due:,}; keep the state over a NaN, or sum a window afresh."
            )
            raise IndicatorError(msg)


def _declared_warmup(indicator: Indicator, values: tuple[float, ...]) -> int:
    try:
        warmup: Any = indicator.warmup_of(values)
    except IndicatorError:
        raise
    except Exception as error:  # a user's function may raise anything
        names = ", ".join(p.name for p in indicator.parameters)
        msg = (
            f"the warm-up of {shown_call(indicator, values)} cannot be had ({type(error).__name__}: {error}); write "
            f"warmup=lambda {names}: ..., a whole number of bars, or leave it out and it is measured."
        )
        raise IndicatorError(msg) from error
    if not 0 <= warmup <= MEASURE_LIMIT:
        msg = (
            f"the warm-up of {shown_call(indicator, values)} is {warmup:,} bars, but may be 0 to "
            f"{MEASURE_LIMIT:,} at its smallest."
        )
        raise IndicatorError(msg)
    return int(warmup)


def _first_value(result: np.ndarray) -> int:
    """First bar at which every output has a value; the number of bars where there is none."""
    firsts = (next(itertools.chain(np.flatnonzero(~np.isnan(row)), [row.size])) for row in result)
    return int(max(firsts))


def _first(flags: np.ndarray) -> int:
    """First bar that is flagged in any row."""
    return int(np.flatnonzero(np.atleast_2d(flags).any(axis=0))[0])
