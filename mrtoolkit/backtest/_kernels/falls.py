"""Highest, lowest and largest fall of a price over any bars, from a few numbers: a monoid, and chunks of 16 bars.

Of neighbouring stretches of bars the highest is the higher of both, the lowest the lower, and the fall (as the least
ratio of a price to an earlier one) the least of both and of (lowest of the later) / (highest of the earlier). So a
stretch is the end of a chunk, whole chunks, and the beginning of one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel

CHUNK = 16  # bars
_SHIFT = 4
HIGH, LOW, RATIO = range(3)  # from the chunk's first bar to this one
REST = 4  # and, four columns on, from this bar to the chunk's last; the columns between are idle


class Path(NamedTuple):
    """Highest and lowest equity of a block so far, and the least ratio of an equity to an earlier one."""

    highest: float
    lowest: float
    ratio: float


@kernel
def meet(path, high, low, ratio):
    """Go on with a stretch: its highest, its lowest and its own least ratio."""
    fallen = low / path.highest
    least = fallen if fallen < ratio else ratio
    return Path(
        high if high > path.highest else path.highest,
        low if low < path.lowest else path.lowest,
        least if least < path.ratio else path.ratio,
    )


@kernel
def fill_falls(mark, falls):
    """Fill the table (bar, 8) that `meet_held` reads, of some prices (bar,), the first of which begins a chunk.

    NaN before the first price counts for nothing.
    """
    n = mark.size
    for begin in range(0, n, CHUNK):
        end = min(begin + CHUNK, n)
        high, low, ratio = -np.inf, np.inf, 1.0
        for t in range(begin, end):
            price = mark[t]
            if price == price:
                ratio = min(ratio, price / high) if high > 0.0 else ratio
                high, low = max(high, price), min(low, price)
            falls[t, HIGH], falls[t, LOW], falls[t, RATIO] = high, low, ratio
        high, low, ratio = -np.inf, np.inf, 1.0
        for t in range(end - 1, begin - 1, -1):
            price = mark[t]
            if price == price:
                ratio = min(ratio, low / price) if low < np.inf else ratio
                high, low = max(high, price), min(low, price)
            falls[t, REST + HIGH], falls[t, REST + LOW], falls[t, REST + RATIO] = high, low, ratio


@kernel
def meet_held(path, shares, mark, falls, first, last):
    """Go on with shares held at the closes in [first, last), at least one; `mark` and `falls` are pointers."""
    here, there = first >> _SHIFT, (last - 1) >> _SHIFT
    if here == there:
        high = low = mark[first]
        ratio = 1.0
        for t in range(first + 1, last):
            price = mark[t]
            high = price if price > high else high
            low = price if price < low else low
            fallen = price / high
            ratio = fallen if fallen < ratio else ratio
        return meet(path, shares * high, shares * low, ratio)
    row = 8 * first + REST
    path = meet(path, shares * falls[row + HIGH], shares * falls[row + LOW], falls[row + RATIO])
    for chunk in range(here + 1, there):
        row = (chunk << _SHIFT) * 8 + REST
        path = meet(path, shares * falls[row + HIGH], shares * falls[row + LOW], falls[row + RATIO])
    row = 8 * (last - 1)
    return meet(path, shares * falls[row + HIGH], shares * falls[row + LOW], falls[row + RATIO])
