"""Timeframes in expressions: handed on to indicators and inputs, written and read back, refused without meaning."""

from __future__ import annotations

import copy
import re

import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Constant, OnTimeframe

EMA = mrt.ema(P.n)
WRITTEN = [
    (mrt.timeframe("4h", EMA), 'timeframe("4h", ema(P.n))'),
    (mrt.timeframe("4H", EMA), 'timeframe("4h", ema(P.n))'),
    (mrt.timeframe(P.tf, EMA), "timeframe(P.tf, ema(P.n))"),
    (mrt.timeframe("1D", mrt.close), 'timeframe("1D", close)'),
    (mrt.timeframe("1D", EMA - 2 * mrt.close), 'timeframe("1D", ema(P.n)) - 2 * timeframe("1D", close)'),
    (mrt.timeframe("1D", EMA.shift(2)), 'timeframe("1D", ema(P.n).shift(2))'),
    (mrt.timeframe("1D", EMA).shift(2), 'timeframe("1D", ema(P.n)).shift(2)'),
    (mrt.timeframe("1D", (EMA + 1).shift(P.k)), 'timeframe("1D", ema(P.n).shift(P.k)) + 1'),
    (mrt.timeframe("1D", ~(EMA > 5)), '~(timeframe("1D", ema(P.n)) > 5)'),
    (mrt.timeframe("1D", abs(EMA)), 'abs(timeframe("1D", ema(P.n)))'),
    (mrt.timeframe("1D", mrt.when(P.use, EMA > 5)), 'when(P.use, timeframe("1D", ema(P.n)) > 5)'),
    (
        mrt.timeframe("1D", mrt.choose(P.kind, {"a": EMA, "b": None})),
        'choose(P.kind, {"a": timeframe("1D", ema(P.n)), "b": None})',
    ),
    (
        mrt.timeframe("1D", EMA.crosses_below(5).shift(1)),
        '(timeframe("1D", ema(P.n).shift(1)) < 5) & (timeframe("1D", ema(P.n).shift(1).shift(1)) >= 5)',
    ),
    (
        mrt.timeframe("4h", mrt.bollinger(P.n, P.w)).upper,
        'timeframe("4h", sma(P.n)) + P.w * timeframe("4h", stdev(P.n))',
    ),
    (mrt.ema(3, of=mrt.timeframe("4h", mrt.rsi(5))), 'ema(3, of=timeframe("4h", rsi(5)))'),
    (mrt.timeframe("4h", mrt.ema(3, of=mrt.rsi(5))), 'timeframe("4h", ema(3, of=rsi(5)))'),
]


@pytest.mark.parametrize(("node", "text"), WRITTEN, ids=lambda x: x if isinstance(x, str) else "")
def test_timeframe_is_handed_on_and_read_back_from_its_text(node, text):
    assert node.key == text
    assert mrt.parse(text) is node
    assert copy.deepcopy(node) is node


def test_parameters_of_a_timeframe_are_bound():
    node = mrt.timeframe(P.tf, EMA)
    assert node.params == ("n", "tf")
    assert bind(node, {"tf": "4H", "n": 5}) is mrt.timeframe("4h", mrt.ema(5))
    missing = mrt.timeframe("1D", mrt.ema(3, of=mrt.choose(P.kind, {"a": mrt.close, "b": None})))
    assert bind(missing, {"kind": "b"}) is Constant(None)


def test_parts_are_shared_with_other_rules():
    band = mrt.timeframe("4h", mrt.bollinger(20, 2))
    assert band.middle is mrt.timeframe("4h", mrt.sma(20))
    assert mrt.timeframe("4h", mrt.macd(12, 26, 9)).line.left is mrt.timeframe("4h", mrt.ema(12))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: mrt.timeframe("4hh", mrt.close), "did you mean 'h'"),
        (lambda: mrt.timeframe("four hours", mrt.close), "is not a timeframe"),
        (lambda: mrt.timeframe(4, mrt.close), "is a text or a parameter"),
        (lambda: mrt.timeframe("1D", mrt.timeframe("4h", mrt.close)), "not nested"),
        (lambda: mrt.timeframe("1D", mrt.ema(5, of=mrt.timeframe("4h", mrt.close))), "not nested"),
        (lambda: mrt.timeframe("1D", mrt.timeframe("4h", mrt.ema(5)) + 1), "not nested"),
        (lambda: mrt.timeframe("1D", P.n), "the same at every bar"),
        (lambda: mrt.timeframe("1D", 5), "the same at every bar"),
        (lambda: mrt.parse('timeframe("4h")'), 'write timeframe("4h", ema(P.n))'),
        (lambda: bind(mrt.timeframe(P.tf, mrt.close), {"tf": 4}), "is a text or a parameter"),
        (lambda: OnTimeframe(Constant("4h"), mrt.close + 1), "which hands it on"),
    ],
)
def test_timeframe_without_meaning_is_refused(build, says):
    with pytest.raises(mrt.ExpressionError, match=re.escape(says)):
        build()


def test_no_indicator_may_be_called_timeframe():
    with pytest.raises(mrt.IndicatorError, match="timeframe"):

        @mrt.indicator
        def timeframe(close, n: int):
            return close
