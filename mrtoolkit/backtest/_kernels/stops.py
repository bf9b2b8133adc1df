"""At what price, and why, a held position leaves inside a bar."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import STAYS, STOP_LOSS, TAKE_PROFIT, TRAILING_STOP


@kernel
def watch_stops(side, fill, extreme, limits, bar):
    """The raw price at which the position leaves inside this bar, and the reason; (NaN, STAYS) where it stays.

    `fill` is the raw price of the fill, `extreme` the best price since, up to the bar before; `limits` are stop-loss,
    take-profit and trailing stop as fractions, infinite where there is none; `bar` is (open, high, low).
    """
    stop_loss, take_profit, trailing_stop = limits
    open_, high, low = bar
    stop, reason = fill * (1.0 - side * stop_loss), STOP_LOSS
    trail = extreme * (1.0 - side * trailing_stop)
    if side * trail > side * stop:  # the nearer of the two: the higher for a long, the lower for a short
        stop, reason = trail, TRAILING_STOP
    target = fill * (1.0 + side * take_profit)
    worst, best = (low, high) if side > 0 else (high, low)
    if side * open_ <= side * stop:
        return open_, reason
    if side * open_ >= side * target:
        return open_, TAKE_PROFIT
    if side * worst <= side * stop:
        return stop, reason
    if side * best >= side * target:
        return target, TAKE_PROFIT
    return np.nan, STAYS


@kernel
def best_since(side, extreme, high, low):
    """The best price since the fill with this bar's; a missing price changes nothing."""
    if side > 0.0 and high > extreme:
        return high
    return low if side < 0.0 and low < extreme else extreme
