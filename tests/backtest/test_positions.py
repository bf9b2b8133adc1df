"""A user's own positions: beside their plain loop, beside rules, and through everything that rules go through."""

from __future__ import annotations

import numba
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import naive_targets
from oracles.agreement import assert_same_bars, assert_same_blocks, assert_same_metrics, assert_same_trades
from oracles.long_form import IS_LONG
from oracles.random_bars import HARD_KINDS, as_dataset, random_prices

import mrtoolkit as mrt
from mrtoolkit import P

CASH = 10_000.0
MANY = settings(max_examples=4_000 if IS_LONG else 150, deadline=None, suppress_health_check=list(HealthCheck))
COSTS = mrt.Costs(fee=0.001, slippage=0.0005, spread=0.01, per_share=0.002, minimum=0.5, financing=0.05, borrow=0.03)

fractions = st.sampled_from([0.0, 0.001, 0.01, 0.2])
costs_drawn = st.fixed_dictionaries({
    "fee": fractions,
    "slippage": fractions,
    "spread": st.sampled_from([0.0, 0.0, 0.1, 5.0]),
    "per_share": st.sampled_from([0.0, 0.0, 0.05]),
    "minimum": st.sampled_from([0.0, 0.0, 30.0, 2_111.0]),
    "financing": st.sampled_from([0.0, 0.1, 3.0]),
    "borrow": st.sampled_from([0.0, 0.1, 3.0]),
})  # fmt: skip
settings_drawn = st.fixed_dictionaries({
    "fill": st.sampled_from(["next_open", "close"]),
    "risk_free": st.sampled_from([0.0, 0.05]),
    "periods_per_year": st.sampled_from([252.0, 8_760.0]),
    "blocks": st.sampled_from([1, 3, 64]),
})  # fmt: skip


@mrt.position(features=dict(weight=mrt.input("weight")), params=("scale",))
def follow(weight, scale, target):
    for t in range(target.size):
        target[t] = scale * weight[t]


@mrt.position(features=dict(fast=mrt.ema(P.fast), slow=mrt.ema(P.slow)))
def cross(fast, slow, target):
    for t in range(target.size):
        target[t] = 1.0 if fast[t] > slow[t] else 0.0


@mrt.position(features=dict(fast=mrt.ema(P.fast), slow=mrt.ema(P.slow), noise=mrt.atr(14)), params=("threshold",))
def trend(fast, slow, noise, threshold, target):
    """Long in a rise, the more the calmer; short in a fall, by half."""
    for t in range(target.size):
        gap = (fast[t] - slow[t]) / noise[t]
        if gap > threshold:
            target[t] = min(1.5, round(slow[t] / noise[t] / 20.0, 1))
        elif gap < -threshold:
            target[t] = -0.5
        elif abs(gap) < threshold / 2.0:
            target[t] = 0.0


