"""What the trades of a trial make of its account, one after the other, with all that can happen to it."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.booking import begin_phase, block_of, book_entry, book_exit
from mrtoolkit.backtest._kernels.columns import (
    BY_EXIT,
    END,
    ENTRY_TURNOVER,
    EXIT_TURNOVER,
    GAIN,
    MAX_BARS,
    RUIN,
    TRADE,
)
from mrtoolkit.backtest._kernels.fills import close_position, end_trade, open_position
from mrtoolkit.backtest._kernels.passage import carry, first_ruin
from mrtoolkit.backtest._kernels.pointers import local_row

N_COLUMNS = len(TRADE)


@kernel
def is_carried(cash, position, costs):
    """Whether holding changes the cash."""
    return costs.borrow != 0.0 if position < 0.0 else costs.financing != 0.0 and cash < 0.0


@kernel
def until_exit(track, cash, position, bar, first, until, costs, equity):
    """Hold cash and shares from the fill in `bar` on, at the closes in [first, until).

    The bar of the ruin, else `until`, and the cash then; writes equity where borrowing is charged.
    """
    if first > bar and cash + position * track.mark[bar] <= 0.0:  # a fill at the close
        return bar, cash
    if not is_carried(cash, position, costs):
        return first_ruin(track, cash, position, first, until), cash
    equity[bar] = cash + position * track.mark[bar]
    return carry(track.mark, cash, position, costs, first, until, equity)


@kernel
def settle(track, found, n_trades, setup, costs, phases, edges, stats):
    """Lay the phases of some trades and book these; the number of phases, and whether it could be done.

    It could not where an account cannot pay for one share: the trades are then others.
    """
    start, end, at_close, _, cash = setup
    lag = 0 if at_close else 1
    trade, b, n = local_row(N_COLUMNS), 0, begin_phase(phases, 0, start, cash, 0.0)
    for k in range(n_trades):
        bar, last, reason, size = found.entry[k], found.exit[k], found.reason[k], found.size[k]
        cash, position = open_position(
            cash, 1.0 if size > 0.0 else -1.0, abs(size), found.entry_raw[k], bar, costs, trade
        )
        if position == 0.0:
            return n, False
        b = block_of(edges, b, bar)
        book_entry(trade[ENTRY_TURNOVER], stats, b)
        n = begin_phase(phases, n, bar, np.nan if is_carried(cash, position, costs) else cash, position)
        until = last + 1 - lag if reason in (BY_EXIT, MAX_BARS) else last
        ruined, cash = until_exit(track, cash, position, bar, bar + 1 - lag, until, costs, phases.equity)
        if ruined < until:
            end_trade(trade, 0.0, ruined, track.mark[ruined], 0.0, RUIN)
            book_exit(0.0, trade[GAIN], stats, block_of(edges, b, ruined))
            return begin_phase(phases, n, ruined, 0.0, 0.0), True
        if reason == END:
            cash += position * track.mark[end - 1]
            end_trade(trade, cash, end - 1, track.mark[end - 1], 0.0, END)
            book_exit(0.0, trade[GAIN], stats, block_of(edges, b, end - 1))
            return begin_phase(phases, n, end, cash, 0.0), True
        cash = close_position(cash, position, found.exit_raw[k], last, reason, costs, trade)
        b = block_of(edges, b, last)
        book_exit(trade[EXIT_TURNOVER], trade[GAIN], stats, b)
        n = begin_phase(phases, n, last, max(cash, 0.0), 0.0)
        if cash <= 0.0:
            break
    return n, True
