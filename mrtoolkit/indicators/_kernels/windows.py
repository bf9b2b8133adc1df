"""Means over a moving window: O(time) whatever the lookback is, and no error that grows.

No sum runs from the first bar to the last. The bars are cut into blocks as long as the window; a window is then
the end of one block and the beginning of the next, each summed by itself: the ends backward, the beginnings forward.
Each half is summed as distances from its own value at the border, which lies inside the window, so a
large price with small movements loses no digits, flat prices give exactly that price, and a missing value spoils the
windows that hold it and no other. (A running sum of squares about zero is off by 1e-4 at a price of 1e6 that moves by
0.01: tests/indicators/test_window_kernels.py.)

A mean is made in two steps (and so is a deviation, in deviations.py). A sum waits for the sum of the bar before, so
four blocks are summed side by side. Then the halves are joined, with divisions and roots, bar by bar in a stretch that
stays in the cache: nothing waits there, so eight bars are done at once. A mean takes 1.3 ns a bar so (2 below lookbacks
of 10), a deviation 2.5; summed and joined bar by bar they took 2.5 and 10.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel

_STRETCH = 1024  # bars, or four blocks where those are longer


@kernel
def stretch_of(lookback: int, n_bars: int) -> int:  # bars of whole blocks that are summed before they are joined
    blocks = max(4, _STRETCH // lookback // 4 * 4)
    return min(blocks, n_bars // lookback + 1) * lookback


@kernel
def mean(x: np.ndarray, lookbacks: np.ndarray, out: np.ndarray) -> None:  # x (time,), lookbacks (n,) -> out (n, time)
    for k in range(lookbacks.size):
        lookback, row = lookbacks[k], out[k]
        length = stretch_of(lookback, x.size)
        starts, ends = np.empty(length), np.zeros(length + lookback)  # the ends of the block before come first
        for first in range(0, x.size, length):
            part = row[first : first + length]
            n_whole = part.size // lookback
            for block in range(0, n_whole, 4):
                _sum_four(x, first, block, n_whole - 1, lookback, starts, ends[lookback:], part)
            _sum_last(x, first, n_whole * lookback, lookback, starts, part)
            _join_means(starts, ends[1:], lookback, part)
            for i in range(lookback):  # (a copy of a slice takes seconds to compile)
                ends[i] = ends[length + i]
        row[: lookback - 1] = np.nan


@kernel
def apart(x: np.ndarray, bar: int) -> float:  # from the first value of a block to the last of the block before
    away: float = x[max(bar - 1, 0)] - x[bar]
    return away


@kernel
def _sum_four(
    x: np.ndarray,
    first: int,
    block: int,
    last: int,
    lookback: int,
    starts: np.ndarray,
    ends: np.ndarray,
    row: np.ndarray,
) -> None:
    # The sums of a block's first 1, 2, ... distances from its first value, and of its last ones from its last; and in
    # row what the means are distances from, the first value moved by what the other is away from it. Where there
    # are no four more blocks, the last is done again.
    p0, p1 = block * lookback, min(block + 1, last) * lookback
    p2, p3 = min(block + 2, last) * lookback, min(block + 3, last) * lookback
    x0, x1, x2, x3 = x[first + p0 :], x[first + p1 :], x[first + p2 :], x[first + p3 :]
    row0, row1, row2, row3 = starts[p0:], starts[p1:], starts[p2:], starts[p3:]
    line0, line1, line2, line3 = row[p0:], row[p1:], row[p2:], row[p3:]
    a0, a1, a2, a3 = x0[0], x1[0], x2[0], x3[0]
    slope0, slope1 = apart(x, first + p0) / lookback, apart(x, first + p1) / lookback
    slope2, slope3 = apart(x, first + p2) / lookback, apart(x, first + p3) / lookback
    sum0 = sum1 = sum2 = sum3 = 0.0
    before = float(lookback)
    for i in range(lookback):
        sum0 += x0[i] - a0
        sum1 += x1[i] - a1
        sum2 += x2[i] - a2
        sum3 += x3[i] - a3
        row0[i], row1[i], row2[i], row3[i] = sum0, sum1, sum2, sum3
        before -= 1.0
        line0[i], line1[i] = a0 + before * slope0, a1 + before * slope1
        line2[i], line3[i] = a2 + before * slope2, a3 + before * slope3
    end = lookback - 1
    line0[end], line1[end], line2[end], line3[end] = a0, a1, a2, a3  # whatever the block before is
    row0, row1, row2, row3 = ends[p0:], ends[p1:], ends[p2:], ends[p3:]
    a0, a1, a2, a3 = x0[end], x1[end], x2[end], x3[end]
    sum0 = sum1 = sum2 = sum3 = 0.0
    for i in range(end, 0, -1):
        sum0 += x0[i] - a0
        sum1 += x1[i] - a1
        sum2 += x2[i] - a2
        sum3 += x3[i] - a3
        row0[i], row1[i], row2[i], row3[i] = sum0, sum1, sum2, sum3
    row0[0] = row1[0] = row2[0] = row3[0] = 0.0  # a window that ends with its block takes nothing of the one before


@kernel
def _sum_last(
    x: np.ndarray, first: int, place: int, lookback: int, starts: np.ndarray, row: np.ndarray
) -> None:  # of a block that is not whole: no window begins in it
    if place < row.size:
        origin, total = x[first + place], 0.0
        slope = apart(x, first + place) / lookback
        for i in range(row.size - place):
            total += x[first + place + i] - origin
            starts[place + i] = total
            row[place + i] = origin + (lookback - 1 - i) * slope


@kernel
def _join_means(starts: np.ndarray, ends: np.ndarray, lookback: int, row: np.ndarray) -> None:
    for i in range(row.size):
        value = row[i] + (starts[i] + ends[i]) / lookback
        row[i] = value if np.isfinite(value) else np.nan


@kernel
def weighted_mean(
    x: np.ndarray, lookbacks: np.ndarray, out: np.ndarray
) -> None:  # weights 1, 2, ..., lookback: the newest counts most
    ends = np.empty(lookbacks.max())
    for k in range(lookbacks.size):
        _weighted_mean(x, lookbacks[k], ends, out[k])


@kernel
def _weighted_mean(x: np.ndarray, lookback: int, ends: np.ndarray, row: np.ndarray) -> None:
    end_origin = 0.0
    weights = 0.5 * lookback * (lookback + 1.0)
    for block in range(0, x.size, lookback):
        stop = min(block + lookback, x.size)
        origin, total, ramp = x[block], 0.0, 0.0  # ramp: the sum with weights 1, 2, ... from the block's first bar on
        for bar in range(block, stop):
            step = bar - block + 1
            total += x[bar] - origin
            ramp += step * (x[bar] - origin)
            before = lookback - step
            if before == 0:
                value = origin + ramp / weights
            elif block > 0:
                moved = 0.5 * before * (before + 1.0) * (end_origin - origin)
                value = origin + (ramp + before * total + ends[lookback - before] + moved) / weights
            else:
                value = np.nan
            row[bar] = value if np.isfinite(value) else np.nan
        if stop < x.size:
            end_origin, total, ramp = x[stop - 1], 0.0, 0.0
            for i in range(lookback - 1, -1, -1):
                total += x[block + i] - end_origin
                ramp += total  # one bar further back: every weight grows by one
                ends[i] = ramp


@kernel
def slope(
    x: np.ndarray, lookbacks: np.ndarray, out: np.ndarray
) -> None:  # of the least-squares line through the window, a bar
    longest = lookbacks.max()
    totals, ramps = np.empty(longest), np.empty(longest)
    for k in range(lookbacks.size):
        _slope(x, lookbacks[k], totals, ramps, out[k])


@kernel
def _slope(x: np.ndarray, lookback: int, totals: np.ndarray, ramps: np.ndarray, row: np.ndarray) -> None:
    # (sum with weights 1, 2, ... - (lookback + 1) / 2 * sum) / sum of squared distances of 1, 2, ... from their mean
    end_origin = 0.0
    middle = 0.5 * (lookback + 1.0)
    squares = lookback * (lookback + 1.0) * (lookback - 1.0) / 12.0
    for block in range(0, x.size, lookback):
        stop = min(block + lookback, x.size)
        origin, total, ramp = x[block], 0.0, 0.0
        for bar in range(block, stop):
            step = bar - block + 1
            total += x[bar] - origin
            ramp += step * (x[bar] - origin)
            before = lookback - step
            if before == 0:
                value = (ramp - middle * total) / squares
            elif block > 0:
                moved = before * (end_origin - origin)
                whole = total + totals[step] + moved
                value = (ramp + before * total + ramps[step] + 0.5 * (before + 1.0) * moved - middle * whole) / squares
            else:
                value = np.nan
            row[bar] = value if np.isfinite(value) else np.nan
        if stop < x.size:
            end_origin, total, ramp = x[stop - 1], 0.0, 0.0
            for i in range(lookback - 1, -1, -1):
                total += x[block + i] - end_origin
                ramp += total
                totals[i], ramps[i] = total, ramp
