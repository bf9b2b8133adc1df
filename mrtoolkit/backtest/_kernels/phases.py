"""The statistics of a trial, per block, from its phases: stretches of bars in which cash and shares stand still."""

from __future__ import annotations

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import (
    BARS,
    DOWNSIDE_SQ,
    GROWTH,
    HELD,
    HIGHEST,
    LOWEST,
    POSITION,
    SUM,
    SUM_SQ,
    WORST,
)
from mrtoolkit.backtest._kernels.lanes import LANES, add_held, fall_of
from mrtoolkit.backtest._kernels.tolerances import CLOSE


@kernel
def go_on(fall, value):
    """How far a block fell, with the equity of one more bar: highest, lowest, and what the largest fall left.

    No branches: which bar makes a new high or a larger fall cannot be foreseen.
    """
    highest, lowest, left = fall
    highest = max(highest, value)
    return highest, min(lowest, value), min(left, value / highest)


@kernel
def go_through(fall, low, high, marks, phase, span):
    """The same with the bars of a phase, in which equity is from `low` to `high`; seldom are they looked at again."""
    highest, lowest, left = fall
    top = max(highest, high)
    if high > highest and low < left * high:
        left = min(left, fall_of(marks, span[0], span[1], (phase[0], phase[1], highest)))
    else:
        left = min(left, low / top)
    return top, min(lowest, low), left


@kernel
def add_return(totals, r, risk_free):
    """Sums of returns, of their squares and of those below a bar's risk-free return, with one more."""
    total, total_sq, downside_sq = totals
    shortfall = min(r - risk_free, 0.0)
    return total + r, total_sq + r * r, downside_sq + shortfall * shortfall


@kernel(inline=True)
def add_phase(track, phase, span, now, scope, sums, totals, fall):
    """Add the bars of one held phase in one block: equity then, whether it stays far from nothing, sums and fall."""
    first, last = span
    cash, shares = phase
    low, high = add_held(track.mark, first, last, (cash, shares, now), scope.risk_free, sums)
    if scope.with_drawdown:
        fall = go_through(fall, low, high, track.mark, phase, span)
    return cash + shares * track.mark[last - 1], low > CLOSE * abs(cash), totals, fall


@kernel
def add_written(equity, span, now, risk_free, totals, fall):
    """The same for bars whose equity is written down."""
    for t in range(span[0], span[1]):
        totals = add_return(totals, equity[t] / now - 1.0, risk_free)
        now = equity[t]
        fall = go_on(fall, now)
    return now, totals, fall


@kernel
def measure_phases(track, phases, n_phases, cash, scope, sums, stats):
    """Fill the statistics of returns, of equity and of the position held, (block, statistic).

    Returns whether equity stays far from being nothing beside the cash.

    sums : pointer to three times eight numbers, overwritten
    """
    risk_free, edges = scope.risk_free, scope.edges
    phases.first[n_phases] = edges[-1]
    k, now, until, shares, is_far = 0, cash, phases.first[1], 0.0, True
    for b in range(edges.size - 1):
        t, last, before, n_held, n_jumps = edges[b], edges[b + 1], now, 0, 0
        for lane in range(3 * LANES):
            sums[lane] = 0.0
        totals, fall = (0.0, 0.0, 0.0), (before, before, 1.0)
        while t < last:
            while until <= t:
                k += 1
                until = phases.first[k + 1]
            to = min(until, last)
            cash, shares = phases.cash[k], phases.shares[k]
            if shares == 0.0:
                if cash != now:
                    totals, fall = add_return(totals, cash / now - 1.0, risk_free), go_on(fall, cash)
                    now = cash
                    n_jumps += 1
            else:
                n_held += to - t
                if cash == cash:
                    now, far, totals, fall = add_phase(
                        track, (cash, shares), (t, to), now, scope, sums, totals, fall
                    )
                    is_far = is_far and far
                else:
                    now, totals, fall = add_written(phases.equity, (t, to), now, risk_free, totals, fall)
            t = to
        n_bars = last - edges[b]
        write_block(stats[b], n_bars, before, now, totals, sums, fall, scope)
        quiet = min(-risk_free, 0.0)
        stats[b, DOWNSIDE_SQ] += (n_bars - n_held - n_jumps) * quiet * quiet
        stats[b, HELD] = n_held
        if shares != 0.0:
            stats[b, POSITION] = shares * track.mark[last - 1] / now
    return is_far


@kernel
def write_block(block, n_bars, before, after, totals, sums, fall, scope):
    """Write what the returns and the equity of one block came to."""
    total, total_sq, downside_sq = totals
    for lane in range(LANES):
        total += sums[lane]
        total_sq += sums[LANES + lane]
        downside_sq += sums[2 * LANES + lane]
    block[BARS], block[SUM], block[SUM_SQ], block[DOWNSIDE_SQ] = n_bars, total, total_sq, downside_sq
    block[GROWTH] = block[HIGHEST] = block[LOWEST] = 1.0
    if before > 0.0:
        block[GROWTH] = after / before
        if scope.with_drawdown:
            highest, lowest, left = fall
            block[HIGHEST], block[LOWEST], block[WORST] = highest / before, lowest / before, 1.0 - left
