"""The event engine's kernel: the trading model (`../model.py`), from event to event instead of from bar to bar.

Between two fills cash and shares stand still, and equity is cash plus shares times the price: so a trial is a list of
pieces, each with its first bar, its cash and its shares, and what the pieces come to is measured in `pieces.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import BY_EXIT, END, MAX_BARS, RUIN, TRADE
from mrtoolkit.backtest._kernels.dense import Settings, read
from mrtoolkit.backtest._kernels.fills import close_position, end_trade, open_position
from mrtoolkit.backtest._kernels.holding import hold, is_carried
from mrtoolkit.backtest._kernels.measure import measure
from mrtoolkit.backtest._kernels.sides import N_ROWS, combine_rules, next_entry, side_at


class Book(NamedTuple):
    """What a trial writes down, and is overwritten by the next one."""

    trades: np.ndarray  # (time + 1, column)
    first: np.ndarray  # (time + 2,) int64, first bar of each piece
    cash: np.ndarray  # (time + 2,), cash in it
    shares: np.ndarray  # (time + 2,), signed shares in it; NaN where equity is written down bar by bar
    equity: np.ndarray  # (time,)


@kernel
def begin_piece(book, n, bar, cash, shares):
    """Write down that equity is cash and shares from the close of `bar` on; the number of pieces."""
    if n > 0 and book.first[n - 1] == bar:
        n -= 1
    book.first[n], book.cash[n], book.shares[n] = bar, cash, shares
    return n + 1


@kernel
def follow(prices, track, bits, settings, warm, setup, costs, book):
    """Run one trial; the number of trades, of pieces, and whether it could be done."""
    start, end, at_close, _, cash = setup
    lag = 0 if at_close else 1
    fills = prices.close if at_close else prices.open
    n_trades, n_pieces = 0, begin_piece(book, 0, start, cash, 0.0)
    free = (start, start)
    t = max(start, warm)
    while True:
        t, side = next_entry(bits, t, free, end)
        if t + lag >= end:
            return n_trades, n_pieces, True
        order = read(settings, t)
        bar = t + lag
        raw = fills[bar]
        t += 1
        if not (order[0] > 0.0 and raw == raw):
            continue
        cash, position = open_position(cash, side, order[0], raw, bar, costs, book.trades[n_trades])
        while position != 0.0:
            if track.mark[bar] != track.mark[bar]:
                return n_trades, n_pieces, False
            shares = np.nan if is_carried(cash, position, costs) else position
            n_pieces = begin_piece(book, n_pieces, bar, cash, shares)
            t, reason, price, cash, free = hold(
                prices, track, bits, order, (cash, position), bar, raw, free, setup, costs, book.equity
            )
            trade = book.trades[n_trades]
            n_trades += 1
            if reason == END:
                now = cash + position * track.mark[t]
                end_trade(trade, now, t, prices.close[t], 0.0, END)
                return n_trades, begin_piece(book, n_pieces, end, now, 0.0), True
            if reason == RUIN:
                end_trade(trade, 0.0, t, track.mark[t], 0.0, RUIN)
                return n_trades, begin_piece(book, n_pieces, t, 0.0, 0.0), True
            stopped = reason not in (BY_EXIT, MAX_BARS)
            bar = t if stopped else t + lag
            cash, raw = close_position(cash, position, price, bar, reason, costs, trade), price
            position = 0.0
            if not stopped:
                side = side_at(bits, t, free)
                if side != 0.0:
                    order = read(settings, t)
                    if order[0] > 0.0:
                        cash, position = open_position(cash, side, order[0], raw, bar, costs, book.trades[n_trades])
                t += 1
            if position == 0.0:
                n_pieces = begin_piece(book, n_pieces, bar, max(cash, 0.0), 0.0)
                if cash <= 0.0:
                    return n_trades, n_pieces, True


@kernel
def write_equity(mark, book, n_pieces, equity):
    """Write the equity of all pieces, bar by bar."""
    for k in range(n_pieces):
        last = book.first[k + 1] if k + 1 < n_pieces else equity.size
        cash, shares = book.cash[k], book.shares[k]
        if shares == 0.0:
            equity[book.first[k] : last] = cash
        elif shares == shares:
            for t in range(book.first[k], last):
                equity[t] = cash + shares * mark[t]


@kernel
def run_events(prices, track, words, inverted, rules, settings, index, warm, setup, costs, measured, stats, exact):
    """Run trials on one asset, from event to event; O(bars / 64 + events + bars held / 8) a trial.

    prices : `dense.Prices`
    track : `track.Track` of these prices, of `setup.start` and of `measured`
    words : (row, word) uint64, a bit a bar; bits behind the last bar may be anything
    inverted : (4,) uint64, no bit or all of them, for each kind of rule
    rules : (trial, 4) int64, rows of entry, exit, short_entry, short_exit
    settings : size, stop_loss, take_profit, trailing_stop, max_bars, each (row, time) or (row, 1)
    index : (trial, 5) int64, rows of the settings
    warm : (trial,), first bar whose signal counts
    setup, costs : `dense.Setup`, `fills.CostRates`
    measured : risk-free return a bar, block edges (block + 1,), whether drawdowns are wanted, and whether anything is
        but sum, sum of squares, growth, bars, trades and wins
    stats : (trial, block, statistic), zeroed by the caller
    exact : (trial,) uint8, written: 0 where the trial could not be done here (its statistics are then not valid)
    """
    size, stop_loss, take_profit, trailing_stop, max_bars = settings
    risk_free, edges, with_drawdown, _ = measured
    n_bars = prices.close.size
    book = Book(
        np.empty((n_bars + 1, len(TRADE))), np.empty(n_bars + 2, np.int64), np.empty(n_bars + 2),
        np.empty(n_bars + 2), np.empty(n_bars),
    )  # fmt: skip
    bits = np.empty((N_ROWS, words.shape[1]), np.uint64)
    for i in range(rules.shape[0]):
        row = index[i]
        combine_rules(words, inverted, rules[i], bits)
        order = Settings(size[row[0]], stop_loss[row[1]], take_profit[row[2]], trailing_stop[row[3]], max_bars[row[4]])
        n_trades, n_pieces, done = follow(prices, track, bits, order, warm[i], setup, costs, book)
        exact[i] = done
        if done:
            write_equity(track.mark, book, n_pieces, book.equity)
            measure(
                book.equity, book.trades[:n_trades], prices.close, setup.cash, risk_free, edges, with_drawdown, stats[i]
            )
