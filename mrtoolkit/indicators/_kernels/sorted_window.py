"""Median and rank of a moving window: the window is kept sorted, and each bar replaces one value of it.

Two searches by halves and a shift of what lies between: O(time * lookback), with a small constant (130 ns a bar at a
lookback of 100, 600 at 1,000). The values themselves are kept and never a sum of them, so what a
window gives does not depend on where the history began. A missing value empties the window.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel

MEDIAN, RANK = 0, 1


@kernel
def _place(values: np.ndarray, size: int, value: float) -> int:  # how many of values[:size], sorted, are below `value`
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _insert(values: np.ndarray, size: int, value: float) -> None:
    place = _place(values, size, value)
    for i in range(size, place, -1):
        values[i] = values[i - 1]
    values[place] = value


@kernel
def _replace(values: np.ndarray, size: int, old: float, new: float) -> None:
    gap, place = _place(values, size, old), _place(values, size, new)
    if place > gap:
        place -= 1  # the old value leaves from below it
        for i in range(gap, place):
            values[i] = values[i + 1]
    else:
        for i in range(gap, place, -1):
            values[i] = values[i - 1]
    values[place] = new


@kernel
def _median(values: np.ndarray, size: int) -> float:
    half = size // 2
    middle: float = values[half]
    return middle if size % 2 == 1 else 0.5 * (values[half - 1] + middle)


@kernel
def _rank(values: np.ndarray, size: int, value: float) -> float:  # equal values share the mean of their ranks
    below = _place(values, size, value)
    last = below
    while last < size and values[last] == value:
        last += 1
    rank: float = 0.5 * (below + 1 + last)
    return rank / size


@kernel
def in_sorted_window(
    x: np.ndarray, lookbacks: np.ndarray, wanted: int, out: np.ndarray
) -> None:  # x (time,), lookbacks (n,) -> out (n, time): MEDIAN, or the RANK of the newest value
    values = np.empty(lookbacks.max())
    for k in range(lookbacks.size):
        _in_sorted_window(x, lookbacks[k], wanted, values, out[k])


@kernel
def _in_sorted_window(x: np.ndarray, lookback: int, wanted: int, values: np.ndarray, row: np.ndarray) -> None:
    size = 0
    for bar in range(x.size):
        row[bar] = np.nan
        value = x[bar] + 0.0  # -0.0 becomes 0.0: equal values are then the same value
        if not np.isfinite(value):
            size = 0
            continue
        if size < lookback:
            _insert(values, size, value)
            size += 1
        else:
            _replace(values, size, x[bar - lookback], value)
        if size == lookback:
            row[bar] = _rank(values, size, value) if wanted == RANK else _median(values, size)
