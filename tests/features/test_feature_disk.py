"""What is on disk is right, whole, readable by anyone, and never trusted blindly."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from feature_makers import files_below, flip_bit, make_bars
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.errors import StoreError
from mrtoolkit.features import DamagedFeatureWarning, FeatureStore, StoreWriteWarning
from mrtoolkit.features.disk import chunks as chunks_module
from mrtoolkit.features.disk import files as files_module
from mrtoolkit.indicators import ema, macd, registry, rsi, sma
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.spec import Indicator


@pytest.fixture(autouse=True)
def always_read(monkeypatch):
    """On bars this few, computing is cheaper than reading."""
    monkeypatch.setattr("mrtoolkit.features.costs._MARGIN", np.inf)


def family_folders(path: Path, name: str) -> list[Path]:
    return sorted(p for p in path.glob(f"*/{name}@*"))


def _spread_kernel(inputs, parameters, out):
    high, low = inputs
    for k, (factor,) in enumerate(parameters):
        out[0, k] = high * factor
        out[1, k] = low / factor


def _spread_kernel_of_tomorrow(inputs, parameters, out):
    high, low = inputs
    for k, (factor,) in enumerate(parameters):
        out[0, k] = high * factor * 2
        out[1, k] = low / factor


@pytest.fixture
def spread():
    def make(kernel=_spread_kernel, version=1):
        return registry.register(
            Indicator(
                name="feature_spread",
                inputs=("high", "low"),
                parameters=(IndicatorParameter(name="factor", low=1, high=9, integer=False),),
                outputs=("upper", "lower"),
                warmup=lambda factor: 0,
                kernel=kernel,
                version=version,
            )
        )

    yield make
    registry._entries.pop("feature_spread", None)


def test_a_second_store_reads_what_the_first_one_wrote(tmp_path):
    bars = make_bars()
    first = FeatureStore(tmp_path / "s.zarr")
    first.compute_batch(bars, [ema([5, 11.5]), macd()])
    second = FeatureStore(tmp_path / "s.zarr")
    nodes = [ema(5), ema(11.5), macd().signal_line]
    for one, two in zip(first.fetch(bars, nodes), second.fetch(bars, nodes), strict=True):
        np.testing.assert_array_equal(one, two)
        assert not two.flags.writeable
    assert second.counters.computed == 0
    assert second.counters.disk_hits == 3


def test_another_process_reads_it_and_computes_nothing(tmp_path):
    bars = make_bars()
    want = FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [ema([5, 7]), rsi(14)])
    bars.to_zarr(tmp_path / "bars.zarr", zarr_format=2)
    code = f"""
        import sys, xarray as xr, numpy as np
        from mrtoolkit.data.bars import as_bars
        from mrtoolkit.features import FeatureStore
        from mrtoolkit.indicators import ema, rsi
        store = FeatureStore({str(tmp_path / "s.zarr")!r})
        bars = as_bars(xr.open_zarr({str(tmp_path / "bars.zarr")!r}, chunks=None).load())
        got = store.fetch(bars, [ema(5), ema(7), rsi(14)])
        print(store.counters.computed, store.counters.disk_hits + store.counters.recomputed, repr(float(got[2][0, -1])))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.split() == ["0", "3", repr(float(want.rsi[0, -1]))]


def test_plain_xarray_reads_a_family_with_labels_and_origin(tmp_path):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [ema([20, 5])])
    store.compute_batch(bars, [ema(10), ema([3, 4], of=rsi([7, 9]))])
    (folder,) = family_folders(store.path, "ema")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = xr.open_zarr(folder, chunks=None)
    assert plain.ema.dims == ("lookback", "time")
    assert plain.lookback.values.tolist() == [5, 20, 10]  # sorted in each commit, and then in the order of arrival
    np.testing.assert_array_equal(plain.ema.sel(lookback=10), FeatureStore().array(bars, ema(10)))
    np.testing.assert_array_equal(plain.time, bars.time)
    assert plain.attrs["code"][0][:2] == ["ema", 1]
    assert plain.ema.attrs["units"] == "price"
    assert store["ema"].lookback.values.tolist() == [5, 10, 20]
    nested = store["ema_of_rsi"].ema_of_rsi.sel(lookback=3, rsi_lookback=9)
    np.testing.assert_array_equal(nested.squeeze(), FeatureStore().array(bars, ema(3, of=rsi(9))))


