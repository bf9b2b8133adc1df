"""The dense engine's first half: a plain loop over the bars, in the order of the trading model's text (`../model.py`).

It knows prices, signals and cash alone; what it writes down (equity and trades) is measured in `measure.py`.
The sums are not made in this loop too, for which there are too few registers, and a bar on which nothing can happen
takes a shortcut: `tests/benchmarks/test_dense_engine.py` measures both halves beside the plainest loop one can write.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import (
    BY_EXIT,
    END,
    ENTRY,
    EXIT,
    MAX_BARS,
    RUIN,
    SHORT_ENTRY,
    SHORT_EXIT,
    STAYS,
)
from mrtoolkit.backtest._kernels.fills import close_position, end_trade, fill_orders
from mrtoolkit.backtest._kernels.marks import last_known
from mrtoolkit.backtest._kernels.stops import best_since, watch_stops


class Prices(NamedTuple):
    """Open, high, low and close of one asset, each (time,)."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray


class Settings(NamedTuple):
    """What an order reads at its signal bar, each (time,), or (1,) where it is constant."""

    size: np.ndarray
    stop_loss: np.ndarray
    take_profit: np.ndarray
    trailing_stop: np.ndarray
    max_bars: np.ndarray


class Setup(NamedTuple):
    """How a trial is run."""

    start: int  # first measured bar
    end: int  # one past the last bar with a known close
    at_close: bool  # orders fill at the close of their signal bar, not at the next open
    waiting: bool  # a side that was stopped waits until its entry has been false once
    cash: float  # equity at the start, in currency


@kernel
def read(settings, t):
    """Size, (stop, target, trailing stop) and longest holding at a signal bar; size 0 where one is not positive."""
    size, stop_loss, take_profit, trailing_stop, max_bars = settings
    wanted = size[t if size.size > 1 else 0]
    stop = stop_loss[t if stop_loss.size > 1 else 0]
    target = take_profit[t if take_profit.size > 1 else 0]
    trail = trailing_stop[t if trailing_stop.size > 1 else 0]
    longest = max_bars[t if max_bars.size > 1 else 0]
    if not (wanted > 0.0 and stop > 0.0 and target > 0.0 and trail > 0.0 and longest > 0.0):  # NaN too
        wanted = 0.0
    return wanted, (stop, target, trail), longest


@kernel
def combine(entry, exit_, short_entry, short_exit, signals):
    """Write the four rules, each (time,) bool, as one byte a bar."""
    for t in range(signals.size):
        signals[t] = entry[t] * ENTRY | exit_[t] * EXIT | short_entry[t] * SHORT_ENTRY | short_exit[t] * SHORT_EXIT


@kernel
def decide(signal, position, overdue, waiting, long_waits, short_waits):
    """The orders of one close (whether to leave, why, which side to enter), and which sides wait after it."""
    long_waits = long_waits and signal & ENTRY != 0
    short_waits = short_waits and signal & SHORT_ENTRY != 0
    leaving, reason, side = False, BY_EXIT, 0.0
    if position != 0.0:
        leaving = signal & (EXIT if position > 0.0 else SHORT_EXIT) != 0
        if overdue and not leaving:
            leaving, reason = True, MAX_BARS
            if position > 0.0:
                long_waits = waiting and signal & ENTRY != 0
            else:
                short_waits = waiting and signal & SHORT_ENTRY != 0
    if position == 0.0 or leaving:
        go_long = signal & (ENTRY | EXIT) == ENTRY and not long_waits
        go_short = signal & (SHORT_ENTRY | SHORT_EXIT) == SHORT_ENTRY and not short_waits
        if go_long != go_short:
            side = 1.0 if go_long else -1.0
    return (leaving, reason, side), long_waits, short_waits


