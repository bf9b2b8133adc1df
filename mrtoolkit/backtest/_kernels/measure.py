"""The dense engine's second half: what a trial wrote down, as statistics per block of time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import (
    BARS,
    DOWNSIDE_SQ,
    END,
    ENTRY_BAR,
    ENTRY_RAW,
    ENTRY_TURNOVER,
    EXIT_BAR,
    EXIT_TURNOVER,
    GAIN,
    GAINS,
    GROWTH,
    HELD,
    HIGHEST,
    LOSSES,
    LOWEST,
    POSITION,
    REASON,
    SHARES,
    SIDE,
    SUM,
    SUM_SQ,
    TRADES,
    TURNOVER,
    WINS,
    WORST,
)
from mrtoolkit.backtest._kernels.marks import last_known
from mrtoolkit.backtest._kernels.tolerances import ROUNDING as ROUNDING


class Scope(NamedTuple):
    """What is measured of a trial."""

    risk_free: float  # return of a bar
    edges: np.ndarray  # of the blocks, (block + 1,)
    with_drawdown: bool  # highest, lowest and worst too
    with_rest: bool  # more than the lean statistics: bars, sum, sum_sq, growth, trades and wins


@kernel(fastmath=True)
def add_returns(equity, before, risk_free, block):
    """Sums of the returns of one block's bars, given equity before its first; vector arithmetic, hence fastmath."""
    total = total_sq = downside_sq = 0.0
    for t in range(equity.size):
        r = equity[t] / before - 1.0 if t == 0 else equity[t] / equity[t - 1] - 1.0
        shortfall = min(r - risk_free, 0.0)
        total += r
        total_sq += r * r
        downside_sq += shortfall * shortfall
    block[SUM], block[SUM_SQ], block[DOWNSIDE_SQ] = total, total_sq, downside_sq


@kernel
def add_drawdown(equity, before, block):
    """Highest, lowest and largest fall of one block, as multiples of equity before its first bar, which counts.

    `floor` is where a larger fall begins: kept from bar to bar, it leaves two comparisons that are seldom true, and no
    arithmetic on the way: to multiply the highest by what the worst fall left of it, bar by bar, takes several times
    as long.
    """
    highest = lowest = floor = before
    worst = 0.0
    for t in range(equity.size):
        value = equity[t]
        if value > highest:
            highest = value
            floor = highest * (1.0 - worst)
        elif value < floor:
            floor = value
            worst = 1.0 - value / highest
            lowest = min(lowest, value)
    block[HIGHEST], block[LOWEST], block[WORST] = highest / before, lowest / before, worst


@kernel
def add_trades(trades, closes, equity, edges, stats):
    """Book each trade in the block of its exit, its turnover in those of its fills, the bars held where they lie.

    A position is held at the closes from its entry to the bar before its exit; one open at the end, at that too.
    """
    entered = left = 0
    for k in range(trades.shape[0]):
        trade = trades[k]
        until = trade[EXIT_BAR] + (1 if trade[REASON] == END else 0)
        while edges[entered + 1] <= trade[ENTRY_BAR]:
            entered += 1
        while edges[left + 1] <= trade[EXIT_BAR]:
            left += 1
        stats[entered, TURNOVER] += trade[ENTRY_TURNOVER]
        stats[left, TURNOVER] += trade[EXIT_TURNOVER]
        stats[left, TRADES] += 1.0
        if trade[GAIN] > ROUNDING:
            stats[left, WINS] += 1.0
            stats[left, GAINS] += trade[GAIN]
        elif trade[GAIN] < -ROUNDING:
            stats[left, LOSSES] -= trade[GAIN]
        for b in range(entered, left + 1):
            last = edges[b + 1]
            stats[b, HELD] += max(0.0, min(until, last) - max(trade[ENTRY_BAR], edges[b]))
            if until >= last and equity[last - 1] > 0.0:
                mark = last_known(closes, last)
                mark = mark if mark == mark else trade[ENTRY_RAW]
                stats[b, POSITION] = trade[SIDE] * trade[SHARES] * mark / equity[last - 1]


@kernel
def measure(equity, trades, closes, cash, scope, stats):
    """Fill `stats` (block, statistic), zeroed by the caller, from equity, closes (time,) and trades (trade, column)."""
    risk_free, edges = scope.risk_free, scope.edges
    add_trades(trades, closes, equity, edges, stats)
    before = cash
    for b in range(edges.size - 1):
        block = stats[b]
        first, last = edges[b], edges[b + 1]
        after = equity[last - 1]
        block[BARS] = last - first
        block[GROWTH] = block[HIGHEST] = block[LOWEST] = 1.0
        if before > 0.0:
            block[GROWTH] = after / before
            # equity after a ruin is zero: returns end with it
            n = last
            while n > first + 1 and equity[n - 2] <= 0.0:
                n -= 1
            add_returns(equity[first:n], before, risk_free, block)
            if scope.with_drawdown:
                add_drawdown(equity[first:n], before, block)
        else:
            n = first
        quiet = min(-risk_free, 0.0)
        block[DOWNSIDE_SQ] += (last - n) * quiet * quiet
        before = after
