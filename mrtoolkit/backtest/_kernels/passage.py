"""Where a held position meets something in prices: a stop, a target, the end of its account."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import STAYS
from mrtoolkit.backtest._kernels.lanes import at_most_8, at_most_16, first_trailed, first_trailed_at_most, ruined_64
from mrtoolkit.backtest._kernels.stops import watch_stops
from mrtoolkit.strategy._kernels.words import ALL, BITS, NONE, trailing_zeros


@kernel
def first_fixed(paths, groups, side, stop, target, first, last):
    """The first bar in [first, last) at which a price reaches a stop or a target that do not move, else `last`.

    Eight bars are one number until one of them may be the bar.

    paths : pointers to the worst and the best price of each bar, of a track
    groups : pointers to those of every eight bars
    stop, target : times `side`
    """
    worst, best = paths
    worst_8, best_8 = groups
    group, last_group = first >> 3, (last - 1) >> 3
    ahead = ALL << np.uint64(first & 7)  # in the first group
    while group <= last_group:
        hits = at_most_16(worst_8, group, side, stop)
        if target < np.inf:
            hits |= at_most_16(best_8, group, -side, -target)
        while hits != NONE:
            t = (group + trailing_zeros(hits)) << 3
            if t >= last:
                return last
            bars = at_most_8(worst, t, side, stop)
            if target < np.inf:
                bars |= at_most_8(best, t, -side, -target)
            bars &= ahead if t < first else ALL
            if bars != NONE:
                return min(t + trailing_zeros(bars), last)
            hits &= hits - np.uint64(1)
        group += 16
    return last


@kernel
def may_trail(groups, side, extreme, levels, first, last):
    """Whether one of the bars in [first, last) may reach a trailing stop; seldom where none does."""
    worst_8, best_8 = groups
    group, end = first >> 3, (last + 7) >> 3
    places = (worst_8, best_8, best_8)
    return last > first and first_trailed_at_most(places, group, end, side, side * extreme, levels)[0] < end


@kernel
def followed(track, side, extreme, first, last):
    """The extreme once the bars in [first, last) are over."""
    for t in range(first, last):
        extreme = max(extreme, track.highest[t]) if side > 0.0 else min(extreme, track.lowest[t])
    return extreme


@kernel
def first_passage(opens, track, side, fill, extreme, limits, first, last):
    """The first bar in [first, last) inside which the position leaves, else `last`; the raw price, and why.

    extreme : best price before `first`
    `fill`, `extreme` and `limits` are those of `watch_stops`, which names price and reason. A high or a low that is
    missing, there NaN, may be as infinite as a track has it: it is never reached.
    """
    stop_loss, take_profit, trailing_stop = limits
    worst, best = (track.low, track.high) if side > 0.0 else (track.high, track.low)
    groups = (track.low_8, track.high_8) if side > 0.0 else (track.high_8, track.low_8)
    stop, target = side * (fill * (1.0 - side * stop_loss)), side * (fill * (1.0 + side * take_profit))
    if trailing_stop == np.inf:
        t = first_fixed((worst, best), groups, side, stop, target, first, last)
    else:
        levels = (stop, target, 1.0 - side * trailing_stop)
        t = last
        if may_trail(groups, side, extreme, levels, first, last):
            places = (worst, best, track.highest if side > 0.0 else track.lowest)
            t, extreme = first_trailed(places, first, last, side, side * extreme, levels)
            extreme = side * extreme
    if t == last:
        return t, np.nan, STAYS
    price, why = watch_stops(side, fill, extreme, limits, (opens[t], track.highest[t], track.lowest[t]))
    return t, price, why


@kernel
def first_ruin(track, cash, position, first, last):
    """The first bar in [first, last) at whose close nothing is left, else `last`."""
    lowest, highest = track.bounds
    if cash + position * (lowest if position > 0.0 else highest) > 0.0:
        return last
    for t in range(first, last, BITS):
        hits = ruined_64(track.mark, t, cash, position)
        if hits != NONE:
            return min(t + trailing_zeros(hits), last)
    return last


@kernel
def carry(mark, cash, position, costs, first, last, equity):
    """Charge borrowing at the closes in [first, last); the bar of the ruin, else `last`, and cash. Writes equity."""
    for t in range(first, last):
        cash += costs.borrow * position * mark[t] if position < 0.0 else costs.financing * min(cash, 0.0)
        now = cash + position * mark[t]
        equity[t] = now
        if now <= 0.0:
            return t, cash
    return last, cash