@kernel
def simulate(prices, signals, settings, warm, setup, costs, equity, trades):
    """Run one trial on one asset and return its number of trades; O(bars).

    Writes equity (time,) from `setup.start` on, and `trades` (trade, column), which has room for every bar.
    """
    opens, highs, lows, closes = prices
    start, end, at_close, waiting, cash = setup

    position, fill, entry_bar, n_trades = 0.0, 0.0, 0, 0
    extreme, limits, longest, watched = 0.0, (np.inf, np.inf, np.inf), np.inf, False
    leaving, reason, side, size = False, BY_EXIT, 0.0, 0.0  # the orders given at a close
    next_limits, next_longest = limits, longest  # and what the opening one read there
    long_waits, short_waits = False, False
    awaited, quiet = ENTRY | SHORT_ENTRY, False  # signals that change anything, and whether nothing else can
    mark, now = last_known(closes, start), cash

    for t in range(end):
        if t < start:
            continue
        close = closes[t]
        if quiet and not signals[t] & awaited:
            now = cash + position * close
            if now > 0.0:
                equity[t] = now
                continue
        if close == close:
            mark = close
        elif t > start and closes[t - 1] == closes[t - 1]:
            mark = closes[t - 1]  # the bar before may have been a quiet one, which leaves the mark alone

        # the open: orders given at the close before
        if (leaving or side != 0.0) and not at_close:
            if opens[t] == opens[t]:
                orders, account = (leaving, reason, side, size), (cash, position, n_trades)
                cash, position, n_trades = fill_orders(orders, account, opens[t], t, costs, trades)
                if side != 0.0:
                    fill, extreme, entry_bar, limits, longest = opens[t], opens[t], t, next_limits, next_longest
                    watched = min(limits[0], limits[1], limits[2]) < np.inf
            leaving, side = False, 0.0

        # inside the bar: stops and targets
        if watched and position != 0.0:
            direction = 1.0 if position > 0.0 else -1.0
            price, why = watch_stops(direction, fill, extreme, limits, (opens[t], highs[t], lows[t]))
            if why != STAYS:
                cash = close_position(cash, position, price, t, why, costs, trades[n_trades])
                position = 0.0
                n_trades += 1
                long_waits = waiting if direction > 0.0 else long_waits
                short_waits = waiting if direction < 0.0 else short_waits
            else:
                extreme = best_since(direction, extreme, highs[t], lows[t])

        # the close: carry and value
        price = mark if mark == mark else fill  # of a position held before any close is known
        if position != 0.0:
            cash += costs.borrow * position * price if position < 0.0 else costs.financing * min(cash, 0.0)
            now = cash + position * price
        else:
            now = cash

        # signals, the held position's first
        if t >= warm and now > 0.0:
            overdue = t - entry_bar + (0 if at_close else 1) >= longest
            orders, long_waits, short_waits = decide(signals[t], position, overdue, waiting, long_waits, short_waits)
            leaving, reason, side = orders
            if side != 0.0:
                size, next_limits, next_longest = read(settings, t)
                side = side if size > 0.0 else 0.0

            # orders that fill at this same close
            if at_close and (leaving or side != 0.0):
                if close == close:
                    orders, account = (leaving, reason, side, size), (cash, position, n_trades)
                    cash, position, n_trades = fill_orders(orders, account, close, t, costs, trades)
                    if side != 0.0:
                        fill, extreme, entry_bar, limits, longest = close, close, t, next_limits, next_longest
                        watched = min(limits[0], limits[1], limits[2]) < np.inf
                    now = cash + position * mark if position != 0.0 else cash
                leaving, side = False, 0.0

        if now <= 0.0:  # ruin ends the trial
            if position != 0.0:
                end_trade(trades[n_trades], 0.0, t, price, 0.0, RUIN)
                n_trades += 1
            equity[t:] = 0.0
            return n_trades
        equity[t] = now

        # from here to the next signal nothing can happen but that prices move
        calm = not (leaving or side != 0.0 or long_waits or short_waits) and t + 1 >= warm and mark == mark
        if position == 0.0:
            awaited, quiet = ENTRY | SHORT_ENTRY, calm
        else:
            carried = costs.borrow != 0.0 if position < 0.0 else costs.financing != 0.0 and cash < 0.0
            awaited = EXIT if position > 0.0 else SHORT_EXIT
            quiet = calm and not watched and longest == np.inf and not carried

    if position != 0.0:  # still open at the last known close
        end_trade(trades[n_trades], now, end - 1, closes[end - 1], 0.0, END)
        n_trades += 1
    equity[max(start, end) :] = now
    return n_trades
