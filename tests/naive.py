"""The trading model as one plain loop, to be read beside the text in `mrtoolkit/backtest/model.py`.

It is the oracle of the engines and shares nothing with them: no import from the package, no array arithmetic, one
asset, one trial, one bar after the other. The words of the text stand as comments where the code does what they say.

Rules come in evaluated (true only where true whatever the missing values are); `tests/oracles/naive_rules.py` does that
for a strategy, as slowly and as plainly as here.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np

NAN, INF = math.nan, math.inf
ROUNDING = 1e-12  # a trade wins where its gain is more than rounding
COSTS = {"fee": 0.0, "slippage": 0.0, "spread": 0.0, "per_share": 0.0, "minimum": 0.0, "financing": 0.0, "borrow": 0.0}


@dataclass
class Trade:
    """One trade from its entry fill to its exit fill; `raw` prices are before slippage and spread."""

    side: str
    entry_bar: int
    entry_raw: float
    entry_price: float
    shares: float
    equity_before: float
    exit_bar: int = -1
    exit_raw: float = NAN
    exit_price: float = NAN
    gain: float = NAN
    bars: int = 0
    reason: str = ""


@dataclass
class Result:
    """What one trial gives; per-bar lists have one entry a measured bar (from `start` on)."""

    equity: list[float]
    returns: list[float]
    position: list[float]
    held: list[bool]
    traded: list[float]
    trades: list[Trade]
    ruined: bool
    start: int
    metrics: dict[str, float] = field(default_factory=dict)
    blocks: dict[str, np.ndarray] = field(default_factory=dict)


def backtest(
    open,
    high,
    low,
    close,
    entry=None,
    exit=None,
    short_entry=None,
    short_exit=None,
    *,
    size=1.0,
    stop_loss=None,
    take_profit=None,
    trailing_stop=None,
    max_bars=None,
    reentry="signal",
    fill="next_open",
    costs=None,
    start=0,
    warm=0,
    edges=None,
    rf=0.0,
    ppy=252.0,
    cash=100_000.0,
) -> Result:
    """The trial of these rules over these bars, bar by bar.

    Rules are boolean sequences over all bars (None: never true); size and stops are numbers or sequences read at the
    signal bar (None or inf: no stop; NaN: missing). `rf` is a fraction a year, `ppy` the bars a year, `edges` the
    borders of the blocks.
    """
    n_bars = len(close)
    last = max((t for t in range(n_bars) if close[t] == close[t]), default=-1)  # prices may end early: a delisting
    account = _Account(cash, {**COSTS, **(costs or {})})
    entry, exit, short_entry, short_exit = (_rule(rule, n_bars) for rule in (entry, exit, short_entry, short_exit))
    size = _numbers(size, n_bars)
    stops = [_numbers(INF if stop is None else stop, n_bars) for stop in (stop_loss, take_profit, trailing_stop)]
    blocked = {"long": False, "short": False}
    wants = {"long": entry, "short": short_entry}
    leaves = {"long": exit, "short": short_exit}
    orders = None  # decided at the last close: (reason of the close or None, side to enter or None, size, stops)
    known = NAN  # the last known close, from the whole history
    for t in range(start):
        known = close[t] if close[t] == close[t] else known
    result = Result([], [], [], [], [], account.trades, ruined=False, start=start)
    before = cash  # E(-1)

    for t in range(start, last + 1):
        account.traded = 0.0
        # 1. fills at the open: orders of the bar before
        if fill == "next_open" and orders is not None:
            _fill(account, orders, t, open[t])
            orders = None
        # 2. stops
        if account.trade is not None:
            closed = _stop(account, t, open[t], high[t], low[t], fill)
            if closed is not None:
                blocked[closed] = reentry == "signal"
        # 3. the close: carry, ruin, signals (and fills with fill="close"), valuation
        known = close[t] if close[t] == close[t] else known
        price = known
        if price != price and account.trade is not None:
            price = account.trade.entry_raw  # a position before any close is known: valued at what it was filled at
        account.carry(price, ppy)
        if account.equity(price) <= 0.0:
            result.ruined = True
        elif t >= max(start, warm):
            orders = _signals(account, t, blocked, wants, leaves, size, stops, max_bars, reentry, fill)
            if fill == "close" and orders is not None:
                _fill(account, orders, t, close[t])
                orders = None
                result.ruined = account.equity(price) <= 0.0
        if result.ruined:
            account.ruin(t, price)
        equity = account.equity(price)
        held = account.trade is not None
        if held:
            account.trade.bars += 1
        result.equity.append(equity)
        result.returns.append(equity / before - 1.0)
        result.position.append(account.signed_shares() * price / equity if held else 0.0)
        result.held.append(held)
        result.traded.append(account.traded)
        before = equity
        if result.ruined:
            break
    if account.trade is not None:  # a position held at the last known close is booked there, valued at it without costs
        account.book(last, close[last], None, "end", before)
    rest = n_bars - start - len(result.equity)  # after ruin or a delisting: flat
    result.equity.extend([before] * rest)
    for values in (result.returns, result.position, result.held, result.traded):
        values.extend([0.0] * rest)
    result.blocks = block_statistics(result, [start, n_bars] if edges is None else edges, rf / ppy, cash)
    result.metrics = metrics(result, rf / ppy, ppy, cash)
    return result


class _Account:
    """Cash, at most one position (the open trade), and the formulas of the text that change them."""

    def __init__(self, cash, costs):
        self.cash, self.costs = cash, costs
        self.trade: Trade | None = None
        self.stops = (INF, INF, INF)
        self.peak = NAN  # the highest high since the entry (the lowest low of a short)
        self.traded = 0.0  # turnover of this bar
        self.trades: list[Trade] = []

    def signed_shares(self):
        if self.trade is None:
            return 0.0
        return self.trade.shares if self.trade.side == "long" else -self.trade.shares

    def equity(self, price):
        """E = cash + s*close (long), cash - s*close (short)."""
        return self.cash if self.trade is None else self.cash + self.signed_shares() * price

    def buy_price(self, raw):
        return raw * (1.0 + self.costs["slippage"]) + self.costs["spread"] / 2.0

    def sell_price(self, raw):
        return raw * (1.0 - self.costs["slippage"]) - self.costs["spread"] / 2.0

    def variable_cost(self, shares, price):
        return self.costs["fee"] * price * shares + self.costs["per_share"] * shares

    def cost(self, shares, price):
        return max(self.costs["minimum"], self.variable_cost(shares, price))

    def enter(self, side, t, raw, size, stops):
        """An entry fill: budget = size * equity, the costs inside the budget; nothing where no share can be bought."""
        equity = self.cash
        if equity <= 0.0:
            return
        price = self.buy_price(raw) if side == "long" else self.sell_price(raw)
        budget = size * equity
        per_share_price = price * (1.0 + self.costs["fee"]) + self.costs["per_share"]
        if per_share_price <= 0.0:
            return
        shares = budget / per_share_price
        if self.variable_cost(shares, price) < self.costs["minimum"]:
            if price <= 0.0:
                return
            shares = (budget - self.costs["minimum"]) / price
        if shares <= 0.0:
            return
        cost = self.cost(shares, price)
        self.cash += -shares * price - cost if side == "long" else shares * price - cost
        self.traded += shares * price / equity
        self.trade = Trade(side, t, raw, price, shares, equity)
        self.stops, self.peak = stops, raw

    def leave(self, t, raw, reason):
        """An exit fill at a raw price."""
        trade, shares = self.trade, self.trade.shares
        equity = self.equity(raw)  # just before the fill, the position at the raw fill price
        price = self.sell_price(raw) if trade.side == "long" else self.buy_price(raw)
        cost = self.cost(shares, price)
        self.cash += shares * price - cost if trade.side == "long" else -shares * price - cost
        if equity > 0.0:
            self.traded += shares * price / equity
        self.book(t, raw, price, reason, self.cash)

    def book(self, t, raw, price, reason, equity):
        trade = self.trade
        trade.exit_bar, trade.exit_raw, trade.exit_price, trade.reason = t, raw, raw if price is None else price, reason
        trade.gain = max(-1.0, (equity - trade.equity_before) / trade.equity_before)
        self.trades.append(trade)
        self.trade = None

    def carry(self, price, ppy):
        """borrow on a short's value, financing on a long's negative cash, charged at each close with a position."""
        if self.trade is None:
            return
        if self.trade.side == "short":
            self.cash -= self.costs["borrow"] / ppy * self.trade.shares * price
        else:
            self.cash -= self.costs["financing"] / ppy * max(0.0, -self.cash)

    def ruin(self, t, price):
        """Equity <= 0: the position is closed without cost or turnover, and nothing is left."""
        if self.trade is not None:
            self.book(t, price, None, "ruin", 0.0)
        self.cash = 0.0


def _signals(account, t, blocked, wants, leaves, size, stops, max_bars, reentry, fill):
    """The orders of the close of t: (reason of the close or None, side to enter or None, size, stops), or None."""
    closes = None
    if account.trade is not None:
        side, first = account.trade.side, account.trade.entry_bar
        earned = t - first + 1 if fill == "next_open" else t - first
        if leaves[side][t]:
            closes = "exit"
        elif max_bars is not None and earned >= max_bars:
            closes = "max_bars"
            blocked[side] = reentry == "signal"
    for side in ("long", "short"):  # entry must have been false once before it counts again
        if not wants[side][t]:
            blocked[side] = False
    enters = None
    if account.trade is None or closes is not None:
        go = [side for side in ("long", "short") if wants[side][t] and not leaves[side][t] and not blocked[side]]
        if len(go) == 1:
            enters = go[0]
    chosen = tuple(stop[t] for stop in stops)
    if not (size[t] > 0.0 and all(stop > 0.0 for stop in chosen)):  # NaN or <= 0: the entry lapses
        enters = None
    if closes is None and enters is None:
        return None
    return closes, enters, size[t], chosen


def _fill(account, orders, t, raw):
    """The orders of a close at one raw price: the close first, then the entry; a missing price fills nothing."""
    closes, enters, size, stops = orders
    if raw != raw:
        return
    if closes is not None:
        account.leave(t, raw, closes)
    if enters is not None:
        account.enter(enters, t, raw, size, stops)


def _stop(account, t, open_, high, low, fill):
    """The side that a stop or target closed on bar t, or None."""
    trade = account.trade
    fills_now = fill == "next_open" and trade.entry_bar == t  # filled at this open: the open itself triggers nothing
    stop_loss, take_profit, trailing = account.stops
    filled, peak, side = trade.entry_raw, account.peak, trade.side
    if side == "long":
        fixed, moving = filled * (1.0 - stop_loss), peak * (1.0 - trailing)  # inf gives -inf: never reached
        level, target = max(fixed, moving), filled * (1.0 + take_profit)
        name = "trailing_stop" if moving > fixed else "stop_loss"
        worse, better = (lambda price: price <= level), (lambda price: price >= target)
        low_first, high_then = low, high
        account.peak = max(peak, high) if high == high else peak
    else:
        fixed, moving = filled * (1.0 + stop_loss), peak * (1.0 + trailing)
        level, target = min(fixed, moving), filled * (1.0 - take_profit)
        name = "trailing_stop" if moving < fixed else "stop_loss"
        worse, better = (lambda price: price >= level), (lambda price: price <= target)
        low_first, high_then = high, low
        account.peak = min(peak, low) if low == low else peak
    if not fills_now and worse(open_):
        account.leave(t, open_, name)
    elif not fills_now and better(open_):
        account.leave(t, open_, "take_profit")
    elif worse(low_first):
        account.leave(t, level, name)
    elif better(high_then):
        account.leave(t, target, "take_profit")
    else:
        return None
    return side


def block_statistics(result, edges, rf, cash):
    """The record per block [edges[i], edges[i + 1]); `rf` is a fraction a bar."""
    rows = []
    for first, last in itertools.pairwise(edges):
        a, b = first - result.start, last - result.start
        r, path = result.returns[a:b], result.equity[a:b]
        begin = cash if a == 0 else result.equity[a - 1]
        growth, highest, lowest, worst, top = 1.0, 1.0, 1.0, 0.0, begin  # a block after ruin stays as it began
        if begin > 0.0:
            growth = path[-1] / begin
            highest, lowest = max([begin, *path]) / begin, min([begin, *path]) / begin
            for equity in path:
                top = max(top, equity)
                worst = max(worst, 1.0 - equity / top)
        gains = [trade.gain for trade in result.trades if first <= trade.exit_bar < last]
        rows.append({
            "bars": b - a, "sum": sum(r), "sum_squares": sum(x * x for x in r),
            "sum_downside": sum(min(x - rf, 0.0) ** 2 for x in r),
            "growth": growth, "highest": highest, "lowest": lowest, "worst": worst,
            "trades": len(gains), "wins": sum(gain > ROUNDING for gain in gains),
            "gains": sum(gain for gain in gains if gain > 0.0), "losses": sum(-gain for gain in gains if gain < 0.0),
            "held": sum(result.held[a:b]), "turnover": sum(result.traded[a:b]), "position": result.position[b - 1],
        })  # fmt: skip
    return {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}


def metrics(result, rf, ppy, cash):
    """The twelve metrics by their formulas, from per-bar returns and trades; `rf` is a fraction a bar."""
    r, n = result.returns, len(result.returns)
    total = result.equity[-1] / cash - 1.0
    with np.errstate(over="ignore"):
        annual = -1.0 if result.ruined else float(np.float64(1.0 + total) ** (ppy / n)) - 1.0
    mean = sum(r) / n
    deviation = math.sqrt(sum((x - mean) ** 2 for x in r) / (n - 1)) if n > 1 else NAN
    size = math.sqrt(sum(x * x for x in r) / n)
    is_flat = deviation <= ROUNDING or deviation < 1e-7 * size
    downside = math.sqrt(sum(min(x - rf, 0.0) ** 2 for x in r) / n)
    top, fall = cash, 0.0
    for equity in result.equity:
        top = max(top, equity)
        fall = max(fall, 1.0 - equity / top)
    fall = fall if fall > ROUNDING else 0.0
    gains = sum(trade.gain for trade in result.trades if trade.gain > 0.0)
    losses = sum(-trade.gain for trade in result.trades if trade.gain < 0.0)
    return {
        "total_return": total,
        "annual_return": annual,
        "volatility": 0.0 if size <= ROUNDING else deviation * math.sqrt(ppy),
        "sharpe": NAN if is_flat or not result.trades else (mean - rf) / deviation * math.sqrt(ppy),
        "sortino": NAN if downside <= ROUNDING or not result.trades else (mean - rf) / downside * math.sqrt(ppy),
        "calmar": NAN if fall == 0.0 else annual / fall,
        "max_drawdown": fall,
        "trades": float(len(result.trades)),
        "win_rate": divide(sum(trade.gain > ROUNDING for trade in result.trades), len(result.trades)),
        "profit_factor": divide(gains, losses),
        "exposure": sum(result.held) / n,
        "turnover": sum(result.traded) / (n / ppy),
    }


def divide(a, b):
    """a / b with 0/0 = NaN and x/0 = inf of x's sign, as floating point has it."""
    if b == 0.0:
        return NAN if a == 0.0 or a != a else math.copysign(INF, a)
    return a / b


def _rule(rule, n_bars):
    return [False] * n_bars if rule is None else [bool(value) for value in rule]


def _numbers(value, n_bars):
    return [float(value)] * n_bars if np.ndim(value) == 0 else [float(x) for x in value]
