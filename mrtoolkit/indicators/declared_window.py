"""A user's `window=`: the bars of history that its values need, and the test at the door that no more are needed.

What the store goes on from must be what computing over all bars gives, to the bit: a value that is off by a rounding
once bars are appended would be another feature under the same name.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from mrtoolkit.errors import IndicatorError
from mrtoolkit.indicators.acceptance import parameter_sets, simulated_inputs
from mrtoolkit.indicators.look_ahead import compute_one, shown_call
from mrtoolkit.indicators.resume import Window
from mrtoolkit.indicators.spec import Indicator

_SLOW = 0.02
"""Seconds: of an indicator whose one call takes longer, fewer cases are tried."""

_LONGEST = 10_000
"""Bars of a window up to which the history is made longer than it."""

_ROUNDING = 1e-6
"""Of the largest value: what differs by less was carried along from far back, and not left out of the window."""


def declared_window(spec: Indicator, window: Callable[..., int] | int) -> Window:
    """Return how an indicator goes on whose values need no bar more than `window` bars before theirs."""

    def start(first: int, **values: float) -> int:
        bars = window(**values) if callable(window) else window
        return max(first - max(int(bars), spec.warmup(**values)), 0)  # the warm-up: a kernel may trip over fewer bars

    return Window(start=start)


def check_window(spec: Indicator, window: Callable[..., int] | int) -> None:
    """Return if the values from a window's first bar on are those over all bars, to the bit.

    Raises
    ------
    IndicatorError
        Naming the bar at which they are not, and what to do.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        is_slow = False
        sets = list(parameter_sets(spec.parameters))
        for values in sets:
            if is_slow and values != sets[-1]:
                continue
            n_bars = 2 * (min(_window_of(spec, window, values), _LONGEST) + spec.warmup_of(values)) + 200
            for inputs in _histories(spec, n_bars, values):
                begin = time.perf_counter()
                whole = compute_one(spec, inputs, values)
                is_slow = is_slow or time.perf_counter() - begin > _SLOW
                for first in _cuts(n_bars, spec.warmup_of(values), is_slow=is_slow):
                    _check_cut(spec, inputs, values, whole, first)


def _window_of(spec: Indicator, window: Callable[..., int] | int, values: tuple[float, ...]) -> int:
    shown = shown_call(spec, values)
    cure = "write window=lambda lookback: lookback, a whole number of bars from the parameters by name"
    try:
        named = {p.name: p.typed(value) for p, value in zip(spec.parameters, values, strict=True)}
        bars = window(**named) if callable(window) else window
    except Exception as error:  # a user's function may raise anything
        message = f"the window of {shown} cannot be had ({type(error).__name__}: {error}); {cure}."
        raise IndicatorError(message) from error
    if isinstance(bars, bool) or not isinstance(bars, int | np.integer) or bars < 0:
        raise IndicatorError(f"the window of {shown} is {bars!r}; {cure}.")
    return int(bars)


def _histories(spec: Indicator, n_bars: int, values: tuple[float, ...]) -> Iterator[list[np.ndarray]]:
    """Yield simulated inputs: whole ones, and ones with missing bars at the start and inside."""
    columns = []
    for name, column in zip(spec.inputs, simulated_inputs(spec.inputs, n_bars, seed=4), strict=True):
        # whole numbers add up without a rounding, and would hide a running sum
        columns.append(column * 0.7 if name == "volume" else column)
    yield columns
    holes = [column.copy() for column in columns]
    middle = n_bars - spec.warmup_of(values) // 2 - 60
    for column in holes:
        column[:5] = column[middle] = column[middle + 3 : middle + 6] = np.nan
    yield holes


def _cuts(n_bars: int, warmup: int, *, is_slow: bool) -> list[int]:
    """First bars of the appended part: about the warm-up, spread over the history, and the last bar alone."""
    if is_slow:
        return [2 * n_bars // 3, n_bars - 1]
    spread = np.linspace(warmup + 1, n_bars - 2, 7).astype(int).tolist()
    return sorted({max(warmup // 2, 1), warmup, *spread, n_bars - 7, n_bars - 1} - {0})


def _check_cut(
    spec: Indicator, inputs: list[np.ndarray], values: tuple[float, ...], whole: np.ndarray, first: int
) -> None:
    shown = shown_call(spec, values)
    before = compute_one(spec, [column[:first] for column in inputs], values)
    if (bar := _first_other(before, whole[:, :first])) is not None:
        message = (
            f"{shown} declares a window, but its value at bar {bar:,} is not the same to the bit once bars follow it, "
            "as of a transform over the whole history; leave window= out, and it is computed over all bars."
        )
        raise IndicatorError(message)
    after = np.empty((len(whole), 1, whole.shape[1] - first))
    spec.extend(inputs, np.array([values], dtype=np.float64).reshape(1, len(values)), first, after)
    if (bar := _first_other(after[:, 0], whole[:, first:])) is None:
        return
    got, due = after[:, 0, bar], whole[:, first + bar]
    row = int(np.argmax(~((got == due) | (np.isnan(got) & np.isnan(due)))))
    scale = np.abs(whole[np.isfinite(whole)]).max(initial=0.0)
    is_rounding = abs(got[row] - due[row]) <= _ROUNDING * scale
    cure = (
        "it carries roundings along from far back, as a running sum does (np.cumsum, pandas' rolling, an average that "
        "fades): sum each window by itself, as in np.lib.stride_tricks.sliding_window_view(close, lookback).sum(axis=1)"
        if is_rounding
        else "declare a longer window"
    )
    message = (
        f"{shown} needs more history than its window: its value at bar {first + bar:,} is {float(due[row])!r} over all "
        f"bars, but {float(got[row])!r} from its window on; {cure}, or leave window= out, and it is computed over all "
        "bars."
    )
    raise IndicatorError(message)


def _first_other(a: np.ndarray, b: np.ndarray) -> int | None:
    """First bar at which two (output, time) differ in a bit, NaN being NaN."""
    same = (np.ascontiguousarray(a).view(np.int64) == np.ascontiguousarray(b).view(np.int64)) | (
        np.isnan(a) & np.isnan(b)
    )
    return None if same.all() else int(np.flatnonzero(~same.all(axis=0))[0])
