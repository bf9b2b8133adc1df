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
def smooth(
    x: np.ndarray, alphas: np.ndarray, seeds: np.ndarray, states: np.ndarray, out: np.ndarray
) -> None:  # x (time,), alphas (n,), seeds (n,), states (n, 3) -> out (n, time), states after the last bar
    # Each bar waits for the bar before (a chain of three operations, 2.4 ns): four lookbacks side by side
    # hide that wait and cost about as much as one.
    n = alphas.size
    firsts = np.empty(n, np.int64)
    for k in range(n):
        firsts[k] = _start(x, seeds[k], states[k], out[k])
    k = 0
    while k < n:
        lanes = 4 if k + 4 <= n else 1
        first = firsts[k : k + 4].max() if lanes == 4 else x.size
        for lane in range(k, k + lanes):
            if firsts[lane] < first:
                states[lane, 2] = _run(x, alphas[lane], states[lane, 2], firsts[lane], first, out[lane])
        if first < x.size:
            _run_four(x, alphas[k : k + 4], states[k : k + 4], first, out[k : k + 4])
        k += lanes


@kernel
def _run_four(
    x: np.ndarray, alphas: np.ndarray, states: np.ndarray, first: int, out: np.ndarray
) -> None:  # the same steps as _run, for four rows at once
    alpha0, alpha1, alpha2, alpha3 = alphas[0], alphas[1], alphas[2], alphas[3]
    s0, s1, s2, s3 = states[0, 2], states[1, 2], states[2, 2], states[3, 2]
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
    states[0, 2], states[1, 2], states[2, 2], states[3, 2] = s0, s1, s2, s3
