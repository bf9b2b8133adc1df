"""The dense engine's second half: what a trial wrote down, as statistics per block of time."""

from __future__ import annotations

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import (
    BARS,
    DOWNSIDE_SQ,
    ENTRY_BAR,
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
    SUM,
    SUM_SQ,
    TRADES,
    TURNOVER,
    WINS,
    WORST,
)

STRIDE = 32
ROUNDING = 1e-12  # a gain below it is no gain


@kernel(fastmath=True)
def add_returns(equity, value, before, risk_free, block):
    """Sums of the returns of one block's bars, given equity before its first; vector arithmetic, hence fastmath."""
    total = total_sq = downside_sq = 0.0
    held = 0
    for t in range(equity.size):
        r = equity[t] / before - 1.0 if t == 0 else equity[t] / equity[t - 1] - 1.0
        shortfall = min(r - risk_free, 0.0)
        total += r
        total_sq += r * r
        downside_sq += shortfall * shortfall
        held += value[t] != 0.0
    block[SUM], block[SUM_SQ], block[DOWNSIDE_SQ], block[HELD] = total, total_sq, downside_sq, held


@kernel
def add_drawdown(equity, before, block):
    """Highest, lowest and largest fall of one block, as multiples of equity before its first bar, which counts.

    Bars are taken in strides, whose highest and lowest come from four lanes side by side; a stride is looked through
    bar by bar only where it could hold a larger fall. 1.0 ns a bar, against 3.0 for the loop without strides.
    """
    highest = lowest = before
    worst = 0.0
    for start in range(0, equity.size, STRIDE):
        stride = equity[start : min(start + STRIDE, equity.size)]
        high0 = high1 = high2 = high3 = low0 = low1 = low2 = low3 = stride[0]
        for k in range(0, stride.size - 3, 4):
            high0, low0 = max(high0, stride[k]), min(low0, stride[k])
            high1, low1 = max(high1, stride[k + 1]), min(low1, stride[k + 1])
            high2, low2 = max(high2, stride[k + 2]), min(low2, stride[k + 2])
            high3, low3 = max(high3, stride[k + 3]), min(low3, stride[k + 3])
        for k in range(stride.size // 4 * 4, stride.size):
            high0, low0 = max(high0, stride[k]), min(low0, stride[k])
        high, low = max(max(high0, high1), max(high2, high3)), min(min(low0, low1), min(low2, low3))
        if low < max(highest, high) * (1.0 - worst):
            for value in stride:
                highest = max(highest, value)
                worst = max(worst, 1.0 - value / highest)
        highest, lowest = max(highest, high), min(lowest, low)
    block[HIGHEST], block[LOWEST], block[WORST] = highest / before, lowest / before, worst


@kernel
def add_trades(trades, edges, stats):
    """Book each trade in the block of its exit, its turnover in those of its fills."""
    entered = left = 0
    for k in range(trades.shape[0]):
        trade = trades[k]
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


@kernel
def measure(equity, value, trades, cash, risk_free, edges, with_drawdown, stats):
    """Fill `stats` (block, statistic), zeroed by the caller, from equity, value (time,) and trades (trade, column)."""
    add_trades(trades, edges, stats)
    before = cash
    for b in range(edges.size - 1):
        block = stats[b]
        first, last = edges[b], edges[b + 1]
        after = equity[last - 1]
        block[BARS] = last - first
        block[POSITION] = value[last - 1] / after if after > 0.0 else 0.0
        block[GROWTH] = block[HIGHEST] = block[LOWEST] = 1.0
        if before > 0.0:
            block[GROWTH] = after / before
            # equity after a ruin is zero: returns end with it
            n = last
            while n > first + 1 and equity[n - 2] <= 0.0:
                n -= 1
            add_returns(equity[first:n], value[first:n], before, risk_free, block)
            if with_drawdown:
                add_drawdown(equity[first:n], before, block)
        else:
            n = first
        quiet = min(-risk_free, 0.0)
        block[DOWNSIDE_SQ] += (last - n) * quiet * quiet
        before = after
