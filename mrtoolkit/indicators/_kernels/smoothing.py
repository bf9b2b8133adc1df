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
    # Each bar waits for the bar before (a chain of three operations, 2.4 ns), and eight lookbacks side by side wait
    # together: 0.39 ns a bar each, as many operations as the processor can do. Twelve gain nothing where `out` is
    # larger than the caches; nor do vectors of lookbacks, whose results must be turned round (0.35 ns).
    n = alphas.size
    firsts = np.empty(n, np.int64)
    for k in range(n):
        firsts[k] = _start(x, seeds[k], states[k], out[k])
    for k in range(0, n, 8):
        stop = min(k + 8, n)
        first = firsts[k:stop].max() if stop - k > 1 else x.size  # the bar from which all of them go on
        for lane in range(k, stop):
            if firsts[lane] < first:
                states[lane, 2] = _run(x, alphas[lane], states[lane, 2], firsts[lane], first, out[lane])
        if first < x.size and stop - k > 4:
            _run_eight(x, alphas[k:stop], states[k:stop], first, out[k:stop])
        elif first < x.size:
            _run_four(x, alphas[k:stop], states[k:stop], first, out[k:stop])


@kernel
def _run_four(
    x: np.ndarray, alphas: np.ndarray, states: np.ndarray, first: int, out: np.ndarray
) -> None:  # the same steps as _run, for up to four rows at once: where there are fewer, the last is done again
    last = alphas.size - 1
    k1, k2 = min(1, last), min(2, last)
    alpha0, alpha1, alpha2, alpha3 = alphas[0], alphas[k1], alphas[k2], alphas[last]
    s0, s1, s2, s3 = states[0, 2], states[k1, 2], states[k2, 2], states[last, 2]
    row0, row1, row2, row3 = out[0], out[k1], out[k2], out[last]
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
    states[0, 2], states[k1, 2], states[k2, 2], states[last, 2] = s0, s1, s2, s3


@kernel
def _run_eight(x: np.ndarray, alphas: np.ndarray, states: np.ndarray, first: int, out: np.ndarray) -> None:
    last = alphas.size - 1
    k5, k6 = min(5, last), min(6, last)
    alpha0, alpha1, alpha2, alpha3 = alphas[0], alphas[1], alphas[2], alphas[3]
    alpha4, alpha5, alpha6, alpha7 = alphas[4], alphas[k5], alphas[k6], alphas[last]
    s0, s1, s2, s3 = states[0, 2], states[1, 2], states[2, 2], states[3, 2]
    s4, s5, s6, s7 = states[4, 2], states[k5, 2], states[k6, 2], states[last, 2]
    row0, row1, row2, row3 = out[0], out[1], out[2], out[3]
    row4, row5, row6, row7 = out[4], out[k5], out[k6], out[last]
    for bar in range(first, x.size):
        value = x[bar]
        if np.isfinite(value):
            s0 += alpha0 * (value - s0)
            s1 += alpha1 * (value - s1)
            s2 += alpha2 * (value - s2)
            s3 += alpha3 * (value - s3)
            s4 += alpha4 * (value - s4)
            s5 += alpha5 * (value - s5)
            s6 += alpha6 * (value - s6)
            s7 += alpha7 * (value - s7)
            row0[bar], row1[bar], row2[bar], row3[bar] = s0, s1, s2, s3
            row4[bar], row5[bar], row6[bar], row7[bar] = s4, s5, s6, s7
        else:
            row0[bar], row1[bar], row2[bar], row3[bar] = np.nan, np.nan, np.nan, np.nan
            row4[bar], row5[bar], row6[bar], row7[bar] = np.nan, np.nan, np.nan, np.nan
    states[0, 2], states[1, 2], states[2, 2], states[3, 2] = s0, s1, s2, s3
    states[4, 2], states[k5, 2], states[k6, 2], states[last, 2] = s4, s5, s6, s7
