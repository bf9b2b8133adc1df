"""Wrong calls of indicators: one sentence that names what, where and what to do."""

import numpy as np
import pytest

from mrtoolkit.errors import ExpressionError, IndicatorError
from mrtoolkit.expressions.inputs import P, close, high
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.decorator import indicator
from mrtoolkit.indicators.momentum import macd, rsi
from mrtoolkit.indicators.parsing import parse
from mrtoolkit.indicators.trend import ema, sma
from mrtoolkit.indicators.volatility import atr, bollinger

CALLS = {
    "nothing": (lambda: ema(), "ema needs a lookback, a number from 1 to 1,000,000; write mrt.ema\\(P.lookback\\) or"),
    "zero": (
        lambda: ema(0),
        "ema's lookback is 0, but must be a number from 1 to 1,000,000; choose a value in that range",
    ),
    "negative": (lambda: sma(-5), "sma's lookback is -5, but must be a whole number from 1"),
    "huge": (lambda: rsi(10**9), "rsi's lookback is 1,000,000,000, but must be"),
    "one of a list": (lambda: ema([5, 0.5]), "ema's lookback is 0.5, but must be a number from 1"),
    "fraction": (lambda: sma(11.5), "sma's lookback is 11.5, but its formula counts whole bars"),
    "fraction in a band": (lambda: bollinger(11.5), "bollinger's lookback is 11.5, but its formula counts whole bars"),
    "text": (lambda: ema("12"), "ema's lookback is '12', but must be a number"),
    "flag": (lambda: ema(True), "ema's lookback is True, but must be a number"),
    "missing": (lambda: ema(float("nan")), "ema's lookback is nan, but must be a number"),
    "infinite": (lambda: ema(np.inf), "ema's lookback is inf, but must be a number"),
    "table": (lambda: ema(np.ones((2, 2))), r"ema's lookback is an array of shape \(2, 2\); give a list of numbers"),
    "series in order": (
        lambda: ema(close, 12),
        r"ema\(close, 12\) has 2 arguments, but ema takes 1 \(lookback\).*of=mrt.close",
    ),
    "series as lookback": (lambda: ema(close), "ema's lookback is close, which changes from bar to bar; .*of=close"),
    "misspelt": (lambda: ema(lokback=3), "ema has no argument 'lokback'; .*did you mean 'lookback'?"),
    "twice": (lambda: ema(3, lookback=3), "ema got 'lookback' twice"),
    "two sources": (lambda: ema(3, of=high, close=high), "ema got both of= and close="),
    "of where there are several": (
        lambda: atr(3, of=close),
        "atr has no argument 'of'; it takes lookback, high, low, close",
    ),
    "condition": (lambda: ema(3, of=close > 3), "ema got close > 3 as its close, which is a condition"),
    "constant source": (lambda: ema(3, of=4), "ema got 4 as its close, which is the same at every bar"),
    "parameter source": (lambda: ema(3, of=P.n), "ema got P.n as its close, which is the same at every bar"),
    "outputs": (lambda: ema(3, of=macd()), r"ema got macd\(12, 26, 9\) .* as its close; name one, as in of=.*\.line"),
    "unknown": (lambda: registry.get("emma"), "there is no indicator 'emma' among .*did you mean 'ema'?"),
    "unknown in text": (lambda: parse("emma(3) > close"), "there is no indicator 'emma'"),
    "out of bounds in text": (lambda: parse("sma(0) > close"), "sma's lookback is 0"),
}


@pytest.mark.parametrize("case", CALLS)
def test_wrong_call_says_what_is_wrong_and_what_to_do(case):
    call, match = CALLS[case]
    with pytest.raises(IndicatorError, match=match) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("use", [lambda m: m > 0, lambda m: m + 1, lambda m: -m, lambda m: m & (close > 3)])
def test_outputs_that_are_not_named_are_no_number(use):
    with pytest.raises(ExpressionError, match="line"):
        use(macd())


def test_output_that_does_not_exist_names_the_nearest():
    with pytest.raises(AttributeError, match="did you mean 'upper'"):
        bollinger(20, 2).uper  # noqa: B018


