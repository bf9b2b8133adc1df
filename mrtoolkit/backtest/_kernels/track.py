"""One asset's prices as the event kernel reads them: no holes, and room before and behind for whole vectors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel

ROOM = 64  # bars before the first and behind the last that a vector may touch; their values never count


class Track(NamedTuple):
    """Views of (time,), each with `ROOM` bars of memory on either side.

    Of a missing price every comparison has to be false: where it is missing, `low` is infinite and `high` minus that.
    """

    mark: np.ndarray  # the last known close; NaN before the first
    market: np.ndarray  # mark[t] / mark[t - 1] - 1; 0 where there is none
    low: np.ndarray  # lower one of open and low
    high: np.ndarray  # higher one of open and high
    lowest: np.ndarray  # low alone: what a short's trailing stop follows
    highest: np.ndarray  # high alone: what a long's trailing stop follows
    bounds: tuple[float, float]  # the lowest and the highest mark


def build_track(prices: tuple[np.ndarray, ...], start: int, risk_free: float, edges: np.ndarray) -> Track:
    """The track of one asset.

    Parameters
    ----------
    prices : four (time,) float64
        Open, high, low, close; NaN where missing.
    start : int
        First measured bar.
    risk_free : float
        Return of one bar.
    edges : (block + 1,) int64
        Borders of the blocks.

    Returns
    -------
    Track
        Six arrays of the size of a price.
    """
    n_bars = prices[0].size
    rows = [np.full(n_bars + 2 * ROOM, filler) for filler in (1.0, 0.0, np.inf, -np.inf, np.inf, -np.inf)]
    columns = [row[ROOM : ROOM + n_bars] for row in rows]
    mark, market, low, high, lowest, highest = columns
    bounds = lay_track(*prices, *columns)
    return Track(mark, market, low, high, lowest, highest, bounds)


@kernel
def lay_track(opens, highs, lows, closes, mark, market, low, high, lowest, highest):
    """Write the arrays of a track, each (time,), from prices, and return its bounds; O(time)."""
    known, least, most = np.nan, np.inf, -np.inf
    for t in range(closes.size):
        before = known
        known = closes[t] if closes[t] == closes[t] else known
        mark[t] = known
        least, most = min(least, known), max(most, known)
        market[t] = known / before - 1.0 if before == before else 0.0
        lowest[t] = lows[t] if lows[t] == lows[t] else np.inf
        highest[t] = highs[t] if highs[t] == highs[t] else -np.inf
        low[t] = opens[t] if opens[t] < lowest[t] else lowest[t]
        high[t] = opens[t] if opens[t] > highest[t] else highest[t]
    return least, most
