"""Long positions of the whole account, without stops: sums of each block, and the statistics of the whole.

What a search asks for: of blocks no more than sum and sum_sq. So blocks are borders of sums alone, in a first pass over
a tile's fills; a second one goes from trade to trade, whatever blocks they lie in. The drawdown needs a trade's own
path only where it reaches a new high: under the highest so far, its lowest is enough (`extremes.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.extremes import TILE_NUMBERS, extremes, fill_extremes
from mrtoolkit.backtest._kernels.falls import Path, fill_falls, meet, meet_held
from mrtoolkit.backtest._kernels.long_blocks import (
    LEAST_EQUITY,
    RESOLUTION,
    TOLERANCE,
    TilePointers,
    tile_pointers,
    turnovers,
)
from mrtoolkit.backtest._kernels.long_only import C_HELD, ONE, tile_bits, tile_fills
from mrtoolkit.backtest._kernels.measure import ROUNDING
from mrtoolkit.backtest._kernels.pointers import Pointer, moved, pointer_to
from mrtoolkit.backtest._kernels.tables import FACTOR, LEFT, REACH, TILE, TOTAL, TOTAL_DOWNSIDE, TOTAL_SQ
from mrtoolkit.backtest._kernels.window import WINDOW
from mrtoolkit.strategy._kernels.words import NONE

# what a trial carries from tile to tile, beside the statistics of the whole
JOINED_STATE = (
    "equity", "shares", "entry_equity", "highest", "lowest", "ratio", "sum", "sum_sq", "doubt", "doubt_sq",
    "doubt_downside", "lost", "exits",
)  # fmt: skip
_EQUITY, _SHARES, _ENTRY, _HIGHEST, _LOWEST, _RATIO, _SUM, _SUM_SQ, _DOUBT, _DOUBT_SQ = range(10)
_DOUBT_DOWNSIDE, _LOST, _EXITS = range(10, 13)
N_STATE, N_WINDOW = len(JOINED_STATE), len(WINDOW)
_BARS, _WHOLE, _WHOLE_SQ, _DOWNSIDE, _TRADES, _WINS, _GAINS, _LOSSES, _HELD, _TURNOVER, _GROWTH, _DRAWDOWN = range(12)
_BEYOND = 2**31 - 1  # a bar that never comes


class Course(NamedTuple):
    """The highest equity so far, the lowest since, and the least ratio of an equity to an earlier one before that."""

    highest: float
    lowest: float
    ratio: float


class Place(NamedTuple):
    """Where one tile's numbers lie."""

    at: TilePointers
    extremes: Pointer
    first: int
    width: int


@kernel
def rise(course, shares, at, first, last, after):
    """Go on as `go_on` does where a new high is reached."""
    fallen = course.lowest / course.highest
    path = Path(course.highest, course.lowest, fallen if fallen < course.ratio else course.ratio)
    path = meet_held(path, shares, at.mark, at.falls, first, last)
    path = meet(path, after, after, 1.0)
    return Course(path.highest, path.highest, path.ratio)


@kernel
def touch(course, equity):
    """Go on with one equity."""
    if equity > course.highest:
        fallen = course.lowest / course.highest
        return Course(equity, equity, fallen if fallen < course.ratio else course.ratio)
    return Course(course.highest, equity if equity < course.lowest else course.lowest, course.ratio)


@kernel(inline=True)
def go_on(course, shares, place, first, last, after):
    """Go on with shares held at the closes [first, last), at least one, and then an equity."""
    high, low = extremes(place.extremes, place.width, first - place.first, last - place.first)
    high, low = shares * high, -shares * low
    if high > course.highest or after > course.highest:
        course = rise(course, shares, place.at, first, last, after)
    else:
        low = after if after < low else low
        course = Course(course.highest, low if low < course.lowest else course.lowest, course.ratio)
    return course


@kernel
def end_sums(state, block, sums, sums_sq):
    """Write down a block's sums, and whether they may have lost digits."""
    total_sq = state[_SUM_SQ]
    sums[block], sums_sq[block] = state[_SUM], total_sq
    lost, allowed = RESOLUTION * state[_DOUBT], TOLERANCE * total_sq
    if not (RESOLUTION * state[_DOUBT_SQ] <= allowed and lost * lost <= TOLERANCE * allowed):
        state[_LOST] = 1.0
    state[_SUM] = state[_SUM_SQ] = state[_DOUBT] = state[_DOUBT_SQ] = 0.0


