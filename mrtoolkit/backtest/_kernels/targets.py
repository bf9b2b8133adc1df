"""The dense engine for a user's own positions: a plain loop over the bars, in the order of the trading model's text.

It is the loop of `dense.py` with targets in the place of rules: no stops, but a position whose shares change.
"""

from __future__ import annotations

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import (
    BY_EXIT,
    END,
    ENTRY_TURNOVER,
    EXIT_TURNOVER,
    POSITION,
    RUIN,
    SHARES,
    TURNOVER,
)
from mrtoolkit.backtest._kernels.fills import close_position, end_trade, execution_price, open_position, trading_cost
from mrtoolkit.backtest._kernels.marks import last_known
from mrtoolkit.backtest._kernels.measure import measure

# a fill, (fill, column): its bar, its raw price, the signed shares held after it, its turnover
FILL = ("bar", "raw", "shares", "turnover")
FILL_BAR, FILL_RAW, FILL_SHARES, FILL_TURNOVER = range(4)


@kernel
def increase(cash, position, aim, raw, costs, trade):
    """Spend what the value of the position lacks to `aim`, cost included; return cash, position and traded value."""
    side, shares = (1.0, position) if position > 0.0 else (-1.0, -position)
    price = execution_price(raw, side, costs)
    if not price > 0.0:
        return cash, position, 0.0
    budget = aim - shares * raw
    bought = budget / (price * (1.0 + costs.fee) + costs.per_share)
    if (costs.fee * price + costs.per_share) * bought < costs.minimum:
        bought = (budget - costs.minimum) / price
    if not bought > 0.0:
        return cash, position, 0.0
    trade[SHARES] = max(trade[SHARES], shares + bought)
    return cash - side * bought * price - trading_cost(bought, price, costs), position + side * bought, bought * price


@kernel
def decrease(cash, position, aim, raw, costs):
    """Trade away what the position is worth above `aim`; return cash, position and traded value."""
    side, shares = (1.0, position) if position > 0.0 else (-1.0, -position)
    sold = shares - aim / raw
    if not sold > 0.0:
        return cash, position, 0.0
    price = execution_price(raw, -side, costs)
    return cash + side * sold * price - trading_cost(sold, price, costs), position - side * sold, sold * price


@kernel
def fill_target(target, account, raw, t, costs, trades):
    """Trade to a target at one raw price.

    account : cash, position, the target that the position was last traded to, number of closed trades

    Returns the account as it then is, and the turnover of the fill (of both fills of a reversal).
    """
    cash, position, ordered, n_trades = account
    equity, turnover = cash + position * raw, 0.0
    if position != 0.0 and target * position > 0.0 and equity > 0.0:  # more or less of the same
        aim, held = abs(target) * equity, abs(position) * raw
        if aim > held:
            cash, position, traded = increase(cash, position, aim, raw, costs, trades[n_trades])
            ordered = target if traded > 0.0 else ordered  # what pays for no share lapses
        else:
            cash, position, traded = decrease(cash, position, aim, raw, costs)
            ordered = target
        return (cash, position, ordered, n_trades), traded / equity
    if position != 0.0:
        cash = close_position(cash, position, raw, t, BY_EXIT, costs, trades[n_trades])
        turnover = trades[n_trades, EXIT_TURNOVER]
        position, ordered = 0.0, 0.0
        n_trades += 1
    if target != 0.0:
        side = 1.0 if target > 0.0 else -1.0
        cash, position = open_position(cash, side, abs(target), raw, t, costs, trades[n_trades])
        if position != 0.0:
            turnover += trades[n_trades, ENTRY_TURNOVER]
            ordered = target
    return (cash, position, ordered, n_trades), turnover


@kernel
def write_down(fills, n_fills, t, raw, position, turnover):
    """Add a row to the fills, of which a bar has one; return their number."""
    fills[n_fills, FILL_BAR] = t
    fills[n_fills, FILL_RAW] = raw
    fills[n_fills, FILL_SHARES] = position
    fills[n_fills, FILL_TURNOVER] = turnover
    return n_fills + 1


