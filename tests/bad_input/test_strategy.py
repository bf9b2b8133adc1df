"""Strategies, costs, settings and points without a meaning: one sentence that names what, where and what to do."""

import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit import M, P

CROSS = mrt.ema(P.fast) > mrt.ema(P.slow)
BARS = mrt.data.simulate(bars=120, seed=0)

STRATEGIES = {
    "no entry": (dict(), "has no entry"),
    "size 0": (dict(entry=CROSS, size=0), "size is 0, but it must be above 0"),
    "negative size": (dict(entry=CROSS, size=-0.5), "size is -0.5, but it must be above 0"),
    "size none": (dict(entry=CROSS, size=None), "size is None, but it must be a number"),
    "stop 0": (dict(entry=CROSS, stop_loss=0), "stop_loss is 0, but it must be above 0"),
    "negative stop": (dict(entry=CROSS, stop_loss=-0.1), "stop_loss is -0.1, but it must be above 0"),
    "stop 1": (dict(entry=CROSS, stop_loss=1), "stop_loss is 1, but it is a fraction of the price below 1; write 0.05"),
    "trailing 5": (dict(entry=CROSS, trailing_stop=5), "trailing_stop is 5, but it is a fraction of the price below 1"),
    "target 0": (dict(entry=CROSS, take_profit=0.0), "take_profit is 0, but it must be above 0"),
    "half a bar": (dict(entry=CROSS, max_bars=1.5), "max_bars is 1.5, but it counts bars; give a whole number"),
    "flag as rule": (dict(entry=True), "entry is True, but it must be a condition of the bars"),
    "no bars": (dict(entry=CROSS, max_bars=0), "max_bars is 0, but it must be above 0"),
    "side": (
        dict(entry=CROSS, side="shrot"),
        "side is 'shrot', but it is one of long, short, both (did you mean 'short'?)",
    ),
    "reentry": (dict(entry=CROSS, reentry="once"), "reentry is 'once', but it is one of signal, state"),
    "crossing": (
        dict(entry=mrt.ema(5).crosses_above(mrt.ema(20))),
        "entry is a crossing, ema(5).crosses_above(ema(20)), true for one bar, and without exit",
    ),
    "side and rules": (dict(entry=CROSS, side="both", short_entry=~CROSS), "side='both' derives the short rules"),
    "exit alone": (dict(exit=CROSS, short_entry=CROSS), "exit is given without entry"),
    "number as rule": (dict(entry=mrt.ema(5)), "entry is ema(5), which is not a condition of the bars; compare it"),
    "condition as stop": (dict(entry=CROSS, stop_loss=CROSS), "a condition or flag, but it must be a number"),
    "metric": (dict(entry=mrt.close > M.sharpe), "which uses a metric; metrics are known after a trial"),
    "list": (dict(entry=mrt.ema([5, 10]) > mrt.close), "has a list of values, [5, 10], which is for compute_batch"),
}