def test_compute_refuses_wrong_values_and_shapes_before_it_writes():
    x = np.arange(10.0)
    out = np.full((1, 2, 10), 7.0)
    with pytest.raises(IndicatorError, match=r"sma's lookback is 2\.5"):
        sma.compute([x], np.array([[2.0], [2.5]]), out)
    with pytest.raises(IndicatorError, match="sma's lookback is 0"):
        sma.compute([x], np.array([[2.0], [0.0]]), out)
    with pytest.raises(IndicatorError, match="sma's lookback is nan"):
        sma.compute([x], np.array([[2.0], [np.nan]]), out)
    with pytest.raises(IndicatorError, match="sma got 1 inputs"):
        sma.compute([x], np.array([[2.0]]), out)
    with pytest.raises(IndicatorError, match="atr got 1 inputs"):
        atr.compute([x], np.array([[2.0], [3.0]]), out)
    assert (out == 7.0).all()


def _named(name, text="close"):
    space = {}
    exec(f"def {name}({text}):\n    return close", space)
    return space[name]


DEFINITIONS = {
    "built-in": (_named("ema"), {}, "named 'ema', but that is an indicator of the toolkit; .*as in my_ema"),
    "grammar": (_named("choose"), {}, "named 'choose', but that is an input or a function of expressions"),
    "xarray": (_named("std"), {}, "named 'std', but xarray has Dataset.std; choose another, as in my_std"),
    "xarray, parameter": (_named("fine", "close, mean"), {"mean": (1, 2)}, "named 'mean', but xarray has Dataset.mean"),
    "dimension": (_named("trial"), {}, "named 'trial', but that is a word of the toolkit"),
    "no bounds": (
        _named("fine", "close, n"),
        {},
        r"argument 'n' is no column of bars and has no bounds; write .*n=\(2, 500\)",
    ),
    "bounds of nothing": (
        _named("fine", "close, n"),
        {"n": (1, 2), "m": (1, 2)},
        "bounds for 'm', but fine takes close, n",
    ),
    "bounds of a column": (_named("fine"), {"close": (1, 2)}, "bounds for 'close'"),
    "no pair": (
        _named("fine", "close, n"),
        {"n": 5},
        "bounds of fine's n are 5; give the lowest and the highest value",
    ),
    "turned round": (_named("fine", "close, n"), {"n": (5, 2)}, r"bounds of 'n' are \(5, 2\)"),
    "no column": (_named("fine", "price"), {}, "fine reads no column"),
    "star": (_named("fine", "close, *rest"), {}, r"fine takes \*args"),
    "default out of bounds": (_named("fine", "close, n=9"), {"n": (1, 5)}, "fine's n is 9, but must be"),
    "no function": (3, {}, "mrt.indicator got a int; put it over a function"),
}


_TAKEN = "input P M True False None and or not mrt log value indicator feature _private 2x"


@pytest.mark.parametrize("name", [*_TAKEN.split(), "a b", ""])
def test_no_indicator_has_a_name_that_a_rule_reads_otherwise(name):
    with pytest.raises(IndicatorError, match=f"an indicator is named {name!r}, but .*; choose another"):
        registry.check_name(name)
    assert name not in registry.names()


@pytest.mark.parametrize("case", DEFINITIONS)
def test_definition_that_cannot_be_is_refused(case):
    function, bounds, match = DEFINITIONS[case]
    before = registry.names()
    with pytest.raises(IndicatorError, match=match):
        indicator(function, **bounds)
    assert registry.names() == before


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (lambda: macd([10, 12], 26, 9), r"list \[10, 12\] for 'fast'.*\[mrt.macd\(fast=value"),
        (lambda: bollinger([20, 30], 2.0), r"list \[20, 30\] for 'lookback'"),
        (lambda: bollinger(20, [1.0, 2.0]), r"list \[1, 2\] for 'width'"),
    ],
)
def test_a_list_for_a_composite_is_refused_as_its_parts_would_mix_the_values(node, said):
    with pytest.raises(IndicatorError, match=said):
        node()
