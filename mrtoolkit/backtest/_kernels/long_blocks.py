"""Long positions of the whole account, without stops: from fills to all statistics of all blocks.

The bars are cut into cells, at each tile's and each block's border; running sums begin anew in each (`tables.py`). A
trade is a piece a cell: two look-ups for its sums, a few for its falls (`falls.py`), whatever its length.
"""

from __future__ import annotations

from typing import NamedTuple

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
    STATISTICS,
    SUM,
    SUM_SQ,
    TRADES,
    TURNOVER,
    WINS,
    WORST,
)
from mrtoolkit.backtest._kernels.falls import Path, fill_falls, meet, meet_held
from mrtoolkit.backtest._kernels.long_only import C_HELD, ONE, tile_bits, tile_fills
from mrtoolkit.backtest._kernels.measure import ROUNDING
from mrtoolkit.backtest._kernels.pointers import Pointer, moved, pointer_to
from mrtoolkit.backtest._kernels.tables import FACTOR, LEFT, REACH, TILE, TOTAL, TOTAL_DOWNSIDE, TOTAL_SQ
from mrtoolkit.strategy._kernels.words import NONE

# what a trial carries from tile to tile
STATE = (
    "equity", "begin", "highest", "lowest", "ratio", "shares", "entry_equity", "block", "bars", "lost",
    "doubt", "doubt_sq", "doubt_downside",
)  # fmt: skip
S_EQUITY, S_BEGIN, S_HIGHEST, S_LOWEST, S_RATIO, S_SHARES, S_ENTRY, S_BLOCK, S_BARS, S_LOST = range(10)
S_DOUBT, S_DOUBT_SQ, S_DOUBT_DOWNSIDE = range(10, 13)
N_STATISTICS = len(STATISTICS)
RESOLUTION = 3e-16  # of a table's entry
TOLERANCE = 3e-10  # of a block's sums
LEAST_EQUITY = 1e-250  # equity that small has lost digits


@kernel
def begin_blocks(edges, risk_free, stats):
    """What a block is in which nothing happens, for (trial, block, statistic)."""
    quiet = min(-risk_free, 0.0)
    for k in range(stats.shape[0]):
        for b in range(edges.size - 1):
            stat = stats[k, b]
            stat[:] = 0.0
            bars = edges[b + 1] - edges[b]
            stat[BARS] = bars
            stat[DOWNSIDE_SQ] = bars * quiet * quiet
            stat[GROWTH] = stat[HIGHEST] = stat[LOWEST] = 1.0
        stats[k, 0, DOWNSIDE_SQ] = 0.0  # the block that a trial begins in counts its quiet bars at its end


@kernel
def end_block(path, begin, equity, risk_free, stat, state):
    """Write down a block's growth, path and quiet bars, and whether its sums may have lost digits."""
    stat[GROWTH] = equity / begin
    stat[HIGHEST], stat[LOWEST], stat[WORST] = path.highest / begin, path.lowest / begin, 1.0 - path.ratio
    lost, lost_sq = RESOLUTION * state[S_DOUBT], RESOLUTION * state[S_DOUBT_SQ]
    allowed, downside = TOLERANCE * stat[SUM_SQ], stat[DOWNSIDE_SQ]
    keeps = lost_sq <= allowed and lost * lost <= TOLERANCE * allowed and equity > LEAST_EQUITY
    if not (keeps and (downside == 0.0 or RESOLUTION * state[S_DOUBT_DOWNSIDE] <= TOLERANCE * downside)):
        state[S_LOST] = 1.0
    stat[DOWNSIDE_SQ] += (stat[BARS] - state[S_BARS]) * min(-risk_free, 0.0) ** 2
    state[S_DOUBT] = state[S_DOUBT_SQ] = state[S_DOUBT_DOWNSIDE] = state[S_BARS] = 0.0


@kernel
def turnovers(entered, left, costs):
    """Traded value of the fills that open and close a position of the whole account, as fractions of equity there.

    entered, left : the factors of both
    """
    opening = (1.0 - costs.per_share * entered) / (1.0 + costs.fee)
    if costs.spread == 0.0:
        return opening, 1.0 - costs.slippage
    price = (left + costs.per_share) / (1.0 - costs.fee)
    return opening, price * (1.0 - costs.slippage) / (price + 0.5 * costs.spread)


@kernel
def book_gain(gain, stat):
    """A trade, and whether it won."""
    stat[TRADES] += 1.0
    stat[WINS] += 1.0 if gain > ROUNDING else 0.0
    stat[GAINS] += gain if gain > ROUNDING else 0.0
    stat[LOSSES] -= gain if gain < -ROUNDING else 0.0


