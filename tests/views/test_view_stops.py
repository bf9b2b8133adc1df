"""Stops as drawn against the trades that the engine made: at a stop's exit the price is the level, or the open."""

import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.views.price import price
from mrtoolkit.views.stops import stops_data

RULE = {"entry": mrt.ema(5) > mrt.ema(20), "stop_loss": P.loss, "take_profit": P.gain, "trailing_stop": P.trail}


def run(fill="next_open", side="long", assets=1, **params):
    bars = mrt.data.simulate(bars=3_000, seed=5, assets=assets) if assets > 1 else mrt.data.simulate(bars=3_000, seed=5)
    rule = mrt.Strategy(**RULE, side=side)
    backtest = mrt.Backtest(bars, rule, fill=fill)
    return backtest, backtest.trial({"loss": None, "gain": None, "trail": None} | params)


@pytest.mark.parametrize("fill", ["next_open", "close"])
@pytest.mark.parametrize("side", ["long", "short", "both"])
@pytest.mark.parametrize("params", [{"loss": 0.02}, {"gain": 0.03}, {"trail": 0.03}, {"loss": 0.02, "trail": 0.025}])
def test_a_trade_that_was_stopped_left_at_the_level_or_at_an_open_beyond_it(fill, side, params):
    backtest, trial = run(fill, side, **params)
    levels, opens = stops_data(backtest, trial), backtest.bars["open"].to_series()
    last = levels.groupby("trade").last()
    stopped = 0
    for number, trade in trial.trades.iterrows():
        column = {"stop_loss": "stop", "trailing_stop": "stop", "take_profit": "target"}.get(trade["reason"])
        if column is None:
            continue
        stopped += 1
        level, gap, sign = last[column][number], opens[trade["exit_time"]], 1 if trade["side"] == "long" else -1
        beyond = sign * gap <= sign * level if column == "stop" else sign * gap >= sign * level
        assert trade["exit_price"] == pytest.approx(gap if beyond else level)
    assert stopped > 5


def test_a_bar_that_was_held_through_did_not_reach_its_stop():
    backtest, trial = run(loss=0.02, trail=0.025)
    lows = backtest.bars["low"].to_series()
    levels = stops_data(backtest, trial)
    for number, trade in trial.trades.iterrows():
        own = levels[levels["trade"] == number].set_index("time")["stop"]
        held = lows[(lows.index >= trade["entry_time"]) & (lows.index < trade["exit_time"])]
        assert (held > own.reindex(held.index).ffill()).all()


def test_a_stop_that_follows_volatility_is_read_at_the_signal():
    bars = mrt.data.simulate(bars=1_000, seed=5)
    rule = mrt.Strategy(entry=mrt.ema(5) > mrt.ema(20), stop_loss=2 * mrt.atr(14) / mrt.close)
    backtest = mrt.Backtest(bars, rule)
    trial = backtest.trial({})
    levels = stops_data(backtest, trial).groupby("trade")["stop"].first()
    width = (2 * backtest.store.array(bars, mrt.atr(14)) / bars["close"].to_numpy())
    at = np.searchsorted(bars["time"].to_numpy(), trial.trades["entry_time"].to_numpy())
    assert levels.to_numpy() == pytest.approx(bars["open"].to_numpy()[at] * (1 - width[at - 1]))


def test_without_stops_there_are_no_levels_and_several_assets_have_their_own():
    backtest, trial = run()
    assert stops_data(backtest, trial).empty
    backtest, trial = run(assets=2, loss=0.02)
    name = str(backtest.bars["asset"].to_numpy()[1])
    own = trial.trades[trial.trades["asset"] == name]
    first = stops_data(backtest, trial, asset=name).groupby("trade")["stop"].first()
    assert first.to_numpy() == pytest.approx(own["entry_price"].to_numpy() * 0.98)


def test_the_steps_of_a_long_history_stay_few_and_break_between_trades():
    backtest, trial = run(trail=0.03)
    levels = pd.concat([stops_data(backtest, trial)] * 8, ignore_index=True)
    levels["trade"] += np.repeat(np.arange(8), len(levels) // 8) * 1_000
    plot = price(trial, backtest.bars, stops=levels)
    (steps,) = [r for r in plot.renderers if type(r.glyph).__name__ == "Step"]
    drawn = steps.data_source.data["y"]
    assert 0 < len(drawn) <= 4_000
    assert np.isnan(drawn[-1])
