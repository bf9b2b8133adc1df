"""No look-ahead: changing any bar changes no feature, no signal and no trade before it."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import IS_LONG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.random_bars import as_dataset, random_prices
from oracles.random_rules import random_condition, random_number, random_point, random_strategy

import mrtoolkit as mrt
from mrtoolkit.expressions.binding import bind
from mrtoolkit.indicators.composite import Composite
from mrtoolkit.indicators.registry import get, names

SOME = settings(max_examples=1_000 if IS_LONG else 20, deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**32 - 1)


def bars_and_changed(rng, kind):
    """Bars, the same with one bar (or that and all later ones) made anew, and the number of that bar."""
    n_bars = int(rng.integers(30, 150))
    columns = random_prices(rng, n_bars, kind)
    bar = int(rng.integers(1, n_bars))
    last = bar + 1 if rng.random() < 0.5 else n_bars
    anew = random_prices(rng, n_bars, kind)
    changed = {name: column.copy() for name, column in columns.items()}
    for name, column in changed.items():
        column[bar:last] = anew[name][bar:last] * 1.37
    return as_dataset(columns), as_dataset(changed), bar


def values_of(bars, node):
    """One feature, from a store that has never seen anything."""
    (values,) = mrt.FeatureStore().fetch(bars, [node])
    return values


def assert_past_stands(before, after, bar):
    np.testing.assert_array_equal(before[..., :bar], after[..., :bar])


def arguments_of(entry, rng):
    """Random values inside the bounds of an indicator's parameters, short enough for the test's bars."""
    values = []
    for parameter in entry.parameters:
        value = rng.uniform(parameter.low, min(parameter.high, parameter.low + 12))
        values.append(round(value) if parameter.integer else round(value, 1))
    return values


@pytest.mark.parametrize("kind", ["quiet", "wild", "flat", "holes"])
@pytest.mark.parametrize("name", names())
def test_future_bar_changes_no_past_feature_of_a_registered_indicator(name, kind):
    rng = np.random.default_rng([len(name), ord(name[0]), ord(kind[0])])
    entry = get(name)
    for _ in range(100 if IS_LONG else 5):
        bars, changed, bar = bars_and_changed(rng, kind)
        called = entry(*arguments_of(entry, rng))
        outputs = entry.outputs
        for node in [getattr(called, output) for output in outputs] if outputs else [called]:
            assert_past_stands(values_of(bars, node), values_of(changed, node), bar)
    assert isinstance(entry, Composite) or entry.warmup is not None


@SOME
@given(seeds)
def test_future_bar_changes_no_past_value_of_any_operator(seed):
    rng = np.random.default_rng(seed)
    bars, changed, bar = bars_and_changed(rng, ["quiet", "holes"][rng.integers(0, 2)])
    node = bind(random_number(rng, 3), random_point(rng))
    assert_past_stands(values_of(bars, node), values_of(changed, node), bar)


def assert_same_past(bars, changed, bar, words, point, **settings):
    """Signals, fills, returns and trades before a bar are the same to the last bit."""
    time = bars["time"].values
    trials = []
    for each in (bars, changed):
        backtest = mrt.Backtest(each, mrt.Strategy(**words), store=mrt.FeatureStore(), **settings)
        trials.append(backtest.trial({name: point[name] for name in backtest.params}))
    for name in ("equity", "returns", "position"):
        before, after = (getattr(trial, name).values for trial in trials)
        assert_past_stands(before, after, bar)
    done = [trial.trades[trial.trades["exit_time"].to_numpy() < time[bar]] for trial in trials]
    assert done[0].reset_index(drop=True).equals(done[1].reset_index(drop=True))
    begun = [trial.trades[trial.trades["entry_time"].to_numpy() < time[bar]] for trial in trials]
    entries = ["side", "entry_time", "entry_price", "shares"]
    assert begun[0][entries].reset_index(drop=True).equals(begun[1][entries].reset_index(drop=True))


@SOME
@given(seeds)
def test_future_bar_changes_no_past_signal(seed):
    # filled at the close itself, the position shows the signal of that very bar
    rng = np.random.default_rng(seed)
    bars, changed, bar = bars_and_changed(rng, ["quiet", "holes"][rng.integers(0, 2)])
    words = {"entry": random_condition(rng, 3), "exit": random_condition(rng, 2), "side": "both"}
    assert_same_past(bars, changed, bar, words, random_point(rng), fill="close")


@SOME
@given(seeds, st.sampled_from(["next_open", "close"]))
def test_future_bar_changes_no_past_trade(seed, fill):
    rng = np.random.default_rng(seed)
    bars, changed, bar = bars_and_changed(rng, ["quiet", "wild", "holes"][rng.integers(0, 3)])
    costs = mrt.Costs(fee=0.001, slippage=0.0005, minimum=1e-4, borrow=0.05, financing=0.05)
    assert_same_past(bars, changed, bar, random_strategy(rng), random_point(rng), fill=fill, costs=costs)
