"""What a backtest returns: labels, shapes, assets, one trial in full, and the same again from its text."""

import os
import pickle  # noqa: TID251 (what a process pool does)
import signal

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import mrtoolkit as mrt
from mrtoolkit import M, P
from mrtoolkit.errors import StudyError
from mrtoolkit.expressions.operators import COMPARISON
from mrtoolkit.strategy.span import Span

BARS = mrt.data.simulate(bars=600, seed=3)
CROSS = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow), stop_loss=P.stop)


def make(bars=BARS, strategy=CROSS, **words):
    return mrt.Backtest(bars, strategy, costs=mrt.Costs(fee=0.001), store=mrt.FeatureStore(), **words)


def test_grid_has_a_dimension_for_each_list_and_none_for_a_scalar():
    grid = make().run({"fast": [5, 10], "slow": [30, 40, 50], "stop": None})
    assert grid.sharpe.dims == ("fast", "slow")
    assert grid.sizes == {"fast": 2, "slow": 3}
    trial = make().trial({"fast": 10, "slow": 40, "stop": None})
    assert float(grid.sharpe.sel(fast=10, slow=40)) == pytest.approx(trial.metrics["sharpe"], rel=1e-12)
    assert grid.total_return.attrs["units"] == "fraction"
    assert "ema(P.fast) > ema(P.slow)" in grid.attrs["strategy"]


def test_points_of_a_table_become_trials_with_their_parameters():
    frame = pd.DataFrame({"slow": [30, 40], "fast": [5.5, 10], "stop": pd.Series([0.1, None], dtype=object)})
    points = make().run(frame, metrics=["sharpe", "trades"])
    assert points.sharpe.dims == ("trial",)
    assert list(points.data_vars) == ["sharpe", "trades"]
    assert points.stop.values.tolist() == [0.1, None]


def test_each_metric_is_the_same_whichever_others_are_asked_for():
    points = {"fast": [5, 10, 20], "slow": [30, 50], "stop": 0.05}
    everything = make().run(points)
    for name in everything.data_vars:
        xr.testing.assert_allclose(make().run(points, metrics=name)[name], everything[name], rtol=1e-12)


def test_assets_are_traded_each_by_itself_and_a_search_sees_their_mean():
    bars = mrt.data.simulate(bars=400, assets=3, seed=1)
    grid = make(bars).run({"fast": [5, 10], "slow": 30, "stop": None})
    assert grid.sharpe.dims == ("fast", "asset")
    for asset in bars["asset"].values:
        alone = make(bars.sel(asset=asset, drop=True)).run({"fast": [5, 10], "slow": 30, "stop": None})
        np.testing.assert_allclose(grid.sharpe.sel(asset=asset), alone.sharpe, rtol=1e-12)
    frame = pd.DataFrame({"fast": [5, 10], "slow": 30, "stop": pd.Series([None, None], dtype=object)})
    np.testing.assert_allclose(make(bars).evaluate(frame).metrics["sharpe"], grid.sharpe.mean("asset"), rtol=1e-12)
    trial = make(bars).trial({"fast": 5, "slow": 30, "stop": None})
    assert trial.equity.dims == ("time", "asset")
    assert set(trial.trades["asset"]) == {str(asset) for asset in bars["asset"].values}


def test_trial_adds_up():
    trial = make(cash=1_000.0).trial({"fast": 5, "slow": 20, "stop": 0.03})
    assert trial.equity.sizes["time"] == 600
    growth = float((1 + trial.returns).prod())
    assert growth == pytest.approx(float(trial.equity[-1]) / 1_000.0, rel=1e-12)
    assert trial.metrics["total_return"] == pytest.approx(growth - 1, rel=1e-10)
    assert trial.metrics["trades"] == len(trial.trades)
    assert trial.metrics["win_rate"] == pytest.approx((trial.trades["gain"] > 0).mean())
    assert growth == pytest.approx(float((1 + trial.trades["gain"]).prod()), rel=1e-10)
    drawdown = 1 - trial.equity / np.maximum(trial.equity.cumulative("time").max(), 1_000.0)
    assert trial.metrics["max_drawdown"] == pytest.approx(float(drawdown.max()), rel=1e-12)
    assert trial.metrics["exposure"] == pytest.approx(float((trial.position != 0).mean()))
    assert set(trial.trades["reason"]) <= {"exit", "stop_loss", "end"}


def test_blocks_add_up_to_the_whole():
    backtest = make(blocks=7)
    blocks = backtest.blocks([{"fast": 5, "slow": 20, "stop": None}])
    whole = backtest.trial({"fast": 5, "slow": 20, "stop": None}).metrics
    assert blocks.sizes == {"trial": 1, "block": 7}
    assert float(blocks.bars.sum()) == 600
    assert float(blocks.trades.sum()) == whole["trades"]
    assert float(blocks.growth.prod()) - 1 == pytest.approx(whole["total_return"])


