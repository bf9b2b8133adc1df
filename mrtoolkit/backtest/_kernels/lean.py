"""The lean statistics of a trial: sums of returns and of their squares, growth, and how many trades win.

Where these are all that is asked, no phases are laid. Bars with fills are worked out trade by trade; in between a long
of the whole account has the market's returns, two look-ups in running sums, and only other positions are followed bar
by bar.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import BARS, GROWTH, SUM, SUM_SQ, TRADES, WINS
from mrtoolkit.backtest._kernels.growth import work_out_trades
from mrtoolkit.backtest._kernels.lanes import LANES, add_returns
from mrtoolkit.backtest._kernels.tolerances import ALLOWED, CLOSE, FULL, LOST, ROUNDING, TINY


@kernel
def add_fills(mark, found, n_trades, growth, end):
    """Sums of the returns of all bars with fills and of their squares, the fills of one bar together.

    Also the least of equity minus `CLOSE` of the cash at the closes of the entries, in units of equity before them.
    No branches: whether a trade begins where another ends cannot be foreseen.
    """
    total = total_sq = 0.0
    least, made, at = np.inf, 1.0, -1  # what the last fills, those of bar `at`, made of equity
    for k in range(n_trades):
        bar, until = found.entry[k], found.exit[k]
        cash, shares, after = growth.cash[k], growth.shares[k], growth.after[k]
        joined, lasts = at == bar, until > bar
        left = 0.0 if joined else made - 1.0
        before = made if joined else 1.0
        now = cash + shares * mark[bar]
        entered = before * now - 1.0 if lasts else 0.0
        total += left + entered
        total_sq += left * left + entered * entered
        least = min(least, now - CLOSE * abs(cash) if lasts else np.inf)
        made = after / (cash + shares * mark[until - 1]) if lasts else before * after
        at = until
    left = made - 1.0 if at < end else 0.0
    return total + left, total_sq + left * left, least


@kernel
def part_trades(n_trades, growth, lowest, order):
    """Write first the trades whose returns are the market's, then the others; how many the former are."""
    n_full, last = 0, n_trades - 1
    for k in range(n_trades):
        cash, shares = growth.cash[k], growth.shares[k]
        is_full = abs(cash) <= FULL * shares * lowest
        order[n_full] = order[last] = k  # one of the two places is written again
        n_full += 1 if is_full else 0
        last -= 0 if is_full else 1
    return n_full


@kernel
def add_market(found, n_full, order, sums):
    """Sums of the market's returns, and of their squares, within the first trades of an order."""
    total = total_sq = 0.0
    for i in range(n_full):
        k = order[i]
        bar = found.entry[k]
        last = max(found.exit[k] - 1, bar)
        total += sums[2 * last] - sums[2 * bar]
        total_sq += sums[2 * last + 1] - sums[2 * bar + 1]
    return total, total_sq


@kernel
def multiply(growth, n_trades, cash):
    """Equity in the end, the least of it after a trade, and how many trades win."""
    equity, least, n_won = cash, cash, 0
    for k in range(n_trades):
        equity *= growth.after[k]
        least = min(least, equity)
    for k in range(n_trades):
        n_won += 1 if growth.after[k] - 1.0 > ROUNDING else 0
    return equity, least, n_won


@kernel
def measure_growth(track, found, n_trades, setup, costs, growth, room, edges, block):
    """Fill the lean statistics, (statistic,), of a trial with these trades; whether that could be done.

    It could not where `growth.grow` could not, or where differences of running sums have too few digits.

    room : pointers to a whole number a trade, and to three times eight numbers, overwritten
    """
    order, sums = room
    if work_out_trades(found, n_trades, costs, growth, False) > 0:
        return False
    equity, least, n_won = multiply(growth, n_trades, setup.cash)
    if not least > TINY:
        return False
    total, total_sq, spare = add_fills(track.mark, found, n_trades, growth, edges[1])
    n_full = part_trades(n_trades, growth, track.bounds[0], order)
    more, more_sq = add_market(found, n_full, order, track.sums)
    total, total_sq = total + more, total_sq + more_sq
    for lane in range(LANES):
        sums[lane] = sums[LANES + lane] = 0.0
        sums[2 * LANES + lane] = spare
    for i in range(n_full, n_trades):
        k = order[i]
        bar, cash, shares = found.entry[k], growth.cash[k], growth.shares[k]
        account = (cash, shares, cash + shares * track.mark[bar], CLOSE * abs(cash))
        add_returns(track.mark, bar + 1, max(found.exit[k], bar + 1), account, sums)
    for lane in range(LANES):
        total, total_sq, spare = total + sums[lane], total_sq + sums[LANES + lane], min(spare, sums[2 * LANES + lane])
    n_bars, lost = edges[1] - edges[0], LOST * n_full
    reach_sq = track.sums[2 * (setup.end - 1) + 1] if n_full > 0 else 0.0
    is_sharp = lost * track.reach <= ALLOWED * np.sqrt(n_bars * total_sq) and lost * reach_sq <= ALLOWED * total_sq
    if n_trades > 0 and not (is_sharp and spare > 0.0):
        return False
    block[BARS], block[SUM], block[SUM_SQ], block[GROWTH] = n_bars, total, total_sq, equity / setup.cash
    block[TRADES], block[WINS] = n_trades, n_won
    return True
