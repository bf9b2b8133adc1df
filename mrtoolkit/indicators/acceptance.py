"""The tests at the door: what a user's indicator must show before its values may be kept.

On simulated bars, for several values of its parameters: the same result twice, its inputs left alone, no value before
its warm-up and one at every bar after it, a value that no later bar can change, and recovery from missing bars.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mrtoolkit.errors import IndicatorError
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.spec import Indicator

MEASURE_LIMIT = 65_536
"""Bars within which an indicator must give a value."""

_MISSING_AT_START = 7
_CUTS = 9
_TOLERANCE = 1e-9  # of the largest value: a transform over the whole history rounds differently, and looks at nothing


def accept(indicator: Indicator) -> None:
    """Return if the indicator passes every test.

    Raises
    ------
    IndicatorError
        Naming the test, the parameters and the bar at which it was not passed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing but NaN is no news here
        for values in parameter_sets(indicator.parameters):
            _Trial(indicator, values).run()


def parameter_sets(parameters: Sequence[IndicatorParameter]) -> Iterator[tuple[float, ...]]:
    """Yield sets of values from small to middling, each parameter a little above the one before."""
    seen = set()
    for offset in (0, 7, 23):
        values = []
        for rank, parameter in enumerate(parameters):
            step = offset + 3 * rank if parameter.integer else (offset + 3 * rank) * 1.0625
            values.append(min(parameter.high, parameter.low + min(step, parameter.high - parameter.low)))
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
        first = _first_value(_compute(indicator, simulated_inputs(indicator.inputs, bars), values))
        if first < bars:
            return first
        if bars == MEASURE_LIMIT:
            break
        bars = min(4 * bars, MEASURE_LIMIT)
    msg = (
        f"{_shown(indicator, values)} gave no value in {MEASURE_LIMIT:,} simulated bars; give it a value at "
        "every bar after its "
        "warm-up, or narrow its bounds."
    )
    raise IndicatorError(msg)


class _Trial:
    """One indicator with one set of values, on its simulated bars."""

    def __init__(self, indicator: Indicator, values: tuple[float, ...]) -> None:
        self.indicator = indicator
        self.values = values
        self.shown = _shown(indicator, values)
        self.warmup = _declared_warmup(indicator, values)
        self.inputs = simulated_inputs(indicator.inputs, 3 * self.warmup + 200)
        self.bars = self.inputs[0].size
        self.result = self.compute(self.inputs)

    def compute(self, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
        before = [column.copy() for column in inputs]
        result = _compute(self.indicator, inputs, self.values)
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
        self.check_warmup()
        self.check_missing_start()
        self.check_missing_middle()

    def cuts(self) -> list[int]:
        """Last bars that are left as they are: spread over the history, and the end."""
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

    def check_warmup(self) -> None:
        first = _first_value(self.result)
        if first != self.warmup:
            got = f"its first value at bar {first:,}" if first < self.bars else "no value at all"
            msg = (
                f"{self.shown} has {got}, counted from 0, but declares a warm-up of {self.warmup:,} bars; "
                "correct warmup=, "
                "put NaN at the bars before it, or leave warmup= out and it is measured."
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
        for factor in (1.7, 0.4):
            inputs = tuple(column.copy() for column in self.inputs)
            for column in inputs:
                column[later] = column[later][::-1] * factor
            self.compare(self.compute(inputs)[:, : cut + 1], cut, "are changed")
        inputs = tuple(column[: cut + 1].copy() for column in self.inputs)
        self.compare(self.compute(inputs), cut, "are left out")

    def compare(self, past: np.ndarray, cut: int, what: str) -> None:
        expected = self.result[:, : cut + 1]
        scale = _TOLERANCE * np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
        same = (np.abs(past - expected) <= scale) | (np.isnan(past) & np.isnan(expected)) | (past == expected)
        if not same.all():
            bar = _first(~same)
            now, then = past[~same][0], expected[~same][0]
            msg = (
                f"{self.shown} looks ahead: its value at bar {bar:,} goes from {then:.6g} to {now:.6g} when "
                "only the bars from "
                f"{cut + 1:,} on {what}; use no bar after the one that the value belongs to."
            )
            raise IndicatorError(msg)

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
            msg = (
                f"{self.shown} has {got} where the first {_MISSING_AT_START} bars are missing (NaN, as an "
                "indicator of an indicator "
                f"begins), but is due from bar {due:,} on; start at the first bar that is not NaN."
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


def _compute(indicator: Indicator, inputs: tuple[np.ndarray, ...], values: tuple[float, ...]) -> np.ndarray:
    out = np.empty((max(len(indicator.outputs), 1), 1, inputs[0].size))
    indicator.compute(inputs, np.array([values], dtype=np.float64).reshape(1, len(values)), out)
    result: np.ndarray = out[:, 0]
    return result


def _declared_warmup(indicator: Indicator, values: tuple[float, ...]) -> int:
    try:
        warmup: Any = indicator.warmup_of(values)
    except IndicatorError:
        raise
    except Exception as error:
        names = ", ".join(p.name for p in indicator.parameters)
        msg = (
            f"the warm-up of {_shown(indicator, values)} cannot be had ({type(error).__name__}: {error}); write "
            f"warmup=lambda {names}: ..., a whole number of bars, or leave it out and it is measured."
        )
        raise IndicatorError(msg) from error
    if not 0 <= warmup <= MEASURE_LIMIT:
        msg = (
            f"the warm-up of {_shown(indicator, values)} is {warmup:,} bars, but may be 0 to "
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


def _shown(indicator: Indicator, values: Sequence[float]) -> str:
    given = ", ".join(f"{p.name}={p.typed(value):,}" for p, value in zip(indicator.parameters, values, strict=True))
    return f"{indicator.name}({given})"
