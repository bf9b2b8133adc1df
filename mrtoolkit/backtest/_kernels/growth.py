"""What the trades of a trial make of its account where that is nothing but growth.

Without a minimum cost and without borrowing, a trade multiplies equity by a number that its own prices give: so all
trades of a trial are worked out side by side, several in one instruction, and only their product goes one by one.
"""

from __future__ import annotations

from typing import NamedTuple

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.booking import begin_phase, block_of, book_entry, book_exit, book_win
from mrtoolkit.backtest._kernels.columns import END
from mrtoolkit.backtest._kernels.fills import execution_price
from mrtoolkit.backtest._kernels.pointers import Pointer
from mrtoolkit.backtest._kernels.tolerances import CLOSE, FULL, SMALL, TINY


class Growth(NamedTuple):
    """Pointers to what one unit of equity becomes in each trade, one number a trade."""

    shares: Pointer  # negative for a short
    cash: Pointer
    after: Pointer  # the exit paid
    entry_turnover: Pointer
    exit_turnover: Pointer


@kernel
def work_out_entries(found, n, costs, growth):
    """Shares and cash of one unit of equity after the entries."""
    for k in range(n):
        size = found.size[k]
        side = 1.0 if size > 0.0 else -1.0
        price = execution_price(found.entry_raw[k], side, costs)
        shares = abs(size) / (price * (1.0 + costs.fee) + costs.per_share)
        growth.shares[k] = side * shares
        growth.cash[k] = 1.0 - side * shares * price - (costs.fee * price + costs.per_share) * shares


@kernel
def work_out_exits(found, n, costs, growth):
    """What is left of one unit of equity after the exits; how many trades need `account.settle`."""
    n_close = 0
    for k in range(n):
        shares, cash = growth.shares[k], growth.cash[k]
        side = 1.0 if shares > 0.0 else -1.0
        price = execution_price(found.exit_raw[k], -side, costs)
        after = cash + shares * price - max(0.0, (costs.fee * price + costs.per_share) * abs(shares))
        growth.after[k] = after
        n_close += 1 if after <= CLOSE * abs(cash) else 0
        n_close += 1 if abs(found.size[k]) < SMALL else 0
        n_close += 1 if costs.financing != 0.0 and cash < -FULL else 0
    return n_close


@kernel
def work_out_turnover(found, n, costs, growth):
    """Traded values of the entries and of the exits, as fractions of equity just before."""
    for k in range(n):
        shares = growth.shares[k]
        side = 1.0 if shares > 0.0 else -1.0
        growth.entry_turnover[k] = abs(shares) * execution_price(found.entry_raw[k], side, costs)
    for k in range(n):
        shares = growth.shares[k]
        side = 1.0 if shares > 0.0 else -1.0
        before = growth.cash[k] + shares * found.exit_raw[k]
        traded = abs(shares) * execution_price(found.exit_raw[k], -side, costs)
        growth.exit_turnover[k] = traded / before if before > 0.0 else 0.0


@kernel
def work_out_trades(found, n_trades, costs, growth, with_turnover):
    """What one unit of equity becomes in each trade; how many trades need `account.settle`."""
    work_out_entries(found, n_trades, costs, growth)
    n_close = work_out_exits(found, n_trades, costs, growth)
    if with_turnover:
        work_out_turnover(found, n_trades, costs, growth)
    last = n_trades - 1
    if n_trades > 0 and found.reason[last] == END:  # valued, not sold
        growth.after[last] = growth.cash[last] + growth.shares[last] * found.exit_raw[last]
        growth.exit_turnover[last] = 0.0
        n_close += 1 if growth.after[last] <= CLOSE * abs(growth.cash[last]) else 0
    return n_close


@kernel
def grow(found, n_trades, setup, costs, growth, phases, edges, with_rest, stats):
    """Lay the phases of some trades and book these; the number of phases, 0 where `account.settle` is needed."""
    if work_out_trades(found, n_trades, costs, growth, with_rest) > 0:
        return 0
    equity, least = setup.cash, setup.cash
    b, n = 0, begin_phase(phases, 0, setup.start, equity, 0.0)
    for k in range(n_trades):
        bar, until, after = found.entry[k], found.exit[k], growth.after[k]
        if with_rest:
            b = block_of(edges, b, bar)
            book_entry(growth.entry_turnover[k], stats, b)
        cash, shares = equity * growth.cash[k], equity * growth.shares[k]
        n = begin_phase(phases, n, bar, cash, shares)
        b = block_of(edges, b, min(until, setup.end - 1))
        if with_rest:
            book_exit(growth.exit_turnover[k], after - 1.0, stats, b)
        else:
            book_win(after - 1.0, stats, b)
        equity = equity * after if found.reason[k] != END else cash + shares * found.exit_raw[k]
        n = begin_phase(phases, n, until, equity, 0.0)
        least = min(least, equity)
    return n if least > TINY else 0
