"""Highest and lowest over a moving window: about three comparisons a bar whatever the lookback is.

The scheme is van Herk's and Gil and Werman's: a window is the end of one block and the beginning of the next, and the
larger of the two largest is the largest. A monotone queue does the same number of comparisons and branches on
each (9 ns a bar beside 3). A missing value is the largest of all, so it spoils just the windows that hold it.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel


@kernel(inline=True)
def _larger(a: float, b: float) -> float:  # NaN if either is
    return a if (a > b or a != a) else b


@kernel
def highest(
    x: np.ndarray, lookbacks: np.ndarray, sign: float, out: np.ndarray
) -> None:  # x (time,), lookbacks (n,) -> out (n, time); sign -1.0 gives the lowest
    ends = np.empty(lookbacks.max())
    for k in range(lookbacks.size):
        _highest(x, lookbacks[k], sign, ends, out[k])


@kernel
def _highest(x: np.ndarray, lookback: int, sign: float, ends: np.ndarray, row: np.ndarray) -> None:
    for block in range(0, x.size, lookback):
        stop = min(block + lookback, x.size)
        top = -np.inf
        for bar in range(block, stop):
            top = _larger(sign * (x[bar] + (x[bar] - x[bar])), top)  # an infinite value minus itself is missing
            start = bar - block + 1
            if start == lookback:
                row[bar] = sign * top
            elif block > 0:
                row[bar] = sign * _larger(ends[start], top)
            else:
                row[bar] = np.nan
        if stop < x.size:
            top = -np.inf
            for i in range(lookback - 1, -1, -1):
                value = x[block + i]
                top = _larger(sign * (value + (value - value)), top)
                ends[i] = top
