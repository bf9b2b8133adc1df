"""Exponential smoothing: one state a lookback, O(time) whatever the lookback is.

A value that is not finite is missing: its bar has no result and the state is carried over it. Smoothing starts
at the mean of the first `seeds` values, as TA-Lib does. Written as state + alpha * (value - state) with the
seed summed from the first value, so that flat prices give exactly that price and no crossing made of rounding.
No fast-math: every way through these loops then gives the same bits.

A state is (count, origin, level): the values counted so far, at most `seed`; the first of them; and, until there are
`seed`, the sum of their distances from the first, from then on the smoothed value. (0, 0, 0) before the first bar.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.indicators._kernels.side_by_side import LANES, run_eight, run_sixteen


@kernel
def _start(
    x: np.ndarray, seed: int, state: np.ndarray, row: np.ndarray
) -> int:  # x (time,), state (3,) -> row up to the seed; returns the bar from which smoothing goes on
    count, origin, total = int(state[0]), state[1], state[2]
    if count == seed:
        return 0
    first = x.size
    for bar in range(x.size):
        row[bar] = np.nan
        if np.isfinite(x[bar]):
            if count == 0:
                origin = x[bar]
            total += x[bar] - origin
            count += 1
            if count == seed:
                total = origin + total / seed
                row[bar] = total
                first = bar + 1
                break
    state[0], state[1], state[2] = count, origin, total
    return first


@kernel
def _run(
    x: np.ndarray, alpha: float, level: float, first: int, last: int, row: np.ndarray
) -> float:  # goes on over bars first..last-1; returns the smoothed value
    for bar in range(first, last):
        value = x[bar]
        if np.isfinite(value):
            level += alpha * (value - level)
            row[bar] = level
        else:
            row[bar] = np.nan
    return level


@kernel
def _next_gaps(x: np.ndarray) -> np.ndarray:  # for each eight bars: the next eight, itself or later, with a missing one
    turns = x.size // LANES
    gaps = np.empty(turns + 1, np.int64)
    gaps[turns] = turns
    for turn in range(turns - 1, -1, -1):
        total = 0.0
        for value in x[turn * LANES : (turn + 1) * LANES]:
            total += value * 0.0  # 0, of what is not finite NaN
        gaps[turn] = gaps[turn + 1] if total == 0.0 else turn
    return gaps


@kernel
def smooth(
    x: np.ndarray, alphas: np.ndarray, seeds: np.ndarray, states: np.ndarray, out: np.ndarray
) -> None:  # x (time,), alphas (n,), seeds (n,), states (n, 3) -> out (n, time), states after the last bar
    n = alphas.size
    firsts = np.empty(n, np.int64)
    for k in range(n):
        firsts[k] = _start(x, seeds[k], states[k], out[k])
    gaps = _next_gaps(x) if n > 1 else firsts
    for k in range(0, n, 2 * LANES):
        stop = min(k + 2 * LANES, n)
        first = x.size
        if stop - k > 1:  # the bar from which all of them go on, the first of eight
            first = min(-(-firsts[k:stop].max() // LANES) * LANES, x.size)
        for lane in range(k, stop):
            if firsts[lane] < first:
                states[lane, 2] = _run(x, alphas[lane], states[lane, 2], firsts[lane], first, out[lane])
        if first < x.size:
            _run_together(x, alphas[k:stop], states[k:stop], gaps, first, out[k:stop])


@kernel
def _run_together(
    x: np.ndarray, alphas: np.ndarray, states: np.ndarray, gaps: np.ndarray, first: int, out: np.ndarray
) -> None:  # the same steps as _run, for up to sixteen rows at once: where there are fewer, the last is done again
    n = alphas.size
    own, levels, rows = np.empty(2 * LANES), np.empty(2 * LANES), np.empty(2 * LANES, np.uint64)
    for lane in range(2 * LANES):
        k = min(lane, n - 1)
        own[lane], levels[lane], rows[lane] = alphas[k], states[k, 2], out[k].ctypes.data
    places = np.empty(2 * LANES, np.uint64)
    turn, turns = first // LANES, x.size // LANES
    while turn < turns:
        bar, count = turn * LANES, gaps[turn] - turn
        if count > 0:
            places[:] = rows + np.uint64(8 * bar)
            _run_turns(x[bar:], count, n, own, levels, places)
        else:
            count = 1
            for lane in range(n):
                levels[lane] = _run(x, own[lane], levels[lane], bar, bar + LANES, out[lane])
            levels[n:] = levels[n - 1]
        turn += count
    for lane in range(n):
        states[lane, 2] = _run(x, own[lane], levels[lane], max(first, turns * LANES), x.size, out[lane])


@kernel
def _run_turns(
    x: np.ndarray, turns: int, n: int, alphas: np.ndarray, levels: np.ndarray, rows: np.ndarray
) -> None:  # addresses are of arguments alone: what a kernel has made may be freed before its address is used
    if n > LANES:
        run_sixteen(x.ctypes.data, turns, alphas.ctypes.data, levels.ctypes.data, rows.ctypes.data)
    else:
        run_eight(x.ctypes.data, turns, alphas.ctypes.data, levels.ctypes.data, rows.ctypes.data)
