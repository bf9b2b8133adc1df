"""Both engines beside `naive.py`: random bars, rules, stops, costs and settings; all metrics, trades and bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.agreement import (
    ENGINES,
    assert_same_bars,
    assert_same_blocks,
    assert_same_metrics,
    assert_same_trades,
    naive_trial,
    statistics_of,
)
from oracles.drawn_cases import bars_drawn, costs_drawn, points_drawn, settings_drawn, words_drawn
from oracles.long_form import IS_LONG
from oracles.random_bars import as_dataset, random_prices
from oracles.random_rules import random_point, random_strategy

import mrtoolkit as mrt

CASH = 10_000.0
SIGNALS = ("a", "b", "c", "d")
MANY = settings(max_examples=4_000 if IS_LONG else 60, deadline=None, suppress_health_check=list(HealthCheck))


def assert_agrees(bars, words, points, costs, choices, start=0):
    """Every point of one backtest, as a trial and as a row of a run of each engine, against the plain loop."""
    backtests = [
        mrt.Backtest(
            bars, mrt.Strategy(**words), costs=mrt.Costs(**costs), store=mrt.FeatureStore(), engine=engine, start=start,
            cash=CASH, **choices,
        )
        for engine in ENGINES
    ]  # fmt: skip
    params, edges = backtests[0].params, backtests[0]._market.edges.tolist()
    rows = [{name: point[name] for name in params} for point in points]
    runs = [(backtest.run(rows), statistics_of(backtest, rows)) for backtest in backtests]
    for k, (point, row) in enumerate(zip(points, rows, strict=True)):
        expected = naive_trial(
            bars, words, point, fill=choices["fill"], costs=costs, start=start, rf=choices["risk_free"],
            ppy=choices["periods_per_year"], cash=CASH, edges=edges,
        )  # fmt: skip
        for backtest, (run, blocks) in zip(backtests, runs, strict=True):
            assert_same_metrics({name: float(run[name][k]) for name in backtest.metrics}, expected)
            assert_same_blocks(blocks[k, 0], expected)
        trial = backtests[0].trial(row)
        assert_same_trades(trial.trades, expected, bars["time"].values)
        assert_same_bars(trial, expected)
        assert_same_metrics(trial.metrics, expected)


@MANY
@given(bars_drawn(), words_drawn(), points_drawn, costs_drawn, settings_drawn, st.integers(0, 3))
def test_engines_agree_with_the_plain_loop(bars, words, points, costs, choices, start):
    assert_agrees(bars, words, points, costs, choices, start=min(start, bars.sizes["time"] - 2))


@MANY
@given(st.integers(0, 2**32 - 1), settings_drawn)
def test_strategies_of_indicators_agree_with_the_plain_loop(seed, choices):
    rng = np.random.default_rng(seed)
    bars = as_dataset(random_prices(rng, int(rng.integers(30, 120)), "quiet"))
    words, points = random_strategy(rng), [random_point(rng) for _ in range(2)]
    assert_agrees(bars, words, points, {"fee": 0.001, "slippage": 0.0005}, choices)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_close_carries_the_last_known_one_after_quiet_bars(engine):
    """Engines skip bars on which nothing happens; the first close that is missing must find the one before."""
    close = np.array([100.0, 101.0, 103.0, 106.0, np.nan, np.nan, 104.0, 105.0])
    columns = {name: close.copy() for name in ("open", "high", "low", "close")}
    bars = as_dataset({**columns, **{name: -np.ones(8) for name in SIGNALS}})
    bars = bars.assign(a=("time", np.array([1.0, -1, -1, -1, -1, -1, -1, -1])))
    strategy = mrt.Strategy(entry=mrt.input("a") > 0, exit=mrt.input("b") > 0)
    backtest = mrt.Backtest(bars, strategy, store=mrt.FeatureStore(), cash=100.0, engine=engine, blocks=8)
    equity = np.array([100, 100, *(100 / 101 * np.array([103, 106, 106, 106, 104, 105]))])
    np.testing.assert_allclose(backtest.trial({}).equity.values, equity)
    growth = backtest.blocks([{}])["growth"].values[0]
    np.testing.assert_allclose(growth, equity / np.array([100.0, *equity[:-1]]), rtol=1e-12)
