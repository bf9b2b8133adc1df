"""A user's own positions: beside their plain loop, beside rules, and through everything that rules go through."""

from __future__ import annotations

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


def bars_a_year(bars, trial):
    return mrt.Backtest(bars, follow).periods_per_year / len(trial.equity)
