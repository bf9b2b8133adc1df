"""Hurst's exponent by the rescaled range of pieces of a moving window: O(time * lookback)."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel

_SHORTEST = 8  # changes in the smallest piece; of fewer the ratio says nothing
_NOISE = 1e-12  # of a value: changes that differ by less are equal, and what differs is their rounding


@kernel
def hurst(x: np.ndarray, lookbacks: np.ndarray, out: np.ndarray) -> None:  # x (time,), lookbacks (n,) -> out (n, time)
    whole = np.empty(x.size, np.int64)  # values in a row that are not missing, up to each bar
    run = 0
    for bar in range(x.size):
        run = run + 1 if np.isfinite(x[bar]) else 0
        whole[bar] = run
    ratios = np.empty(x.size)
    sums = np.empty((5, x.size))
    for k in range(lookbacks.size):
        _hurst(x, whole, lookbacks[k], ratios, sums, out[k])


@kernel
def _hurst(
    x: np.ndarray, whole: np.ndarray, lookback: int, ratios: np.ndarray, sums: np.ndarray, row: np.ndarray
) -> None:
    # A piece that ends at a bar is the same in each window that holds it, so each is measured once.
    sums[:] = 0.0
    length = lookback
    while length >= _SHORTEST:
        for bar in range(length, x.size):
            ratios[bar] = _ratio(x, bar - length, bar) if whole[bar] > length else np.nan
        for bar in range(lookback, x.size):
            if whole[bar] > lookback:
                _add_length(ratios, bar, length, lookback, sums)
        length //= 2
    for bar in range(x.size):
        count, u, v, uu, uv = sums[0, bar], sums[1, bar], sums[2, bar], sums[3, bar], sums[4, bar]
        row[bar] = (count * uv - u * v) / (count * uu - u * u) if count >= 2.0 else np.nan


@kernel
def _ratio(x: np.ndarray, start: int, stop: int) -> float:
    # R / S of the changes x[start + 1] - x[start], ..., x[stop] - x[stop - 1]; NaN where all changes are equal.
    length = stop - start
    mean = (x[stop] - x[start]) / length
    top, bottom, square = 0.0, 0.0, 0.0
    for i in range(1, length + 1):
        away = x[start + i] - x[start] - i * mean  # what the first i changes sum to, beside i times their mean
        top, bottom = max(top, away), min(bottom, away)
        distance = x[start + i] - x[start + i - 1] - mean
        square += distance * distance
    deviation = np.sqrt(square / length)
    return (top - bottom) / deviation if deviation > _NOISE * abs(x[stop]) else np.nan


@kernel
def _add_length(ratios: np.ndarray, bar: int, length: int, lookback: int, sums: np.ndarray) -> None:
    # The mean ratio of the pieces of this length, counted back from the newest bar, is a point of the fit.
    total, pieces = 0.0, 0
    for piece in range(lookback // length):
        ratio = ratios[bar - piece * length]
        if np.isfinite(ratio) and ratio > 0.0:
            total += ratio
            pieces += 1
    if pieces > 0:
        u, v = np.log(length), np.log(total / pieces)
        sums[0, bar] += 1.0
        sums[1, bar] += u
        sums[2, bar] += v
        sums[3, bar] += u * u
        sums[4, bar] += u * v
