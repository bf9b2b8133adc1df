"""The rules that the search's problems tune, each with its lattice."""

from __future__ import annotations

from dataclasses import dataclass

import mrtoolkit as mrt
from mrtoolkit import P


@dataclass(frozen=True)
class Rule:
    """A strategy with free parameters, and the lattice of their values.

    Attributes
    ----------
    family : {"cross", "rsi", "breakout", "macd"}
    """

    family: str
    strategy: mrt.Strategy
    space: mrt.Space


def _cross(average: mrt.Indicator, **more: object) -> mrt.Strategy:
    return mrt.Strategy(entry=average(P.fast) > average(P.slow), **more)


_EMA = mrt.ema(P.fast) > mrt.ema(P.slow)
_NOT_HOT = dict(entry=_EMA & (mrt.rsi(P.n) < P.over), exit=mrt.ema(P.fast) < mrt.ema(P.slow))
_KINDS = {"ema": mrt.ema, "sma": mrt.sma, "wma": mrt.wma}
_ANY_FAST, _ANY_SLOW = (
    mrt.choose(P.kind, {name: average(length) for name, average in _KINDS.items()}) for length in (P.fast, P.slow)
)
_ABOVE, _BELOW = mrt.close > mrt.highest(P.n).shift(1), mrt.close < mrt.lowest(P.m).shift(1)
_BAND = mrt.bollinger(20, P.width)
_BANDS = mrt.bollinger(P.length, P.width)
_TWO_BANDS = mrt.bollinger(P.length, 2)
_MACD = mrt.macd(P.fast, P.slow, P.signal)
_LINE = _MACD.line > _MACD.signal_line
_ORDER = P.fast < P.slow

