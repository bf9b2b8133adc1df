"""Long positions of the whole account, without stops: from bits to four metrics without touching the bars.

A tile of bars at a time, all trials of a slice: what a trial carries from tile to tile is a dozen numbers, so that
tables, features and bits stay in the caches however long the history is (`tests/benchmarks/event_stages.py` times it).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.changes import changes_of, write_changes, write_word
from mrtoolkit.backtest._kernels.columns import BARS, GROWTH, HIGHEST, LOWEST, SUM, SUM_SQ, TRADES, WINS
from mrtoolkit.backtest._kernels.fills import CostRates
from mrtoolkit.backtest._kernels.pointers import local_words, moved, pointer_to
from mrtoolkit.backtest._kernels.tables import FACTOR, LEFT, REACH, TILE, TOTAL, TOTAL_SQ, Cells, fill_tile
from mrtoolkit.backtest._kernels.tolerances import ALLOWED_OF_TABLES, RESOLUTION, ROUNDING, TINY
from mrtoolkit.strategy._kernels.conditions import fill_rows
from mrtoolkit.strategy._kernels.words import ALL, BITS, NONE

TILE_WORDS = TILE // BITS
ONE, _TOP, _NEXT_TO_TOP = np.uint64(1), np.uint64(63), np.uint64(62)

# what a trial carries from tile to tile
SUMS = ("sum", "sum_sq", "growth", "entered", "trades", "wins", "doubt", "doubt_sq")
C_SUM, C_SUM_SQ, C_GROWTH, C_ENTERED, C_TRADES, C_WINS, C_DOUBT, C_DOUBT_SQ = range(8)
C_DECIDED, C_HELD = range(2)  # bits: the position decided on at the last close, and the one held there


class LongSignals(NamedTuple):
    """Recipes of bits as `fill_rows` takes them, each trial's rows of the rules, and its first bar that counts."""

    rows: np.ndarray
    n_compared: int
    places: np.ndarray
    steps: np.ndarray
    groups: np.ndarray
    rules: np.ndarray
    flips: np.ndarray
    first: np.ndarray


class LongMarket(NamedTuple):
    """One asset: prices of fills, last known closes, and tables of all bars, or room for those of one tile."""

    raw: np.ndarray
    mark: np.ndarray
    costs: CostRates
    risk_free: float
    at_close: bool
    end: int
    cells: Cells
    has_tables: bool
    tables: np.ndarray  # (bar, 8)
    totals: np.ndarray  # (cell, 4)


@kernel(inline=True)
def from_first(wanted, bar, first):
    """A word that begins at `bar`, without the bits of bars before `first`."""
    if bar < first:
        return wanted & (ALL << np.uint64(first - bar)) if first - bar < BITS else NONE
    return wanted


@kernel(inline=True)
def word_before(carried):
    """A word of positions that ends as what is carried says: decided on at its last bar, held there."""
    return (carried[C_DECIDED] << _TOP) | (carried[C_HELD] << _NEXT_TO_TOP)


@kernel(inline=True)
def carry(last, at_close, carried):
    """Carry on from the last word of positions."""
    carried[C_DECIDED] = last >> _TOP
    carried[C_HELD] = last >> _TOP if at_close else (last >> _NEXT_TO_TOP) & ONE


@kernel
def find_fills(entry, exit_, flips, first, words, at_close, carried, fills):
    """Write the bars, among some words, at which a position is entered or left; return how many.

    A position goes on from `entry & ~exit` until `exit`: the carry of an addition runs up a word's bits as long as
    nothing resets it. All but numbers are pointers; `entry` and `exit_` begin at the first of the `words` (first and
    last), `carried` (2,) goes from tile to tile; `first` is the first bar whose entry counts.
    """
    decided, flip_entry, flip_exit = carried[C_DECIDED], flips[0], flips[1]
    positions, before, lag = local_words(TILE_WORDS), word_before(carried), 0 if at_close else 1
    n, n_words = 0, words[1] - words[0]
    for start in range(0, n_words, TILE_WORDS):
        count, begin = min(TILE_WORDS, n_words - start), (words[0] + start) << 6
        for w in range(count):
            stays = ~(exit_[start + w] ^ flip_exit)
            wanted = from_first((entry[start + w] ^ flip_entry) & stays, begin + (w << 6), first)
            flood = wanted | (decided & stays & ONE)
            position = (((stays + flood) ^ stays) | flood) & stays
            positions[w] = position
            decided = position >> _TOP
        n = write_changes(positions, count, before, lag, begin, fills, n)
        before = positions[count - 1]
    carry(before, at_close, carried)
    return n