def test_start_of_a_space_is_where_its_slowest_point_is_warm():
    space = mrt.Space(fast=mrt.Integer(5, 20), slow=mrt.Integer(30, 60), stop=mrt.Categorical([0.1, None]))
    backtest = make(start=space)
    assert backtest.start == pd.Timestamp(BARS["time"].values[59])
    trial = backtest.trial({"fast": 5, "slow": 30, "stop": None})
    assert trial.equity.sizes["time"] == 600 - 59
    assert make(start=str(BARS["time"].values[59])).start == backtest.start


def test_backtest_from_its_own_text_gives_the_same_numbers():
    strategy = mrt.Strategy(
        entry=mrt.choose(P.kind, {"ema": mrt.ema(P.n), "sma": mrt.sma(P.n)}) < mrt.close,
        exit=mrt.rsi(14).crosses_above(70) | (mrt.close < mrt.lowest(P.n).shift(1)),
        size=0.02 / (mrt.atr(20) / mrt.close),
        trailing_stop=P.k * mrt.atr(20) / mrt.close,
        max_bars=50,
    )
    backtest = make(strategy=strategy, fill="close", risk_free=0.02, start=100)
    again = mrt.Backtest.from_dict(backtest.to_dict(), BARS, mrt.FeatureStore())
    assert again.to_dict() == backtest.to_dict()
    points = {"kind": ["ema", "sma"], "n": [10, 20], "k": [2.5, None]}
    xr.testing.assert_identical(again.run(points), backtest.run(points))


def test_evaluator_is_a_plain_function_of_parameters():
    backtest = make()
    point = {"fast": 5, "slow": 30, "stop": None}
    metrics = {name: float(values[0]) for name, values in backtest.run([point]).items()}
    assert backtest.evaluator("sharpe")(point) == metrics["sharpe"]
    assert backtest.evaluator("M.sharpe - 0.1 * M.turnover")(point) == backtest.evaluator(M.sharpe - 0.1 * M.turnover)(
        point
    )
    mixed = backtest.evaluator(M.sharpe - 0.1 * M.turnover)(point)
    assert mixed == pytest.approx(metrics["sharpe"] - 0.1 * metrics["turnover"])
    assert backtest.evaluator(lambda m: m.sharpe * 2)(point) == metrics["sharpe"] * 2


def test_buy_and_hold_is_the_market_between_its_fills():
    closes, opens = BARS["close"].values, BARS["open"].values
    expected = closes[-1] / opens[1] / 1.001 - 1
    assert make().benchmark()["total_return"] == pytest.approx(expected, rel=1e-12)
    assert make().benchmark()["trades"] == 1


def test_fresh_evaluation_reads_no_cache_and_a_changed_feature_is_named():
    backtest = make()
    frame = pd.DataFrame({"fast": [5, 10], "slow": [30, 30], "stop": [0.1, 0.1]})
    before = backtest.evaluate(frame).metrics["sharpe"]
    assert backtest.stale_features(frame) == ()
    row = backtest.store.peek(BARS, mrt.ema(10))
    row.base.flags.writeable = True if row.base is not None else None
    row.flags.writeable = True
    row[0, 100:] += 1.0
    assert backtest.stale_features(frame) == ("ema(10)",)
    assert backtest.evaluate(frame).metrics["sharpe"][1] != before[1]
    np.testing.assert_allclose(backtest.evaluate_fresh(frame).metrics["sharpe"], before, rtol=1e-12)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_runs_trials_of_its_own():
    backtest = make(mrt.data.simulate(bars=50_000, freq="1h", seed=0))
    points = {"fast": list(range(5, 25)), "slow": [30, 40], "stop": None}
    backtest.run(points)  # the threads exist from here on
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        backtest.run(points)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_return_too_large_to_be_annualised_is_infinite_without_a_warning():
    time = pd.date_range("2020-01-01", periods=3, freq="h")
    prices = {name: ("time", [100.0, 100.0, 300.0]) for name in ("open", "high", "low", "close")}
    backtest = make(xr.Dataset(prices, coords={"time": time}), mrt.Strategy(entry=mrt.close > 0), fill="close")
    assert backtest.trial({}).metrics["annual_return"] == np.inf


def test_backtest_does_not_change_after_it_is_made():
    backtest = make()
    with pytest.raises(AttributeError, match="make another one, with costs="):
        backtest.costs = mrt.Costs(fee=0.5)
    assert backtest.costs == mrt.Costs(fee=0.001)