def test_plain_zarr_checks_the_checksums_that_are_written_here(tmp_path):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [ema(5)])
    (folder,) = family_folders(store.path, "ema")
    zarr.open_group(folder, mode="r")["ema"][0]
    flip_bit(folder / "ema/c/0/0", 1000, 3)
    with pytest.raises(ValueError, match="checksum"):
        zarr.open_group(folder, mode="r")["ema"][0]


def test_assets_with_odd_names_and_chunks_over_assets_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks_module, "TIME_CHUNK", 64)  # 300 bars make 5 chunks of time
    bars = make_bars(assets=7)
    store = FeatureStore(tmp_path / "s.zarr")
    want = store.compute_batch(bars, [sma([3, 4])])
    got = FeatureStore(tmp_path / "s.zarr").load_features(bars, "sma")
    xr.testing.assert_identical(got, want)
    (folder,) = family_folders(store.path, "sma")
    plain = xr.open_zarr(folder, chunks=None)
    np.testing.assert_array_equal(plain.sma.sel(lookback=4, asset="A6/.."), want.sma.sel(sma_lookback=4, asset="A6/.."))


def test_several_outputs_are_committed_together(tmp_path, spread):
    bars = make_bars()
    indicator = spread()
    store = FeatureStore(tmp_path / "s.zarr")
    want = store.compute_batch(bars, [indicator([1.5, 2])])
    assert set(want) == {"feature_spread_upper", "feature_spread_lower"}
    other = FeatureStore(tmp_path / "s.zarr")
    np.testing.assert_array_equal(other.array(bars, indicator(2).lower), bars["low"].values / 2)
    np.testing.assert_array_equal(other.peek(bars, indicator(1.5).upper)[0], bars["high"].values * 1.5)
    assert other.counters.computed == 0
    xr.testing.assert_identical(other.load_features(bars, "feature_spread"), want)
    assert set(store["feature_spread"]) == {"upper", "lower"}


@pytest.mark.parametrize("changed", [{"kernel": _spread_kernel_of_tomorrow}, {"version": 2}])
def test_other_code_is_a_miss_and_the_old_values_are_not_shown(tmp_path, spread, changed):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [spread()(2)])
    indicator = spread(**changed)
    for fresh in (store, FeatureStore(tmp_path / "s.zarr")):
        before = fresh.counters.computed
        assert fresh.peek(bars, indicator(2).upper) is None
        with pytest.raises(StoreError, match="no features"):
            fresh.load_features(bars, "feature_spread")
        factor = 4 if "kernel" in changed else 2
        np.testing.assert_array_equal(fresh.fetch(bars, [indicator(2).upper])[0][0], bars["high"].values * factor)
        assert fresh.counters.computed == before + 1


def test_other_bars_are_a_miss_on_disk(tmp_path):
    bars, others = make_bars(), make_bars(seed=1)
    FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [ema(5)])
    store = FeatureStore(tmp_path / "s.zarr")
    store.array(others, ema(5))
    assert store.counters.computed == 1


@pytest.mark.parametrize("byte", [0, 777, -1])
def test_a_flipped_bit_is_named_and_computed_again(tmp_path, byte):
    bars = make_bars()
    want = FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [ema([5, 7])])
    (folder,) = family_folders(tmp_path / "s.zarr", "ema")
    flip_bit(folder / "ema/c/1/0", byte, 5)
    store = FeatureStore(tmp_path / "s.zarr")
    assert store.peek(bars, ema(7)) is None
    with pytest.warns(DamagedFeatureWarning, match=r"ema\(7\) is damaged") as caught:
        got = store.array(bars, ema(7))
    assert {warning.filename for warning in caught} == {__file__}  # the line that asked, none of ours
    np.testing.assert_array_equal(got, want.ema.sel(ema_lookback=7))
    assert store.counters.computed == 1
    healed = FeatureStore(tmp_path / "s.zarr")
    np.testing.assert_array_equal(healed.array(bars, ema(7)), got)
    assert healed.counters.computed == 0


