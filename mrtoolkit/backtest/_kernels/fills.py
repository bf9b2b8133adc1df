"""What one fill does to the cash, and what is written down of it. Positions are signed shares: short is negative."""

from __future__ import annotations

from typing import NamedTuple

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import (
    ENTRY_BAR,
    ENTRY_EQUITY,
    ENTRY_PRICE,
    ENTRY_RAW,
    ENTRY_TURNOVER,
    EXIT_BAR,
    EXIT_PRICE,
    EXIT_TURNOVER,
    GAIN,
    REASON,
    SHARES,
    SIDE,
)


class CostRates(NamedTuple):
    """The costs of a fill, and of one bar of holding."""

    fee: float
    slippage: float
    spread: float
    per_share: float
    minimum: float
    financing: float
    borrow: float


@kernel
def execution_price(raw, side, costs):  # side: 1 buys, -1 sells
    return raw * (1.0 + side * costs.slippage) + side * 0.5 * costs.spread


@kernel
def trading_cost(shares, price, costs):
    return max(costs.minimum, (costs.fee * price + costs.per_share) * shares)


@kernel
def open_position(cash, side, size, raw, t, costs, trade):
    """Buy (sell short) for `size * cash`, cost included; return cash and position, 0 where it pays for no share."""
    price = execution_price(raw, side, costs)
    if not (price > 0.0 and cash > 0.0):  # half the spread may be more than the price
        return cash, 0.0
    shares = size * cash / (price * (1.0 + costs.fee) + costs.per_share)
    if (costs.fee * price + costs.per_share) * shares < costs.minimum:
        shares = (size * cash - costs.minimum) / price
    if not shares > 0.0:
        return cash, 0.0
    trade[SIDE] = side
    trade[ENTRY_BAR] = t
    trade[ENTRY_RAW] = raw
    trade[ENTRY_PRICE] = price
    trade[ENTRY_EQUITY] = cash
    trade[ENTRY_TURNOVER] = shares * price / cash
    trade[SHARES] = shares
    return cash - side * shares * price - trading_cost(shares, price, costs), side * shares


@kernel
def close_position(cash, position, raw, t, reason, costs, trade):
    """Close the whole position at the raw price and return the cash."""
    side, shares = (1.0, position) if position > 0.0 else (-1.0, -position)
    price = execution_price(raw, -side, costs)
    before = cash + position * raw
    cash += position * price - trading_cost(shares, price, costs)
    turnover = shares * price / before if before > 0.0 else 0.0
    end_trade(trade, cash, t, price, turnover, reason)
    return cash


@kernel
def end_trade(trade, equity, t, price, turnover, reason):
    """Write down how a trade ended that left `equity`."""
    trade[EXIT_BAR] = t
    trade[EXIT_PRICE] = price
    trade[EXIT_TURNOVER] = turnover
    trade[GAIN] = max(equity / trade[ENTRY_EQUITY] - 1.0, -1.0)
    trade[REASON] = reason


@kernel
def fill_orders(orders, account, raw, t, costs, trades):
    """Close, then open, at one raw price; return cash, position and number of trades as they then are.

    orders : whether to close, why, which side to open (0: none), with which size
    account : cash, position, number of trades
    """
    leaving, reason, side, size = orders
    cash, position, n_trades = account
    if leaving:
        cash = close_position(cash, position, raw, t, reason, costs, trades[n_trades])
        position = 0.0
        n_trades += 1
    if side != 0.0:
        cash, position = open_position(cash, side, size, raw, t, costs, trades[n_trades])
    return cash, position, n_trades
