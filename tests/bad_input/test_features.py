"""A store that cannot be opened or asked so: one clear error, and nothing written."""

from __future__ import annotations

import errno
import gc
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mrtoolkit.data.simulate import simulate
from mrtoolkit.errors import BarsError, IndicatorError, MrtoolkitError, StoreError
from mrtoolkit.expressions.inputs import close
from mrtoolkit.expressions.nodes import Call, Constant, Input, Parameter
from mrtoolkit.features import FeatureStore, StoreWriteWarning
from mrtoolkit.features.disk import disk as disk_module
from mrtoolkit.indicators import bollinger, ema, macd, rsi


@pytest.fixture
def bars():
    return simulate(bars=50, seed=0)


def test_a_path_that_is_a_file_is_refused(tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text("time,close\n")
    with pytest.raises(StoreError, match=r"prices\.csv is a file, but a feature store is a folder; give"):
        FeatureStore(file)
    assert file.read_text() == "time,close\n"


@pytest.mark.parametrize("content", ["notes.txt", "zarr.json"])
def test_a_folder_with_something_else_in_it_is_refused(tmp_path, content):
    (tmp_path / content).write_text("{}")
    with pytest.raises(StoreError, match="something else than a feature store, and nothing was written"):
        FeatureStore(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [content]


def test_a_zarr_store_of_somebody_else_is_refused(tmp_path, bars):
    bars.drop_attrs().to_zarr(tmp_path / "bars.zarr", zarr_format=3, consolidated=False)
    with pytest.raises(StoreError, match="something else"):
        FeatureStore(tmp_path / "bars.zarr")


def test_a_store_of_a_later_schema_is_refused(tmp_path):
    (tmp_path / "zarr.json").write_text('{"attributes": {"mrtoolkit": "feature store", "schema": 99}}')
    with pytest.raises(StoreError, match=r"schema 99.*update mrtoolkit"):
        FeatureStore(tmp_path)


def test_an_empty_folder_may_become_a_store(tmp_path, bars):
    store = FeatureStore(tmp_path)
    assert list(tmp_path.iterdir()) == []
    store.compute_batch(bars, [ema(5)])
    assert FeatureStore(tmp_path).load_features(bars, "ema").sizes["ema_lookback"] == 1


@pytest.mark.parametrize("memory", ["lots", "", "12", "-1 GiB", "nan GiB", 0, -5, True, None, 1.5, "1 parsec", "1e9 B"])
def test_an_amount_of_memory_that_is_none_is_refused(memory, tmp_path):
    with pytest.raises(StoreError, match=r"memory=.*write a positive count of bytes or a text such as '256 MiB'"):
        FeatureStore(tmp_path / "s.zarr", memory=memory)
    assert list(tmp_path.iterdir()) == []


def test_a_persist_policy_that_does_not_exist_is_refused():
    with pytest.raises(StoreError, match="persist is 'sometimes', but it is one of always, auto, never"):
        FeatureStore(persist="sometimes")


def test_an_unknown_indicator_is_refused_with_the_nearest(tmp_path, bars):
    node = Call("emaa", (Constant(5),), (Input("close"),), True)
    with pytest.raises(IndicatorError, match="did you mean 'ema'"):
        FeatureStore(tmp_path / "s.zarr").array(bars, node)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (ema(Parameter("n")), r"ema\(P\.n\) has the open parameter n, .* write one in the place of P\.n"),
        (ema(5) > close, "is a condition .* ask for its two sides"),
        (ema([5, 10]), "argument .5, 10., but one feature needs one number"),
        ("ema(5)", r"by the text 'ema\(5\)', but must be a node; write mrt\.parse\('ema\(5\)'\)"),
        (bollinger(20, 2), "must be a node"),
        (Constant("word"), "not a number a bar"),
    ],
)
def test_what_is_no_single_feature_is_refused_by_array(node, says, tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    with pytest.raises(StoreError, match=says):
        store.array(bars, node)
    assert store.counters.computed == 0


@pytest.mark.parametrize("nodes", [[ema(5), ema(5) > close], [ema(Parameter("n"))], [], ["ema(5)"], 5, None])
def test_a_batch_with_a_wrong_node_computes_nothing(nodes, tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    with pytest.raises(StoreError):
        store.compute_batch(bars, nodes)
    assert store.counters.computed == 0
    assert list(tmp_path.iterdir()) == []


def test_a_bound_that_is_broken_writes_nothing(tmp_path, bars):
    node = Call("sma", (Constant(-5),), (Input("close"),), True)
    with pytest.raises(IndicatorError, match="lookback is -5"):
        FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [node])
    assert list(tmp_path.iterdir()) == []


def test_features_that_are_not_there_are_named_with_the_nearest(tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [ema(5)])
    with pytest.raises(StoreError, match=r"no features 'emma' .*did you mean 'ema'.*it has ema; compute them"):
        store.load_features(bars, ["emma"])
    with pytest.raises(StoreError, match=r"does not have ema\(6\)"):
        store.load_features(bars, ["ema(6)"])
    with pytest.raises(StoreError, match=r"no family '\.\./evil'"):
        store["../evil"]
    assert store.counters.computed == 1


def test_caching_on_disk_without_a_disk_is_refused(bars):
    store = FeatureStore()
    with pytest.raises(StoreError, match="memory alone"):
        store.cache_to_disk(store.compute_batch(bars, [ema(5)]))


@pytest.mark.parametrize("features", [None, 5, np.zeros(3), xr.Dataset(), xr.DataArray([1.0])])
def test_what_is_no_dataset_of_features_is_refused(features, tmp_path):
    with pytest.raises(StoreError, match=r"cache_to_disk got|does not say"):
        FeatureStore(tmp_path / "s.zarr").cache_to_disk(features)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_warns_and_memory_goes_on(tmp_path, bars, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    store = FeatureStore(tmp_path / "s.zarr")
    monkeypatch.setattr(disk_module, "exclusive", refuse)  # as root, no folder is read-only
    with pytest.warns(StoreWriteWarning, match="cannot be written .*Permission denied.*in memory: ask for the right"):
        features = store.compute_batch(bars, [ema(5)])
    with pytest.warns(StoreWriteWarning):
        assert store.persist(bars) == 0
    with pytest.raises(StoreError, match=r"cannot be written to .*Permission denied.*ask for the right to write there"):
        store.cache_to_disk(features)
    assert store.array(bars, ema(5)).shape == (50,)
    assert store.counters.computed == 1


@pytest.mark.parametrize(("n_bars", "top"), [(500_000, 300), (50, 9_000)])
def test_more_features_than_memory_could_hold_are_refused_first(n_bars, top):
    bars = simulate(bars=n_bars, freq="1min", seed=0)
    store = FeatureStore()
    with pytest.raises(StoreError, match="ask for fewer values at a time"):
        store.compute_batch(bars, [ema(range(2, min(top, 2000)), of=rsi(range(2, top)))])
    assert store.counters.computed == 0


@pytest.mark.parametrize("path", [3, 2.5, ["a"]])
def test_a_path_of_another_kind_is_refused(path):
    with pytest.raises(StoreError, match=r"the path of a FeatureStore is .*, but must be that of a folder"):
        FeatureStore(path)


@pytest.mark.parametrize("node", [ema(51), ema(5, of=ema(51)), ema(51) - ema(3)])
def test_a_warmup_as_long_as_the_history_is_refused_before_anything_is_computed(bars, node):
    store = FeatureStore()
    for ask in (store.array, store.compute_batch):
        with pytest.raises(IndicatorError, match=r"ema\(51\) has a warm-up of 50 bars, .* has 50 of 1D, .*51 bars"):
            ask(bars, node)
    assert store.counters.computed == 0
    with pytest.raises(IndicatorError, match=r"ema\(5000\)"):
        store.compute_batch(bars, ema([5, 5000]))
    assert np.isfinite(store.array(bars, ema(50))[-1])
    assert store.array(bars, ema(30, of=ema(30))).shape == (50,)  # each by itself


@pytest.mark.parametrize("disk", ["lots", "", 0, -1, True, 2.5, "1 parsec"])
def test_a_limit_of_the_disk_that_is_none_is_refused(disk, tmp_path):
    with pytest.raises(StoreError, match=r"disk=.*write a positive count of bytes or a text such as"):
        FeatureStore(tmp_path / "s.zarr", disk=disk)
    assert list(tmp_path.iterdir()) == []


def test_a_limit_of_the_disk_without_a_disk_is_refused():
    with pytest.raises(StoreError, match=r"disk='1 GiB' limits a folder, and this store has none; give a path"):
        FeatureStore(disk="1 GiB")


@pytest.mark.parametrize("dtype", ["float16", "f4", "", None, float, np.float32, 64])
def test_a_dtype_that_is_not_kept_is_refused(dtype):
    with pytest.raises(StoreError, match=r"dtype is .*, but it is one of float64, float32"):
        FeatureStore(dtype=dtype)


@pytest.mark.parametrize("wrong", [None, 5, "bars", np.zeros(3), xr.Dataset(), xr.Dataset({"close": ("time", [1.0])})])
def test_what_are_no_bars_is_refused_by_all_that_take_bars(wrong, tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [ema(5)])
    asks = [store.append, store.matrix, lambda b: store.array(b, ema(5)), lambda b: store.compute_batch(b, [ema(5)])]
    asks.append(lambda b: store.load_features(b, "ema"))
    if wrong is not None:  # which means the bars last used
        asks += [lambda b: store.open("ema", b), lambda b: store.export_parquet(tmp_path / "f.parquet", b)]
    for ask in asks:
        with pytest.raises(MrtoolkitError):
            ask(wrong)
    assert [p.name for p in tmp_path.iterdir()] == ["s.zarr"]
    assert store.counters.computed == 1


def test_bars_that_go_on_from_nothing_are_refused_by_append(tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    with pytest.raises(StoreError, match="knows no shorter ones"):
        store.append(bars)
    assert list(tmp_path.iterdir()) == []
    store.compute_batch(bars, [ema(5)])
    with pytest.raises(StoreError, match=r"do not begin with bars of the store.*compute the features of these"):
        store.append(simulate(bars=80, seed=5))
    assert store.counters.extended == 0


@pytest.mark.parametrize("name", ["emma", "", "../evil", "ema(5)", "\0", "x" * 10_000, 5, None, ("ema",)])
def test_a_family_that_is_not_there_does_not_open(name, tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [ema(5)])
    for opened in (store, FeatureStore(tmp_path / "s.zarr")):
        with pytest.raises(StoreError, match="no family"):
            opened.open(name)
    in_memory = FeatureStore()
    with pytest.raises(StoreError, match="this store is empty"):
        in_memory.open(name)


def test_nothing_to_export_is_refused_and_leaves_no_file(tmp_path, bars):
    path = tmp_path / "f.parquet"
    store = FeatureStore()
    with pytest.raises(StoreError, match="of which bars"):
        store.export_parquet(path)
    with pytest.raises(StoreError, match="no features to export"):
        store.export_parquet(path, bars)
    store.compute_batch(bars, [ema(5)])
    with pytest.raises(StoreError, match="no features 'emma'.*did you mean 'ema'"):
        store.export_parquet(path, bars, "emma")
    with pytest.raises(StoreError, match="cannot be exported to"):
        store.export_parquet(tmp_path / "no" / "folder" / "f.parquet", bars)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [5, None, ["f.parquet"]])
def test_a_file_that_is_no_path_is_refused(path, tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [ema(5)])
    for ask in (lambda: store.export_parquet(path, bars), lambda: store.import_parquet(path)):
        with pytest.raises(StoreError, match="must be that of a file"):
            ask()


def test_what_is_no_file_of_features_is_not_imported(tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    (tmp_path / "text.parquet").write_text("time,close")
    bars.to_dataframe().to_parquet(tmp_path / "bars.parquet")
    for name in ("text.parquet", "bars.parquet", "missing.parquet", "."):
        with pytest.raises(StoreError):
            store.import_parquet(tmp_path / name)
    assert not (tmp_path / "s.zarr").exists()


def test_methods_of_the_disk_are_refused_without_one(tmp_path, bars):
    store = FeatureStore()
    store.compute_batch(bars, [ema(5)])
    store.export_parquet(tmp_path / "f.parquet", bars)
    for ask in (store.prune, store.verify, lambda: store.import_parquet(tmp_path / "f.parquet")):
        with pytest.raises(StoreError, match=r"memory alone.*open FeatureStore\('features\.zarr'\)"):
            ask()


@pytest.mark.parametrize("names", ["emma", ["ema", "emma"], [""], "../evil", [5], 5])
def test_prune_refuses_names_that_are_not_there_and_removes_nothing(names, tmp_path, bars):
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [ema(5)])
    for everything in (False, True):
        with pytest.raises(StoreError, match="no family of that name|prune got"):
            store.prune(names, everything=everything)
    assert FeatureStore(tmp_path / "s.zarr").load_features(bars, "ema").sizes["ema_lookback"] == 1


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("s3://bkt/x.zarr", "'s3://bkt/x.zarr' is an address, but a feature store lies on this machine; give a local"),
        (Path("s3://bkt/x.zarr"), "is an address"),
        ("file:///tmp/x.zarr", "is an address"),
        ("a\0b", "has a NUL character in it"),
        ("a" * 300, "is too long a name"),
        ("~nobody of that name/x", "cannot be the folder of a feature store"),
    ],
)
def test_a_path_that_is_no_local_folder_is_refused(path, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match=says):
        FeatureStore(path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_features_that_can_be_none_is_refused(tmp_path, monkeypatch, bars):
    monkeypatch.chdir(tmp_path)
    store = FeatureStore()
    store.array(bars, ema(5))
    for path in (".", tmp_path):
        with pytest.raises(StoreError, match=r"is a folder, but features go to one Parquet file; give .*\.parquet"):
            store.export_parquet(path, bars)
    for path in ("a\0b", "s3://bkt/x.parquet"):
        with pytest.raises(StoreError, match="give a local file"):
            store.export_parquet(path, bars)
    assert list(tmp_path.iterdir()) == []


def test_no_bars_are_refused_after_those_used_last_are_gone(tmp_path):
    store = FeatureStore(tmp_path / "s.zarr")
    store.array(simulate(bars=50, seed=1), ema(5))
    gc.collect()
    for ask in (store.append, store.persist, FeatureStore().persist, partial(store.peek, node=ema(5))):
        with pytest.raises(BarsError, match="NoneType"):
            ask(None)


@pytest.mark.parametrize("node", [None, "ema(5)", ema(5) + 1, ema])
def test_a_peek_at_what_is_no_indicator_is_refused(node, bars):
    with pytest.raises(StoreError, match=r"write mrt\.|as in mrt\.ema\(12\)"):
        FeatureStore().peek(bars, node)


@pytest.mark.parametrize(("asked", "call"), [(ema, "ema(12)"), (macd, "macd(12, 26, 9)"), ([rsi], "rsi(12)")])
def test_an_indicator_without_its_numbers_is_named_in_short(asked, call, bars):
    name = call.partition("(")[0]
    with pytest.raises(StoreError) as caught:
        FeatureStore().compute_batch(bars, asked)
    want = f"mrt.{name} is an indicator without its numbers, and a feature has them; write mrt.{call}."
    assert str(caught.value) == want


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.EACCES, "ask for the right to write there"),
        (errno.EROFS, "its file system is read-only"),
        (errno.ENOSPC, "free space"),
        (errno.EIO, "choose another folder"),
    ],
)
def test_what_to_do_is_what_helps_against_this_refusal(number, cure, tmp_path, bars, monkeypatch):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    features = FeatureStore().compute_batch(bars, [ema(5)])
    store = FeatureStore(tmp_path / "s.zarr")
    monkeypatch.setattr(disk_module, "exclusive", refuse)
    with pytest.raises(StoreError, match=cure) as caught:
        store.cache_to_disk(features)
    assert ("free space" in str(caught.value)) == (number == errno.ENOSPC)
    with pytest.warns(StoreWriteWarning, match=f"stay in memory: {cure}"):
        store.compute_batch(bars, [ema(7)])