@pytest.mark.parametrize("how", ["missing", "short", "empty"])
def test_a_chunk_that_is_not_whole_is_computed_again(tmp_path, how):
    bars = make_bars()
    want = FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [ema(5)])
    (folder,) = family_folders(tmp_path / "s.zarr", "ema")
    chunk = folder / "ema/c/0/0"
    if how == "missing":
        chunk.unlink()
    else:
        chunk.write_bytes(chunk.read_bytes()[: 100 if how == "short" else 0])
    store = FeatureStore(tmp_path / "s.zarr")
    with pytest.warns(DamagedFeatureWarning):
        got = store.array(bars, ema(5))
    np.testing.assert_array_equal(got, want.ema[0])


@pytest.mark.parametrize("file", ["lookback/c/0", "zarr.json"])
def test_a_damaged_label_or_record_loses_the_family_and_no_more(tmp_path, file):
    bars = make_bars()
    want = FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [ema([5, 7]), rsi(14)])
    (folder,) = family_folders(tmp_path / "s.zarr", "ema")
    data = (folder / file).read_bytes()
    place = data.index(b'"pattern"') + 14 if file == "zarr.json" else 8
    flip_bit(folder / file, place, 1)
    store = FeatureStore(tmp_path / "s.zarr")
    with pytest.warns(DamagedFeatureWarning):
        got = store.compute_batch(bars, [ema([5, 7]), rsi(14)])
    xr.testing.assert_identical(got, want)
    assert store.counters.computed == 2
    again = FeatureStore(tmp_path / "s.zarr")
    again.fetch(bars, [ema(5), ema(7), rsi(14)])
    assert again.counters.computed == 0


