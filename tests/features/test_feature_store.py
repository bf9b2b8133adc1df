"""The store gives the right arrays, computes each once, and keeps to its memory."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from feature_makers import make_bars, naive_sma
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.errors import StoreError
from mrtoolkit.expressions.functions import maximum
from mrtoolkit.expressions.inputs import close, high, open
from mrtoolkit.expressions.nodes import Input
from mrtoolkit.features import FeatureStore, session_store
from mrtoolkit.features import gather as gather_module
from mrtoolkit.features.memory import ByteLRU
from mrtoolkit.features.sizes import format_size, parse_size
from mrtoolkit.indicators import atr, bollinger, ema, macd, rsi, sma


def test_a_feature_is_the_plain_loop_over_the_bars():
    bars = make_bars()
    got = FeatureStore().array(bars, sma(7))
    np.testing.assert_allclose(got, naive_sma(bars["close"].values, 7), rtol=1e-12)
    assert got.shape == (300,)
    assert not got.flags.writeable


def test_every_asset_is_computed_by_itself():
    bars = make_bars(assets=3)
    store = FeatureStore()
    both = store.array(bars, sma(4) - close)
    assert both.shape == (300, 3)
    for k in range(3):
        prices = bars["close"].values[:, k]
        np.testing.assert_allclose(both[:, k], naive_sma(prices, 4) - prices, rtol=1e-9, atol=1e-12)
    (fetched,) = store.fetch(bars, [sma(4)])
    assert fetched.shape == (3, 300)
    assert fetched.flags.c_contiguous


def test_a_column_without_assets_counts_for_every_asset():
    bars = make_bars(assets=3)
    bars = bars.assign(vix=("time", np.arange(300.0)))
    got = FeatureStore().array(bars, sma(2, of=Input("vix")))
    np.testing.assert_allclose(got[1:], np.repeat(np.arange(299.0)[:, None] + 0.5, 3, axis=1))


def test_each_feature_is_computed_once_over_many_requests():
    bars = make_bars()
    store = FeatureStore()
    store.fetch(bars, [ema(5), ema(10), ema(5), rsi(14)])
    store.fetch(bars, [ema(10), ema(15), ema(3, of=rsi(14))])
    store.compute_batch(bars, [ema([5, 10, 15]), macd(10, 15, 3)])
    # ema 5 10 15, rsi 14, ema 3 of rsi 14, and the ema of the difference inside the macd
    assert store.counters.computed == 6
    store.compute_batch(bars, [ema(5), rsi(14), macd(10, 15, 3)])
    assert store.counters.computed == 6


def test_all_missing_lookbacks_of_a_family_share_one_kernel_call(monkeypatch):
    calls = []
    real = gather_module.compute_rows

    def counted(spec, sources, parameters, shape, **words):
        calls.append((spec.name, len(parameters)))
        return real(spec, sources, parameters, shape, **words)

    monkeypatch.setattr(gather_module, "compute_rows", counted)
    store = FeatureStore()
    bars = make_bars()
    store.fetch(bars, [ema(k) for k in (5, 6, 7)])
    store.fetch(bars, [ema(k) for k in (9, 8, 7, 6)] + [rsi(3), ema(2, of=rsi(3)), ema(4, of=rsi(3))])
    assert calls == [("ema", 3), ("ema", 2), ("rsi", 1), ("ema", 2)]


def test_numbers_that_are_one_label_are_one_feature():
    bars = make_bars()
    store = FeatureStore()
    store.fetch(bars, [ema(12), ema(12.0), ema(np.int64(12)), ema(11.5), ema(0.1 + 11.4)])
    assert store.counters.computed == 2


def test_arithmetic_around_features_is_numpys():
    bars = make_bars()
    c, o, h = (bars[name].values for name in ("close", "open", "high"))
    store = FeatureStore()
    shifted = np.concatenate([np.full(3, np.nan), h[:-3]])
    np.testing.assert_array_equal(store.array(bars, (close - open) / open), (c - o) / o)
    np.testing.assert_array_equal(store.array(bars, maximum(-high.shift(3), 2 * close)), np.maximum(-shifted, 2 * c))
    np.testing.assert_array_equal(store.array(bars, close.shift(400)), np.full(300, np.nan))
    np.testing.assert_array_equal(store.array(bars, close - close + 2), np.full(300, 2.0))
    assert store.counters.computed == 0


def test_a_feature_of_a_feature_is_the_outer_loop_over_the_inner():
    bars = make_bars()
    store = FeatureStore()
    inner = naive_sma(bars["close"].values, 5)
    got = store.array(bars, sma(3, of=sma(5)))
    np.testing.assert_allclose(got[6:], naive_sma(inner[4:], 3)[2:], rtol=1e-12)
    assert np.isnan(got[:6]).all()


def test_memory_stays_within_its_limit_and_evicted_features_come_back_equal():
    bars = make_bars(1000)
    budget = 10 * 8 * 1000
    store, wide = FeatureStore(memory=budget), FeatureStore()
    nodes = [ema(k) for k in range(2, 60)]
    first = store.fetch(bars, nodes)
    assert store._memory.n_bytes <= budget
    assert store.counters.evicted == 48
    again = [store.array(bars, node) for node in nodes]
    assert store._memory.n_bytes <= budget
    for one, two, three in zip(first, again, wide.fetch(bars, nodes), strict=True):
        np.testing.assert_array_equal(one[0], two)
        np.testing.assert_array_equal(one, three)


def test_a_limit_smaller_than_one_feature_still_works():
    bars = make_bars()
    store = FeatureStore(memory=100)
    features = store.compute_batch(bars, [ema([3, 5]), ema(4, of=rsi([5, 6]))])
    np.testing.assert_array_equal(features.ema.sel(ema_lookback=5), FeatureStore().array(bars, ema(5)))
    assert store._memory.n_bytes == 0


def test_what_was_used_last_stays_longest():
    lru: ByteLRU[str, None] = ByteLRU(24)
    for key in "abc":
        lru.put(key, np.zeros(1), None)
    lru.get("a")
    lru.put("d", np.zeros(1), None)
    assert [key for key, _ in lru.items()] == ["c", "a", "d"]
    lru.put("huge", np.zeros(4), None)
    assert len(lru) == 3
    assert lru.get("huge") is None


def test_a_hit_gives_the_same_read_only_array():
    bars = make_bars()
    store = FeatureStore()
    (one,) = store.fetch(bars, [ema(5)])
    (two,) = store.fetch(bars, [ema(5)])
    assert one is two
    with pytest.raises(ValueError, match="read-only"):
        one[0, 0] = 1.0


@pytest.mark.parametrize("change", ["price", "zone", "stamp", "column", "asset"])
def test_other_bars_are_a_miss(change):
    bars = make_bars(assets=2)
    store = FeatureStore()
    old = store.array(bars, ema(5))
    if change == "price":
        other = bars.copy(deep=True)
        other["high"][150, 0] *= 1.001
    elif change == "zone":
        other = bars.assign_attrs(timezone="America/New_York")
    elif change == "stamp":
        other = bars.assign_coords(time=bars["time"].values + np.timedelta64(1, "s"))
    elif change == "column":
        other = bars.assign(vix=bars["close"] * 2)
    else:
        other = bars.assign_coords(asset=np.array(["x", "y"], dtype=object))
    store.array(other, ema(5))
    assert store.counters.computed == 2
    np.testing.assert_array_equal(store.array(bars, ema(5)), old)
    assert store.counters.computed == 2


def test_a_price_changed_in_place_gives_no_old_value():
    bars = make_bars().copy(deep=True)
    store = FeatureStore()
    store.array(bars, sma(2))
    bars["close"].values[100] = bars["high"].values[100]
    np.testing.assert_allclose(store.array(bars, sma(2)), naive_sma(bars["close"].values, 2))


def test_four_threads_compute_each_feature_once(monkeypatch):
    bars = make_bars(2000)
    store = FeatureStore()
    want = FeatureStore().fetch(bars, [ema(k) for k in range(2, 40)])
    real = gather_module.compute_rows

    def slow(*parts, **words):
        time.sleep(0.01)  # long enough for the others to look in vain
        return real(*parts, **words)

    monkeypatch.setattr(gather_module, "compute_rows", slow)
    start, wrong = threading.Barrier(4), []

    def work(seed: int) -> None:
        order = np.random.default_rng(seed).permutation(38)
        start.wait()
        for part in np.array_split(order, 5):
            got = store.fetch(bars, [ema(int(k) + 2) for k in part])
            wrong.extend(k for k, g in zip(part, got, strict=True) if not np.array_equal(g, want[k], equal_nan=True))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store.counters.computed == 38


def test_peek_neither_computes_nor_counts():
    bars = make_bars()
    store = FeatureStore()
    assert store.peek(bars, ema(5)) is None
    (values,) = store.fetch(bars, [ema(5)])
    before = store.counters
    np.testing.assert_array_equal(store.peek(bars, ema(5)), values)
    assert store.counters == before


def test_compute_batch_labels_families_and_their_parameters():
    bars = make_bars()
    features = FeatureStore().compute_batch(
        bars, [ema([20, 5, 10]), rsi(range(5, 8)), ema([3, 4], of=rsi([7, 9])), ema(12)]
    )
    assert features.ema.dims == ("ema_lookback", "time")
    assert features.ema_lookback.values.tolist() == [5, 10, 12, 20]
    assert features.ema_of_rsi.dims == ("ema_of_rsi_lookback", "ema_of_rsi_rsi_lookback", "time")
    assert features.rsi.attrs["units"] == "0-100"
    assert features.ema_of_rsi.attrs["long_name"] == "ema(P.lookback, of=rsi(P.rsi_lookback))"
    store = FeatureStore()
    np.testing.assert_array_equal(features.ema.sel(ema_lookback=10), store.array(bars, ema(10)))
    one = features.ema_of_rsi.sel(ema_of_rsi_lookback=3, ema_of_rsi_rsi_lookback=9)
    np.testing.assert_array_equal(one, store.array(bars, ema(3, of=rsi(9))))


def test_scattered_parameters_make_points_and_no_holes():
    bars = make_bars()
    features = FeatureStore().compute_batch(bars, [ema(3, of=rsi(7)), ema(4, of=rsi(9))])
    assert features.ema_of_rsi.dims == ("ema_of_rsi_point", "time")
    assert features.ema_of_rsi_rsi_lookback.values.tolist() == [7, 9]


def test_a_composite_gives_its_outputs_by_name():
    bars = make_bars()
    features = FeatureStore().compute_batch(bars, [macd(), bollinger(20, 2), atr(14)])
    c = bars["close"].values
    np.testing.assert_allclose(features.bollinger_middle.squeeze()[19:], naive_sma(c, 20)[19:], rtol=1e-12)
    np.testing.assert_allclose(
        features.macd_histogram, features.macd_line - features.macd_signal_line.squeeze(), atol=1e-12
    )


def test_bars_with_assets_keep_them_in_the_labels():
    bars = make_bars(assets=3)
    features = FeatureStore().compute_batch(bars, [sma([3, 4])])
    assert features.sma.dims == ("sma_lookback", "time", "asset")
    got = features.sma.sel(sma_lookback=4, asset="A1/..")
    np.testing.assert_allclose(got, naive_sma(bars["close"].values[:, 1], 4), rtol=1e-12)


def test_the_matrix_is_indexed_by_indicator_and_parameters():
    bars = make_bars()
    store = FeatureStore()
    store.compute_batch(bars, [ema([5, 12]), rsi(14)])
    matrix = store.matrix(bars)
    assert matrix.dims == ("feature", "time")
    assert matrix.sizes["feature"] == 3
    np.testing.assert_array_equal(matrix.sel(indicator="ema", lookback=12).squeeze(), store.array(bars, ema(12)))
    assert list(matrix.to_dataframe().index.names) == ["indicator", "lookback", "time"]


def test_load_features_takes_families_and_single_features():
    bars = make_bars()
    store = FeatureStore()
    store.compute_batch(bars, [ema([5, 12]), rsi([7, 14])])
    features = store.load_features(bars, ["ema", "rsi(14)"])
    assert features.ema_lookback.values.tolist() == [5, 12]
    assert features.rsi_lookback.values.tolist() == [14]
    assert store["ema"].ema.sel(lookback=12).equals(store["ema"].ema[1])
    assert store.counters.computed == 4


def test_info_says_what_is_there():
    bars = make_bars()
    store = FeatureStore(memory="1 MiB")
    store.compute_batch(bars, [ema([5, 12])])
    info = store.info()
    assert [f.in_memory for f in info.families] == [2]
    assert info.memory_bytes == 2 * 300 * 8
    assert "ema(P.lookback)" in repr(info)
    assert "<table" in info._repr_html_()
    assert "4.7 KiB of 1.0 MiB" in repr(store)


def test_there_is_one_store_a_process():
    assert session_store() is session_store()
    assert session_store().path is None


def test_sizes_are_read_as_people_write_them():
    assert parse_size("1 GiB") == 2**30
    assert parse_size("1.5kb") == 1500
    assert parse_size(" 256 MiB ") == 256 * 2**20
    assert parse_size(17) == 17
    assert format_size(3 * 2**20) == "3.0 MiB"


@given(st.lists(st.lists(st.integers(2, 12), min_size=1, max_size=6), min_size=1, max_size=6), st.integers(1, 8))
def test_any_sequence_of_requests_equals_computing_afresh(requests, n_kept):
    bars = make_bars(60)
    store = FeatureStore(memory=n_kept * 60 * 8)
    for lookbacks in requests:
        nodes = [ema(k) if k % 2 else sma(2, of=rsi(k)) for k in lookbacks]
        for node, got in zip(nodes, store.fetch(bars, nodes), strict=True):
            (fresh,) = FeatureStore().fetch(bars, [node])
            np.testing.assert_array_equal(got, fresh)
        assert store._memory.n_bytes <= store._memory.budget_bytes


def test_a_composite_is_loaded_by_its_name_where_its_parts_are_there(tmp_path):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr")
    want = store.compute_batch(bars, macd(10, 15, 3).histogram)
    other = FeatureStore(tmp_path / "s.zarr")
    got = other.load_features(bars, ["macd(10, 15, 3).histogram"])
    assert other.counters.computed == 0
    np.testing.assert_array_equal(next(iter(got.values())), next(iter(want.values())))
    with pytest.raises(StoreError, match="does not have"):
        other.load_features(bars, ["macd(10, 15, 4).histogram"])