@kernel
def book_sums(fills, held, cells, n_cells, at, state, whole, sums, sums_sq):
    """Book the sums of returns of one tile, cell by cell.

    fills : pointer to bars in turn of entries and exits, an exit first where one is `held`, `_BEYOND` twice at last
    cells : first and last cell of the tile
    """
    tables, k = at.tables, 0
    for cell in range(cells[0], cells[1]):
        until, totals, begun = at.first[cell + 1], moved(at.totals, 4 * cell), k
        total, total_sq, downside, passes = 0.0, 0.0, 0.0, held
        if held:
            if fills[k] < until:
                left = 8 * fills[k] + LEFT
                total, total_sq, downside = tables[left + TOTAL], tables[left + TOTAL_SQ], tables[left + TOTAL_DOWNSIDE]
                k += 1
                held = False
            else:
                total, total_sq, downside = totals[TOTAL], totals[TOTAL_SQ], totals[TOTAL_DOWNSIDE]
        if not held:
            while fills[k + 1] < until:
                entered, left = 8 * fills[k], 8 * fills[k + 1] + LEFT
                total += tables[entered + TOTAL] + tables[left + TOTAL]
                total_sq += tables[entered + TOTAL_SQ] + tables[left + TOTAL_SQ]
                downside += tables[entered + TOTAL_DOWNSIDE] + tables[left + TOTAL_DOWNSIDE]
                k += 2
            if fills[k] < until:
                entered = 8 * fills[k]
                total += tables[entered + TOTAL] + totals[TOTAL]
                total_sq += tables[entered + TOTAL_SQ] + totals[TOTAL_SQ]
                downside += tables[entered + TOTAL_DOWNSIDE] + totals[TOTAL_DOWNSIDE]
                k += 1
                held = True
        if passes or k > begun:
            doubt = k - begun + 1.0
            state[_SUM] += total
            state[_SUM_SQ] += total_sq
            state[_DOUBT] += doubt * totals[REACH]
            state[_DOUBT_SQ] += doubt * totals[TOTAL_SQ]
            state[_DOUBT_DOWNSIDE] += doubt * totals[TOTAL_DOWNSIDE]
            whole[_WHOLE] += total
            whole[_WHOLE_SQ] += total_sq
            whole[_DOWNSIDE] += downside
        if cell + 1 == n_cells or at.block[cell + 1] != at.block[cell]:
            end_sums(state, at.block[cell], sums, sums_sq)
    return held


@kernel
def book_gain(gain, whole):
    """A trade, and whether it won."""
    whole[_TRADES] += 1.0
    whole[_WINS] += 1.0 if gain > ROUNDING else 0.0
    whole[_GAINS] += gain if gain > ROUNDING else 0.0
    whole[_LOSSES] -= gain if gain < -ROUNDING else 0.0


@kernel
def book_trades(fills, n, held, cells, place, costs, with_drawdown, state, whole):
    """Book one tile's trades, whatever blocks they lie in: gains, bars held, turnover, equity and its course."""
    at = place.at
    tables, first, until, k = at.tables, at.first[cells[0]], at.first[cells[1]], 0
    equity, shares = state[_EQUITY], state[_SHARES]
    course = Course(state[_HIGHEST], state[_LOWEST], state[_RATIO])
    gains = losses = turnover = 0.0
    wins, bars = 0, 0
    if held:
        x = fills[0] if n > 0 else until
        if n > 0:
            equity = shares * tables[8 * x + LEFT + FACTOR]
            turnover += turnovers(0.0, tables[8 * x + LEFT + FACTOR], costs)[1]
            book_gain(equity / state[_ENTRY] - 1.0, whole)
            state[_EXITS] += 1.0
            k = 1
        else:
            equity = shares * at.mark[until - 1]
        bars += x - first
        if with_drawdown:
            course = go_on(course, shares, place, first, x, equity) if x > first else touch(course, equity)
    n_trades = (n - k) >> 1
    for i in range(n_trades):
        e, x = fills[k + 2 * i], fills[k + 2 * i + 1]
        paid, got = tables[8 * e + FACTOR], tables[8 * x + LEFT + FACTOR]
        factor, own = paid * got, equity * paid
        gain = factor - 1.0
        equity *= factor
        wins += gain > ROUNDING
        gains += gain if gain > ROUNDING else 0.0
        losses -= gain if gain < -ROUNDING else 0.0
        bars += x - e
        opening, closing = turnovers(paid, got, costs)
        turnover += opening + closing
        if with_drawdown:
            course = go_on(course, own, place, e, x, equity)
    k += 2 * n_trades
    if k < n:
        e = fills[k]
        paid = tables[8 * e + FACTOR]
        state[_ENTRY], shares = equity, equity * paid
        turnover += turnovers(paid, 1.0, costs)[0]
        bars += until - e
        equity = shares * at.mark[until - 1]
        if with_drawdown:
            course = go_on(course, shares, place, e, until, equity)
    if not equity > LEAST_EQUITY:
        state[_LOST] = 1.0
    whole[_TRADES] += n_trades
    whole[_WINS] += wins
    whole[_GAINS] += gains
    whole[_LOSSES] += losses
    whole[_HELD] += bars
    whole[_TURNOVER] += turnover
    state[_EXITS] += n_trades
    state[_EQUITY], state[_SHARES] = equity, shares
    state[_HIGHEST], state[_LOWEST], state[_RATIO] = course


