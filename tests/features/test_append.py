"""Appended bars: every feature goes on from where it was, equal to the bit with computing afresh."""

from __future__ import annotations

import os

import numpy as np
import pytest
import xarray as xr
from feature_makers import make_bars
from hypothesis import given, settings
from hypothesis import strategies as st

import mrtoolkit as mrt
from mrtoolkit.errors import StoreError
from mrtoolkit.features import FeatureStore
from mrtoolkit.indicators import registry

NODES = [
    mrt.ema([5, 11.5]),
    mrt.rsi(14),
    mrt.atr(7),
    mrt.sma([3, 20]),
    mrt.stdev(9),
    mrt.wma(6),
    mrt.roc(4),
    mrt.highest(8),
    mrt.ema([3, 4], of=mrt.rsi([7, 9])),
    mrt.sma(5, of=mrt.ema(6) - mrt.ema(9)),
]
SINGLE = [
    mrt.ema(5), mrt.ema(11.5), mrt.rsi(14), mrt.atr(7), mrt.sma(3), mrt.sma(20), mrt.stdev(9), mrt.wma(6), mrt.roc(4),
    mrt.highest(8), mrt.ema(3, of=mrt.rsi(7)), mrt.ema(4, of=mrt.rsi(9)), mrt.sma(5, of=mrt.ema(6) - mrt.ema(9)),
]  # fmt: skip


def first(bars: xr.Dataset, n_bars: int) -> xr.Dataset:
    return bars.isel(time=slice(0, n_bars)).copy(deep=True)


def assert_equal_to_fresh(store: FeatureStore, bars: xr.Dataset, nodes=SINGLE) -> None:
    before = store.counters.computed
    for node in nodes:
        np.testing.assert_array_equal(store.array(bars, node), FeatureStore().array(bars, node), err_msg=node.key)
    assert store.counters.computed == before, "something was not there and computed"


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("assets", [None, 3])
def test_every_cached_feature_is_there_for_the_longer_bars_without_computing_it(tmp_path, on_disk, assets):
    whole = make_bars(400, assets=assets)
    path = tmp_path / "s.zarr" if on_disk else None
    store = FeatureStore(path)
    store.compute_batch(first(whole, 300), NODES)
    computed = store.counters.computed
    for n_bars in (301, 340, 400):
        bars = first(whole, n_bars)
        n_features = FeatureStore(path).append(bars) if on_disk else store.append(bars)
        assert n_features == computed
        assert_equal_to_fresh(FeatureStore(path) if on_disk else store, bars)
    assert store.counters.computed == computed


def test_appending_again_and_again_keeps_to_the_bit_over_reopened_stores(tmp_path):
    whole = make_bars(500)
    FeatureStore(tmp_path / "s.zarr").compute_batch(first(whole, 30), NODES)  # in the middle of some warm-ups
    for n_bars in (31, 33, 100, 499, 500):
        store = FeatureStore(tmp_path / "s.zarr")
        store.append(first(whole, n_bars))
        assert store.counters.computed == 0
        assert store.counters.extended > 0
        assert_equal_to_fresh(store, first(whole, n_bars))


def test_an_append_computes_nothing_over_the_old_bars(monkeypatch, tmp_path):
    whole = make_bars(3_000)
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(first(whole, 2_900), [mrt.ema([5, 7]), mrt.rsi(14)])
    seen = []
    real = type(mrt.ema).extend

    def extend(self, inputs, parameters, start, out, **states):
        seen.append(out.shape[-1])
        return real(self, inputs, parameters, start, out, **states)

    monkeypatch.setattr(type(mrt.ema), "extend", extend)
    monkeypatch.setattr(type(mrt.ema), "compute", lambda *a, **k: pytest.fail("computed afresh"))
    FeatureStore(tmp_path / "s.zarr").append(whole)
    assert seen == [100, 100]


def test_the_features_of_the_shorter_bars_stay_as_they_were(tmp_path):
    whole = make_bars(400)
    old = first(whole, 300)
    store = FeatureStore(tmp_path / "s.zarr")
    want = store.compute_batch(old, NODES)
    opened = FeatureStore(tmp_path / "s.zarr").open("ema", old)
    FeatureStore(tmp_path / "s.zarr").append(whole)
    got = FeatureStore(tmp_path / "s.zarr").load_features(old, ["ema(5)", "ema(11.5)", "rsi(14)"])
    xr.testing.assert_identical(got, want[["ema", "rsi"]])
    np.testing.assert_array_equal(opened.ema.sel(lookback=5), want.ema.sel(ema_lookback=5))


def test_a_changed_past_is_refused_and_named(tmp_path):
    whole = make_bars(400)
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(first(whole, 300), [mrt.ema(5)])
    changed = whole.copy(deep=True)
    changed["close"].values[150] *= 1.0001
    changed["high"].values[150] *= 1.01
    with pytest.raises(StoreError, match=r"do not begin with bars of the store.*bars 1 to 300"):
        store.append(changed)
    other_zone = whole.assign_attrs(timezone="Europe/Berlin")
    with pytest.raises(StoreError, match="do not begin with"):
        store.append(other_zone)
    assert store.counters.extended == 0


