"""What was not computed here as it stands never enters a store: not by a Dataset, a Parquet file or a forged folder."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr
from feature_makers import files_below, make_bars
from pyarrow import parquet as pq

import mrtoolkit as mrt
from mrtoolkit.errors import StoreError
from mrtoolkit.features import DamagedFeatureWarning, FeatureStore
from mrtoolkit.features.labelled import parquet as parquet_module
from mrtoolkit.features.labelled import provenance as provenance_module


@pytest.fixture(autouse=True)
def always_read(monkeypatch):
    """On bars this few, computing is cheaper than reading."""
    monkeypatch.setattr("mrtoolkit.features.costs._MARGIN", np.inf)


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


def poison(features: xr.Dataset, row: int = 0) -> xr.Dataset:
    """One value of `ema` is the next number that there is."""
    changed = features.copy(deep=True)
    values = changed["ema"].values.copy()
    values[row, 100] = np.nextafter(values[row, 100], values.dtype.type(np.inf))
    return changed.assign(ema=changed["ema"].copy(data=values))


def lazily(tmp_path, bars, dtype) -> xr.Dataset:
    """A Dataset that is read from another store when it is looked at."""
    source = FeatureStore(tmp_path / "source.zarr", memory=1_000, dtype=dtype)
    features = source.compute_batch(bars, [mrt.ema([5, 7])])
    assert not features.ema._in_memory
    return features


@pytest.mark.parametrize("is_lazy", [False, True])
def test_one_bit_of_a_value_is_enough(tmp_path, dtype, is_lazy):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr", dtype=dtype)
    features = FeatureStore(dtype=dtype).compute_batch(bars, [mrt.ema([5, 7])])
    features = lazily(tmp_path, bars, dtype) if is_lazy else features
    for row in (0, 1):
        with pytest.raises(StoreError, match="not as it was computed"):
            store.cache_to_disk(poison(features, row))
    assert not (tmp_path / "s.zarr").exists()
    assert store.cache_to_disk(features) == 2
    assert np.isfinite(FeatureStore(tmp_path / "s.zarr", dtype=dtype).array(bars, mrt.ema(5))[-1])


def test_without_the_look_at_digests_the_poison_gets_in(tmp_path, monkeypatch):
    """The control: the refusals here are those of the digests, and the values would be believed."""
    bars = make_bars()
    features = FeatureStore().compute_batch(bars, [mrt.ema([5, 7])])
    monkeypatch.setattr(provenance_module, "row_digest", lambda axes, pattern, labels, sums: next(digests))
    digests = iter(json.loads(features.ema.attrs["provenance"])["digests"].values())
    store = FeatureStore(tmp_path / "s.zarr")
    assert store.cache_to_disk(poison(features)) == 2
    got = FeatureStore(tmp_path / "s.zarr").array(bars, mrt.ema(5))
    assert not np.array_equal(got, features.ema[0])


def changes_of(features: xr.Dataset):
    about = json.loads(features.ema.attrs["provenance"])

    def saying(**words):
        changed = features.copy()
        changed["ema"] = changed.ema.assign_attrs(provenance=json.dumps({**about, **words}))
        return changed

    family = about["family"]
    return {
        "values of another label": features.assign(ema=features.ema.copy(data=features.ema.values[::-1])),
        "labels moved": features.assign_coords(ema_lookback=[5, 8]),
        "another label with the digest of the first": saying(
            digests={"[5.0]": about["digests"]["[7.0]"], "[7.0]": about["digests"]["[5.0]"]}
        ),
        "no digests": saying(digests={}),
        "digests that are texts": saying(digests={"[5.0]": "x"}),
        "digests that are NaN": saying(digests={"[5.0]": float("nan")}),
        "other bars": features.assign_attrs(fingerprint="0" * 32),
        "a folder elsewhere": features.assign_attrs(fingerprint="../../../../../../tmp/elsewhere-of-here"[:32]),
        "times moved": features.assign_coords(time=features.time.values + np.timedelta64(1, "ns")),
        "fewer bars": features.isel(time=slice(0, 200)),
        "bars backwards": features.isel(time=slice(None, None, -1)),
        "another expression": features.assign(ema=features.ema.assign_attrs(long_name="sma(P.lookback)")),
        "halves": features.assign(ema=features.ema.astype("f2").assign_attrs(features.ema.attrs)),
        "integers": features.assign(ema=features.ema.fillna(0).astype("i8").assign_attrs(features.ema.attrs)),
        "a family that is another": saying(family={**family, "family": "sma", "pattern": "sma(P.lookback)"}),
        "a family that climbs": saying(family={**family, "family": "../../evil"}),
        "code of tomorrow": saying(family={**family, "code": [["ema", 99, "0" * 16]]}),
        "parameters that climb": saying(family={**family, "parameters": ["../../evil"]}),
        "a dtype that is another": saying(family={**family, "dtype": "float32"}),
    }


@pytest.mark.parametrize("change", list(changes_of(FeatureStore().compute_batch(make_bars(250), [mrt.ema([5, 7])]))))
def test_what_a_dataset_says_of_itself_is_not_believed(tmp_path, change):
    bars = make_bars(250)
    features = changes_of(FeatureStore().compute_batch(bars, [mrt.ema([5, 7])]))[change]
    store = FeatureStore(tmp_path / "s.zarr")
    with pytest.raises(StoreError):
        store.cache_to_disk(features)
    assert list(tmp_path.iterdir()) == []


def test_features_of_another_store_and_of_more_bars_come_in_as_they_are(tmp_path, dtype):
    bars = make_bars()
    features = lazily(tmp_path, bars, dtype)
    store = FeatureStore(tmp_path / "s.zarr")  # of either dtype: a family says which it is of
    assert store.cache_to_disk(features) == 2
    same = FeatureStore(tmp_path / "s.zarr", dtype=dtype)
    np.testing.assert_array_equal(same.array(bars, mrt.ema(5)), features.ema[0].values.astype("f8"))
    assert same.counters.computed == 0
    longer = make_bars(301)
    assert same.peek(longer, mrt.ema(5)) is None


def exported(tmp_path, bars, dtype):
    store = FeatureStore(dtype=dtype)
    store.compute_batch(bars, [mrt.ema([5, 7]), mrt.rsi(9)])
    store.export_parquet(tmp_path / "f.parquet", bars)
    return tmp_path / "f.parquet"


def by_pandas(path, change):
    frame = pd.read_parquet(path)
    change(frame)
    table = pq.read_table(path)
    for name in ("ema(5)", "ema(7)"):
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(frame[name].to_numpy(), field.type, from_pandas=False))
    pq.write_table(table, path)


def raise_one(frame):
    frame.loc[frame.index[100], "ema(5)"] += 1e-3


def swap(frame):
    frame[["ema(5)", "ema(7)"]] = frame[["ema(7)", "ema(5)"]].to_numpy()


def shift(frame):
    frame["ema(5)"] = frame["ema(5)"].shift(-1)


@pytest.mark.parametrize("change", [raise_one, swap, shift])
def test_a_parquet_file_edited_by_pandas_is_refused_and_what_is_there_stays(tmp_path, dtype, change):
    bars = make_bars()
    path = exported(tmp_path, bars, dtype)
    store = FeatureStore(tmp_path / "s.zarr", dtype=dtype)
    store.compute_batch(bars, [mrt.rsi(9)])
    by_pandas(path, change)
    with pytest.raises(StoreError, match="not as it was exported"):
        store.import_parquet(path)
    fresh = FeatureStore(dtype=dtype)
    reader = FeatureStore(tmp_path / "s.zarr", dtype=dtype, persist="never")
    for node in (mrt.ema(5), mrt.ema(7), mrt.rsi(9)):
        np.testing.assert_array_equal(reader.array(bars, node), fresh.array(bars, node))


def test_a_parquet_file_written_anew_by_polars_is_refused(tmp_path, dtype):
    bars = make_bars()
    path = exported(tmp_path, bars, dtype)
    pl.read_parquet(path).with_columns(pl.col("ema(5)") * 1.0).write_parquet(path)
    with pytest.raises(StoreError):
        FeatureStore(tmp_path / "s.zarr", dtype=dtype).import_parquet(path)
    assert not (tmp_path / "s.zarr").exists()


def test_without_the_look_at_digests_an_edited_file_gets_in(tmp_path, monkeypatch):
    bars = make_bars()
    path = exported(tmp_path, bars, "float64")
    by_pandas(path, raise_one)

    class Anything(int):
        def __eq__(self, other):
            return True

        def __ne__(self, other):
            return False

        __hash__ = int.__hash__

    monkeypatch.setattr(parquet_module, "row_digest", lambda *_: Anything(0))
    FeatureStore(tmp_path / "s.zarr").import_parquet(path)
    got = FeatureStore(tmp_path / "s.zarr").array(bars, mrt.ema(5))
    assert not np.array_equal(got, FeatureStore().array(bars, mrt.ema(5)))


def forged_copy(store, family, others):
    """The features of other bars under the name of these."""
    shutil.copytree(family, store.path / mrt.data.fingerprint(others) / family.name)


def forged_data(store, family, others):
    shutil.copytree(family.parent, store.path / mrt.data.fingerprint(others))


@pytest.mark.parametrize("forge", [forged_copy, forged_data])
def test_a_family_under_the_name_of_other_bars_is_told_of_and_not_used(tmp_path, forge):
    bars, others = make_bars(), make_bars(seed=1)
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [mrt.ema([5, 7])])
    (family,) = store.path.glob("*/ema@*")
    forge(store, family, others)
    reader = FeatureStore(tmp_path / "s.zarr")
    with pytest.warns(DamagedFeatureWarning, match="another folder"):
        got = reader.array(others, mrt.ema(5))
    np.testing.assert_array_equal(got, FeatureStore().array(others, mrt.ema(5)))
    assert not FeatureStore(tmp_path / "s.zarr").verify()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedFeatureWarning)
        assert FeatureStore(tmp_path / "s.zarr").prune().removed
        assert FeatureStore(tmp_path / "s.zarr").verify()


def test_a_refusal_changes_no_byte_of_the_store(tmp_path):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [mrt.ema([5, 7])])
    before = files_below(store.path)
    features = FeatureStore().compute_batch(bars, [mrt.rsi(9), mrt.ema([5, 9])])
    with pytest.raises(StoreError):
        store.cache_to_disk(poison(features, 1))
    assert files_below(store.path) == before
