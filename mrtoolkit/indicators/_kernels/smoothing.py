"""Exponential smoothing: one state a lookback, O(time) whatever the lookback is.

A value that is not finite is missing: its bar has no result and the state is carried over it. Smoothing starts
at the mean of the first `seeds` values, as TA-Lib does. Written as state + alpha * (value - state) with the
seed summed from the first value, so that flat prices give exactly that price and no crossing made of rounding.
No fast-math: every way through these loops then gives the same bits.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel


@kernel
def _start(
    x: np.ndarray, alpha: float, seed: int, row: np.ndarray
) -> tuple[int, float]:  # x (time,) -> row[:bar + 1]; returns bar of the seed or -1, and the state there
    origin, total, count = 0.0, 0.0, 0
    for bar in range(x.size):
        row[bar] = np.nan
        if np.isfinite(x[bar]):
            if count == 0:
                origin = x[bar]
            total += x[bar] - origin
            count += 1
            if count == seed:
                row[bar] = origin + total / seed
                return bar, row[bar]
    return -1, np.nan


@kernel
def _run(
    x: np.ndarray, alpha: float, state: float, first: int, last: int, row: np.ndarray
) -> float:  # goes on over bars first..last-1; returns the state
    for bar in range(first, last):
        value = x[bar]
        if np.isfinite(value):
            state += alpha * (value - state)
            row[bar] = state
        else:
            row[bar] = np.nan
    return state


@kernel
def smooth(
    x: np.ndarray, alphas: np.ndarray, seeds: np.ndarray, out: np.ndarray
) -> None:  # x (time,), alphas (n,), seeds (n,) -> out (n, time)
    # Each bar waits for the bar before (a chain of three operations, 2.4 ns): four lookbacks side by side
    # hide that wait and cost about as much as one.
    n = alphas.size
    bars = np.empty(n, np.int64)
    states = np.empty(n)
    for k in range(n):
        bars[k], states[k] = _start(x, alphas[k], seeds[k], out[k])
    k = 0
    while k < n:
        lanes = 4 if k + 4 <= n else 1
        first = bars[k : k + lanes].max() + 1
        for lane in range(k, k + lanes):
            if bars[lane] >= 0:
                stop = first if lanes == 4 else x.size
                states[lane] = _run(x, alphas[lane], states[lane], bars[lane] + 1, stop, out[lane])
        if lanes == 4 and bars[k : k + 4].min() >= 0:
            _run_four(x, alphas[k : k + 4], states[k : k + 4], first, out[k : k + 4])
        elif lanes == 4:  # a lookback longer than the history among them: the others go on by themselves
            for lane in range(k, k + 4):
                if bars[lane] >= 0:
                    _run(x, alphas[lane], states[lane], first, x.size, out[lane])
        k += lanes


@kernel
def _run_four(
    x: np.ndarray, alphas: np.ndarray, states: np.ndarray, first: int, out: np.ndarray
) -> None:  # the same steps as _run, for four rows at once
    alpha0, alpha1, alpha2, alpha3 = alphas[0], alphas[1], alphas[2], alphas[3]
    s0, s1, s2, s3 = states[0], states[1], states[2], states[3]
    row0, row1, row2, row3 = out[0], out[1], out[2], out[3]
    for bar in range(first, x.size):
        value = x[bar]
        if np.isfinite(value):
            s0 += alpha0 * (value - s0)
            s1 += alpha1 * (value - s1)
            s2 += alpha2 * (value - s2)
            s3 += alpha3 * (value - s3)
            row0[bar], row1[bar], row2[bar], row3[bar] = s0, s1, s2, s3
        else:
            row0[bar], row1[bar], row2[bar], row3[bar] = np.nan, np.nan, np.nan, np.nan
