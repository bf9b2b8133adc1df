"""What a long position of the whole account earns between any two bars, so that a trade is two look-ups.

While it is held its returns are the market's. With S the running sums of the market's returns r, of r^2 and of
min(r - risk_free, 0)^2 since the cell began, and the entry's and the exit's own returns worked in,

    entered[e] = (entry return of e) - S[e],    left[x] = S[x - 1] + (exit return of x),

a trade filled at bars e and x has the sums entered[e] + left[x] and the growth entered[e].factor * left[x].factor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.fills import execution_price
from mrtoolkit.backtest._kernels.table_rows import LANES, fill_rows_of_eight

TILE = 8192  # bars: their tables stay in the second cache while trial after trial reads them
TOTAL, TOTAL_SQ, TOTAL_DOWNSIDE, FACTOR = range(4)
REACH = 3  # of a cell's totals: the largest absolute sum within it
LEFT = 4  # column of the exit's four numbers; the entry's begin at 0
_ROW_BYTES = np.uint64(64)


class Cells(NamedTuple):
    """Stretches of bars with running sums of their own: no tile's and no block's border lies within one.

    first : (cell + 1,) int64, first bar of each, and one past the last bar
    block : (cell,) int64, the block that each lies in
    of_tile : (tile + 1,) int64, first cell of each tile
    """

    first: np.ndarray
    block: np.ndarray
    of_tile: np.ndarray


def cut_cells(edges: np.ndarray, end: int) -> Cells:
    """Cut the bars from the first edge to `end` at the edges of the blocks, (block + 1,), and at each tile."""
    n_tiles = max(1, -(-end // TILE))
    starts = np.arange(n_tiles + 1) * TILE
    borders = np.unique(np.concatenate([edges, starts, [end]]))
    first = borders[(borders >= edges[0]) & (borders <= end)].astype(np.int64)
    return Cells(
        first=first,
        block=np.searchsorted(edges, first[:-1], side="right").astype(np.int64) - 1,
        of_tile=np.minimum(np.searchsorted(first, starts), len(first) - 1).astype(np.int64),
    )


@kernel
def last_knowns(close):
    """The last known close at each bar, NaN before the first."""
    mark = close.copy()
    for t in range(1, mark.size):
        if mark[t] != mark[t]:
            mark[t] = mark[t - 1]
    return mark


@kernel
def least(values):
    """The least of some numbers, NaN where one is missing or there are none."""
    low, missing = np.inf, values.size == 0
    for t in range(values.size):
        low = values[t] if values[t] < low else low
        missing |= values[t] != values[t]
    return np.nan if missing else low


@kernel
def fill_cell(raw, mark, costs, risk_free, first, last, tables, totals):
    """Fill one cell, bars [first, last), of `tables` (bar, 8), which begins at `first`; and its `totals` (4,).

    raw : (time,) price of the fills, open or close
    mark : (time,) last known close
    """
    before = mark[first - 1] if first > 0 else mark[0]
    before = before if before == before else mark[first]
    state = np.zeros(2 * LEFT)
    fill_row(raw[first], mark[first], before, costs, risk_free, tables[0], state)
    turns, start = (last - first - 1) // LANES, first + 1
    rates = np.array([
        1.0 + costs.slippage, 0.5 * costs.spread, 1.0 + costs.fee, costs.per_share,
        1.0 - costs.slippage, -0.5 * costs.spread, 1.0 - costs.fee, -costs.per_share, risk_free,
    ])  # fmt: skip
    skipped = np.uint64(8 * start)
    fill_rows_of_eight(
        np.uint64(raw.ctypes.data) + skipped, np.uint64(mark.ctypes.data) + skipped, np.uint64(rates.ctypes.data),
        np.uint64(state.ctypes.data), np.uint64(tables.ctypes.data) + _ROW_BYTES, turns,
    )  # fmt: skip
    for t in range(start + LANES * turns, last):
        fill_row(raw[t], mark[t], mark[t - 1], costs, risk_free, tables[t - first], state)
    totals[:REACH], totals[REACH] = state[:REACH], state[LEFT + TOTAL]


@kernel
def fill_row(price, close, before, costs, risk_free, row, state):
    """Fill one bar's row, (8,), and go on with the running sums (`fill_rows_of_eight`'s `state`)."""
    paid = execution_price(price, 1.0, costs) * (1.0 + costs.fee) + costs.per_share
    got = execution_price(price, -1.0, costs) * (1.0 - costs.fee) - costs.per_share
    r = got / before - 1.0
    short = min(r - risk_free, 0.0)
    row[LEFT + TOTAL] = state[TOTAL] + r
    row[LEFT + TOTAL_SQ] = state[TOTAL_SQ] + r * r
    row[LEFT + TOTAL_DOWNSIDE] = state[TOTAL_DOWNSIDE] + short * short
    row[LEFT + FACTOR] = got
    r = close / before - 1.0
    short = min(r - risk_free, 0.0)
    state[TOTAL] += r
    state[TOTAL_SQ] += r * r
    state[TOTAL_DOWNSIDE] += short * short
    state[LEFT + TOTAL] = max(state[LEFT + TOTAL], abs(state[TOTAL]))
    r = close / paid - 1.0
    short = min(r - risk_free, 0.0)
    row[TOTAL] = r - state[TOTAL]
    row[TOTAL_SQ] = r * r - state[TOTAL_SQ]
    row[TOTAL_DOWNSIDE] = short * short - state[TOTAL_DOWNSIDE]
    row[FACTOR] = 1.0 / paid


@kernel
def fill_tile(raw, mark, costs, risk_free, cells, tile, origin, tables, totals):
    """Fill the cells of one tile in `tables` (bar, 8), which begins at bar `origin`; and `totals` (cell, 4)."""
    for cell in range(cells.of_tile[tile], cells.of_tile[tile + 1]):
        first, last = cells.first[cell], cells.first[cell + 1]
        fill_cell(raw, mark, costs, risk_free, first, last, tables[first - origin : last - origin], totals[cell])


@kernel
def fill_all(raw, mark, costs, risk_free, cells, tables, totals):
    """Fill tables (bar, 8) and totals (cell, 4) of the whole history."""
    for tile in range(cells.of_tile.size - 1):
        fill_tile(raw, mark, costs, risk_free, cells, tile, 0, tables, totals)
