"""No look-ahead: changing any bar changes no feature, no signal and no trade before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.agreement import EVENT, assert_same_statistics, statistics_of
from oracles.long_form import IS_LONG
from oracles.random_bars import as_dataset, random_prices
from oracles.random_rules import random_condition, random_number, random_point, random_strategy

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.expressions.binding import bind
from mrtoolkit.indicators.composite import Composite
from mrtoolkit.indicators.registry import get, names

X, Y = mrt.ema(4), mrt.close.shift(1)
NUMBERS = [
    X + Y, X - Y, X * Y, X / Y, (X / Y) ** 2, -X, abs(X - Y), mrt.log(X), mrt.sqrt(X), mrt.minimum(X, Y),
    mrt.maximum(X, Y), X.shift(3), mrt.choose(P.kind, {"a": X, "b": Y}), mrt.ema(3, of=X - Y), mrt.rsi(3, of=X + Y),
    mrt.timeframe("1W", mrt.ema(2)), mrt.timeframe("1W", X - mrt.high.shift(1)), mrt.ema(3, of=mrt.timeframe("1W", Y)),
]  # fmt: skip
CONDITIONS = [
    X > Y, X >= Y, X < Y, X <= Y, X == Y, X != Y, (X > Y) & (mrt.high > X), (X > Y) | (mrt.low < X), ~(X > Y),
    (X > Y).shift(2), X.crosses_above(Y), X.crosses_below(Y), mrt.when(P.use, X > Y),
    mrt.choose(P.kind, {"a": X > Y, "b": X < Y}), mrt.timeframe("1W", mrt.close) < X,
]  # fmt: skip

SOME = settings(max_examples=1_000 if IS_LONG else 20, deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**32 - 1)


def bars_and_changed(rng, kind):
    """Bars, the same with one bar (or that and all later ones) made anew, and the number of that bar."""
    columns = random_prices(rng, int(rng.integers(30, 150)), kind)
    changed, bar = changed_from(rng, columns, kind)
    return as_dataset(columns), changed, bar


def changed_from(rng, columns, kind):
    """These columns with one bar (or that and all later ones) made anew, and the number of that bar."""
    n_bars = len(columns["close"])
    bar = int(rng.integers(1, n_bars))
    last = bar + 1 if rng.random() < 0.5 else n_bars
    anew, factor = random_prices(rng, n_bars, kind), rng.choice([0.4, 2.5])
    changed = {name: column.copy() for name, column in columns.items()}
    for name, column in changed.items():
        column[bar:last] = anew[name][bar:last] * factor
    end_known(changed)
    return as_dataset(changed), bar


def end_known(columns):
    """Give the last bar prices if it has a missing one."""
    if any(np.isnan(column[-1]) for column in columns.values()):
        for column in columns.values():
            column[-1] = 100.0


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


@pytest.mark.parametrize("node", NUMBERS, ids=lambda node: node.key)
def test_future_bar_changes_no_past_value_of_this_operator(node):
    rng = np.random.default_rng(1)
    for kind in ("quiet", "holes") * 3:
        bars, changed, bar = bars_and_changed(rng, kind)
        concrete = bind(node, random_point(rng))
        assert_past_stands(values_of(bars, concrete), values_of(changed, concrete), bar)


@pytest.mark.parametrize("node", CONDITIONS, ids=lambda node: node.key)
def test_future_bar_changes_no_past_truth_of_this_operator(node):
    for seed, kind in enumerate(("quiet", "holes", "quiet")):
        words = {"entry": node, "exit": ~node, "side": "both"}
        assert_no_look_ahead(np.random.default_rng(seed), kind, words, fill="close")


@SOME
@given(seeds)
def test_future_bar_changes_no_past_value_of_any_operator(seed):
    rng = np.random.default_rng(seed)
    bars, changed, bar = bars_and_changed(rng, ["quiet", "holes"][rng.integers(0, 2)])
    node = bind(random_number(rng, 3), random_point(rng))
    assert_past_stands(values_of(bars, node), values_of(changed, node), bar)


def trial_of(bars, words, point, **settings):
    """One trial with a store of its own."""
    backtest = mrt.Backtest(bars, mrt.Strategy(**words), store=mrt.FeatureStore(), **settings)
    return backtest.trial({name: point[name] for name in backtest.params})


def assert_same_past(trials, time):
    """Signals, fills, returns and trades before a bar's time are the same to the last bit."""
    n_before = int((trials[0].equity["time"].values < time).sum())
    for name in ("equity", "returns", "position"):
        assert_past_stands(*(getattr(trial, name).values for trial in trials), n_before)
    done = [trial.trades[trial.trades["exit_time"].to_numpy() < time] for trial in trials]
    assert done[0].reset_index(drop=True).equals(done[1].reset_index(drop=True))
    begun = [trial.trades[trial.trades["entry_time"].to_numpy() < time] for trial in trials]
    entries = ["side", "entry_time", "entry_price", "shares"]
    assert begun[0][entries].reset_index(drop=True).equals(begun[1][entries].reset_index(drop=True))


