"""What looks ahead only on long data or at some parameters is refused at the door, or on the bars themselves."""

import time

import numpy as np
import pytest

from mrtoolkit.data.simulate import simulate
from mrtoolkit.errors import IndicatorError
from mrtoolkit.features import FeatureStore
from mrtoolkit.indicators import indicator, registry


def late_mean(close, lookback):
    out = np.full(close.size, np.nan)
    for bar in range(lookback - 1, close.size):
        out[bar] = close[bar - lookback + 1 : bar + 1].mean()
    return out


def _ahead(close):
    return np.where(np.isnan(close), np.nan, np.concatenate([close[1:], close[-1:]]))


def test_cheat_at_large_parameters_alone_is_refused_at_the_door():
    def late_cheat(close, lookback):
        return _ahead(close) if lookback > 100 else close + 0.0

    with pytest.raises(IndicatorError, match=r"late_cheat\(lookback=152\) looks ahead"):
        indicator(late_cheat, lookback=(2, 500))


def test_cheat_on_long_data_alone_is_refused_at_the_door():
    def long_cheat(close, lookback):
        return _ahead(close) if close.size >= 3000 else close + 0.0

    with pytest.raises(IndicatorError, match="looks ahead"):
        indicator(long_cheat, lookback=(2, 50))


def test_cheat_that_passed_the_door_is_refused_on_the_bars_and_leaves_nothing_behind(tmp_path):
    @indicator(lookback=(2, 5000))
    def sly(close, lookback):
        return _ahead(close) if lookback > 2000 else close + 0.0

    bars = simulate(bars=4000, freq="1h", seed=0)
    store = FeatureStore(tmp_path / "s.zarr")
    for values in ([3000], [5, 6, 3000], [2500, 3000, 3001]):
        with pytest.raises(IndicatorError, match=r"sly\(lookback=[\d,]+\) looks ahead: its value at bar 2,665 goes"):
            store.compute_batch(bars, sly(values))
    assert store.counters.computed == 0
    assert not (tmp_path / "s.zarr").exists()
    assert store.compute_batch(bars, sly([5, 6])).sly.sizes["sly_lookback"] == 2


def test_features_of_a_causal_indicator_of_the_user_are_kept():
    causal = indicator(late_mean, lookback=(2, 500))
    try:
        bars = simulate(bars=900, freq="1h", seed=0)
        got = FeatureStore().compute_batch(bars, causal([2, 700 - 300, 500]))
        assert np.isfinite(got["late_mean"].values[:, -1]).all()
    finally:
        registry._entries.pop("late_mean", None)


def test_loop_that_begins_a_bar_late_is_told_where_to_begin():
    def late(close, lookback):
        out = np.full(len(close), np.nan)
        for i in range(int(lookback), len(close)):
            out[i] = close[i - int(lookback) + 1 : i + 1].mean()
        return out

    with pytest.raises(IndicatorError, match=r"begins 1 later than it must .* at bar 1, .*lookback - 1 in place of"):
        indicator(late, lookback=(2, 500))
    with pytest.raises(IndicatorError, match=r"correct warmup=, begin 1 earlier \(a window of lookback bars is full"):
        indicator(late, lookback=(2, 500), warmup=lambda lookback: lookback - 1)


def test_infinite_values_are_refused_at_the_door():
    def endless(close):
        return np.where(np.isnan(close), np.nan, np.inf)

    with pytest.raises(
        IndicatorError, match=r"endless is infinite at 200 of 200|endless\(\) is infinite at 200 of 200"
    ):
        indicator(endless)


def test_slow_indicator_is_tried_in_few_calls():
    calls = []

    def slow(close, lookback):
        calls.append(close.size)
        time.sleep(0.03)
        return close + 0.0

    indicator(slow, lookback=(2, 500))
    assert len(calls) < 40
