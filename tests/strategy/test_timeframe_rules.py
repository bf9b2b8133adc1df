"""Rules on other timeframes: both engines, warm-ups in bars, a category of the search, saved and loaded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit import P

BARS = mrt.data.simulate(bars=2_000, freq="1h", seed=3)
CHOSEN = mrt.Strategy(
    entry=(mrt.close > mrt.timeframe(P.tf, mrt.ema(P.n))) & (mrt.timeframe("1D", mrt.rsi(3)) < P.most),
    stop_loss=mrt.minimum(0.5, 2 * mrt.timeframe("4h", mrt.atr(5) / mrt.close)),
)
CROSSING = mrt.Strategy(
    entry=mrt.close.crosses_above(mrt.timeframe(P.tf, mrt.bollinger(P.n, 1)).upper),
    exit=mrt.timeframe(P.tf, mrt.ema(P.n)).crosses_below(mrt.timeframe("1D", mrt.close).shift(2)),
    side="both",
)
OF_LONGER = mrt.Strategy(
    entry=mrt.ema(3, of=mrt.timeframe(P.tf, mrt.rsi(P.n))) > 50,
    exit=mrt.timeframe("1D", mrt.ema(3).crosses_below(mrt.close)),
)
GRID = {"tf": ["1h", "4h", "1D"], "n": [5, 10, 20]}


def backtest(strategy, **words):
    return mrt.Backtest(BARS, strategy, costs=mrt.Costs(fee=0.001), store=mrt.FeatureStore(), **words)


def grid_of(strategy):
    return {**GRID, "most": 70} if "most" in strategy.params else GRID


@pytest.mark.parametrize("strategy", [CHOSEN, CROSSING, OF_LONGER], ids=["chosen", "crossing", "of longer"])
@pytest.mark.parametrize("fill", ["next_open", "close"])
def test_both_engines_agree(strategy, fill):
    event, dense = (backtest(strategy, engine=name, fill=fill).run(grid_of(strategy)) for name in ("event", "dense"))
    assert (event["trades"].values > 2).all()
    for name in event.data_vars:
        np.testing.assert_allclose(event[name].values, dense[name].values, rtol=1e-9, atol=1e-12, err_msg=str(name))


def test_rule_trades_what_precomputed_columns_trade():
    """The same rule with the longer bars' values as columns of the bars, shifted by hand."""
    bars = BARS.isel(time=slice(0, 1_999))
    longer = mrt.data.resample(bars, "4h", partial="keep")
    values = np.repeat(mrt.FeatureStore().array(longer, mrt.ema(7)), 4)
    known = np.concatenate([[np.nan] * 3, values])[: bars.sizes["time"]]  # at the close of the fourth bar
    with_column = bars.assign(slow=("time", np.where(np.isnan(known), 1.0, known)))
    rule = mrt.Strategy(entry=mrt.close > mrt.timeframe("4h", mrt.ema(7)))
    by_hand = mrt.Strategy(entry=(mrt.close > mrt.input("slow")) & (mrt.input("slow") != 1.0))
    found = mrt.Backtest(bars, rule, store=mrt.FeatureStore()).trial({})
    expected = mrt.Backtest(with_column, by_hand, store=mrt.FeatureStore()).trial({})
    np.testing.assert_array_equal(found.position, expected.position)
    assert len(found.trades) > 10


def test_own_timeframe_trades_as_the_plain_rule():
    on_own = backtest(mrt.Strategy(entry=mrt.close > mrt.timeframe(P.tf, mrt.ema(P.n)))).run({"tf": "1h", "n": [5, 9]})
    plain = backtest(mrt.Strategy(entry=mrt.close > mrt.ema(P.n))).run({"n": [5, 9]})
    for name in plain.data_vars:
        np.testing.assert_array_equal(on_own[name].values, plain[name].values)


