"""What happens to one position between its fill and the bar at which it leaves."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import BY_EXIT, END, MAX_BARS, RUIN, STAYS
from mrtoolkit.backtest._kernels.passage import carry, first_passage, first_ruin
from mrtoolkit.backtest._kernels.sides import LEAVE_LONG, LEAVE_SHORT, hold_back
from mrtoolkit.strategy._kernels.words import NONE, next_set


@kernel
def is_carried(cash, position, costs):
    """Whether holding changes the cash."""
    return costs.borrow != 0.0 if position < 0.0 else costs.financing != 0.0 and cash < 0.0


@kernel
def next_leave(bits, side, since, due, end):
    """The first bar in [since, end) whose close orders to leave, else `end`, and why; `due` is when time is up."""
    due = max(due, since)
    until = min(due + 1, end)
    t = next_set(bits[LEAVE_LONG if side > 0.0 else LEAVE_SHORT], NONE, since, until)
    if t < until:
        return t, BY_EXIT
    if due < end:
        return due, MAX_BARS
    return end, END


@kernel
def hold(prices, track, bits, order, account, bar, raw, free, setup, costs, equity):
    """Hold a position from its fill at `raw` in `bar` on.

    order : size, limits and longest holding, as `dense.read` gives them
    account : cash and signed shares just after the fill
    free : from when on a long and a short may be entered

    Returns
    -------
    signal : the bar of the event: of the stop, of the ruin, of the order to leave; the last one at the end
    reason : as in a trade
    price : raw price of the fill that closes the position
    cash, free : as they are then
    """
    _, end, at_close, waiting, _ = setup
    _, limits, longest = order
    cash, position = account
    side = 1.0 if position > 0.0 else -1.0
    lag = 0 if at_close else 1
    watched = min(limits[0], limits[1], limits[2]) < np.inf
    carried = is_carried(cash, position, costs)
    due = end
    if longest < end:
        due = bar - lag + int(np.ceil(longest))
    if carried:
        equity[bar] = cash + position * track.mark[bar]
    if at_close and cash + position * raw <= 0.0:
        return bar, RUIN, np.nan, cash, free
    since, extreme = bar + 1 - lag, raw
    while True:
        u, reason = next_leave(bits, side, since, due, end)
        until = min(u + 1, end)
        stopped, price, why = until, np.nan, STAYS
        if watched:
            stopped, price, why, extreme = first_passage(prices, track, side, raw, extreme, limits, since, until)
        if carried:
            ruined, cash = carry(track.mark, cash, position, costs, since, stopped, equity)
        else:
            ruined = first_ruin(track.mark, cash, position, since, stopped)
        if ruined < stopped:
            return ruined, RUIN, np.nan, cash, free
        if stopped < until:
            if waiting:
                free = hold_back(bits, side, free, stopped, end)
            return stopped, why, price, cash, free
        if u < end and reason == MAX_BARS and waiting:
            free = hold_back(bits, side, free, u, end)
        if u + lag >= end:
            return end - 1, END, np.nan, cash, free
        price = prices.close[u] if at_close else prices.open[u + 1]
        if price == price:
            return u, reason, price, cash, free
        since = u + 1  # a fill without a price lapses, and the position goes on