@st.composite
def bars_drawn(draw):
    """Random prices with a column of target weights: missing, zero, of both signs, often the same for some bars."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_bars, kind = draw(st.integers(2, 60)), draw(st.sampled_from(HARD_KINDS))
    columns = random_prices(rng, n_bars, kind)
    columns["high"], columns["low"] = columns["high"] * 1.5, columns["low"] / 1.5  # which no target reads
    weights = draw(st.sampled_from([[0.0, 1.0], [-1.0, 0.0, 1.0], [0.0, 0.3, 0.5, 1.0, 1.2], [-2.0, -0.5, 0.5, 2.5]]))
    weight = rng.choice(weights, n_bars)
    again = rng.random(n_bars) < draw(st.sampled_from([0.0, 0.7]))
    weight[again] = np.nan
    weight = pd.Series(weight).ffill().to_numpy().copy() if draw(st.booleans()) else weight
    weight[: draw(st.integers(0, 3))] = np.nan
    if np.isnan(weight).all():
        weight[-1] = 1.0
    return as_dataset({**columns, "weight": weight})


@MANY
@given(bars_drawn(), costs_drawn, settings_drawn, st.integers(0, 3), st.sampled_from([1.0, 0.5]))
def test_targets_agree_with_the_plain_loop(bars, costs, choices, start, scale):
    start = min(start, bars.sizes["time"] - 2)
    backtest = mrt.Backtest(
        bars, follow, costs=mrt.Costs(**costs), store=mrt.FeatureStore(), start=start, cash=CASH, **choices
    )
    targets = scale * bars["weight"].values
    expected = naive_targets.backtest(
        bars["open"].values.tolist(), bars["close"].values.tolist(), targets.tolist(),
        warm=int(np.argmax(~np.isnan(targets))), fill=choices["fill"], costs=costs, start=start,
        edges=backtest._market.edges.tolist(), rf=choices["risk_free"], ppy=choices["periods_per_year"], cash=CASH,
    )  # fmt: skip
    trial = backtest.trial({"scale": scale})
    assert_same_trades(trial.trades, expected, bars["time"].values)
    assert_same_bars(trial, expected)
    assert_same_metrics(trial.metrics, expected)
    record = backtest.blocks([{"scale": scale}]).to_array().transpose("trial", "block", "variable").values
    assert_same_blocks(record[0], expected)


ABOVE = mrt.ema(P.fast) > mrt.ema(P.slow)
RULES = {
    "long": ({"entry": ABOVE}, 1.0, 0.0),
    "short": ({"entry": ABOVE, "side": "short"}, -1.0, 0.0),
    "both": ({"entry": ABOVE, "exit": ~ABOVE, "side": "both"}, 1.0, -1.0),
    "half": ({"entry": ABOVE, "size": 0.5}, 0.5, 0.0),
}


@mrt.position(features=dict(fast=mrt.ema(P.fast), slow=mrt.ema(P.slow)), params=("above", "below"))
def same(fast, slow, above, below, target):
    for t in range(target.size):
        target[t] = above if fast[t] > slow[t] else below


@pytest.mark.parametrize("side", RULES)
@pytest.mark.parametrize("fill", ["next_open", "close"])
@pytest.mark.parametrize("costs", [mrt.Costs(), mrt.Costs(fee=0.001, slippage=0.0005), COSTS], ids=str)
def test_targets_of_whole_positions_are_rules(side, fill, costs):
    words, above, below = RULES[side]
    levels = {"above": above, "below": below}
    bars = mrt.data.simulate(bars=700, seed=3)
    store = mrt.FeatureStore()
    rules = mrt.Strategy(**words)
    grid = {"fast": [3, 6], "slow": [11, 20, 40]}
    own = mrt.Backtest(bars, same, costs=costs, fill=fill, store=store)
    dense = mrt.Backtest(bars, rules, costs=costs, fill=fill, store=store, engine="dense")
    ours, theirs = own.run(grid | levels), dense.run(grid)
    for name in own.metrics:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-12, err_msg=name)
    points = pd.DataFrame({"fast": [3, 6], "slow": [11, 40]})
    ours, theirs = own.blocks(points.assign(**levels)), dense.blocks(points)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-12, err_msg=name)
    point = {"fast": 6, "slow": 20}
    pd.testing.assert_frame_equal(own.trial(point | levels).trades, dense.trial(point).trades)


def test_a_rebalanced_position_is_the_arithmetic():
    """By hand: half of 1,000 at 100, then all of it at 110, then a quarter at 120; a fee of 1 % on what is traded."""
    price = np.array([100.0, 100.0, 110.0, 120.0, 120.0])
    columns = {name: price.copy() for name in ("open", "high", "low", "close")}
    bars = as_dataset({**columns, "weight": np.array([0.5, 1.0, 0.25, np.nan, np.nan])})
    trial = mrt.Backtest(bars, follow, costs=mrt.Costs(fee=0.01), cash=1_000.0).trial({"scale": 1.0})
    first = 500.0 / 101.0
    cash = 500.0
    equity_2 = cash + first * 110.0
    more = (equity_2 - first * 110.0) / (110.0 * 1.01)
    held, cash = first + more, cash - more * 110.0 * 1.01
    equity_3 = cash + held * 120.0
    left = 0.25 * equity_3 / 120.0
    cash += (held - left) * 120.0 * 0.99
    expected = [1_000.0, 500.0 + first * 100.0, held * 110.0, cash + left * 120.0, cash + left * 120.0]
    np.testing.assert_allclose(trial.equity, expected, rtol=1e-12)
    assert len(trial.trades) == 1
    row = trial.trades.iloc[0]
    np.testing.assert_allclose(row["gain"], expected[-1] / 1_000.0 - 1.0)
    np.testing.assert_allclose(row["shares"], held)
    traded = 0.5 / 1.01 + more * 110.0 / equity_2 + (held - left) * 120.0 / equity_3
    np.testing.assert_allclose(trial.metrics["turnover"] / bars_a_year(bars, trial), traded)


def test_an_increase_that_cannot_pay_its_minimum_waits_until_it_can():
    """From 0.5 to 0.54 of 9,000 lacks less than the 1,000 that a fill costs; once the price has fallen, more."""
    price = np.array([100.0, 100.0, 100.0, 100.0, 60.0, 60.0])
    columns = {name: price.copy() for name in ("open", "high", "low", "close")}
    bars = as_dataset({**columns, "weight": np.array([0.5, 0.54, 0.54, 0.54, 0.54, 0.54])})
    trial = mrt.Backtest(bars, follow, costs=mrt.Costs(minimum=1_000.0), cash=10_000.0).trial({"scale": 1.0})
    first = (5_000.0 - 1_000.0) / 100.0
    cash = 10_000.0 - 4_000.0 - 1_000.0
    lacks = 0.54 * (cash + first * 60.0) - first * 60.0
    second = (lacks - 1_000.0) / 60.0
    after = cash - lacks + (first + second) * 60.0
    np.testing.assert_allclose(trial.equity, [10_000.0, 9_000.0, 9_000.0, 9_000.0, after, after], rtol=1e-12)
    np.testing.assert_allclose(trial.trades["shares"], first + second)


def bars_a_year(bars, trial):
    return mrt.Backtest(bars, follow).periods_per_year / len(trial.equity)


def run_once(function, **words):
    """Make positions of a function and run them."""
    own = mrt.position(**({"features": {"fast": mrt.ema(5)}} | words))(function)
    mrt.Backtest(mrt.data.simulate(bars=300, seed=0), own).run([{}])


def refused(match, function, **words):
    with pytest.raises(mrt.StrategyError, match=match):
        run_once(function, **words)


def test_a_function_that_looks_ahead_is_refused():
    def next_bar(fast, target):
        for t in range(target.size):
            target[t] = 1.0 if fast[min(t + 1, target.size - 1)] > fast[t] else 0.0

    def whole_history(fast, target):
        middle = np.nanmean(fast)
        for t in range(target.size):
            target[t] = 1.0 if fast[t] > middle else 0.0

    def knows_the_end(fast, target):
        for t in range(target.size):
            target[t] = 1.0 if t < target.size - 1 else 0.0

    def far_ahead(fast, lag, target):
        for t in range(target.size):
            target[t] = 1.0 if fast[min(t + lag, target.size - 1)] > fast[t] else 0.0

    for function in (next_bar, whole_history, knows_the_end):
        refused(rf"{function.__name__}\(\) looks ahead: its value at bar", function)
    own = mrt.position(features={"fast": mrt.ema(5)}, params={"lag": int})(far_ahead)
    backtest = mrt.Backtest(mrt.data.simulate(bars=300, seed=0), own)
    backtest.run({"lag": 0})
    with pytest.raises(mrt.StrategyError, match=r"far_ahead\(lag=9\) looks ahead"):
        backtest.run({"lag": [0, 9]})


def test_a_function_that_cannot_be_used_is_refused_by_name():
    def broken(fast, target):
        target[:] = fast.no_such_method()

    def writes_input(fast, target):
        fast[0] = 1.0
        target[:] = 0.0

    def silent(fast, target):
        pass

    def infinite(fast, target):
        target[:] = 1.0 / (fast - fast)

    def beyond(fast, target):
        for t in range(target.size):
            target[t + 1] = 1.0

    def returns(fast, target):
        target[:] = 1.0
        return fast

    def random(fast, target):
        target[:] = np.random.random()  # noqa: NPY002 (numba knows no Generator of the outside)

    refused(r'broken cannot be compiled at .*test_positions.py:\d+, "target\[:\] = fast.no_such_method', broken)
    refused(r"writes_input writes into its input .* values = fast.copy\(\)", writes_input)
    refused(r"silent\(\) writes no target at any of the 296 bars from bar 4 on", silent)
    refused(r"infinite\(\) gives the target inf at bar 4, one of 296 that are infinite", infinite)
    refused(r"beyond\(\) reads or writes beyond the end of its arrays", beyond)
    refused(r"returns returns a ndarray, but positions are written to target", returns)
    refused(r"random\(\) gave two different targets at bar 0", random)


def test_writing_past_the_last_bar_is_found_at_any_point():
    """The ends are watched at the first and the last point; at the others a margin shows what was written there."""

    def late(fast, k, target):
        target[:] = 0.0
        for n in range(k):
            target[target.size - 2 + n] = 1.0

    own = mrt.position(features={"fast": mrt.ema(5)}, params={"k": int})(late)
    backtest = mrt.Backtest(mrt.data.simulate(bars=2_500, seed=0), own)
    with pytest.raises(mrt.StrategyError, match=r"late\(k=5\) reads or writes beyond the end"):
        backtest.run([{"k": 0}, {"k": 5}, {"k": 0}])


def test_a_function_that_needs_many_bars_is_not_refused_for_the_tests_short_ones():
    @mrt.position(features={"price": mrt.close}, params={"lookback": int})
    def patient(price, lookback, target):
        highest = price[:lookback].max()
        for t in range(lookback):
            target[t] = 0.0
        for t in range(lookback, target.size):
            target[t] = 1.0 if price[t] > highest else 0.0

    run = mrt.Backtest(mrt.data.simulate(bars=5_000, seed=0), patient).run({"lookback": [10, 2_500, 4_500]})
    assert run.sizes["lookback"] == 3


def test_arguments_that_do_not_fit_are_refused_by_name():
    def plain(fast, target):
        target[:] = 1.0

    def other(quick, target):
        target[:] = 1.0

    def more(fast, k, target):
        target[:] = 1.0

    def no_target(fast):
        pass

    def starred(fast, *more):
        pass

    refused(r"plain takes fast, target, but not 'slow'", plain, features={"fast": mrt.ema(5), "slow": mrt.ema(9)})
    refused(r"other takes quick, target, but not 'fast'", other)
    refused(r"plain takes fast, target, but not 'k'", plain, params=("k",))
    refused(r"more takes 'k', which is no feature and no parameter; give it in features= or name it in", more)
    refused(r"plain has 'target' twice", plain, features={"target": mrt.ema(5)})
    refused(r"no_target takes fast, but not 'target'; write def no_target\(..., target\)", no_target)
    refused(r"starred takes \*args", starred)
    refused(r"plain has 'fast' twice", plain, params=("fast",))
    refused(r"the feature fast is close > 5, a condition", plain, features={"fast": mrt.close > 5})
    refused(r"the feature fast is P.n, the same number at every bar", plain, features={"fast": P.n})
    refused(r"the features of plain are \{\}", plain, features={})
    refused(r"params of plain is the text 'fast'; write params=\('fast',\)", plain, params="fast")
    refused(r"positions are made of a function, but a Strategy was given", mrt.Strategy(entry=mrt.close > 5))
    refused(r"plain is compiled with parallel=True", numba.njit(parallel=True)(plain))


def test_settings_that_do_not_fit_are_refused():
    bars = mrt.data.simulate(bars=300, seed=0)
    with pytest.raises(mrt.StrategyError, match="engine is 'event', which runs rules, but cross is a function"):
        mrt.Backtest(bars, cross, engine="event")
    with pytest.raises(mrt.StrategyError, match="strategy is a function, .* put @mrt.position"):
        mrt.Backtest(bars, cross.plain)
    with pytest.raises(mrt.StrategyError, match="follow takes scale as a float, but a point gives it True; declare"):
        mrt.Backtest(bars.assign(weight=bars["close"]), follow).run([{"scale": True}])
    with pytest.raises(mrt.StrategyError, match=r"the strategy has no parameter 'quick'"):
        mrt.Backtest(bars, cross).run([{"fast": 5, "slow": 20, "quick": 1}])
    with pytest.raises(mrt.IndicatorError):
        mrt.Backtest(bars, cross).run([{"fast": -5, "slow": 20}])
    with pytest.raises(AttributeError, match="positions do not change"):
        cross.name = "other"


def test_types_of_parameters_reach_the_function():
    @mrt.position(features={"price": "close"}, params={"lookback": int, "invert": bool, "size": float})
    def momentum(price, lookback, invert, size, target):
        for t in range(lookback, target.size):
            rises = price[t] > price[t - lookback]
            target[t] = size if rises != invert else 0.0

    bars = mrt.data.simulate(bars=400, seed=2)
    backtest = mrt.Backtest(bars, momentum)
    run = backtest.run({"lookback": [3, 7], "invert": [False, True], "size": 1})
    rules = {False: mrt.close > mrt.close.shift(P.n), True: mrt.close <= mrt.close.shift(P.n)}
    for invert, rule in rules.items():
        expected = mrt.Backtest(bars, mrt.Strategy(entry=rule), engine="dense").run({"n": [3, 7]})
        np.testing.assert_allclose(run.sharpe.sel(invert=invert), expected.sharpe, rtol=1e-9)
    with pytest.raises(mrt.StrategyError, match=r"momentum takes lookback as an int, .* gives it 2.5; declare"):
        backtest.run({"lookback": 2.5, "invert": False, "size": 1})


def test_all_ways_of_running_agree_and_assets_are_traded_by_themselves():
    bars = mrt.data.simulate(bars=600, seed=4, assets=3)
    backtest = mrt.Backtest(bars, trend, costs=COSTS, blocks=7, store=mrt.FeatureStore())
    grid = {"fast": [4, 8], "slow": [20, 30], "threshold": [0.0, 0.5]}
    run = backtest.run(grid).stack(trial=list(grid)).transpose("trial", "asset")
    points = pd.DataFrame([dict(zip(grid, row, strict=True)) for row in run.trial.values])
    evaluation = backtest.evaluate(points)
    fresh = backtest.evaluate_fresh(points)
    blocks = backtest.blocks(points)
    np.testing.assert_allclose(blocks.growth.prod("block") - 1.0, run.total_return, rtol=1e-12)
    for name in backtest.metrics:
        np.testing.assert_allclose(evaluation.metrics[name], fresh.metrics[name], rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(evaluation.metrics[name], run[name].mean("asset"), rtol=1e-9, err_msg=name)
    first = {name: points[name].iloc[0] for name in grid}
    trial = backtest.trial(first)
    np.testing.assert_allclose(trial.metrics["sharpe"], run.sharpe[0], rtol=1e-9)
    assert trial.position.dims == ("time", "asset")
    one = bars.isel(asset=1).drop_vars("asset")
    alone = mrt.Backtest(one, trend, costs=COSTS, blocks=7).run([first])
    np.testing.assert_allclose(alone.sharpe[0], run.sharpe[0, 1], rtol=1e-12)
    np.testing.assert_allclose(backtest.evaluator("sharpe")(first), evaluation.metrics["sharpe"][0])
    assert {"ema(4)", "ema(20)", "atr(14)"} <= {call.key for call in backtest.calls(points)}
    assert backtest.stale_features(points) == ()
    assert backtest.benchmark()["trades"] == 1.0


def test_a_start_by_a_space_waits_for_the_slowest_feature():
    bars = mrt.data.simulate(bars=500, seed=0)
    space = mrt.Space(fast=mrt.Integer(3, 10), slow=mrt.Integer(20, 100), threshold=mrt.Real(0, 1, step=0.5))
    backtest = mrt.Backtest(bars, trend, start=space)
    assert backtest.start == pd.Timestamp(bars["time"].values[99])


def test_a_search_over_a_function_is_verified_saved_and_gone_on_with(tmp_path):
    bars = mrt.data.simulate(bars=800, seed=6)
    space = mrt.Space(
        fast=mrt.Integer(3, 15), slow=mrt.Integer(16, 60), threshold=mrt.Real(0, 2, step=0.25), where=P.fast < P.slow
    )
    backtest = mrt.Backtest(bars, trend, costs=mrt.Costs(fee=0.001), store=mrt.FeatureStore())
    path = tmp_path / "study.zarr"
    study = mrt.optimize(backtest, space, trials=60, seed=1, study=path)
    assert repr(study.verify(10)) == "11 of 11 equal"
    assert mrt.report(study, tmp_path / "study.html").read_text().count("ema(P.fast)") >= 1
    text = (path / "zarr.json").read_text()
    assert trend.code in text
    assert '"position": "trend"' in text
    assert "def trend" not in text

    seen = mrt.load_study(path)
    assert seen.best.params == study.best.params
    with pytest.raises(mrt.StudyError, match=r"the position function trend, whose code no file holds; .*backtest="):
        seen.verify(3)
    assert mrt.report(seen, tmp_path / "seen.html").exists()
    assert mrt.compare_cost(study) is not None
    loaded = mrt.load_study(path, backtest=backtest)
    assert loaded.verify(3).is_ok
    again = mrt.optimize(backtest, space, trials=60, seed=1, study=path)
    assert again.best == study.best

    @mrt.position(features=dict(trend.features), params=("threshold",))
    def changed(fast, slow, noise, threshold, target):
        for t in range(target.size):
            target[t] = 1.0 if (fast[t] - slow[t]) / noise[t] > threshold else 0.0

    other = mrt.Backtest(bars, changed, costs=mrt.Costs(fee=0.001))
    with pytest.raises(mrt.StudyError, match="is not what was searched"):
        mrt.load_study(path, backtest=other)
    with pytest.raises(mrt.StudyError, match="the function was changed since"):
        mrt.optimize(other, space, trials=60, seed=1, study=path)
    with pytest.raises(mrt.StrategyError, match=r"position function 'trend', .* never its code; .*backtest="):
        mrt.Backtest.from_dict(backtest.to_dict(), bars)


def test_a_jitted_function_runs_as_it_is():
    jitted = mrt.Positions(numba.njit(nogil=True)(cross.plain), features=cross.features)
    bars = mrt.data.simulate(bars=300, seed=0)
    ours, theirs = (mrt.Backtest(bars, own).run([{"fast": 5, "slow": 20}]) for own in (jitted, cross))
    assert float(ours.sharpe[0]) == float(theirs.sharpe[0])
    assert jitted.function.py_func is cross.plain
    assert jitted != cross  # compiled otherwise, it may round otherwise
