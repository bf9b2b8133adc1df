"""Which trades a trial makes: what its rules, its stops and the prices decide, whatever the account holds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import BY_EXIT, END, MAX_BARS
from mrtoolkit.backtest._kernels.fills import execution_price
from mrtoolkit.backtest._kernels.holding import hold
from mrtoolkit.backtest._kernels.long_only import find_fills
from mrtoolkit.backtest._kernels.pointers import Pointer, moved, pointer_to
from mrtoolkit.backtest._kernels.sides import next_entry, side_at
from mrtoolkit.strategy._kernels.words import NONE


class Found(NamedTuple):
    """Pointers to what is known of each trade, one number a trade."""

    entry: Pointer  # bar of the fill
    exit: Pointer  # bar of the fill; the end of prices where it is still open
    reason: Pointer
    size: Pointer  # fraction of equity, negative for a short
    entry_raw: Pointer
    exit_raw: Pointer


@kernel
def setting_of(rows, row):
    """A pointer to one row of (row, time) or (row, 1), and 1 or 0: how much further the next bar's value lies."""
    return moved(pointer_to(rows), row * rows.shape[1]), 1 if rows.shape[1] > 1 else 0


@kernel
def read_order(settings, t):
    """What `dense.read` reads at a signal bar, from settings as pointers."""
    size, stop_loss, take_profit, trailing_stop, max_bars = settings
    wanted = size[0][t * size[1]]
    stop, target = stop_loss[0][t * stop_loss[1]], take_profit[0][t * take_profit[1]]
    trail, longest = trailing_stop[0][t * trailing_stop[1]], max_bars[0][t * max_bars[1]]
    if not (wanted > 0.0 and stop > 0.0 and target > 0.0 and trail > 0.0 and longest > 0.0):  # NaN too
        wanted = 0.0
    return wanted, (stop, target, trail), longest


@kernel
def is_same(settings):
    """Whether an order reads the same at every bar."""
    size, stop_loss, take_profit, trailing_stop, max_bars = settings
    return size[1] + stop_loss[1] + take_profit[1] + trailing_stop[1] + max_bars[1] == 0


@kernel
def find_trades(prices, track, bits, only, settings, warm, setup, costs, found):
    """Write down the trades of one trial as if every order could be paid; their number, and whether it could be done.

    `only` is the side that is ever let in, 0 where both are.
    A position before any close is known cannot: nothing here says what it is worth.
    """
    start, end, at_close, _, _ = setup
    lag = 0 if at_close else 1
    fills = prices.close if at_close else prices.open
    n, free, t = 0, (start, start), max(start, warm)
    same, order = is_same(settings), read_order(settings, 0)
    while True:
        t, side = next_entry(bits, only, t, free, end)
        if t + lag >= end:
            return n, True
        if not same:
            order = read_order(settings, t)
        bar = t + lag
        raw = fills[bar]
        t += 1
        if not (order[0] > 0.0 and raw == raw and execution_price(raw, side, costs) > 0.0):
            continue
        while side != 0.0:
            if bar < track.known:
                return n, False
            t, reason, price, free = hold(prices, track, bits, side, order, bar, raw, free, setup)
            ordered = reason in (BY_EXIT, MAX_BARS)
            found.entry[n], found.entry_raw[n], found.size[n] = bar, raw, side * order[0]
            bar, raw = t + (lag if ordered else 0), price
            found.exit[n], found.exit_raw[n], found.reason[n] = bar, raw, reason
            n += 1
            if reason == END:
                return n, True
            side = 0.0
            if ordered:
                if only == 0.0 or reason == MAX_BARS:
                    side = side_at(bits, t, free)
                if side != 0.0:
                    if not same:
                        order = read_order(settings, t)
                    if not (order[0] > 0.0 and execution_price(raw, side, costs) > 0.0):
                        side = 0.0
                t += 1


@kernel
def is_plain(settings):
    """Whether every order is the same and rules alone close it."""
    size, limits, longest = read_order(settings, 0)
    return is_same(settings) and size > 0.0 and min(limits[0], limits[1], limits[2], longest) == np.inf


@kernel
def find_plain_trades(prices, track, rules, order, warm, setup, costs, fills, found):
    """The same for one side, plain orders and whole prices, straight from the words of its rules.

    Their number, or -1 where an order would not fill after all.

    rules : pointers to the words of entry and exit, and to what flips them
    order : size and side
    fills : pointers to (2,) uint64 and to (time + 128,) int32, overwritten
    """
    start, end, at_close, _, _ = setup
    raws = prices.close if at_close else prices.open
    size, side = order
    carried, bars = fills
    carried[0] = carried[1] = NONE
    entry, exit_, flips = rules
    n_fills = find_fills(entry, exit_, flips, max(start, warm), (0, (end + 63) >> 6), at_close, carried, bars)
    while n_fills > 0 and bars[n_fills - 1] >= end:
        n_fills -= 1
    n, n_unfilled = (n_fills + 1) >> 1, 0
    if n_fills & 1:
        bars[n_fills] = end
    for k in range(n):
        bar, last = bars[2 * k], bars[2 * k + 1]
        found.entry[k], found.exit[k], found.reason[k] = bar, last, BY_EXIT
        found.entry_raw[k], found.exit_raw[k], found.size[k] = raws[bar], raws[min(last, end - 1)], side * size
        n_unfilled += 0 if execution_price(raws[bar], side, costs) > 0.0 else 1
    if n_fills & 1:
        found.reason[n - 1], found.exit_raw[n - 1] = END, track.mark[end - 1]
    return n if n_unfilled == 0 else -1
