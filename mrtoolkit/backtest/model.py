"""The trading model: one text, which every engine follows and `tests/naive.py` reads as a plain loop.

Per trial and asset: bars t = 0 .. T-1 with open, high, low, close; an account of equity E, flat at bar `start`; bars
from there on are measured. E(t) is equity at the close of t, valued at that close (at the last known one where it is
missing), without the costs of leaving; the return of bar t is E(t) / E(t-1) - 1.

**Signals**, at the close of t, from max(start, warm) on, where `warm` is the first bar at which every operand of the
comparisons in effect, of the stops and of the size has had a value. Rules are states; a comparison with a missing value
is false, and so is its negation.

1. A held long whose `exit` is true, or a held short whose `short_exit` is, closes. Else, with `max_bars`, one that
   has earned that many bars' returns closes.
2. If flat, or closing: long where ``entry & ~exit``, short where ``short_entry & ~short_exit``, neither where both.
   `exit` left out is ``~entry``. A reversal closes and opens at the same fill, as two trades.

With ``reentry="signal"`` a side that a stop, a target or `max_bars` has closed waits until its entry has been false at
a close. Size and stops are read at the signal bar; where one of them is missing or not positive the entry lapses; a
stop that is None is none.

**Fills**: at the next bar's open (``fill="next_open"``; an order of the last bar does not fill), or at the close of the
signal bar (``fill="close"``). Where that price is missing nothing fills and the signal lapses. The execution price is
``raw * (1 + slippage) + spread / 2`` for a buy, ``raw * (1 - slippage) - spread / 2`` for a sale. Trading s shares at p
costs ``max(minimum, (fee * p + per_share) * s)``. An entry trades the shares that ``size * equity`` pays for with their
cost inside it; they stay fixed until the exit, and are real numbers.

**Order within a bar**: fills at the open; stops and targets; the close: carry, valuation, ruin, signals, fills at the
close, ruin again.

**Stops** are fractions of the raw price F of the fill. They are watched from the fill bar on (a fill at the close: from
the bar after). For a long: L is the higher of F * (1 - stop_loss) and H * (1 - trailing_stop), H the highest of F and
the watched highs up to the bar before; U = F * (1 + take_profit). Then, in this order: open <= L leaves at the open,
open >= U leaves at the open, low <= L leaves at L, high >= U leaves at U; so where both lie inside one bar, the stop is
taken. For a short, mirrored. Such a fill has slippage and costs like any other.

**Carry**: at each close with a position held, `borrow` a year on the value of a short, `financing` on borrowed cash.

**Ruin**: E <= 0 at a close ends the trial: the position closes without cost, equity is zero from then on.

**The end**: a position held at the last known close is booked there, valued at it, without costs; where prices end
before the history does (a delisting), the account is flat from there on.

**Trades** are booked at the bar of their exit; gain = equity after / equity before the entry - 1, not under -1. A trade
wins where its gain is above 1e-12 (rounding is no win). Turnover of a fill is its traded value as a fraction of equity
just before it, nothing where that is not positive.

**Own positions**: a function's targets stand in the place of signals, and all else is as above. w is the target at the
close of t, a signed fraction of equity; missing, it keeps what is held, and before `warm`, the first bar at which every
feature has had a value, it does not count. From max(start, warm) on, where w is not the target that was last traded to
(0 at first), there is an order to trade to w. It fills as an entry does, at one raw price; where it lapses, the target
that was last traded to stays what it was. With E the equity and V the position's value (without its sign), both just
before the fill and at its raw price:

1. Flat: an entry of size |w|. Held, and w is 0 or of the other sign, or E <= 0: the position closes; then, if w is not
   0, an entry of size |w| at the same fill.
2. Held, and |w| E > V: the shares that |w| E - V pays for with their cost inside it are added.
3. Held, and |w| E <= V: (V - |w| E) / raw shares are traded away, their cost out of the cash.

An order of 1 or 2 that pays for no share lapses. So targets of s and 0 give the trades of rules of size s. A trade
lasts from leaving zero to returning to zero or changing sign; its gain is equity after its last fill / equity before
its first - 1. Each fill has its turnover, and pays `minimum`. There are no stops: what a function wants to leave, it
sets to 0. As a plain loop: `tests/oracles/naive_targets.py`.

**Corners.** A position held before any close is known is valued at the raw price of its last fill. A side that
`max_bars` closes waits from that decision on, even if the fill then lapses. Operands that parameters switch off do not
count for `warm`. A block that begins after a ruin has growth, highest and lowest of 1 and worst of 0.

**Engines.** The dense engine does this bar by bar, as it is written. The event engine finds the bars at which something
happens and does the same there; between them it knows what holding gives. Their counts are equal, their sums differ by
the order of additions alone, less than 1e-9 of their scale. A trial whose digits that could cost runs bar by bar.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from mrtoolkit.errors import StrategyError, nearest

FILLS = ("next_open", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading costs.

    Parameters
    ----------
    fee : float
        Fraction of the traded value, on each side; 0.001 is 0.1 percent.
    slippage : float
        Fraction of the price, against you, on each side.
    spread : float
        In price units; each side pays half of it.
    per_share : float
        Currency a share, on each side.
    minimum : float
        Currency a fill, at least; the account starts at `cash` of the backtest.
    financing, borrow : float
        Fractions a year, of borrowed cash and of the value of shares sold short.

    Raises
    ------
    StrategyError
        If a cost is negative, or not a number, or `fee` or `slippage` is 1 or more.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> mrt.Costs(fee=0.001)
    Costs(fee=0.001)
    """

    fee: float = 0.0
    slippage: float = 0.0
    spread: float = 0.0
    per_share: float = 0.0
    minimum: float = 0.0
    financing: float = 0.0
    borrow: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise StrategyError(f"Costs: {name} is {value!r}, but it must be a finite number; 0 is no cost.")
            if value < 0.0:
                raise StrategyError(f"Costs: {name} is {value:g}, but a cost cannot be negative; give 0 or more.")
            if name in ("fee", "slippage") and value >= 1.0:
                raise StrategyError(
                    f"Costs: {name} is {value:g}, but it is a fraction below 1; write 0.001 for 0.1 percent."
                )
            object.__setattr__(self, name, float(value))

    def to_dict(self) -> dict[str, float]:
        """The costs as plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Costs:
        """Restore costs from `to_dict`; a wrong key is named."""
        for key in content:
            if key not in cls.__slots__:
                raise StrategyError(
                    f"Costs has no {key!r}{nearest(key, cls.__slots__)}; it has {', '.join(cls.__slots__)}."
                )
        return cls(**content)

    def __repr__(self) -> str:
        """Return the costs that are not zero."""
        return f"Costs({', '.join(f'{name}={value:g}' for name, value in asdict(self).items() if value)})"
