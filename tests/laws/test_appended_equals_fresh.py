"""Appended equals fresh: an indicator that goes on where it stopped gives the bits of one computed over all bars."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.long_form import IS_LONG
from oracles.random_bars import random_prices

from mrtoolkit.errors import IndicatorError
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.resume import State, Window
from mrtoolkit.indicators.spec import Indicator

RESUMED = [
    entry
    for name in registry.names()
    if isinstance(entry := registry.get(name), Indicator) and entry.resume is not None
]
each_resumed = pytest.mark.parametrize("indicator", RESUMED, ids=lambda indicator: indicator.name)
SOME = settings(max_examples=2_000 if IS_LONG else 40, deadline=None, suppress_health_check=list(HealthCheck))


def inputs_of(indicator, rng, n_bars):
    """Prices of any kind, with missing and infinite values at the start, in stretches and one by one."""
    prices = random_prices(rng, n_bars, rng.choice(["quiet", "wild", "flat", "holes"]))
    columns = [prices[name].copy() for name in indicator.inputs]
    for column in columns:
        column[: rng.integers(0, 8)] = np.nan
        if rng.random() < 0.2:  # ties, and zeros of both signs, which are equal and not the same bits
            column[:] = rng.choice([-1.0, -0.0, 0.0, 1.0], n_bars)
        odd = rng.choice([[np.nan, np.inf, -np.inf], [0.0, -0.0, -1.0]][rng.integers(0, 2)], n_bars)
        column[:] = np.where(rng.random(n_bars) < rng.choice([0.0, 0.02, 0.3]), odd, column)
        start = int(rng.integers(0, n_bars))
        column[start : start + int(rng.integers(0, 12))] = np.nan
    return columns


def table_of(indicator, rng, n_bars):
    """Parameter sets: the shortest, some inside the history, one as long, one longer."""
    rows = []
    for lookback in [2, *rng.uniform(1, 30, 3), rng.uniform(1, n_bars), n_bars - 1, n_bars, n_bars + 7]:
        values = [max(parameter.low, lookback) for parameter in indicator.parameters]
        rows.append([round(v) if p.integer else v for p, v in zip(indicator.parameters, values, strict=True)])
    return np.array(rows[: rng.integers(1, len(rows) + 1)], dtype=float)


def cuts_of(rng, n_bars):
    """Bars up to which it is known at one time after another: few, many, or one bar at a time."""
    if rng.random() < 0.2:
        start = int(rng.integers(0, n_bars))
        return [*range(start, min(start + 40, n_bars)), n_bars]
    return [*sorted(rng.integers(0, n_bars + 1, int(rng.integers(1, 6))).tolist()), n_bars]


def computed(indicator, columns, table):
    out = np.full((max(1, len(indicator.outputs)), len(table), columns[0].size), 7.0)
    states = np.full((len(table), indicator.state_size), 7.0)
    indicator.compute(columns, table, out, states=states)
    return out, states


def assert_appended_equals_fresh(indicator, columns, table, cuts):
    expected, expected_states = computed(indicator, columns, table)
    plain = np.empty_like(expected)
    indicator.compute(columns, table, plain)
    assert plain.tobytes() == expected.tobytes()
    got, states = computed(indicator, [column[: cuts[0]] for column in columns], table)
    parts = [got]
    for first, last in itertools.pairwise(cuts):
        parts.append(np.full((len(expected), len(table), last - first), 7.0))
        indicator.extend([column[:last] for column in columns], table, first, parts[-1], states=states)
    assert np.concatenate(parts, axis=2).tobytes() == expected.tobytes()
    assert states.tobytes() == expected_states.tobytes()


def test_the_built_in_indicators_that_can_go_on_are_these():
    kinds = {entry.name: type(entry.resume) for entry in RESUMED}
    assert {name for name, kind in kinds.items() if kind is State} >= {"ema", "rsi", "atr"}
    windows = {"sma", "wma", "stdev", "roc", "highest", "lowest", "slope", "rolling_rank", "rolling_median", "hurst"}
    assert {name for name, kind in kinds.items() if kind is Window} >= windows


@each_resumed
@SOME
@given(seed=st.integers(0, 2**32 - 1))
def test_bars_appended_at_any_cuts_give_the_bits_of_all_bars_at_once(indicator, seed):
    rng = np.random.default_rng(seed)
    n_bars = int(rng.integers(2, 160))
    columns = inputs_of(indicator, rng, n_bars)
    assert_appended_equals_fresh(indicator, columns, table_of(indicator, rng, n_bars), cuts_of(rng, n_bars))


@each_resumed
def test_bars_appended_one_at_a_time_from_the_first_on_give_the_bits_of_all_bars_at_once(indicator):
    rng = np.random.default_rng(3)
    columns = inputs_of(indicator, rng, 150)
    assert_appended_equals_fresh(indicator, columns, table_of(indicator, rng, 150), list(range(151)))


@each_resumed
def test_tail_of_a_long_history_has_the_bits_of_the_whole(indicator):
    rng = np.random.default_rng(4)
    columns = [column[:] for column in inputs_of(indicator, rng, 20_000)]
    table = np.array([[max(p.low, n) for p in indicator.parameters] for n in (2, 14, 100, 333, 4_999)], dtype=float)
    assert_appended_equals_fresh(indicator, columns, table, [19_000, 19_001, 19_500, 20_000])


@pytest.mark.parametrize("name", ["ema", "rsi", "atr"])
def test_state_that_is_one_bar_old_does_not_pass(name):
    indicator = registry.get(name)
    prices = random_prices(np.random.default_rng(5), 100, "quiet")
    columns = [prices[column] for column in indicator.inputs]
    table = np.array([[9.0]])
    expected, _ = computed(indicator, columns, table)
    for known, is_right in ((60, True), (59, False)):
        _, states = computed(indicator, [column[:known] for column in columns], table)
        out = np.empty((1, 1, 40))
        indicator.extend(columns, table, 60, out, states=states)
        assert (out.tobytes() == expected[:, :, 60:].tobytes()) == is_right


@pytest.mark.parametrize("name", ["sma", "wma", "stdev", "slope", "hurst", "rolling_median", "roc"])
def test_window_that_begins_one_bar_late_does_not_pass(name):
    indicator = registry.get(name)
    assert isinstance(indicator.resume, Window)
    start = indicator.resume.start
    late = dataclasses.replace(indicator, resume=Window(start=lambda first, **values: start(first, **values) + 1))
    prices = random_prices(np.random.default_rng(6), 200, "quiet")
    columns = [prices[column] for column in indicator.inputs]
    assert_appended_equals_fresh(indicator, columns, np.array([[17.0]]), [100, 101, 150, 200])
    with pytest.raises(AssertionError):
        assert_appended_equals_fresh(late, columns, np.array([[17.0]]), list(range(100, 201)))


def test_going_on_without_a_window_or_a_state_is_refused():
    x, table, out = np.arange(1.0, 21.0), np.array([[5.0]]), np.empty((1, 1, 5))
    ema = registry.get("ema")
    with pytest.raises(IndicatorError, match="ema has no states of bar 14 to go on from; compute it over all bars"):
        ema.extend([x], table, 15, out)
    with pytest.raises(IndicatorError, match="ema has no states of bar 14"):
        ema.extend([x], table, 15, out, states=np.full((1, 3), np.nan))
    with pytest.raises(IndicatorError, match=r"ema got states of shape \(1, 2\) and type float64; it needs .*\(1, 3\)"):
        ema.extend([x], table, 15, out, states=np.zeros((1, 2)))
    with pytest.raises(IndicatorError, match=r"it needs 1 inputs, parameters \(n, 1\) and out \(output, n, 4 bars\)"):
        ema.extend([x], table, 16, out, states=np.zeros((1, 3)))
    frozen = dataclasses.replace(ema, name="my_mean", resume=None)
    assert frozen.state_size == 0
    with pytest.raises(IndicatorError, match="my_mean cannot go on from bar 15: it declares no window"):
        frozen.extend([x], table, 15, out)


def test_states_that_are_a_view_of_a_larger_array_are_filled_in_place():
    x, table, out = np.arange(1.0, 21.0), np.array([[5.0], [7.0]]), np.empty((1, 2, 20))
    room = np.full((2, 9), 7.0)
    registry.get("ema").compute([x], table, out, states=room[:, 3:6])
    states = np.empty((2, 3))
    registry.get("ema").compute([x], table, out, states=states)
    assert np.array_equal(room[:, 3:6], states)
    assert (room[:, [0, 1, 2, 6, 7, 8]] == 7.0).all()
