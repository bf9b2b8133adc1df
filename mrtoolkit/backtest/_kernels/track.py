"""One asset's prices as the event kernel reads them: no holes, and room before and behind for whole vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel

GROUP = 8  # bars whose extremes are kept together
ROOM = 64  # bars before the first and behind the last that a vector may touch; their values never count


class Track(NamedTuple):
    """Views of (time,), each with `ROOM` bars of memory on either side.

    Of a missing price every comparison has to be false: where it is missing, `low` is infinite and `high` minus that.
    """

    mark: np.ndarray  # the last known close; NaN before the first
    low: np.ndarray  # lower one of open and low
    high: np.ndarray  # higher one of open and high
    lowest: np.ndarray  # low alone, what a short's trailing stop follows; `low` itself where that is the same
    highest: np.ndarray  # high alone: what a long's trailing stop follows; likewise
    bounds: tuple[float, float]  # the lowest and the highest mark
    known: int  # the first bar with a mark
    whole: bool  # no open and no close is missing between the start and the last known close
    sums: np.ndarray  # (time, 2), without that room: running sums of the returns of `mark` and of their squares
    reach: float  # the largest absolute value of the former
    low_8: np.ndarray  # the least `low` of bars 0 to 7, of bars 8 to 15 and so on, with that room
    high_8: np.ndarray  # the greatest `high` of them


def build_track(prices: tuple[np.ndarray, ...], start: int) -> Track:
    """The track of one asset.

    Parameters
    ----------
    prices : four (time,) float64
        Open, high, low, close; NaN where missing.
    start : int
        First measured bar.

    Returns
    -------
    Track
        Three to five arrays of the size of a price, two small ones, and running sums of twice that size, of which a
        trade reads two places: few arrays stay in a core's cache.
    """
    n_bars = prices[0].size
    rows = [np.full(n_bars + 2 * ROOM, filler) for filler in (1.0, np.inf, -np.inf, np.inf, -np.inf)]
    columns = [row[ROOM : ROOM + n_bars] for row in rows]
    mark, low, high, lowest, highest = columns
    bounds, same, known = lay_track(*prices, *columns)
    if same:
        lowest, highest = low, high
    del rows, columns  # so that the last two are not held beside the sums where nobody needs them
    low_8, high_8 = extremes_of(low, np.inf, np.min), extremes_of(high, -np.inf, np.max)
    sums = np.empty((n_bars, 2))
    reach = add_up(mark, known, sums)
    whole = has_all(prices[0], prices[3], start)
    return Track(mark, low, high, lowest, highest, bounds, known, whole, sums, reach, low_8, high_8)


def extremes_of(values: np.ndarray, filler: float, extreme: Callable[..., np.ndarray]) -> np.ndarray:
    """The extreme of every eight values of (time,), with `ROOM` on either side."""
    n = -(-values.size // GROUP)
    whole, row = np.full((n, GROUP), filler), np.full(n + 2 * ROOM, filler)
    whole.ravel()[: values.size] = values
    row[ROOM : ROOM + n] = extreme(whole, axis=1)
    return row[ROOM : ROOM + n]


@kernel
def lay_track(opens, highs, lows, closes, mark, low, high, lowest, highest):
    """Write the arrays of a track, each (time,), from prices; O(time).

    Returns its bounds, whether `lowest` and `highest` are `low` and `high`, and the first bar with a mark.
    """
    known, least, most, same, n_unknown = np.nan, np.inf, -np.inf, True, 0
    for t in range(closes.size):
        known = closes[t] if closes[t] == closes[t] else known
        mark[t] = known
        least, most = min(least, known), max(most, known)
        lowest[t] = lows[t] if lows[t] == lows[t] else np.inf
        highest[t] = highs[t] if highs[t] == highs[t] else -np.inf
        low[t] = opens[t] if opens[t] < lowest[t] else lowest[t]
        high[t] = opens[t] if opens[t] > highest[t] else highest[t]
        same = same and low[t] == lowest[t] and high[t] == highest[t]
        n_unknown += 0 if known == known else 1
    return (least, most), same, n_unknown


@kernel
def add_up(mark, known, sums):
    """Write the running sums of returns and of their squares (time, 2); the reach of the former; O(time)."""
    total = total_sq = reach = 0.0
    for t in range(mark.size):
        r = mark[t] / mark[t - 1] - 1.0 if t > known else 0.0
        total += r
        total_sq += r * r
        reach = max(reach, abs(total))
        sums[t, 0], sums[t, 1] = total, total_sq
    return reach


@kernel
def has_all(opens, closes, start):
    """Whether no open and no close is missing from bar `start` to the last known close; O(time)."""
    end = closes.size
    while end > start and closes[end - 1] != closes[end - 1]:
        end -= 1
    n_missing = 0
    for t in range(start, end):
        n_missing += opens[t] != opens[t] or closes[t] != closes[t]
    return n_missing == 0