def test_a_write_that_ends_in_the_middle_leaves_the_old_commit(tmp_path, monkeypatch):
    bars = make_bars()
    path = tmp_path / "s.zarr"
    FeatureStore(path).compute_batch(bars, [ema(5)])
    n_written = 0
    real = files_module.write_parts
    want = FeatureStore().array(bars, ema(5))

    def full_disk(limit):
        def write(file, parts):
            nonlocal n_written
            n_written += 1
            if n_written > limit:
                real(file, [bytes(parts[0])[:100]])
                raise OSError(28, "No space left on device")
            real(file, parts)

        return write

    for limit in range(11):
        n_written = 0
        store = FeatureStore(path)
        with monkeypatch.context() as patch:
            patch.setattr(files_module, "write_parts", full_disk(limit))
            with pytest.warns(StoreWriteWarning, match="No space left"):
                store.compute_batch(bars, [ema([6, 7, 8, 9, 10, 11]), sma([2, 3])])
            assert store.counters.computed == 8  # and the search goes on in memory
        seen = FeatureStore(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(seen.array(bars, ema(5)), want)
            seen.fetch(bars, [ema(6), sma(2)])
            for folder in [*family_folders(path, "ema"), *family_folders(path, "sma")]:
                xr.open_zarr(folder, chunks=None).load()
    FeatureStore(path).compute_batch(bars, [ema([6, 7, 8, 9, 10, 11]), sma([2, 3])])
    done = FeatureStore(path)
    done.fetch(bars, [ema(k) for k in (5, 6, 7, 8, 9, 10, 11)] + [sma(2), sma(3)])
    assert done.counters.computed == 0


def test_cache_to_disk_writes_what_never_wrote(tmp_path):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr", persist="never")
    features = store.compute_batch(bars, [ema([5, 7]), ema([3, 4], of=rsi([7, 9])), macd()])
    assert not (tmp_path / "s.zarr").exists()
    assert store.persist(bars) == 0
    assert store.cache_to_disk(features.sel(ema_lookback=[7])) == 1 + 4 + 1
    assert store.cache_to_disk(features) == 1
    other = FeatureStore(tmp_path / "s.zarr")
    other.fetch(bars, [ema(5), ema(7), ema(3, of=rsi(9))])
    assert other.counters.computed == 0


def _altered(features):
    changed = features.copy(deep=True)
    changed["ema"].values[0, 100] += 1e-9
    relabelled = features.assign_coords(ema_lookback=[7, 5])
    stripped = features.copy()
    stripped["ema"] = stripped["ema"].drop_attrs()
    moved = features.assign_coords(time=features["time"] + np.timedelta64(1, "s"))
    return {
        "changed": changed,
        "relabelled": relabelled,
        "stripped": stripped,
        "no bars": features.drop_attrs(deep=False),
        "shorter": features.isel(time=slice(10, None)),
        "resampled": features.resample(time="1D").mean(),
        "moved": moved,
        "other bars": features.assign_attrs(fingerprint="0" * 32),
        "outside": features.assign_attrs(fingerprint="../../../../tmp/evil_store_evil_sto"),
        "scaled": features * 2,
    }


@pytest.mark.parametrize(
    "how",
    [
        "changed",
        "relabelled",
        "stripped",
        "no bars",
        "shorter",
        "resampled",
        "moved",
        "other bars",
        "outside",
        "scaled",
    ],
)
def test_features_that_are_not_as_computed_are_refused(tmp_path, how):
    bars = make_bars()
    features = FeatureStore().compute_batch(bars, [rsi(3), ema([5, 7])])
    store = FeatureStore(tmp_path / "s.zarr")
    with pytest.raises(StoreError, match=r"not as it was computed|provenance|does not say|dimensions|fingerprint"):
        store.cache_to_disk(_altered(features)[how])
    assert not (tmp_path / "s.zarr").exists()


def test_persist_auto_writes_only_what_is_dear(tmp_path):
    bars = make_bars(5000)
    store = FeatureStore(tmp_path / "s.zarr", persist="auto")
    store.fetch(bars, [ema(5), sma(5)])
    costs = store._lookup.costs
    folders = {folder[:3]: folder for folder in costs}
    costs._compute = {folders["ema"]: 0.001, folders["sma"]: 500.0}
    assert store.persist(bars) == 1
    assert not family_folders(store.path, "ema")
    assert family_folders(store.path, "sma")


def test_reading_a_store_changes_no_byte_of_it(tmp_path):
    bars = make_bars()
    FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [ema([5, 7])])
    before = files_below(tmp_path / "s.zarr")
    store = FeatureStore(tmp_path / "s.zarr", persist="never")
    store.load_features(bars, "ema")
    store.matrix(bars)
    store.info()
    store["ema"].load()
    assert files_below(tmp_path / "s.zarr") == before


def _write_family(path: str, lookbacks: list[int]) -> None:
    store = FeatureStore(path)
    bars = make_bars()
    for k in lookbacks:
        store.array(bars, ema(k))
        store.persist(bars)


def test_processes_that_write_one_family_lose_nothing(tmp_path):
    path = str(tmp_path / "s.zarr")
    context = multiprocessing.get_context("spawn")
    lists = [list(range(2, 14)), list(range(19, 7, -1))]
    workers = [context.Process(target=_write_family, args=(path, lookbacks)) for lookbacks in lists]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    bars = make_bars()
    store = FeatureStore(path)
    family = store["ema"]
    assert family.lookback.values.tolist() == list(range(2, 20))
    for k in range(2, 20):
        np.testing.assert_array_equal(family.ema.sel(lookback=k), FeatureStore().array(bars, ema(k)))