class TilePointers(NamedTuple):
    """Pointers that are read by the number of a bar (eight numbers each in `tables` and `falls`) or of a cell."""

    tables: Pointer
    mark: Pointer
    falls: Pointer
    totals: Pointer
    first: Pointer
    block: Pointer


@kernel
def tile_pointers(market, falls, tile):
    """Where one tile's numbers lie."""
    back = 0 if market.has_tables else -8 * TILE * tile
    return TilePointers(
        moved(pointer_to(market.tables), back), pointer_to(market.mark), moved(pointer_to(falls), back),
        pointer_to(market.totals), pointer_to(market.cells.first), pointer_to(market.cells.block),
    )  # fmt: skip


@kernel
def add_sums(stat, total, total_sq, downside):
    """Add sums of returns."""
    stat[SUM] += total
    stat[SUM_SQ] += total_sq
    stat[DOWNSIDE_SQ] += downside


@kernel(inline=True)
def book_whole(fills, k, n, until, at, costs, with_drawdown, equity, path, stat):
    """Book the trades that lie in one cell, from fill k on; the next fill, equity and path after them."""
    tables = at.tables
    total = total_sq = downside = turnover = gains = losses = 0.0
    wins, held, begun = 0, 0, k
    while k + 1 < n and fills[k + 1] < until:
        e, x = fills[k], fills[k + 1]
        k += 2
        entered, left = 8 * e, 8 * x + LEFT
        total += tables[entered + TOTAL] + tables[left + TOTAL]
        total_sq += tables[entered + TOTAL_SQ] + tables[left + TOTAL_SQ]
        downside += tables[entered + TOTAL_DOWNSIDE] + tables[left + TOTAL_DOWNSIDE]
        held += x - e
        paid, got = tables[entered + FACTOR], tables[left + FACTOR]
        shares = equity * paid
        gain = paid * got - 1.0
        equity = shares * got
        wins += gain > ROUNDING
        gains += gain if gain > ROUNDING else 0.0
        losses -= gain if gain < -ROUNDING else 0.0
        opening, closing = turnovers(paid, got, costs)
        turnover += opening + closing
        if with_drawdown:
            path = meet_held(path, shares, at.mark, at.falls, e, x) if x > e else path
            path = meet(path, equity, equity, 1.0)
    n_trades = (k - begun) >> 1
    add_sums(stat, total, total_sq, downside)
    stat[TRADES] += n_trades
    stat[WINS] += wins
    stat[GAINS] += gains
    stat[LOSSES] += losses
    stat[HELD] += held
    stat[TURNOVER] += turnover
    return k, equity, path


@kernel(inline=True)
def book_cell(fills, k, n, held, cell, at, costs, with_drawdown, trade, path, stat):
    """Book what lies in one cell, from fill k on; the next fill, whether a position is held at its end, trade and path.

    trade : equity, shares, equity at the entry
    """
    tables, totals = at.tables, moved(at.totals, 4 * cell)
    bar, until = at.first[cell], at.first[cell + 1]
    equity, shares, entry_equity = trade
    if held:
        ends = k < n and fills[k] < until
        x = fills[k] if ends else until
        if ends:
            left = 8 * x + LEFT
            add_sums(stat, tables[left + TOTAL], tables[left + TOTAL_SQ], tables[left + TOTAL_DOWNSIDE])
            equity = shares * tables[left + FACTOR]
            stat[TURNOVER] += turnovers(0.0, tables[left + FACTOR], costs)[1]
            book_gain(equity / entry_equity - 1.0, stat)
            k += 1
        else:
            add_sums(stat, totals[TOTAL], totals[TOTAL_SQ], totals[TOTAL_DOWNSIDE])
            equity = shares * at.mark[until - 1]
        stat[HELD] += x - bar
        if with_drawdown:
            path = meet_held(path, shares, at.mark, at.falls, bar, x) if x > bar else path
            path = meet(path, equity, equity, 1.0) if ends else path
        if not ends:
            return k, True, (equity, shares, entry_equity), path
    k, equity, path = book_whole(fills, k, n, until, at, costs, with_drawdown, equity, path, stat)
    goes_on = k < n and fills[k] < until
    if goes_on:
        e = fills[k]
        k += 1
        entered = 8 * e
        entry_equity, shares = equity, equity * tables[entered + FACTOR]
        add_sums(
            stat, tables[entered + TOTAL] + totals[TOTAL], tables[entered + TOTAL_SQ] + totals[TOTAL_SQ],
            tables[entered + TOTAL_DOWNSIDE] + totals[TOTAL_DOWNSIDE],
        )  # fmt: skip
        stat[TURNOVER] += turnovers(tables[entered + FACTOR], 1.0, costs)[0]
        stat[HELD] += until - e
        equity = shares * at.mark[until - 1]
        if with_drawdown:
            path = meet_held(path, shares, at.mark, at.falls, e, until)
    return k, goes_on, (equity, shares, entry_equity), path


