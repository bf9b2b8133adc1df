"""What a long position of the whole account earns between any two bars, so that a trade is two look-ups.

While it is held its returns are the market's. With S the running sums of the market's returns r, of r^2 and of
min(r - risk_free, 0)^2 since the tile began, and the entry's and the exit's own returns worked in,

    entered[e] = (entry return of e) - S[e],    left[x] = S[x - 1] + (exit return of x),

a trade filled at bars e and x has the sums entered[e] + left[x] and the growth entered[e].factor * left[x].factor.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.fills import execution_price

TILE = 8192  # bars: their tables stay in the second cache while trial after trial reads them
TOTAL, TOTAL_SQ, TOTAL_DOWNSIDE, FACTOR = range(4)
REACH = 3  # of a tile's totals: the largest absolute sum within it
LEFT = 4  # column of the exit's four numbers; the entry's begin at 0


@kernel
def last_knowns(close):
    """The last known close at each bar, NaN before the first."""
    mark = close.copy()
    for t in range(1, mark.size):
        if mark[t] != mark[t]:
            mark[t] = mark[t - 1]
    return mark


@kernel
def fill_tables(raw, mark, costs, risk_free, first, last, tables, totals):
    """Fill one tile, bars [first, last), of `tables` (bar, 8), which begins at `first`; and its `totals` (4,).

    raw : (time,) price of the fills, open or close
    mark : (time,) last known close
    """
    total = total_sq = downside = reach = 0.0
    before = mark[max(first - 1, 0)]
    for t in range(first, last):
        row = tables[t - first]
        paid = execution_price(raw[t], 1.0, costs) * (1.0 + costs.fee) + costs.per_share
        got = execution_price(raw[t], -1.0, costs) * (1.0 - costs.fee) - costs.per_share
        r = got / before - 1.0
        short = min(r - risk_free, 0.0)
        row[LEFT + TOTAL] = total + r
        row[LEFT + TOTAL_SQ] = total_sq + r * r
        row[LEFT + TOTAL_DOWNSIDE] = downside + short * short
        row[LEFT + FACTOR] = got
        r = mark[t] / before - 1.0
        short = min(r - risk_free, 0.0)
        total += r
        total_sq += r * r
        downside += short * short
        reach = max(reach, abs(total))
        r = mark[t] / paid - 1.0
        short = min(r - risk_free, 0.0)
        row[TOTAL] = r - total
        row[TOTAL_SQ] = r * r - total_sq
        row[TOTAL_DOWNSIDE] = short * short - downside
        row[FACTOR] = 1.0 / paid
        before = mark[t]
    totals[TOTAL], totals[TOTAL_SQ], totals[TOTAL_DOWNSIDE], totals[REACH] = total, total_sq, downside, reach


@kernel
def all_tables(raw, mark, costs, risk_free):
    """Tables (bar, 8) and totals (tile, 4) of the whole history."""
    n_tiles = (mark.size + TILE - 1) // TILE
    tables, totals = np.empty((mark.size, 8)), np.empty((n_tiles, 4))
    for k in range(n_tiles):
        first, last = k * TILE, min((k + 1) * TILE, mark.size)
        fill_tables(raw, mark, costs, risk_free, first, last, tables[first:last], totals[k])
    return tables, totals
