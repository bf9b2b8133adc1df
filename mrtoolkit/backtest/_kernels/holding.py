"""How long one position is held: from its fill to the order, the stop or the end that closes it. Cash plays no part."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import BY_EXIT, END, MAX_BARS, STAYS
from mrtoolkit.backtest._kernels.passage import first_passage, followed
from mrtoolkit.backtest._kernels.sides import hold_back, next_bit


@kernel
def next_leave(bits, side, since, due, end):
    """The first bar in [since, end) whose close orders to leave, else `end`, and why; `due` is when time is up."""
    due = max(due, since)
    until = min(due + 1, end)
    t = next_bit(bits.leave_long if side > 0.0 else bits.leave_short, since, until)
    if t < until:
        return t, BY_EXIT
    if due < end:
        return due, MAX_BARS
    return end, END


@kernel(inline=True)
def hold(prices, track, bits, side, order, bar, raw, free, setup):
    """Hold a position from its fill at `raw` in `bar` on.

    order : size, limits and longest holding, as `dense.read` gives them
    free : from when on a long and a short may be entered

    Returns
    -------
    t : the bar of the stop, or that of the order to leave, or `setup.end`
    reason : as in a trade
    price : raw price of the fill that closes the position
    free : as it is then
    """
    _, end, at_close, waiting, _ = setup
    _, limits, longest = order
    lag, fills = (0, prices.close) if at_close else (1, prices.open)
    watched = min(limits[0], limits[1], limits[2]) < np.inf
    due = bar - lag + int(np.ceil(longest)) if longest < end else end
    since, extreme = bar + 1 - lag, raw
    while True:
        t, reason = next_leave(bits, side, since, due, end)
        price = fills[min(t + lag, end - 1)]  # asked for early: it may come from far off
        if watched:
            until = min(t + 1, end)
            stopped, level, why = first_passage(prices.open, track, side, raw, extreme, limits, since, until)
            if why != STAYS:
                if waiting:
                    free = hold_back(bits, side, free, stopped, end)
                return stopped, why, level, free
        if reason == MAX_BARS and waiting:
            free = hold_back(bits, side, free, t, end)
        if t + lag >= end:
            return end, END, track.mark[end - 1], free
        if price == price:
            return t, reason, price, free
        extreme = followed(track, side, extreme, since, t + 1)
        since = t + 1  # a fill without a price lapses, and the position goes on