@kernel
def find_state_fills(entry, flip, first, words, at_close, carried, fills):
    """The same where the exit is `~entry`: the position is the entry, and no word waits for the one before."""
    before, lag = word_before(carried), 0 if at_close else 1
    n, begin, n_words = 0, words[0] << 6, words[1] - words[0]
    n_early = min(max(0, ((first + BITS - 1) >> 6) - words[0]), n_words)
    for w in range(n_early):  # some bars of these words do not count
        position = from_first(entry[w] ^ flip, begin + (w << 6), first)
        n = write_word(changes_of(position, before, lag), begin + (w << 6), fills, n)
        before = position
    if n_early < n_words:  # turning over all words changes nothing
        row, begin = moved(entry, n_early), begin + (n_early << 6)
        n = write_changes(row, n_words - n_early, before ^ flip, lag, begin, fills, n)
        before = entry[n_words - 1] ^ flip
    carry(before, at_close, carried)
    return n


@kernel
def add_trades(fills, n, is_held, tables, totals, sums):
    """Add one tile's trades to a trial's sums; return whether a position is held at the tile's end.

    fills : n bars in turn of entries and exits, the first of which is an exit where `is_held`
    tables : eight numbers a bar
    totals, sums : of the tile, (4,), and of the trial, (8,); all of these are pointers
    """
    k, wins = 0, 0
    total, total_sq, growth = sums[C_SUM], sums[C_SUM_SQ], sums[C_GROWTH]
    if is_held:
        if n == 0:
            sums[C_SUM] += totals[TOTAL]
            sums[C_SUM_SQ] += totals[TOTAL_SQ]
            return True
        left = 8 * fills[0] + LEFT
        gain = sums[C_ENTERED] * tables[left + FACTOR]
        total += tables[left + TOTAL]
        total_sq += tables[left + TOTAL_SQ]
        growth *= gain
        wins += gain - 1.0 > ROUNDING
        sums[C_TRADES] += 1.0
        k = 1
    n_trades = (n - k) >> 1
    for i in range(n_trades):
        entered, left = 8 * fills[k + 2 * i], 8 * fills[k + 2 * i + 1] + LEFT
        gain = tables[entered + FACTOR] * tables[left + FACTOR]
        total += tables[entered + TOTAL] + tables[left + TOTAL]
        total_sq += tables[entered + TOTAL_SQ] + tables[left + TOTAL_SQ]
        growth *= gain
        wins += gain - 1.0 > ROUNDING
    goes_on = k + 2 * n_trades < n
    if goes_on:
        entered = 8 * fills[n - 1]
        total += tables[entered + TOTAL] + totals[TOTAL]
        total_sq += tables[entered + TOTAL_SQ] + totals[TOTAL_SQ]
        sums[C_ENTERED] = tables[entered + FACTOR]
    sums[C_SUM], sums[C_SUM_SQ], sums[C_GROWTH] = total, total_sq, growth
    sums[C_TRADES] += n_trades
    sums[C_WINS] += wins
    sums[C_DOUBT] += n * totals[REACH]
    sums[C_DOUBT_SQ] += n * totals[TOTAL_SQ]
    return goes_on


