"""How an indicator is written in a rule, and that its text is read back."""

import inspect

import pytest

from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.inputs import P, close, high, input
from mrtoolkit.expressions.walk import walk
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.extremes import highest
from mrtoolkit.indicators.momentum import macd, rsi
from mrtoolkit.indicators.parsing import parse
from mrtoolkit.indicators.trend import ema, sma
from mrtoolkit.indicators.volatility import atr, bollinger, stdev


@pytest.mark.parametrize(
    ("node", "key"),
    [
        (ema(P.n), "ema(P.n)"),
        (ema(lookback=12.0), "ema(12)"),
        (ema(11.5), "ema(11.5)"),
        (ema(P.n * 2 + 1), "ema(P.n * 2 + 1)"),
        (ema([5, 10.0, 15]), "ema([5, 10, 15])"),
        (rsi(range(5, 8)), "rsi([5, 6, 7])"),
        (ema(P.m, of=rsi(P.n)), "ema(P.m, of=rsi(P.n))"),
        (ema(9, of=high - close), "ema(9, of=high - close)"),
        (sma(9, of=input("vix")), 'sma(9, of=input("vix"))'),
        (highest(20, of=close), "highest(20, of=close)"),
        (highest(20, high=close), "highest(20, of=close)"),
        (atr(14), "atr(14)"),
        (atr(14, close=ema(3)), "atr(14, high=high, low=low, close=ema(3))"),
        (macd().line, "ema(12) - ema(26)"),
        (macd(P.f, 26, of=high).signal_line, "ema(9, of=ema(P.f, of=high) - ema(26, of=high))"),
        (bollinger(P.n, P.w).upper, "sma(P.n) + P.w * stdev(P.n)"),
        (bollinger().middle, "sma(20)"),
    ],
)
def test_call_has_its_text_and_is_read_back_as_itself(node, key):
    assert node.key == key
    assert parse(key) is node


def test_default_sources_written_out_are_the_same_feature():
    assert ema(5, of=close) is ema(5)
    assert atr(5, high=high) is atr(5)
    assert ema(5).default_sources
    assert not ema(5, of=high).default_sources


def test_composites_are_read_from_text_and_share_their_parts():
    assert parse("macd(12, 26, 9).histogram") is macd().histogram
    assert parse("bollinger(P.n, width=3).lower") is bollinger(P.n, 3).lower
    assert any(part is stdev(P.n) for part in walk(bollinger(P.n, 3).lower))


def test_call_bound_to_values_is_the_concrete_call():
    assert bind(ema(P.m, of=rsi(P.n)), {"m": 3.0, "n": 14}) is ema(3, of=rsi(14))


def test_every_indicator_describes_itself():
    for name in registry.names():
        entry = registry.get(name)
        assert entry.name == name
        assert entry.description.endswith(".")
        assert entry.formula
        if hasattr(entry, "units"):
            assert entry.units


def test_signature_shows_the_parameters_to_an_editor():
    assert str(inspect.signature(ema)) == "(lookback, *, of=None)"
    assert str(inspect.signature(atr)) == "(lookback, *, high=None, low=None, close=None)"
