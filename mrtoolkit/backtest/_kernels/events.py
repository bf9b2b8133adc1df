"""The event engine's kernel: the trading model (`../model.py`), from event to event instead of from bar to bar.

A trial is found (`search.py`: rules, stops and prices decide when it trades, whatever the account holds), settled (what
its trades make of the account: `growth.py` where that is a product, `account.py` in general) and measured (`phases.py`:
between two fills cash and shares stand still, and equity is cash plus shares times the price).
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.account import settle
from mrtoolkit.backtest._kernels.booking import Phases
from mrtoolkit.backtest._kernels.dense import Prices
from mrtoolkit.backtest._kernels.growth import Growth, grow
from mrtoolkit.backtest._kernels.lean import measure_growth
from mrtoolkit.backtest._kernels.phases import measure_phases
from mrtoolkit.backtest._kernels.pointers import moved, pointer_to
from mrtoolkit.backtest._kernels.search import Found, find_plain_trades, find_trades, is_plain, setting_of
from mrtoolkit.backtest._kernels.sides import N_ROWS, bits_of, combine_rules
from mrtoolkit.backtest._kernels.track import Track


@kernel
def pointers_of(prices):
    """The same prices as pointers."""
    return Prices(pointer_to(prices.open), pointer_to(prices.high), pointer_to(prices.low), pointer_to(prices.close))


@kernel
def track_of(track):
    """The same track as pointers."""
    return Track(
        pointer_to(track.mark), pointer_to(track.low), pointer_to(track.high),
        pointer_to(track.lowest), pointer_to(track.highest), track.bounds, track.known,
        track.whole, pointer_to(track.sums), track.reach,
        pointer_to(track.low_8), pointer_to(track.high_8),
    )  # fmt: skip


@kernel
def run_events(prices, track, words, inverted, rules, settings, index, warm, setup, costs, scope, stats, exact):
    """Run trials on one asset, from event to event; O(bars / 64 + events + bars held / 8) a trial.

    prices : `dense.Prices`
    track : `track.Track` of these prices and of `setup.start`
    words : (row, word) uint64, a bit a bar; bits behind the last bar may be anything
    inverted : (4,) uint64, no bit or all of them, for each kind of rule
    rules : (trial, 4) int64, rows of entry, exit, short_entry, short_exit
    settings : size, stop_loss, take_profit, trailing_stop, max_bars, each (row, time) or (row, 1)
    index : (trial, 5) int64, rows of the settings
    warm : (trial,), first bar whose signal counts
    setup, costs : `dense.Setup`, `fills.CostRates`
    scope : `measure.Scope`
    stats : (trial, block, statistic), zeroed by the caller
    exact : (trial,) uint8, written: 0 where the trial could not be done here (its statistics are then not valid)
    """
    n_bars = prices.close.size
    room = (
        np.empty((N_ROWS, words.shape[1] + 1), np.uint64), np.empty((4, n_bars + 2), np.int64),
        np.empty((11, n_bars + 2)), np.empty(n_bars + 128, np.int32), np.empty(2, np.uint64), np.empty(24),
    )  # fmt: skip
    run_within(prices, track, words, inverted, rules, settings, index, warm, setup, costs, scope, stats, exact, room)


@kernel
def run_within(
    prices, track, words, inverted, rules, settings, index, warm, setup, costs, scope, stats, exact, room
):
    """The same within arrays of the caller's, who keeps them alive for the pointers to them."""
    size, stop_loss, take_profit, trailing_stop, max_bars = settings
    rows, whole, numbers, fills, carried, sums = room
    bits, bars, paths = bits_of(rows), pointers_of(prices), track_of(track)
    found, growth, phases = columns_of(whole, numbers)
    for i in range(rules.shape[0]):
        row = index[i]
        sides = combine_rules(words, inverted, rules[i], bits)
        wanted = (
            setting_of(size, row[0]), setting_of(stop_loss, row[1]), setting_of(take_profit, row[2]),
            setting_of(trailing_stop, row[3]), setting_of(max_bars, row[4]),
        )  # fmt: skip
        n_trades, done = -1, True
        only = 0.0 if sides[0] and sides[1] else (1.0 if sides[0] else -1.0)
        if only != 0.0 and track.whole and is_plain(wanted):
            rule = 0 if sides[0] else 2
            plain = (
                moved(pointer_to(words), rules[i, rule] * words.shape[1]),
                moved(pointer_to(words), rules[i, rule + 1] * words.shape[1]), moved(pointer_to(inverted), rule),
            )  # fmt: skip
            order, places = (wanted[0][0][0], only), (pointer_to(carried), pointer_to(fills))
            n_trades = find_plain_trades(bars, paths, plain, order, warm[i], setup, costs, places, found)
        if n_trades < 0:
            n_trades, done = find_trades(bars, paths, bits, only, wanted, warm[i], setup, costs, found)
        if done:
            done = account_for(paths, found, n_trades, sides, setup, costs, growth, phases, scope, sums, stats[i])
        exact[i] = done


@kernel
def columns_of(whole, numbers):
    """Pointers to the columns of the trades and of the phases of a trial, in (4, time + 2) and (11, time + 2)."""
    i, x, n = pointer_to(whole), pointer_to(numbers), numbers.shape[1]
    found = Found(i, moved(i, n), moved(i, 2 * n), x, moved(x, n), moved(x, 2 * n))
    growth = Growth(moved(x, 3 * n), moved(x, 4 * n), moved(x, 5 * n), moved(x, 6 * n), moved(x, 7 * n))
    return found, growth, Phases(moved(i, 3 * n), moved(x, 8 * n), moved(x, 9 * n), moved(x, 10 * n))


@kernel
def account_for(track, found, n_trades, sides, setup, costs, growth, phases, scope, sums, stats):
    """Write the statistics (block, statistic) of a trial with these trades; whether it could be done."""
    edges, totals = pointer_to(scope.edges), pointer_to(sums)
    n_phases = 0
    if costs.minimum == 0.0 and (costs.borrow == 0.0 or not sides[1]):
        is_lean = not (scope.with_drawdown or scope.with_rest) and scope.edges.size == 2
        room = (phases.first, totals)
        if is_lean and measure_growth(track, found, n_trades, setup, costs, growth, room, edges, stats[0]):
            return True
        n_phases = grow(found, n_trades, setup, costs, growth, phases, edges, scope.with_rest, pointer_to(stats))
        if n_phases > 0 and measure_phases(track, phases, n_phases, setup.cash, scope, totals, stats):
            return True
        stats[:] = 0.0
    n_phases, done = settle(track, found, n_trades, setup, costs, phases, edges, pointer_to(stats))
    if done:
        measure_phases(track, phases, n_phases, setup.cash, scope, totals, stats)
    else:
        stats[:] = 0.0
    return done