def test_new_bars_alone_are_refused_with_the_cure():
    whole = make_bars(400)
    store = FeatureStore()
    store.compute_batch(first(whole, 300), [mrt.ema(5)])
    with pytest.raises(StoreError, match="whole history"):
        store.append(whole.isel(time=slice(300, None)).copy(deep=True))
    with pytest.raises(StoreError, match="whole history"):
        FeatureStore().append(whole)


def test_appending_the_same_bars_is_refused_as_there_is_nothing_new():
    bars = make_bars(100)
    store = FeatureStore()
    store.array(bars, mrt.ema(5))
    with pytest.raises(StoreError, match="knows no shorter"):
        store.append(bars)


def test_an_indicator_that_cannot_go_on_is_computed_over_all_bars(tmp_path):
    @mrt.indicator(lookback=(1, 50), warmup=0)
    def running_total(close, lookback):
        return np.nancumsum(close) / lookback + np.where(np.isnan(close), np.nan, 0.0)

    try:
        whole = make_bars(400)
        FeatureStore(tmp_path / "s.zarr").compute_batch(first(whole, 300), [running_total([2, 3]), mrt.ema(5)])
        store = FeatureStore(tmp_path / "s.zarr")
        assert store.append(whole) == 3
        assert (store.counters.computed, store.counters.extended) == (2, 1)
        assert_equal_to_fresh(store, whole, [running_total(2), running_total(3), mrt.ema(5)])
    finally:
        registry._entries.pop("running_total", None)


def test_features_of_old_code_are_not_extended(tmp_path):
    def make(factor):
        @mrt.indicator(lookback=(1, 50), warmup=0, window=lambda lookback: 0)
        def scaled(close, lookback):
            return close * lookback * factor

        return scaled

    try:
        whole = make_bars(400)
        FeatureStore(tmp_path / "s.zarr").compute_batch(first(whole, 300), [make(1.0)(2)])
        make(2.0)
        assert FeatureStore(tmp_path / "s.zarr").append(whole) == 0
    finally:
        registry._entries.pop("scaled", None)


def test_what_is_there_for_the_longer_bars_already_is_left_alone(tmp_path):
    whole = make_bars(400)
    FeatureStore(tmp_path / "s.zarr").compute_batch(first(whole, 300), [mrt.ema([5, 7, 9])])
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(whole, [mrt.ema(7)])
    assert store.append(whole) == 2
    assert store["ema"].lookback.values.tolist() == [5, 7, 9]
    assert_equal_to_fresh(store, whole, [mrt.ema(5), mrt.ema(7), mrt.ema(9)])


def test_a_float32_store_goes_on_from_states_that_were_never_rounded(tmp_path):
    whole = make_bars(400)
    FeatureStore(tmp_path / "s.zarr", dtype="float32").compute_batch(first(whole, 300), [mrt.ema(50), mrt.rsi(5)])
    store = FeatureStore(tmp_path / "s.zarr", dtype="float32")
    store.append(whole)
    for node in (mrt.ema(50), mrt.rsi(5)):
        np.testing.assert_array_equal(store.array(whole, node), FeatureStore().array(whole, node).astype("f4"))
    assert store.counters.computed == 0


@settings(deadline=None, max_examples=200 if os.environ.get("MRTOOLKIT_LONG") else 8)
@given(st.lists(st.integers(1, 120), min_size=2, max_size=5), st.integers(0, 1_000), st.booleans())
def test_any_way_to_cut_a_history_gives_the_same_features(tmp_path_factory, steps, seed, with_gaps):
    whole = make_bars(40 + sum(steps), seed=seed)
    if with_gaps:
        is_missing = np.random.default_rng(seed).random(whole.sizes["time"]) < 0.1
        whole = mrt.data.as_bars(whole.assign(close=whole["close"].where(~is_missing)), missing="allow")
    path = tmp_path_factory.mktemp("cut") / "s.zarr"
    nodes = [mrt.ema(5), mrt.rsi(7), mrt.atr(3), mrt.stdev(6), mrt.ema(3, of=mrt.sma(4))]
    n_bars = 40
    FeatureStore(path).compute_batch(first(whole, n_bars), nodes)
    for step in steps:
        n_bars += step
        FeatureStore(path).append(first(whole, n_bars))
    store = FeatureStore(path)
    assert_equal_to_fresh(store, whole, nodes)


@pytest.mark.parametrize("n_bars", [300, 320])
def test_a_revised_last_bar_is_said_to_be_the_only_difference(tmp_path, n_bars):
    whole = make_bars(320)
    yesterday = first(whole, 300)
    close = yesterday["close"].values.copy()
    close[-1] = (yesterday["low"].values[-1] + yesterday["high"].values[-1]) / 2  # the bar was not over yet
    FeatureStore(tmp_path / "s.zarr").compute_batch(yesterday.assign(close=("time", close)), [mrt.ema(5)])
    store = FeatureStore(tmp_path / "s.zarr")
    with pytest.raises(StoreError, match=r"but for the last of them \(2020-01-13T11:00:00\).*leave an unfinished"):
        store.append(first(whole, n_bars))
    FeatureStore(tmp_path / "s.zarr").compute_batch(first(whole, 299), [mrt.ema(5)])  # finished bars alone
    assert FeatureStore(tmp_path / "s.zarr").append(first(whole, n_bars)) == 1