@kernel
def tile_bits(signals, market, tile, bits):
    """Make one tile's bits, and its tables where there is room for one tile alone; its first and last word in `bits`.

    bits : (row, word), room for one tile's words, or for all where a row looks at bars before its own
    """
    n_words = (market.end + BITS - 1) // BITS
    first, last = tile * TILE_WORDS, min((tile + 1) * TILE_WORDS, n_words)
    origin = 0 if bits.shape[1] >= n_words else first
    fill_rows(
        signals.rows, signals.n_compared, signals.places, signals.steps, signals.groups, first, last, origin,
        market.mark.size, bits,
    )
    if not market.has_tables:
        fill_tile(
            market.raw, market.mark, market.costs, market.risk_free, market.cells, tile, tile * TILE,
            market.tables, market.totals,
        )  # fmt: skip
    return first - origin, last - origin


@kernel
def tile_fills(signals, market, trial, tile, here, bits, carried, fills):
    """Write the bars of one trial's fills within a tile through a pointer, and return how many.

    here : the tile's first and last word in `bits`
    """
    first_word = tile * TILE_WORDS
    span = first_word, first_word + here[1] - here[0]
    words, rules, flips = moved(pointer_to(bits), here[0]), pointer_to(signals.rules), pointer_to(signals.flips)
    entry_row, exit_row = rules[4 * trial], rules[4 * trial + 1]
    entry, exit_ = moved(words, bits.shape[1] * entry_row), moved(words, bits.shape[1] * exit_row)
    first, own = signals.first[trial], moved(pointer_to(carried), 2 * trial)
    if entry_row == exit_row and flips[0] != flips[1]:
        n = find_state_fills(entry, flips[0], first, span, market.at_close, own, fills)
    else:
        n = find_fills(entry, exit_, flips, first, span, market.at_close, own, fills)
    while n > 0 and fills[n - 1] >= market.end:  # no bar is left to fill at
        n -= 1
    return n


@kernel
def run_lean(signals, market, tiles, bits, fills, carried, sums):
    """Carry all trials of a slice on over some tiles.

    Parameters
    ----------
    signals, market : LongSignals, LongMarket
    tiles : first and last tile
    bits : (row, word), see `tile_bits`
    fills : (TILE + 64,) int32, overwritten
    carried, sums : (trial, 2) uint64, (trial, 8) float64
    """
    for tile in range(tiles[0], tiles[1]):
        here = tile_bits(signals, market, tile, bits)
        cell = min(market.cells.of_tile[tile], market.totals.shape[0] - 1)
        back = 0 if market.has_tables else -8 * TILE * tile
        tables, totals = moved(pointer_to(market.tables), back), moved(pointer_to(market.totals), 4 * cell)
        bars = pointer_to(fills)
        for k in range(signals.rules.shape[0]):
            is_held = carried[k, C_HELD] != NONE
            n = tile_fills(signals, market, k, tile, here, bits, carried, bars)
            goes_on = add_trades(bars, n, is_held, tables, totals, moved(pointer_to(sums), sums.shape[1] * k))
            carried[k, C_HELD] = ONE if goes_on else NONE


@kernel
def finish_lean(last_mark, bars, carried, sums, stats, exact):
    """Write `stats` (trial, statistic), zeroed by the caller, and whether each trial's sums kept their digits."""
    for k in range(sums.shape[0]):
        trial, stat = sums[k], stats[k]
        if carried[k, C_HELD] != NONE:  # valued at the last close
            gain = trial[C_ENTERED] * last_mark
            trial[C_GROWTH] *= gain
            trial[C_TRADES] += 1.0
            trial[C_WINS] += gain - 1.0 > ROUNDING
        stat[BARS], stat[SUM], stat[SUM_SQ], stat[GROWTH] = bars, trial[C_SUM], trial[C_SUM_SQ], trial[C_GROWTH]
        stat[HIGHEST] = stat[LOWEST] = 1.0
        stat[TRADES], stat[WINS] = trial[C_TRADES], trial[C_WINS]
        lost, lost_sq = RESOLUTION * trial[C_DOUBT], RESOLUTION * trial[C_DOUBT_SQ]
        allowed = ALLOWED_OF_TABLES * trial[C_SUM_SQ]
        keeps = lost_sq <= allowed and lost * lost <= ALLOWED_OF_TABLES * allowed
        exact[k] = keeps and trial[C_GROWTH] > TINY
