"""Means and deviations over a moving window: O(time) whatever the lookback is, and no error that grows.

No sum runs from the first bar to the last. The bars are cut into blocks as long as the window; a window is then
the end of one block and the beginning of the next, each summed by itself: the ends once backward, the beginnings
as they come. Each half is summed as distances from its own value at the border, which lies inside the window, so a
large price with small movements loses no digits, flat prices give exactly that price, and a missing value spoils the
windows that hold it and no other. (A running sum of squares about zero is off by 1e-4 at a price of 1e6 that moves by
0.01: tests/indicators/test_window_kernels.py.)
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel


@kernel
def mean(x: np.ndarray, lookbacks: np.ndarray, out: np.ndarray) -> None:  # x (time,), lookbacks (n,) -> out (n, time)
    ends = np.empty(lookbacks.max())
    for k in range(lookbacks.size):
        _mean(x, lookbacks[k], ends, out[k])


@kernel
def _mean(x: np.ndarray, lookback: int, ends: np.ndarray, row: np.ndarray) -> None:
    end_origin = 0.0
    for block in range(0, x.size, lookback):
        stop = min(block + lookback, x.size)
        origin, total = x[block], 0.0
        for bar in range(block, stop):
            total += x[bar] - origin
            before = lookback - 1 - (bar - block)  # bars of the window that lie in the block before
            if before == 0:
                value = origin + total / lookback
            elif block > 0:
                value = origin + (total + ends[lookback - before] + before * (end_origin - origin)) / lookback
            else:
                value = np.nan
            row[bar] = value if np.isfinite(value) else np.nan
        if stop < x.size:
            end_origin, total = x[stop - 1], 0.0
            for i in range(lookback - 1, -1, -1):
                total += x[block + i] - end_origin
                ends[i] = total


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


@kernel
def deviation(
    x: np.ndarray, lookbacks: np.ndarray, out: np.ndarray
) -> None:  # population form: divided by lookback, as TA-Lib does
    longest = lookbacks.max()
    means, squares = np.empty(longest), np.empty(longest)
    for k in range(lookbacks.size):
        _deviation(x, lookbacks[k], means, squares, out[k])


@kernel
def _deviation(x: np.ndarray, lookback: int, means: np.ndarray, squares: np.ndarray, row: np.ndarray) -> None:
    # Two halves are joined by Chan, Golub and LeVeque (1983): squares add, and so does the distance of the means.
    end_origin = 0.0
    for block in range(0, x.size, lookback):
        stop = min(block + lookback, x.size)
        origin, total, square = x[block], 0.0, 0.0
        for bar in range(block, stop):
            step = bar - block + 1
            distance = x[bar] - origin
            total += distance
            square += distance * distance
            before = lookback - step
            if before == 0:
                value = square - total * total / lookback
            elif block > 0:
                apart = (origin - end_origin) + (total / step - means[step])
                value = squares[step] + square - total * total / step + apart * apart * before * step / lookback
            else:
                value = np.nan
            row[bar] = np.sqrt(max(value, 0.0) / lookback) if np.isfinite(value) else np.nan
        if stop < x.size:
            end_origin, total, square = x[stop - 1], 0.0, 0.0
            for i in range(lookback - 1, -1, -1):
                distance = x[block + i] - end_origin
                total += distance
                square += distance * distance
                means[i] = total / (lookback - i)
                squares[i] = square - total * total / (lookback - i)