@kernel
def book_tile(fills, n, held, cells, at, costs, risk_free, with_drawdown, edges, state, stats):
    """Book one tile's pieces of a trial; return whether a position is held at the tile's end.

    fills : pointer to n bars in turn of entries and exits, the first of which is an exit where one is `held`
    cells : first and last cell of the tile
    edges, state, stats : pointers to (block + 1,), (state,), (block, statistic), the last begun by `begin_blocks`
    """
    trade = state[S_EQUITY], state[S_SHARES], state[S_ENTRY]
    begin, block = state[S_BEGIN], np.int64(state[S_BLOCK])
    path = Path(state[S_HIGHEST], state[S_LOWEST], state[S_RATIO])
    stat, k = moved(stats, N_STATISTICS * block), 0
    for cell in range(cells[0], cells[1]):
        until = at.first[cell + 1]
        if not held and (k == n or fills[k] >= until):
            continue
        if at.block[cell] != block:
            end_block(path, begin, trade[0], risk_free, stat, state)
            block, begin, path = at.block[cell], trade[0], Path(trade[0], trade[0], 1.0)
            stat = moved(stats, N_STATISTICS * block)
            stat[DOWNSIDE_SQ] = 0.0  # a block in which something happens counts its quiet bars at its end
        before, bars = k, stat[HELD] + stat[TRADES]
        k, held, trade, path = book_cell(
            fills, k, n, held, cell, at, costs, with_drawdown, trade, path, stat
        )
        totals = moved(at.totals, 4 * cell)
        state[S_DOUBT] += (k - before + 1) * totals[REACH]
        state[S_DOUBT_SQ] += (k - before + 1) * totals[TOTAL_SQ]
        state[S_DOUBT_DOWNSIDE] += (k - before + 1) * totals[TOTAL_DOWNSIDE]
        state[S_BARS] += stat[HELD] + stat[TRADES] - bars  # and the bar of each exit
        if held and until == edges[block + 1]:
            stat[POSITION] = 1.0
    state[S_EQUITY], state[S_SHARES], state[S_ENTRY] = trade
    state[S_BEGIN], state[S_BLOCK] = begin, block
    state[S_HIGHEST], state[S_LOWEST], state[S_RATIO] = path
    return held


@kernel
def finish_blocks(risk_free, carried, state, stats, exact):
    """End the last blocks, book what is still held at the last close, and say whether the sums kept their digits."""
    for k in range(state.shape[0]):
        row, block = state[k], np.int64(state[k, S_BLOCK])
        stat = stats[k, block]
        path = Path(row[S_HIGHEST], row[S_LOWEST], row[S_RATIO])
        end_block(path, row[S_BEGIN], row[S_EQUITY], risk_free, stat, row)
        if carried[k, C_HELD] != NONE:
            book_gain(row[S_EQUITY] / row[S_ENTRY] - 1.0, stat)
        exact[k] = row[S_LOST] == 0.0


@kernel
def run_full(signals, market, falls, with_drawdown, edges, tiles, bits, fills, carried, state, stats):
    """Carry all trials of a slice on over some tiles, booking all statistics of all blocks.

    As `long_only.run_lean`, with state (trial, state) and stats (trial, block, statistic); `falls` are of all bars, or
    room for those of one tile, as the market's tables are.
    """
    for tile in range(tiles[0], tiles[1]):
        here = tile_bits(signals, market, tile, bits)
        if with_drawdown and not market.has_tables:
            fill_falls(market.mark[tile * TILE : (tile + 1) * TILE], falls)
        at, of_tile = tile_pointers(market, falls, tile), market.cells.of_tile
        cells, n_blocks = (of_tile[tile], of_tile[tile + 1]), stats.shape[1]
        bars, borders = pointer_to(fills), pointer_to(edges)
        for k in range(signals.rules.shape[0]):
            is_held = carried[k, C_HELD] != NONE
            n = tile_fills(signals, market, k, tile, here, bits, carried, bars)
            own = moved(pointer_to(state), state.shape[1] * k)
            booked = moved(pointer_to(stats), N_STATISTICS * n_blocks * k)
            held = book_tile(
                bars, n, is_held, cells, at, market.costs, market.risk_free, with_drawdown, borders, own, booked
            )
            carried[k, C_HELD] = ONE if held else NONE