def test_each_feature_is_counted_once():
    entry = mrt.timeframe(P.tf, mrt.ema(P.n)) > mrt.timeframe("4h", mrt.ema(P.m))
    made = backtest(mrt.Strategy(entry=entry, exit=mrt.close < mrt.ema(5)))
    space = {"tf": ["1h", "4h", "1D"], "n": [5, 6], "m": [6, 7]}
    assert made.plan(space).features == made.plan(space).to_compute == 7
    made.run(space)
    assert made.store.counters.computed == 7  # 5, 6 of the bars; 5, 6, 7 of 4 hours; 5, 6 of days
    assert made.plan(space).in_memory == 7
    made.run(space)
    assert made.store.counters.computed == 7


@pytest.mark.parametrize(("timeframe", "first"), [("1h", 9), ("4h", 39), ("1D", 239)])
def test_first_warm_bar_is_counted_in_the_bars_themselves(timeframe, first):
    space = mrt.Space(n=mrt.Integer(5, 10))
    made = backtest(mrt.Strategy(entry=mrt.close > mrt.timeframe(timeframe, mrt.sma(P.n))), start=space)
    values = mrt.FeatureStore().array(BARS, mrt.timeframe(timeframe, mrt.sma(10)))
    assert int(np.argmax(~np.isnan(values))) == first
    assert made.start == pd.Timestamp(BARS["time"].values[first])


def test_search_chooses_the_timeframe_and_its_study_is_found_again(tmp_path):
    space = mrt.Space(tf=mrt.Categorical(["1h", "4h", "1D"]), n=mrt.Integer(5, 24), most=mrt.Integer(60, 90, step=10))
    made = backtest(CHOSEN, start=space)
    study = mrt.optimize(made, space, trials=60, seed=0)
    assert set(study.to_pandas()["tf"]) == {"1h", "4h", "1D"}
    assert "21 of 21 equal" in str(study.verify(20))
    study.save(tmp_path / "study.zarr.zip")
    loaded = mrt.load_study(tmp_path / "study.zarr.zip")
    assert loaded.best.params == study.best.params
    assert "6 of 6 equal" in str(loaded.verify(5))


def test_position_function_takes_longer_bars():
    @mrt.position(features={"slow": mrt.timeframe(P.tf, mrt.ema(P.n)), "price": mrt.close})
    def above(slow, price, target):
        target[:] = np.where(price > slow, 1.0, np.where(np.isnan(slow), np.nan, 0.0))

    found = backtest(above).run(GRID)
    rule = backtest(mrt.Strategy(entry=mrt.close > mrt.timeframe(P.tf, mrt.ema(P.n)))).run(GRID)
    np.testing.assert_allclose(found["trades"], rule["trades"])
    np.testing.assert_allclose(found["total_return"], rule["total_return"], atol=1e-9)


@pytest.mark.parametrize(
    ("node", "error", "says"),
    [
        (mrt.timeframe("30min", mrt.close), mrt.BarsError, "a whole number of 1h"),
        (mrt.timeframe("1QS", mrt.close), mrt.BarsError, "take a longer history"),
        (mrt.timeframe("1D", mrt.sma(P.n)), mrt.StrategyError, "of 1D; shorten its lookback"),
        (mrt.timeframe("1W", mrt.close.shift(11)), mrt.StrategyError, "too few longer bars are complete"),
    ],
)
def test_timeframe_that_the_bars_do_not_have_is_refused(node, error, says):
    made = backtest(mrt.Strategy(entry=mrt.close > node))
    with pytest.raises(error, match=says):
        made.run({"n": [90]} if node.params else {})
    with pytest.raises(mrt.ExpressionError, match="did you mean"):
        backtest(CHOSEN).run({"tf": ["4hh"], "n": 5, "most": 70})


def test_timeframe_of_assets_runs_in_small_memory():
    bars = mrt.data.simulate(bars=600, freq="1h", assets=6, seed=2)
    strategy = mrt.Strategy(entry=mrt.close > mrt.timeframe(P.tf, mrt.ema(P.n)))
    runs = [
        mrt.Backtest(bars, strategy, store=mrt.FeatureStore(memory=memory)).run(GRID)["total_return"].values
        for memory in ("64 MiB", "8 MiB")
    ]
    np.testing.assert_array_equal(*runs)