def test_condition_that_rules_share_is_computed_once(monkeypatch):
    compared = []
    monkeypatch.setitem(COMPARISON, ">", lambda a, b, out: (compared.append(1), np.greater(a, b, out=out))[1])
    above = mrt.ema(P.fast) > mrt.ema(P.slow)
    strategy = mrt.Strategy(entry=above & (mrt.rsi(14) < 70), exit=above & (mrt.rsi(14) >= 80))
    points = {"fast": [5, 10], "slow": [30, 40]}
    make(strategy=strategy, engine="dense").run(points)
    assert len(compared) == 4
    rows = []
    bits = Span.bits
    monkeypatch.setattr(Span, "bits", lambda span, chosen: (rows.append(bits(span, chosen)), rows[-1])[1])
    make(strategy=strategy).run(points)
    assert [signals.n_compared for signals in rows] == [4 + 2]  # the crosses, and both thresholds


def test_bars_changed_in_place_leave_a_backtest_as_it_was_made():
    bars = mrt.data.simulate(bars=300, seed=0).copy(deep=True)
    points = {"fast": [5, 8], "slow": 20, "stop": None}
    backtest = make(bars)
    before, name = backtest.run(points), backtest.to_dict()["bars"]
    for column in ("open", "high", "low", "close"):
        bars[column].values[:] = bars[column].values[::-1].copy()
    xr.testing.assert_identical(backtest.run(points), before)
    assert make(bars).to_dict()["bars"] != name
    assert make(backtest.bars).bars is backtest.bars
    with pytest.raises(ValueError, match="read-only"):
        backtest.bars["close"].values[0] = 1.0


def test_points_that_cannot_be_compared_are_pointed_out():
    backtest = make()
    far = pd.DataFrame({"fast": [5, 5], "slow": [20, 200], "stop": [0.1, 0.1]})
    assert "180 of 600 bars apart" in backtest.caution(far)
    assert backtest.caution(far.assign(slow=[20, 40])) is None
    assert backtest.store.counters.computed == 0


def test_rules_may_be_text():
    text = mrt.Strategy(entry="ema(P.fast) > ema(P.slow)", stop_loss="2 * atr(14) / close")
    assert text == mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow), stop_loss=2 * mrt.atr(14) / mrt.close)


def test_callable_objective_gives_one_number_a_trial():
    point = {"fast": 5, "slow": 30, "stop": None}
    for wrong in (lambda m: float(m.sharpe.max()), lambda m: m, lambda m: "high"):
        with pytest.raises(mrt.StudyError, match="give one number a trial"):
            make().evaluator(wrong)(point)


@pytest.mark.parametrize("engine", ["event", "dense"])
@pytest.mark.parametrize("fill", ["next_open", "close"])
def test_rounding_is_no_deviation_no_downside_and_no_drawdown(engine, fill):
    """Prices that stand, or rise steadily, in a position whose returns are differences of numbers near one."""
    time = pd.date_range("2020-01-01", periods=700, freq="1h", name="time")
    for prices, words in ((np.full(700, 7.0), {"side": "short"}), (1.001 ** np.arange(700.0), {"size": 0.4})):
        bars = mrt.data.from_pandas(pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), prices), index=time))
        strategy = mrt.Strategy(entry=mrt.hour >= 3, exit=mrt.hour < 0, **words)
        run = mrt.Backtest(bars, strategy, engine=engine, fill=fill, store=mrt.FeatureStore()).run([{}], metrics="all")
        assert run.trades == 1
        assert run.max_drawdown == 0.0
        assert np.isnan(run.sortino)
        assert np.isnan(run.calmar)
        assert np.isnan(run.sharpe) == (prices[0] == prices[1])


def test_what_is_no_name_of_metrics_is_refused():
    with pytest.raises(StudyError, match="metrics is 5, but it is a name"):
        make().run({"fast": 5, "slow": 30, "stop": None}, metrics=5)


def test_pickled_backtest_is_made_anew_over_the_same_folder(tmp_path):
    store = mrt.FeatureStore(tmp_path / "features.zarr", memory="32 MiB", persist="auto", dtype="float32")
    first = mrt.Backtest(BARS, CROSS, costs=mrt.Costs(fee=0.002), store=store, start=50, blocks=8, risk_free=0.01)
    points = {"fast": [5, 10], "slow": [30, 40], "stop": [None, 0.05]}
    again = pickle.loads(pickle.dumps(first))
    assert again.run(points).identical(first.run(points))
    for name in ("path", "memory_limit", "dtype"):
        assert getattr(again.store, name) == getattr(store, name)
    assert again.store is not store


def test_backtest_of_a_function_says_why_it_cannot_be_pickled():
    @mrt.position(features={"x": mrt.close})
    def held(x, target):
        for t in range(len(x)):
            target[t] = 1.0 if x[t] > 0.0 else 0.0

    with pytest.raises(TypeError, match="import the function in the other process"):
        pickle.dumps(mrt.Backtest(BARS, held))
