"""A user's own positions as one plain loop, to be read beside "Own positions" in `mrtoolkit/backtest/model.py`.

It shares nothing with the engine: no import from the package, no array arithmetic, one asset, one bar after the other.
Statistics and metrics are those of `naive.py`.
"""

from __future__ import annotations

from typing import Any

import naive
from naive import NAN, Result, Trade


def backtest(open, close, targets, *, warm=0, fill="next_open", costs=None, start=0, edges=None, rf=0.0, ppy=252.0,
             cash=100_000.0) -> Result:  # fmt: skip
    """The trial of these targets (NaN: keep what is held) over these bars, bar by bar."""
    n_bars = len(close)
    last = max((t for t in range(n_bars) if close[t] == close[t]), default=-1)
    account = Account(cash, {**naive.COSTS, **(costs or {})})
    known = NAN
    for t in range(start):
        known = close[t] if close[t] == close[t] else known
    result = Result([], [], [], [], [], account.trades, ruined=False, start=start)
    before, order = cash, None

    for t in range(start, last + 1):
        account.traded = 0.0
        # 1. fills at the open; an order whose price is missing lapses
        if order is not None and open[t] == open[t]:
            account.trade_to(order, t, open[t])
        order = None
        # 2. the close: carry, ruin, the target
        known = close[t] if close[t] == close[t] else known
        price = known if known == known else account.last_raw
        account.carry(price, ppy)
        if account.equity(price) <= 0.0:
            result.ruined = True
        elif t >= max(start, warm) and targets[t] == targets[t] and targets[t] != account.target:
            if fill == "next_open":
                order = targets[t]
            elif close[t] == close[t]:
                account.trade_to(targets[t], t, close[t])
                result.ruined = account.equity(price) <= 0.0
        if result.ruined:
            account.ruin(t, price)
        equity = account.equity(price)
        result.equity.append(equity)
        result.returns.append(equity / before - 1.0)
        result.position.append(account.shares * price / equity if account.shares else 0.0)
        result.held.append(account.shares != 0.0)
        result.traded.append(account.traded)
        before = equity
        if result.ruined:
            break
    if account.open is not None:  # booked at the last known close, valued at it without costs
        account.book(last, close[last], "end", before)
    rest = n_bars - start - len(result.equity)
    result.equity.extend([before] * rest)
    for values in (result.returns, result.position, result.held, result.traded):
        values.extend([0.0] * rest)
    result.blocks = naive.block_statistics(result, [start, n_bars] if edges is None else edges, rf / ppy, cash)
    result.metrics = naive.metrics(result, rf / ppy, ppy, cash)
    return result


class Account:
    """Cash, signed shares, the target that was last traded to, and the trade that is open."""

    def __init__(self, cash: float, costs: dict[str, float]) -> None:
        self.cash, self.costs = cash, costs
        self.shares, self.target, self.last_raw = 0.0, 0.0, NAN
        self.traded = 0.0  # turnover of this bar
        self.open: Trade | None = None
        self.trades: list[Trade] = []

    def equity(self, price: float) -> float:
        return self.cash + self.shares * price if self.shares else self.cash

    def price(self, raw: float, way: float) -> float:
        """What a share is bought (way 1) or sold (-1) at."""
        return raw * (1.0 + way * self.costs["slippage"]) + way * self.costs["spread"] / 2.0

    def exchange(self, shares: float, raw: float, equity: float) -> None:
        """Buy shares, or sell where they are negative; pay the costs; count the turnover."""
        price = self.price(raw, 1.0 if shares > 0.0 else -1.0)
        n = abs(shares)
        variable = (self.costs["fee"] * price + self.costs["per_share"]) * n
        self.cash -= shares * price + max(self.costs["minimum"], variable)
        self.shares += shares
        self.last_raw = raw
        if equity > 0.0:
            self.traded += n * price / equity

    def affordable(self, budget: float, price: float) -> float:
        """The shares that a budget pays for, their cost inside it."""
        if price <= 0.0:
            return 0.0
        n = budget / (price * (1.0 + self.costs["fee"]) + self.costs["per_share"])
        if (self.costs["fee"] * price + self.costs["per_share"]) * n < self.costs["minimum"]:
            n = (budget - self.costs["minimum"]) / price
        return max(n, 0.0)

    def trade_to(self, target: float, t: int, raw: float) -> None:
        """One fill: more or less of the same side, or close and then enter."""
        equity = self.equity(raw)
        side = 1.0 if target > 0.0 else -1.0
        if self.shares * target > 0.0 and equity > 0.0:
            lacks = abs(target) * equity - abs(self.shares) * raw
            if lacks > 0.0:
                n = self.affordable(lacks, self.price(raw, side))
                if n == 0.0:  # pays for no share: the order lapses
                    return
                self.exchange(side * n, raw, equity)
            else:
                n = abs(self.shares) - abs(target) * equity / raw
                if n > 0.0:
                    self.exchange(-side * n, raw, equity)
            self.open.shares = max(self.open.shares, abs(self.shares))
            self.target = target
            return
        if self.shares:
            way = -1.0 if self.shares > 0.0 else 1.0
            self.exchange(-self.shares, raw, equity)
            self.shares, self.target = 0.0, 0.0
            self.book(t, self.price(raw, way), "exit", self.cash)
        if target != 0.0 and self.cash > 0.0:
            equity, price = self.cash, self.price(raw, side)
            n = self.affordable(abs(target) * equity, price)
            if n > 0.0:
                name = "long" if side > 0.0 else "short"
                self.open = Trade(name, t, raw, price, n, equity)
                self.exchange(side * n, raw, equity)
                self.target = target

    def carry(self, price: float, ppy: float) -> None:
        if self.shares < 0.0:
            self.cash -= self.costs["borrow"] / ppy * -self.shares * price
        elif self.shares > 0.0:
            self.cash -= self.costs["financing"] / ppy * max(0.0, -self.cash)

    def book(self, t: int, price: float, reason: str, equity: float) -> None:
        trade: Any = self.open
        trade.exit_bar, trade.exit_price, trade.reason = t, price, reason
        trade.gain = max(-1.0, (equity - trade.equity_before) / trade.equity_before)
        self.trades.append(trade)
        self.open = None

    def ruin(self, t: int, price: float) -> None:
        if self.open is not None:
            self.book(t, price, "ruin", 0.0)
        self.cash = self.shares = 0.0
