"""Limits of memory and disk that can be trusted; reading or computing, whichever is cheaper; more than memory holds."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from feature_makers import make_bars

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.errors import StoreError
from mrtoolkit.features import FeatureStore, StoreWriteWarning
from mrtoolkit.features.costs import Costs

EACH = 8 * 2_000  # bytes of a feature of 2,000 bars


def bytes_below(folder: Path) -> int:
    return sum({p.stat().st_ino: p.stat().st_size for p in folder.rglob("*") if p.is_file()}.values())


def test_a_search_in_a_tenth_of_its_memory_gives_the_same_study_and_writes_every_feature(tmp_path):
    bars = mrt.data.simulate(bars=2_000, seed=3)
    strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.sma(P.slow), exit=mrt.ema(P.fast) < mrt.sma(P.slow))
    points = {"fast": list(range(2, 42)), "slow": list(range(50, 90))}
    roomy = FeatureStore(tmp_path / "roomy.zarr")
    want = mrt.Backtest(bars, strategy, store=roomy).run(points)
    assert roomy.counters.evicted == 0
    tight = FeatureStore(tmp_path / "tight.zarr", memory=8 * EACH)
    backtest = mrt.Backtest(bars, strategy, store=tight)
    got = backtest.run(points)
    xr.testing.assert_identical(got, want)
    assert tight.counters.evicted > 0
    assert tight._memory.n_bytes <= 8 * EACH
    backtest.persist()
    again = FeatureStore(tmp_path / "tight.zarr")
    assert again.load_features(bars, ["ema", "sma"]).sizes["ema_lookback"] == 40
    assert tight._memory.n_bytes <= 8 * EACH
    assert again.counters.computed == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of resident memory as Linux counts it")
def test_the_peak_of_resident_memory_stays_within_the_limit():
    """A store of 32 MiB over features of 320 MiB; the control, of 1 GiB, holds them all."""
    code = """
        import resource, sys
        import mrtoolkit as mrt
        from mrtoolkit import P
        bars = mrt.data.simulate(bars=200_000, freq="1min", seed=0)
        strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow), exit=mrt.ema(P.fast) < mrt.ema(P.slow))
        store = mrt.FeatureStore(memory=sys.argv[1])
        backtest = mrt.Backtest(bars, strategy, store=store)
        backtest.run({"fast": list(range(2, 12)), "slow": list(range(20, 60))})  # as many trials, of 50 features
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        backtest.run({"fast": [2, 3], "slow": list(range(10, 210))})
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        now = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
        print((after - before) / 1024, now)
    """
    grown, resident = {}, {}
    for memory in ("32 MiB", "1 GiB"):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), memory], capture_output=True, text=True, check=True
        )
        grown[memory], resident[memory] = map(float, done.stdout.split())
    assert grown["32 MiB"] < 32  # MiB beside what 50 features and as many trials take
    assert resident["1 GiB"] - resident["32 MiB"] > 200


def test_what_is_larger_than_memory_is_computed_in_parts_and_read_lazily(tmp_path):
    bars = make_bars(2_000)
    store = FeatureStore(tmp_path / "s.zarr", memory=10 * EACH)
    features = store.compute_batch(bars, [mrt.ema(list(range(2, 102))), mrt.rsi([5, 7])])
    assert not features.ema._in_memory
    assert store._memory.n_bytes <= 10 * EACH
    assert features.ema.shape == (100, 2_000)
    for k in (2, 50, 101):
        np.testing.assert_array_equal(features.ema.sel(ema_lookback=k), FeatureStore().array(bars, mrt.ema(k)))
    part = features.ema.sel(ema_lookback=[7, 3]).isel(time=slice(1_000, 1_010))
    np.testing.assert_array_equal(part[1], FeatureStore().array(bars, mrt.ema(3))[1_000:1_010])
    loaded = FeatureStore(tmp_path / "s.zarr", memory=10 * EACH).load_features(bars, "ema")
    assert not loaded.ema._in_memory
    xr.testing.assert_identical(loaded, features[["ema"]].drop_vars("rsi_lookback", errors="ignore"))
    matrix = store.matrix(bars)
    np.testing.assert_array_equal(matrix.sel(indicator="rsi", lookback=7), FeatureStore().array(bars, mrt.rsi(7)))
    assert store.counters.computed == 102


def test_assets_larger_than_memory_too(tmp_path):
    bars = make_bars(500, assets=6)
    store = FeatureStore(tmp_path / "s.zarr", memory=3 * 6 * 8 * 500)
    features = store.compute_batch(bars, [mrt.ema(list(range(2, 22)))])
    assert not features.ema._in_memory
    assert features.ema.dims == ("ema_lookback", "time", "asset")
    np.testing.assert_array_equal(features.ema.sel(ema_lookback=9), FeatureStore().array(bars, mrt.ema(9)))


def test_the_disk_never_holds_more_than_its_limit(tmp_path):
    bars = make_bars(2_000)
    limit = 30 * EACH + 300_000
    store = FeatureStore(tmp_path / "s.zarr", disk=limit)
    with pytest.warns(StoreWriteWarning, match=r"do not fit below the limit") as caught:
        features = store.compute_batch(bars, [mrt.ema(list(range(2, 102)))])
    assert {warning.filename for warning in caught} == {__file__}
    assert bytes_below(tmp_path / "s.zarr") <= limit
    stored = FeatureStore(tmp_path / "s.zarr").load_features(bars, "ema")
    assert 5 < stored.sizes["ema_lookback"] < 100
    np.testing.assert_array_equal(features.ema.sel(ema_lookback=101), FeatureStore().array(bars, mrt.ema(101)))


@pytest.fixture
def cheap_ema(monkeypatch):
    """Known costs instead of measured ones: stdev is dearer than ema."""
    monkeypatch.setattr(Costs, "ns_per_value", lambda _, folder: {"ema": 2.0, "stdev": 90.0}[folder.partition("@")[0]])


def stored_patterns(folder: Path) -> set[str]:
    return {family.expression for family in FeatureStore(folder).info().families}


@pytest.mark.usefixtures("cheap_ema")
def test_under_a_limit_what_is_cheap_makes_room_for_what_is_dear_and_a_warning_says_so(tmp_path):
    bars = make_bars(2_000)
    store = FeatureStore(tmp_path / "s.zarr", disk=30 * EACH + 400_000)
    store.compute_batch(bars, [mrt.ema(list(range(2, 22)))])
    says = r"to make room for stdev\(P\.lookback\) \(90 ns a value\).*: ema\(P\.lookback\) \(20 of .*, 2 ns a value\)"
    with pytest.warns(StoreWriteWarning, match=says) as caught:
        store.compute_batch(bars, [mrt.stdev(list(range(2, 27)))])
    assert len(caught) == 1
    assert stored_patterns(tmp_path / "s.zarr") == {"stdev(P.lookback)"}


@pytest.mark.usefixtures("cheap_ema")
def test_under_a_limit_what_is_dear_makes_no_room_for_what_is_cheap(tmp_path):
    bars = make_bars(2_000)
    store = FeatureStore(tmp_path / "s.zarr", disk=30 * EACH + 400_000)
    store.compute_batch(bars, [mrt.stdev(list(range(2, 27)))])
    with pytest.warns(StoreWriteWarning, match="do not fit") as caught:
        store.compute_batch(bars, [mrt.ema(list(range(2, 42)))])
    assert not any("make room" in str(one.message) for one in caught)
    assert FeatureStore(tmp_path / "s.zarr").load_features(bars, "stdev").sizes["stdev_lookback"] == 25


def test_what_is_cheaper_is_done_and_the_other_is_not():
    costs = Costs()
    costs.known("cheap@1", 2.0)
    costs.known("dear@1", 100.0)
    for _ in range(5):
        costs.read(300e-6, 50_000)  # 6 ns a value
    assert not costs.decision("cheap@1", 50_000).reads
    assert costs.decision("dear@1", 50_000).reads
    assert costs.decision("never measured", 50_000).reads
    costs.read(50e-6, 50_000)
    assert costs.decision("dear@1", 50_000).read_ns == pytest.approx(6.0)  # one quick read changes no median
    for _ in range(40):
        costs.read(50e-6, 50_000)
    assert costs.decision("cheap@1", 50_000).reads  # the page cache is warm now


def test_a_stored_feature_is_computed_anew_where_that_is_cheaper_and_info_says_so(tmp_path):
    bars = make_bars(400)
    FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [mrt.ema([5, 7])])
    store = FeatureStore(tmp_path / "s.zarr")
    (folder,) = (p.name for p in (tmp_path / "s.zarr").glob("*/ema@*"))
    store._lookup.costs.known(folder, 1e-3)
    np.testing.assert_array_equal(store.array(bars, mrt.ema(5)), FeatureStore().array(bars, mrt.ema(5)))
    assert (store.counters.computed, store.counters.recomputed, store.counters.disk_hits) == (0, 1, 0)
    assert "computes" in repr(store.info())
    reader = FeatureStore(tmp_path / "s.zarr")
    for _ in range(40):
        reader._lookup.costs.read(1e-9, 400)
    reader.array(bars, mrt.ema(5))
    assert (reader.counters.computed, reader.counters.recomputed, reader.counters.disk_hits) == (0, 0, 1)
    assert "reads" in repr(reader.info())


def test_load_features_reads_and_never_computes(tmp_path):
    bars = make_bars(400)
    FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [mrt.ema([5, 7])])
    store = FeatureStore(tmp_path / "s.zarr")
    (folder,) = (p.name for p in (tmp_path / "s.zarr").glob("*/ema@*"))
    store._lookup.costs.known(folder, 1e-3)
    store.load_features(bars, "ema")
    assert (store.counters.recomputed, store.counters.disk_hits) == (0, 2)


def test_another_dtype_is_a_miss_and_rounds_what_it_keeps(tmp_path):
    bars = make_bars(400)
    FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [mrt.ema(5)])
    small = FeatureStore(tmp_path / "s.zarr", dtype="float32")
    features = small.compute_batch(bars, [mrt.ema(5)])
    assert small.counters.computed == 1
    assert features.ema.dtype == np.float32
    exact = FeatureStore().array(bars, mrt.ema(5))
    np.testing.assert_array_equal(features.ema[0], exact.astype(np.float32))
    assert small.array(bars, mrt.ema(5)).dtype == np.float64
    reopened = FeatureStore(tmp_path / "s.zarr", dtype="float32")
    np.testing.assert_array_equal(reopened.array(bars, mrt.ema(5)), exact.astype(np.float32))
    assert reopened.counters.computed == 0
    exactly = FeatureStore(tmp_path / "s.zarr")
    np.testing.assert_array_equal(exactly.array(bars, mrt.ema(5)), exact)
    assert exactly.counters.computed == 0  # both are there, side by side


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"disk": "1 GiB"}, "this store has none"),
        ({"path": "s.zarr", "disk": "much"}, "disk='much'"),
        ({"memory": 0}, "memory=0"),
        ({"dtype": "float16"}, "dtype"),
    ],
)
def test_settings_that_mean_nothing_are_refused(tmp_path, settings, says):
    path = settings.pop("path", None)
    with pytest.raises(StoreError, match=says):
        FeatureStore(None if path is None else tmp_path / path, **settings)
    assert not list(tmp_path.iterdir())


def test_searches_one_after_another_leave_memory_where_it_was(tmp_path):
    bars = mrt.data.simulate(bars=3_000, seed=1)
    space = mrt.Space(fast=mrt.Integer(5, 20), slow=mrt.Integer(25, 60))
    strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))

    def searches(n):
        for _ in range(n):
            store = FeatureStore(tmp_path / "s.zarr", memory="4 MiB")
            mrt.optimize(mrt.Backtest(bars, strategy, store=store), space, trials=40, seed=0)
        gc.collect()

    searches(10)
    before = _resident()
    searches(30)
    assert _resident() - before < 12 * 2**20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_what_was_written_is_let_go_of_at_once(tmp_path):
    """Without Python's collector: rows in a cycle would stay until it happens to run, and it counts no bytes."""
    bars, each = make_bars(20_000), 8 * 20_000
    FeatureStore(tmp_path / "compiled.zarr").compute_batch(bars, mrt.ema(2))
    store = FeatureStore(tmp_path / "features.zarr", memory=4 * each)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        features = store.compute_batch(bars, [mrt.ema(k) for k in range(2, 62)])
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert features.sizes["ema_lookback"] == 60
    assert now < 8 * each  # of 60
    assert peak < 20 * each