@kernel
def begin_joined(state, joined, sums):
    """What a trial is before its first bar."""
    sums[:] = 0.0
    joined[:] = 0.0
    state[:] = 0.0
    for k in range(state.shape[0]):
        row = state[k]
        row[_EQUITY] = row[_ENTRY] = row[_HIGHEST] = row[_LOWEST] = row[_RATIO] = 1.0


@kernel
def finish_joined(bars, risk_free, carried, state, joined, exact):
    """Write what follows from all bars, book what is still held at the last close; whether sums kept their digits."""
    quiet = min(-risk_free, 0.0) ** 2
    for k in range(state.shape[0]):
        row, whole = state[k], joined[k]
        downside = whole[_DOWNSIDE]
        keeps = downside == 0.0 or RESOLUTION * row[_DOUBT_DOWNSIDE] <= TOLERANCE * downside
        whole[_DOWNSIDE] += (bars - whole[_HELD] - row[_EXITS]) * quiet
        fallen = row[_LOWEST] / row[_HIGHEST]
        whole[_BARS], whole[_GROWTH] = bars, row[_EQUITY]
        whole[_DRAWDOWN] = 1.0 - (fallen if fallen < row[_RATIO] else row[_RATIO])
        if carried[k, C_HELD] != NONE:
            book_gain(row[_EQUITY] / row[_ENTRY] - 1.0, whole)
        exact[k] = keeps and row[_LOST] == 0.0


@kernel
def run_joined(signals, market, falls, highs, with_drawdown, tiles, bits, fills, carried, state, joined, sums):
    """Carry all trials of a slice on over some tiles, booking sums of all blocks and statistics of the whole.

    As `long_only.run_lean`, with state (trial, state), joined (trial, `WINDOW`) and sums (2, trial, block); `falls` and
    `highs` are of all bars, or room for those of one tile, as the market's tables are.
    """
    n_cells, n_blocks, n_trials = market.cells.block.size, sums.shape[2], signals.rules.shape[0]
    of_tile, size = market.cells.of_tile, market.mark.size
    bars, mark = pointer_to(fills), pointer_to(market.mark)
    for tile in range(tiles[0], tiles[1]):
        here = tile_bits(signals, market, tile, bits)
        first, all_last = tile * TILE, min((tile + 1) * TILE, size)
        own_highs = moved(pointer_to(highs), tile * TILE_NUMBERS if market.has_tables else 0)
        if with_drawdown and not market.has_tables:
            fill_falls(market.mark[first:all_last], falls)
            fill_extremes(mark, first, all_last, own_highs)
        at, cells = tile_pointers(market, falls, tile), (of_tile[tile], of_tile[tile + 1])
        place = Place(at, own_highs, first, all_last - first)
        for k in range(n_trials):
            is_held = carried[k, C_HELD] != NONE
            n = tile_fills(signals, market, k, tile, here, bits, carried, bars)
            bars[n] = bars[n + 1] = _BEYOND
            row, whole = moved(pointer_to(state), N_STATE * k), moved(pointer_to(joined), N_WINDOW * k)
            own = moved(pointer_to(sums), n_blocks * k)
            held = book_sums(bars, is_held, cells, n_cells, at, row, whole, own, moved(own, n_blocks * n_trials))
            book_trades(bars, n, is_held, cells, place, market.costs, with_drawdown, row, whole)
            carried[k, C_HELD] = ONE if held else NONE
