"""Long positions of the whole account, without stops: from fills to all statistics of all blocks.

The bars are cut into cells, at each tile's and each block's border; running sums begin anew in each (`tables.py`). A
trade is a piece a cell: two look-ups for its sums, a few for its falls (`falls.py`), whatever its length.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import (
    BARS,
    DOWNSIDE_SQ,
    GAINS,
    GROWTH,
    HELD,
    HIGHEST,
    LOSSES,
    LOWEST,
    POSITION,
    SUM,
    SUM_SQ,
    TRADES,
    TURNOVER,
    WINS,
    WORST,
)
from mrtoolkit.backtest._kernels.falls import Path, hold, meet
from mrtoolkit.backtest._kernels.long_only import C_HELD, ONE, tile_bits, tile_fills
from mrtoolkit.backtest._kernels.measure import ROUNDING
from mrtoolkit.backtest._kernels.tables import FACTOR, LEFT, REACH, TILE, TOTAL, TOTAL_DOWNSIDE, TOTAL_SQ
from mrtoolkit.strategy._kernels.words import NONE

# what a trial carries from tile to tile
STATE = (
    "equity", "begin", "highest", "lowest", "ratio", "shares", "entry_equity", "block", "doubt", "doubt_sq", "lost",
)  # fmt: skip
S_EQUITY, S_BEGIN, S_HIGHEST, S_LOWEST, S_RATIO, S_SHARES, S_ENTRY, S_BLOCK, S_DOUBT, S_DOUBT_SQ, S_LOST = range(11)
_RESOLUTION = 3e-16  # of a table's entry
_TOLERANCE = 3e-10  # of a block's sums
_LEAST = 1e-250  # equity that small has lost digits


@kernel
def begin_blocks(edges, risk_free, stats):
    """What a block is in which nothing happens, for (trial, block, statistic)."""
    quiet = min(-risk_free, 0.0)
    for b in range(edges.size - 1):
        bars = edges[b + 1] - edges[b]
        for k in range(stats.shape[0]):
            stats[k, b, BARS] = bars
            stats[k, b, DOWNSIDE_SQ] = bars * quiet * quiet
            stats[k, b, GROWTH] = stats[k, b, HIGHEST] = stats[k, b, LOWEST] = 1.0


@kernel
def end_block(path, begin, equity, stat, state):
    """Write down a block's growth and path, and whether its sums may have lost digits."""
    stat[GROWTH] = equity / begin
    stat[HIGHEST], stat[LOWEST], stat[WORST] = path.highest / begin, path.lowest / begin, 1.0 - path.ratio
    lost, lost_sq = _RESOLUTION * state[S_DOUBT], _RESOLUTION * state[S_DOUBT_SQ]
    allowed = _TOLERANCE * stat[SUM_SQ]
    if not (lost_sq <= allowed and lost * lost <= _TOLERANCE * allowed and equity > _LEAST):
        state[S_LOST] = 1.0
    state[S_DOUBT] = state[S_DOUBT_SQ] = 0.0


@kernel
def book_entry(row, stat, costs):
    """Turnover of the fill that opens a position of the whole account."""
    stat[TURNOVER] += (1.0 - costs.per_share * row[FACTOR]) / (1.0 + costs.fee)


@kernel
def book_exit(row, gain, stat, costs):
    """Turnover of the fill that closes it, and what it gained."""
    price = (row[LEFT + FACTOR] + costs.per_share) / (1.0 - costs.fee)
    stat[TURNOVER] += price * (1.0 - costs.slippage) / (price + 0.5 * costs.spread)
    book_gain(gain, stat)


@kernel
def book_gain(gain, stat):
    """A trade and whether it won."""
    stat[TRADES] += 1.0
    if gain > ROUNDING:
        stat[WINS] += 1.0
        stat[GAINS] += gain
    elif gain < -ROUNDING:
        stat[LOSSES] -= gain


@kernel
def add_sums(stat, total, total_sq, downside, bars, quiet_sq):
    """Add a piece's sums; `bars` of them are no longer quiet."""
    stat[SUM] += total
    stat[SUM_SQ] += total_sq
    stat[DOWNSIDE_SQ] += downside - bars * quiet_sq


