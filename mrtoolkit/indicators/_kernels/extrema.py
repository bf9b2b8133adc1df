"""Highest and lowest over a moving window: one comparison a bar and lookback, beside tables that lookbacks share.

A window is covered by two windows of half its length or more, whose lengths are the same power of two, and the larger
of their two highest is its highest; they may overlap, which a sum could not. The highest of 2, 4, 8, ... bars each take
one comparison a bar, whatever the lookbacks are. No comparison waits for another, so eight are done at once: 0.3 ns a
bar and lookback of many, beside 3 ns of the scheme of van Herk and of Gil and Werman, and 9 of a monotone queue.

A missing value is the largest of all while comparing, so it spoils just the windows that hold it.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel


@kernel
def highest(
    x: np.ndarray, lookbacks: np.ndarray, sign: float, out: np.ndarray
) -> None:  # x (time,), lookbacks (n,) -> out (n, time); sign -1.0 gives the lowest
    n = x.size
    tops, longer = np.empty(n), np.empty(n)  # the highest of the last `length` bars
    for bar in range(n):
        tops[bar] = sign * x[bar] if np.isfinite(x[bar]) else np.inf
    length, longest = 1, lookbacks.max()
    while True:
        for k in range(lookbacks.size):
            if length <= lookbacks[k] < 2 * length:
                _join(tops, lookbacks[k] - length, lookbacks[k] - 1, sign, out[k])
        if 2 * length > longest or length >= n:
            break
        _larger(tops, length, longer)
        tops, longer = longer, tops
        length *= 2
    for k in range(lookbacks.size):
        for bar in range(min(lookbacks[k] - 1, n)):
            out[k, bar] = np.nan


@kernel
def _larger(tops: np.ndarray, apart: int, out: np.ndarray) -> None:  # before bar `apart` there is but one of the two
    late, values = tops[apart:], out[apart:]
    for i in range(values.size):
        values[i] = late[i] if late[i] > tops[i] else tops[i]
    for i in range(apart):
        out[i] = tops[i]


@kernel
def _join(tops: np.ndarray, apart: int, first: int, sign: float, row: np.ndarray) -> None:
    late, early, values = tops[first:], tops[first - apart :], row[first:]
    for i in range(values.size):
        top = late[i] if late[i] > early[i] else early[i]
        values[i] = sign * top if top < np.inf else np.nan