RULES = {
    # up to 60,000 points
    "ema_cross": Rule(
        "cross", _cross(mrt.ema), mrt.Space(fast=mrt.Real(5, 50, step=0.5), slow=mrt.Integer(20, 200), where=_ORDER),
    ),
    "ema_cross_short": Rule(
        "cross", _cross(mrt.ema),
        mrt.Space(fast=mrt.Real(2, 20, step=0.1), slow=mrt.Real(10, 60, step=0.5), where=_ORDER),
    ),
    "sma_cross": Rule(
        "cross", _cross(mrt.sma), mrt.Space(fast=mrt.Integer(2, 100), slow=mrt.Integer(10, 250), where=_ORDER),
    ),
    "ema_cross_rsi": Rule(
        "cross", mrt.Strategy(entry=_EMA & (mrt.rsi(14) < P.over), exit=mrt.ema(P.fast) < mrt.ema(P.slow)),
        mrt.Space(fast=mrt.Integer(2, 30), slow=mrt.Integer(20, 100, step=2), over=mrt.Integer(55, 90), where=_ORDER),
    ),
    "kind_cross": Rule(
        "cross", mrt.Strategy(entry=_ANY_FAST > _ANY_SLOW),
        mrt.Space(
            kind=mrt.Categorical(["ema", "sma", "wma"]), fast=mrt.Integer(3, 60), slow=mrt.Integer(20, 200, step=2),
            where=_ORDER,
        ),
    ),
    "rsi_band": Rule(
        "rsi", mrt.Strategy(entry=(mrt.rsi(P.n) < P.low) & (mrt.close < _BAND.lower), exit=mrt.close > _BAND.middle),
        mrt.Space(n=mrt.Integer(2, 21), low=mrt.Integer(15, 50), width=mrt.Real(0.4, 2.4, step=0.1)),
    ),
    "rsi_bands": Rule(
        "rsi",
        mrt.Strategy(
            entry=(mrt.rsi(P.n) < P.below) & (mrt.close < _TWO_BANDS.middle),
            exit=(mrt.rsi(P.n) > P.over) | (mrt.close > _TWO_BANDS.upper),
        ),
        mrt.Space(
            n=mrt.Integer(2, 21), below=mrt.Integer(20, 50, step=3), over=mrt.Integer(50, 80, step=3),
            length=mrt.Integer(10, 40, step=5),
        ),
    ),
    "breakout": Rule(
        "breakout", mrt.Strategy(entry=_ABOVE, exit=_BELOW), mrt.Space(n=mrt.Integer(5, 200), m=mrt.Integer(3, 100)),
    ),
    "breakout_stop": Rule(
        "breakout", mrt.Strategy(entry=_ABOVE, exit=_BELOW, stop_loss=P.stop),
        mrt.Space(
            n=mrt.Integer(5, 100, step=2), m=mrt.Integer(3, 60, step=2), stop=mrt.Real(0.01, 0.2, step=0.005),
        ),
    ),
    "breakout_short": Rule(
        "breakout", mrt.Strategy(entry=_ABOVE, exit=_BELOW, stop_loss=P.stop),
        mrt.Space(n=mrt.Integer(2, 40), m=mrt.Integer(2, 30), stop=mrt.Real(0.01, 0.12, step=0.01)),
    ),
    "breakout_trail": Rule(
        "breakout", mrt.Strategy(entry=_ABOVE, exit=_BELOW, stop_loss=P.stop, trailing_stop=P.trail),
        mrt.Space(
            n=mrt.Integer(10, 100, step=5), m=mrt.Integer(5, 60, step=5), stop=mrt.Real(0.02, 0.2, step=0.02),
            trail=mrt.Real(0.03, 0.3, step=0.03),
        ),
    ),
    "macd": Rule(
        "macd", mrt.Strategy(entry=_LINE),
        mrt.Space(fast=mrt.Integer(4, 30), slow=mrt.Integer(15, 60), signal=mrt.Integer(3, 30), where=_ORDER),
    ),
    "macd_stop": Rule(
        "macd", mrt.Strategy(entry=_LINE, stop_loss=P.stop),
        mrt.Space(
            fast=mrt.Integer(4, 20, step=2), slow=mrt.Integer(18, 60, step=3), signal=mrt.Integer(3, 21, step=2),
            stop=mrt.Real(0.02, 0.2, step=0.01), where=_ORDER,
        ),
    ),
    "macd_rsi": Rule(
        "macd", mrt.Strategy(entry=_LINE & (mrt.rsi(P.n) < P.over), exit=_MACD.line < _MACD.signal_line),
        mrt.Space(
            fast=mrt.Integer(4, 24, step=4), slow=mrt.Integer(20, 62, step=6), signal=mrt.Integer(4, 19, step=3),
            n=mrt.Integer(4, 28, step=4), over=mrt.Integer(45, 85, step=5), where=_ORDER,
        ),
    ),
    # larger
    "rsi_bands_free": Rule(
        "rsi",
        mrt.Strategy(
            entry=(mrt.rsi(P.n) < P.below) & (mrt.close < _BANDS.lower),
            exit=(mrt.rsi(P.n) > P.over) | (mrt.close > _BANDS.upper),
        ),
        mrt.Space(
            n=mrt.Integer(2, 21), below=mrt.Integer(20, 50), over=mrt.Integer(50, 85, step=5),
            length=mrt.Integer(10, 50, step=5), width=mrt.Real(0.5, 2.5, step=0.25),
        ),
    ),
    "cross_not_hot": Rule(
        "cross", mrt.Strategy(**_NOT_HOT),
        mrt.Space(
            fast=mrt.Integer(5, 50), slow=mrt.Integer(20, 200, step=2), n=mrt.Integer(5, 30, step=5),
            over=mrt.Integer(50, 90, step=2), where=_ORDER,
        ),
    ),
    "cross_stops": Rule(
        "cross", _cross(mrt.ema, stop_loss=P.stop, trailing_stop=P.trail),
        mrt.Space(
            fast=mrt.Integer(3, 50), slow=mrt.Integer(20, 200, step=4), stop=mrt.Real(0.02, 0.2, step=0.01),
            trail=mrt.Real(0.03, 0.3, step=0.01), where=_ORDER,
        ),
    ),
    "breakout_stops": Rule(
        "breakout", mrt.Strategy(entry=_ABOVE, exit=_BELOW, stop_loss=P.stop, trailing_stop=P.trail),
        mrt.Space(
            n=mrt.Integer(5, 100, step=2), m=mrt.Integer(3, 60, step=2), stop=mrt.Real(0.01, 0.2, step=0.01),
            trail=mrt.Real(0.02, 0.4, step=0.02),
        ),
    ),
    "macd_rsi_stops": Rule(
        "macd",
        mrt.Strategy(
            entry=_LINE & (mrt.rsi(14) < P.over), exit=_MACD.line < _MACD.signal_line, stop_loss=P.stop,
            trailing_stop=P.trail,
        ),
        mrt.Space(
            fast=mrt.Integer(4, 20, step=2), slow=mrt.Integer(20, 60, step=4), signal=mrt.Integer(3, 19, step=2),
            over=mrt.Integer(50, 80, step=5), stop=mrt.Real(0.02, 0.2, step=0.02), trail=mrt.Real(0.03, 0.3, step=0.03),
            where=_ORDER,
        ),
    ),
    "macd_rsi_stops_fine": Rule(
        "macd",
        mrt.Strategy(
            entry=_LINE & (mrt.rsi(14) < P.over), exit=_MACD.line < _MACD.signal_line, stop_loss=P.stop,
            trailing_stop=P.trail,
        ),
        mrt.Space(
            fast=mrt.Integer(4, 20, step=2), slow=mrt.Integer(20, 60, step=2), signal=mrt.Integer(3, 19, step=2),
            over=mrt.Integer(48, 84, step=3), stop=mrt.Real(0.02, 0.3, step=0.02), trail=mrt.Real(0.02, 0.3, step=0.02),
            where=_ORDER,
        ),
    ),
}  # fmt: skip