@kernel
def follow(prices, targets, warm, setup, costs, equity, trades, fills):
    """Run one trial on one asset and return its numbers of trades and of fills; O(bars).

    targets : (time,), signed fractions of equity, NaN where what is held is kept
    Writes equity (time,) from `setup.start` on, `trades` (trade, column) and `fills` (fill, column), which have room
    for one more than there are bars.
    """
    opens, _, _, closes = prices
    start, end, at_close, _, cash = setup

    position, ordered, n_trades = 0.0, 0.0, 0
    target, waits = 0.0, False  # the order given at the close before
    filled_at, n_fills, calm = 0.0, 0, False
    known, now = last_known(closes, start), cash

    for t in range(start, end):
        wanted, close = targets[t], closes[t]
        if calm and (wanted == ordered or wanted != wanted):  # nothing can happen but that the price moves
            now = cash + position * close
            if now > 0.0:
                known = close
                equity[t] = now
                continue
        if close == close:
            known = close

        # the open: the order of the close before
        if waits and opens[t] == opens[t]:
            before, account = position, (cash, position, ordered, n_trades)
            (cash, position, ordered, n_trades), turnover = fill_target(target, account, opens[t], t, costs, trades)
            if position != before:
                filled_at = opens[t]
                n_fills = write_down(fills, n_fills, t, filled_at, position, turnover)
        waits = False

        # the close: carry and value
        mark = known if known == known else filled_at
        if position != 0.0:
            cash += costs.borrow * position * mark if position < 0.0 else costs.financing * min(cash, 0.0)
            now = cash + position * mark
        else:
            now = cash

        # the target, and an order where it is another one
        if t >= warm and now > 0.0 and wanted == wanted and wanted != ordered:
            target, waits = wanted, not at_close
            if at_close and close == close:
                before, account = position, (cash, position, ordered, n_trades)
                (cash, position, ordered, n_trades), turnover = fill_target(target, account, close, t, costs, trades)
                if position != before:
                    n_fills = write_down(fills, n_fills, t, close, position, turnover)
                now = cash + position * mark if position != 0.0 else cash

        if now <= 0.0:  # ruin ends the trial
            if position != 0.0:
                end_trade(trades[n_trades], 0.0, t, mark, 0.0, RUIN)
                n_trades += 1
                n_fills = write_down(fills, n_fills, t, mark, 0.0, 0.0)
            equity[t:] = 0.0
            return n_trades, n_fills
        equity[t] = now
        carried = costs.borrow != 0.0 if position < 0.0 else costs.financing != 0.0 and cash < 0.0
        calm = not waits and not carried

    if position != 0.0:  # still open at the last known close
        end_trade(trades[n_trades], now, end - 1, closes[end - 1], 0.0, END)
        n_trades += 1
        n_fills = write_down(fills, n_fills, end, closes[end - 1], 0.0, 0.0)
    equity[max(start, end) :] = now
    return n_trades, n_fills


@kernel
def add_fills(fills, closes, equity, edges, stats):
    """Write turnover and the position at each block's end anew: `measure` takes a trade's shares as fixed."""
    k, shares, raw = 0, 0.0, 0.0
    for b in range(edges.size - 1):
        last = edges[b + 1]
        stats[b, TURNOVER] = stats[b, POSITION] = 0.0
        while k < fills.shape[0] and fills[k, FILL_BAR] < last:
            stats[b, TURNOVER] += fills[k, FILL_TURNOVER]
            shares, raw = fills[k, FILL_SHARES], fills[k, FILL_RAW]
            k += 1
        if shares != 0.0 and equity[last - 1] > 0.0:
            mark = last_known(closes, last)
            stats[b, POSITION] = shares * (mark if mark == mark else raw) / equity[last - 1]


@kernel
def run_targets(prices, targets, warm, setup, costs, scope, room, stats):
    """Simulate and measure trials on one asset.

    targets : (trial, time)
    warm : (trial,), first bar whose target counts
    scope : `measure.Scope`; all but drawdowns is measured in any case
    room : equity (time,), trades (time + 1, column), fills (time + 1, column), overwritten
    stats : (trial, block, statistic), zeroed by the caller
    """
    equity, trades, fills = room
    for i in range(targets.shape[0]):
        n_trades, n_fills = follow(prices, targets[i], warm[i], setup, costs, equity, trades, fills)
        measure(equity, trades[:n_trades], prices.close, setup.cash, scope, stats[i])
        add_fills(fills[:n_fills], prices.close, equity, scope.edges, stats[i])