def test_labels_past_one_chunk_of_labels_read_back(tmp_path, monkeypatch):
    for module in ("commit", "labels"):
        monkeypatch.setattr(f"mrtoolkit.features.disk.{module}.LABEL_CHUNK", 4)
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr")
    for lookbacks in ([9, 3, 5], [4, 2], [11, 12, 13, 14, 15, 16]):
        store.compute_batch(bars, [ema(lookbacks)])
    (folder,) = family_folders(store.path, "ema")
    assert xr.open_zarr(folder, chunks=None).lookback.values.tolist() == [3, 5, 9, 2, 4, 11, 12, 13, 14, 15, 16]
    fresh = FeatureStore(tmp_path / "s.zarr")
    assert fresh.load_features(bars, "ema").sizes["ema_lookback"] == 11


def test_the_record_is_strict_json_and_names_the_data(tmp_path):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [ema(5)])
    (folder,) = family_folders(store.path, "ema")
    record = json.loads((folder / "zarr.json").read_text(), parse_constant=lambda word: pytest.fail(word))
    assert record["attributes"]["fingerprint"] == folder.parent.name
    assert record["attributes"]["n_bars"] == 300
    assert not list(store.path.rglob("*.partial"))


steps = st.one_of(
    st.tuples(st.just("compute"), st.lists(st.integers(2, 9), min_size=1, max_size=4)),
    st.tuples(st.just("fetch"), st.lists(st.integers(2, 9), min_size=1, max_size=4)),
    st.tuples(st.just("persist"), st.just([])),
    st.tuples(st.just("reopen"), st.just([])),
    st.tuples(st.just("damage"), st.lists(st.integers(0, 400), min_size=1, max_size=1)),
)


@given(st.lists(steps, min_size=1, max_size=8))
def test_any_sequence_on_disk_gives_what_a_dictionary_would(tmp_path_factory, sequence):
    bars = make_bars(50)
    path = tmp_path_factory.mktemp("any") / "s.zarr"
    want = {k: FeatureStore().array(bars, ema(k)) for k in range(2, 10)}
    store = FeatureStore(path, memory=1200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedFeatureWarning)
        for step, numbers in sequence:
            if step == "compute":
                got = store.compute_batch(bars, [ema(numbers)])
                assert got.ema_lookback.values.tolist() == sorted(set(numbers))
                for k in numbers:
                    np.testing.assert_array_equal(got.ema.sel(ema_lookback=k), want[k])
            elif step == "fetch":
                for k, values in zip(numbers, store.fetch(bars, [ema(k) for k in numbers]), strict=True):
                    np.testing.assert_array_equal(values[0], want[k])
            elif step == "persist":
                store.persist(bars)
            elif step == "reopen":
                store = FeatureStore(path, memory=1200)
            else:
                for chunk in path.glob("*/ema@*/ema/c/*/0"):
                    flip_bit(chunk, numbers[0], 2)


def test_a_damaged_feature_is_named_once_and_so_is_a_damaged_family(tmp_path, recwarn):
    bars = make_bars()
    FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [ema([5, 7, 9]), rsi(14)])
    (folder,) = family_folders(tmp_path / "s.zarr", "ema")
    (other,) = family_folders(tmp_path / "s.zarr", "rsi")
    flip_bit(folder / "ema/c/1/0", 30, 5)
    flip_bit(other / "lookback/c/0", 8, 1)
    store = FeatureStore(tmp_path / "s.zarr", persist="never")
    for _ in range(3):
        store.load_features(bars, ["ema"])
        store.fetch(bars, [ema(7), rsi(14), rsi(15)])
    damaged = [str(w.message) for w in recwarn if issubclass(w.category, DamagedFeatureWarning)]
    assert len(damaged) == 2, damaged
    (feature,) = (text for text in damaged if "ema(7)" in text)
    (family,) = (text for text in damaged if "'rsi'" in text)
    assert "its chunk ema/c/1/0 fails its checksum" in feature
    assert "its chunk lookback/c/0 fails its checksum" in family