@kernel
def book_tile(fills, is_held, tile, market, falls, with_drawdown, edges, state, stats):
    """Book one tile's pieces of a trial; return whether a position is held at the tile's end.

    fills : bars in turn of entries and exits, the first of which is an exit where `is_held`
    market : `LongMarket`
    state : (state,), carried from tile to tile
    stats : (block, statistic), begun by `begin_blocks`
    """
    cells, costs, mark, tables, totals = market.cells, market.costs, market.mark, market.tables, market.totals
    origin = 0 if market.has_tables else tile * TILE
    quiet_sq = min(-market.risk_free, 0.0) ** 2
    equity, begin, shares, entry_equity = state[S_EQUITY], state[S_BEGIN], state[S_SHARES], state[S_ENTRY]
    path = Path(state[S_HIGHEST], state[S_LOWEST], state[S_RATIO])
    block = np.int64(state[S_BLOCK])
    cell, last_cell = cells.of_tile[tile], cells.of_tile[tile + 1]
    bar, held, n, k = cells.first[cell], is_held, fills.size, 0
    while True:
        if not held:  # flat until the next entry
            if k == n:
                break
            bar = fills[k]
            k += 1
        while cells.first[cell + 1] <= bar:
            cell += 1
        if cells.block[cell] != block:
            end_block(path, begin, equity, stats[block], state)
            block, begin, path = cells.block[cell], equity, Path(equity, equity, 1.0)
        stat, total = stats[block], totals[cell]
        state[S_DOUBT] += 2.0 * total[REACH]
        state[S_DOUBT_SQ] += 2.0 * total[TOTAL_SQ]
        add, add_sq, downside = 0.0, 0.0, 0.0
        if not held:
            row = tables[bar - origin]
            entry_equity, shares = equity, equity * row[FACTOR]
            add, add_sq, downside = row[TOTAL], row[TOTAL_SQ], row[TOTAL_DOWNSIDE]
            book_entry(row, stat, costs)
            held = True
        until = cells.first[cell + 1]
        if k < n and fills[k] < until:
            x = fills[k]
            k += 1
            row = tables[x - origin]
            add_sums(
                stat, add + row[LEFT + TOTAL], add_sq + row[LEFT + TOTAL_SQ], downside + row[LEFT + TOTAL_DOWNSIDE],
                x - bar + 1, quiet_sq,
            )  # fmt: skip
            stat[HELD] += x - bar
            equity = shares * row[LEFT + FACTOR]
            if with_drawdown:
                if x > bar:
                    path = hold(path, shares, mark, falls, bar, x)
                path = meet(path, equity, equity, 1.0)
            book_exit(row, equity / entry_equity - 1.0, stat, costs)
            held = False
        else:
            add_sums(
                stat, add + total[TOTAL], add_sq + total[TOTAL_SQ], downside + total[TOTAL_DOWNSIDE], until - bar,
                quiet_sq,
            )  # fmt: skip
            stat[HELD] += until - bar
            equity = shares * mark[until - 1]
            if with_drawdown:
                path = hold(path, shares, mark, falls, bar, until)
            bar = until
            if until == edges[block + 1]:
                stat[POSITION] = 1.0
            if cell + 1 == last_cell:
                break
    state[S_EQUITY], state[S_BEGIN], state[S_SHARES], state[S_ENTRY] = equity, begin, shares, entry_equity
    state[S_HIGHEST], state[S_LOWEST], state[S_RATIO], state[S_BLOCK] = path.highest, path.lowest, path.ratio, block
    return held


@kernel
def finish_blocks(carried, state, stats, exact):
    """End the last blocks, book what is still held at the last close, and say whether the sums kept their digits."""
    for k in range(state.shape[0]):
        row, block = state[k], np.int64(state[k, S_BLOCK])
        stat = stats[k, block]
        end_block(Path(row[S_HIGHEST], row[S_LOWEST], row[S_RATIO]), row[S_BEGIN], row[S_EQUITY], stat, row)
        if carried[k, C_HELD] != NONE:
            book_gain(row[S_EQUITY] / row[S_ENTRY] - 1.0, stat)
        exact[k] = row[S_LOST] == 0.0


@kernel
def run_full(signals, market, falls, with_drawdown, edges, tiles, bits, fills, carried, state, stats):
    """Carry all trials of a slice on over some tiles, booking all statistics of all blocks.

    As `long_only.run_lean`, with state (trial, state) and stats (trial, block, statistic).
    """
    for tile in range(tiles[0], tiles[1]):
        rows = tile_bits(signals, market, tile, bits)
        for k in range(signals.rules.shape[0]):
            is_held = carried[k, C_HELD] != NONE
            n = tile_fills(signals, market, k, tile, rows, carried, fills)
            held = book_tile(fills[:n], is_held, tile, market, falls, with_drawdown, edges, state[k], stats[k])
            carried[k, C_HELD] = ONE if held else NONE
