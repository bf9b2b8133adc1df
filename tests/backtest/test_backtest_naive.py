"""The dense engine beside `naive.py`: random bars, rules, stops, costs and settings; all metrics, trades and bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.agreement import assert_same_bars, assert_same_blocks, assert_same_metrics, assert_same_trades, naive_trial
from oracles.long_form import IS_LONG
from oracles.random_bars import KINDS, as_dataset, random_prices
from oracles.random_rules import random_point, random_strategy

import mrtoolkit as mrt
from mrtoolkit import P

CASH = 10_000.0
SIGNALS = ("a", "b", "c", "d")
MANY = settings(max_examples=4_000 if IS_LONG else 100, deadline=None, suppress_health_check=list(HealthCheck))

fractions = st.sampled_from([0.0, 0.001, 0.01, 0.2])
costs_drawn = st.fixed_dictionaries({
    "fee": fractions,
    "slippage": fractions,
    "spread": st.sampled_from([0.0, 0.0, 0.1, 5.0]),
    "per_share": st.sampled_from([0.0, 0.0, 0.05]),
    "minimum": st.sampled_from([0.0, 0.0, 30.0, 2_111.0]),  # of 10,000: no sum of them is exactly ruin
    "financing": st.sampled_from([0.0, 0.1, 3.0]),
    "borrow": st.sampled_from([0.0, 0.1, 3.0]),
})  # fmt: skip
settings_drawn = st.fixed_dictionaries({
    "fill": st.sampled_from(["next_open", "close"]),
    "risk_free": st.sampled_from([0.0, 0.05]),
    "periods_per_year": st.sampled_from([252.0, 8_760.0]),
    "blocks": st.sampled_from([1, 3, 64]),
})  # fmt: skip
stops = st.sampled_from([None, 0.01, 0.05, 0.1, 0.5])
points_drawn = st.lists(
    st.fixed_dictionaries({
        "size": st.sampled_from([0.3, 1.0, 1.0, 2.5]),
        "stop": stops,
        "target": stops,
        "trail": stops,
        "limit": st.sampled_from([None, 1, 2, 5]),
    }),
    min_size=1,
    max_size=3,
)  # fmt: skip


@st.composite
def rules_drawn(draw):
    """Entry and exit rules of random signals, and how sizes and stops are given."""
    sign = {name: mrt.input(name) > 0 for name in SIGNALS}
    words = {"entry": sign["a"], "exit": draw(st.sampled_from([None, sign["b"], ~sign["a"], sign["b"] & ~sign["a"]]))}
    sides = draw(st.sampled_from(["long", "short", "both", "four rules", "three rules"]))
    if sides == "four rules":
        words |= {"short_entry": sign["c"], "short_exit": sign["d"]}
    elif sides == "three rules":
        words |= {"short_entry": sign["c"]}
    else:
        words["side"] = sides
    words["size"] = draw(st.sampled_from([P.size, P.size * mrt.input("number")]))
    words["stop_loss"] = draw(st.sampled_from([None, P.stop, 0.1, 0.1 * mrt.input("number")]))
    words["take_profit"] = draw(st.sampled_from([None, P.target, 0.1, 0.2 * mrt.input("number")]))
    words["trailing_stop"] = draw(st.sampled_from([None, P.trail, 0.1, 0.1 * mrt.input("number")]))
    words["max_bars"] = draw(st.sampled_from([None, P.limit, 3]))
    words["reentry"] = draw(st.sampled_from(["signal", "state"]))
    return words


@st.composite
def bars_drawn(draw):
    """Random prices with four columns of signals (1, -1, missing) and one of numbers (some missing, some negative)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_bars, kind = draw(st.integers(2, 60)), draw(st.sampled_from(KINDS))
    columns = random_prices(rng, n_bars, kind)
    often, missing = draw(st.sampled_from([0.05, 0.3, 0.5, 0.9])), draw(st.sampled_from([0.0, 0.1]))
    for name in SIGNALS:
        signal = np.where(rng.random(n_bars) < often, 1.0, -1.0)
        signal[rng.random(n_bars) < missing] = np.nan
        columns[name] = signal
    number = rng.choice([0.2, 0.5, 1.0, 1.0, 2.0, -1.0], n_bars)
    number[rng.random(n_bars) < missing] = np.nan
    columns["number"] = number
    return as_dataset(columns)