@pytest.mark.parametrize("case", STRATEGIES)
def test_strategy_without_meaning_is_refused_in_one_sentence(case):
    words, message = STRATEGIES[case]
    with pytest.raises(mrt.StrategyError) as caught:
        mrt.Strategy(**words)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (dict(fee=-0.001), "fee is -0.001, but a cost cannot be negative"),
        (dict(fee=1), "fee is 1, but it is a fraction below 1; write 0.001 for 0.1 percent"),
        (dict(slippage=2), "slippage is 2, but it is a fraction below 1"),
        (dict(borrow=float("nan")), "borrow is nan, but it must be a finite number"),
        (dict(spread="wide"), "spread is 'wide', but it must be a finite number"),
    ],
)
def test_cost_without_meaning_is_refused(words, message):
    with pytest.raises(mrt.StrategyError) as caught:
        mrt.Costs(**words)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (dict(fill="nextopen"), "fill is 'nextopen', but it is one of next_open, close (did you mean 'next_open'?)"),
        (dict(engine="fast"), "engine is 'fast', but it is one of auto, event, dense"),
        (dict(costs=0.001), "costs is a float, but must be a Costs; write costs=mrt.Costs(fee=0.001)"),
        (dict(store="features.zarr"), "store is a str, but must be a FeatureStore"),
        (dict(periods_per_year=0), "periods_per_year is 0, but it is bars a year"),
        (dict(blocks=0), "blocks is 0, but must be a whole number of 1 or more"),
        (dict(start="yesterday-ish"), "start is 'yesterday-ish', but it is a time"),
        (dict(start=119), "is bar 119 of 120, which leaves fewer than two bars to measure"),
        (dict(start="2200-01-01"), "leaves fewer than two bars to measure"),
    ],
)
def test_backtest_setting_without_meaning_is_refused(words, message):
    with pytest.raises(mrt.StrategyError) as caught:
        mrt.Backtest(BARS, mrt.Strategy(entry=CROSS), **words)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("points", "error", "message"),
    [
        ({"fast": [5, 10]}, mrt.StrategyError, "the strategy has the parameter 'slow', but the points have fast"),
        ({"fast": 5, "slow": 20, "slwo": 30}, mrt.StrategyError, "has no parameter 'slwo' (did you mean 'slow'?)"),
        ({"fast": [], "slow": 20}, mrt.StrategyError, "the grid has no value for 'fast'"),
        ({"fast": [5, 5.0], "slow": 20}, mrt.StrategyError, "the grid repeats a value of 'fast'"),
        ({"fast": range(2, 40_000), "slow": range(2, 30_000)}, mrt.StrategyError, "1,199,860,004 points"),
        ({"fast": 5, "slow": 400}, mrt.StrategyError, "ema(400) has its first value after 399 bars, but there are 120"),
        ({"fast": 5, "slow": -3}, mrt.IndicatorError, "lookback"),
        ({"fast": True, "slow": 30}, mrt.IndicatorError, "lookback is True"),
        ({"fast": "a", "slow": 30}, mrt.IndicatorError, "lookback is 'a'"),
        ({"fast": None, "slow": 30}, mrt.IndicatorError, "lookback is None"),
        ([1, 2], mrt.StrategyError, "points are list, but must be a grid"),
    ],
)
def test_points_that_do_not_fit_are_refused(points, error, message):
    backtest = mrt.Backtest(BARS, mrt.Strategy(entry=CROSS), store=mrt.FeatureStore())
    with pytest.raises(error) as caught:
        backtest.run(points)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["sharpe", "time", "trial", "mean"])
def test_parameter_named_like_a_metric_or_dimension_is_refused(name):
    with pytest.raises(mrt.StrategyError, match=f"parameter '{name}' is named like"):
        mrt.Backtest(BARS, mrt.Strategy(entry=mrt.ema(P[name]) > mrt.close))


def test_stop_parameter_out_of_range_is_refused_when_its_value_is_known():
    backtest = mrt.Backtest(BARS, mrt.Strategy(entry=CROSS, stop_loss=P.stop), store=mrt.FeatureStore())
    with pytest.raises(mrt.StrategyError, match="stop_loss is 1.5, but it is a fraction"):
        backtest.run({"fast": 5, "slow": 20, "stop": [0.1, 1.5]})


def test_missing_parameter_value_is_refused():
    backtest = mrt.Backtest(BARS, mrt.Strategy(entry=CROSS), store=mrt.FeatureStore())
    with pytest.raises(mrt.StrategyError, match="the parameter 'fast' is nan in a point"):
        backtest.run(pd.DataFrame({"fast": [5.0, float("nan")], "slow": [20, 20]}))


def test_unknown_metric_names_the_nearest():
    backtest = mrt.Backtest(BARS, mrt.Strategy(entry=CROSS), store=mrt.FeatureStore())
    with pytest.raises(mrt.StudyError, match=r"there is no metric 'sharp' \(did you mean 'sharpe'"):
        backtest.run({"fast": 5, "slow": 20}, metrics=["sharp"])


def test_start_of_something_else_is_refused():
    for start in (BARS["time"][100], mrt.Space(fast=mrt.Integer(5, 10))):
        with pytest.raises(mrt.StrategyError, match="start is"):
            mrt.Backtest(BARS, mrt.Strategy(entry=CROSS), start=start, store=mrt.FeatureStore())


def test_text_where_a_stop_needs_a_number_is_refused():
    backtest = mrt.Backtest(BARS, mrt.Strategy(entry=CROSS, stop_loss=P.stop), store=mrt.FeatureStore())
    with pytest.raises(mrt.StrategyError, match="needs a number, but a point gives it 'a'"):
        backtest.run({"fast": 5, "slow": 20, "stop": ["a", 0.1]})


def test_trial_without_a_point_is_refused():
    backtest = mrt.Backtest(BARS, mrt.Strategy(entry=CROSS), store=mrt.FeatureStore())
    with pytest.raises(mrt.StrategyError, match="params is a NoneType"):
        backtest.trial(None)
    with pytest.raises(mrt.StrategyError, match="params is a NoneType"):
        backtest.evaluator("sharpe")(None)