def assert_no_look_ahead(rng, kind, words, **settings):
    """Change eight bars, one after the other; the past of each must stand.

    The last close is always known: where prices end before the history does, a position is booked at the last of them,
    and only the bars after it tell that it was the last.
    """
    columns, point = random_prices(rng, 60, kind), random_point(rng)
    end_known(columns)
    before = trial_of(as_dataset(columns), words, point, **settings)
    for _ in range(8):
        changed, bar = changed_from(rng, columns, kind)
        assert_same_past([before, trial_of(changed, words, point, **settings)], changed["time"].values[bar])


@SOME
@given(seeds)
def test_future_bar_changes_no_past_signal(seed):
    # filled at the close itself, the position shows the signal of that very bar
    rng = np.random.default_rng(seed)
    kind, depth = ["quiet", "holes"][rng.integers(0, 2)], int(rng.integers(0, 3))
    words = {"entry": random_condition(rng, depth), "exit": random_condition(rng, depth), "side": "both"}
    assert_no_look_ahead(rng, kind, words, fill="close")


@SOME
@given(seeds, st.sampled_from(["next_open", "close"]))
def test_future_bar_changes_no_past_trade(seed, fill):
    rng = np.random.default_rng(seed)
    kind, words = ["quiet", "wild", "holes"][rng.integers(0, 3)], random_strategy(rng)
    costs = mrt.Costs(fee=0.001, slippage=0.0005, minimum=10.0, borrow=0.05, financing=0.05)
    assert_no_look_ahead(rng, kind, words, fill=fill, costs=costs)


@SOME
@given(seeds, st.sampled_from(["next_open", "close"]), st.sampled_from([5, 10_000]))
def test_future_bar_changes_no_past_block_of_the_event_engine(seed, fill, blocks):
    """10,000 blocks are one a bar. A later bar may make a trial run bar by bar, so its sums may be rounded anew."""
    rng = np.random.default_rng(seed)
    kind, words = ["quiet", "wild", "holes"][rng.integers(0, 3)], random_strategy(rng)
    if rng.random() < 0.5:  # long alone with the whole account, which the engine has a way of its own for
        words = {name: words[name] for name in ("entry", "exit")}
    settings = {"fill": fill, "blocks": blocks, "engine": EVENT, "costs": mrt.Costs(fee=0.001, slippage=0.0005)}
    columns, points = random_prices(rng, 200, kind), [random_point(rng) for _ in range(3)]
    end_known(columns)

    def record(bars):
        backtest = mrt.Backtest(bars, mrt.Strategy(**words), store=mrt.FeatureStore(), **settings)
        rows = [{name: point[name] for name in backtest.params} for point in points]
        return statistics_of(backtest, rows), backtest._market.edges

    before, edges = record(as_dataset(columns))
    for _ in range(4):
        changed, bar = changed_from(rng, columns, kind)
        n_past = int((edges[1:] <= bar).sum())
        assert_same_statistics(record(changed)[0][:, :, :n_past], before[:, :, :n_past])