def assert_agrees(bars, words, points, costs, choices, start=0):
    """Every point of one backtest, as a trial and as a row of a run, against the plain loop."""
    backtest = mrt.Backtest(
        bars, mrt.Strategy(**words), costs=mrt.Costs(**costs), store=mrt.FeatureStore(), engine="dense", start=start,
        cash=CASH, **choices,
    )  # fmt: skip
    rows = [{name: point[name] for name in backtest.params} for point in points]
    run = backtest.run(rows) if backtest.params else None
    blocks = None if run is None else blocks_of(backtest, rows)
    for k, (point, row) in enumerate(zip(points, rows, strict=True)):
        expected = naive_trial(
            bars, words, point, fill=choices["fill"], costs=costs, start=start, rf=choices["risk_free"],
            ppy=choices["periods_per_year"], cash=CASH, edges=block_edges(backtest),
        )  # fmt: skip
        trial = backtest.trial(row)
        assert_same_trades(trial.trades, expected, bars["time"].values)
        assert_same_bars(trial, expected)
        assert_same_metrics(trial.metrics, expected)
        if run is not None:
            assert_same_metrics({name: float(run[name][k]) for name in backtest.metrics}, expected)
            assert_same_blocks(blocks[k], expected)


def blocks_of(backtest, rows):
    """The record of some points, (point, block, statistic)."""
    record = backtest.blocks(pd.DataFrame(rows, dtype=object)).to_array()
    return record.transpose("trial", "block", "variable").values


def block_edges(backtest):
    """Where the blocks of a backtest begin and end."""
    return backtest._market.edges.tolist()


@MANY
@given(bars_drawn(), rules_drawn(), points_drawn, costs_drawn, settings_drawn, st.integers(0, 3))
def test_dense_engine_agrees_with_the_plain_loop(bars, words, points, costs, choices, start):
    assert_agrees(bars, words, points, costs, choices, start=min(start, bars.sizes["time"] - 2))


@MANY
@given(st.integers(0, 2**32 - 1), settings_drawn)
def test_strategies_of_indicators_agree_with_the_plain_loop(seed, choices):
    rng = np.random.default_rng(seed)
    bars = as_dataset(random_prices(rng, int(rng.integers(30, 120)), "quiet"))
    words, points = random_strategy(rng), [random_point(rng) for _ in range(2)]
    assert_agrees(bars, words, points, {"fee": 0.001, "slippage": 0.0005}, choices)


def test_a_missing_close_carries_the_last_known_one_after_quiet_bars():
    """The loop skips bars on which nothing happens; the first close that is missing must find the one before."""
    close = np.array([100.0, 101.0, 103.0, 106.0, np.nan, np.nan, 104.0, 105.0])
    columns = {name: close.copy() for name in ("open", "high", "low", "close")}
    bars = as_dataset({**columns, **{name: -np.ones(8) for name in SIGNALS}, "number": np.ones(8)})
    bars = bars.assign(a=("time", np.array([1.0, -1, -1, -1, -1, -1, -1, -1])))
    strategy = mrt.Strategy(entry=mrt.input("a") > 0, exit=mrt.input("b") > 0)
    trial = mrt.Backtest(bars, strategy, store=mrt.FeatureStore(), cash=100.0).trial({})
    np.testing.assert_allclose(trial.equity.values, [100, 100, *(100 / 101 * np.array([103, 106, 106, 106, 104, 105]))])
