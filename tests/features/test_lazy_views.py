"""Stored rows read lazily are what they are when read whole, at the cost of what is looked at, and never wrong."""

from __future__ import annotations

import shutil

import dask
import numpy as np
import pytest
import xarray as xr
from feature_makers import flip_bit, make_bars
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xarray.core import indexing

from mrtoolkit.errors import StoreError
from mrtoolkit.features.disk.chunks import time_chunk
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.disk.rows import row_checksums
from mrtoolkit.features.family import Axes, Family
from mrtoolkit.features.labelled.datasets import Column, family_dataset, features_dataset
from mrtoolkit.features.labelled.lazy import RowsArray, StoredRow
from mrtoolkit.features.labelled.matrix import feature_matrix
from mrtoolkit.features.labelled.opening import open_family
from mrtoolkit.features.labelled.provenance import Provenance, checked_rows, row_digest
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.indicators import ema, rsi

FINGERPRINT = "0123456789abcdef" * 2


def family_of_rows(parameters=("lookback",), outputs=(), dtype="float64", name="made"):
    arguments = ", ".join(f"P.{parameter}" for parameter in parameters)
    code = (("made", 1, "0" * 16),)
    return Family(
        name=name, pattern=f"{name}({arguments})", parameters=parameters, outputs=outputs, code=code, dtype=dtype
    )


def axes_of_length(n_bars, assets=None):
    time = np.datetime64("2020-01-01", "ns") + np.arange(n_bars) * np.timedelta64(1, "m")
    return Axes(fingerprint=FINGERPRINT, time=time, assets=assets)


def write(path, axes, family, labels, seed=0):
    """Write random rows and return the disk and the values by labels, (output, asset, time)."""
    rng = np.random.default_rng(seed)
    shape = (max(1, len(family.outputs)), *axes.shape)
    rows = {row: rng.normal(size=shape).astype(family.dtype) for row in labels}
    disk = Disk(path)
    disk.append(axes, family, rows, 30.0)
    return disk, rows


def stored(disk, family, output=0):
    commit = disk.commit(FINGERPRINT, family)
    return {labels: StoredRow(disk, commit, output, slot) for labels, slot in commit.slots.items()}


def column_of(family, rows):
    return Column(
        name=family.name, expression=family.pattern, parameters=family.parameters, rows=rows, family=family, units="x"
    )


@pytest.fixture
def reads(monkeypatch):
    """What was read: (slot, start, stop) of each look at a part of a row."""
    seen = []
    plain = Disk.read_part

    def spy(self, commit, output, slot, start, stop):
        seen.append((slot, start, stop))
        return plain(self, commit, output, slot, start, stop)

    monkeypatch.setattr(Disk, "read_part", spy)
    return seen


def keys(length):
    whole = st.slices(length)
    one = st.integers(-length, length - 1)
    several = st.lists(st.integers(-length, length - 1), max_size=6).map(lambda k: np.array(k, dtype=np.int64))
    return st.one_of(whole, one, several)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """One store for many looks: two dimensions of labels, two assets, several chunks of time."""
    axes = axes_of_length(2 * time_chunk(400_000) + 1_000, assets=("A", "B"))
    family = family_of_rows(("fast", "slow"))
    labels = [(fast, slow) for slow in (20, 30, 40) for fast in (5, 2)]
    disk, rows = write(tmp_path_factory.mktemp("kept") / "s.zarr", axes, family, labels)
    columns = [column_of(family, stored(disk, family))], [column_of(family, {k: v[0] for k, v in rows.items()})]
    return tuple(features_dataset(axes, c) for c in columns)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_selection_of_a_lazy_variable_is_that_of_the_eager_one(kept, data):
    lazy, eager = kept
    selection = {dim: data.draw(keys(eager.sizes[dim]), label=dim) for dim in ("made_fast", "made_slow", "asset")}
    chunk = time_chunk(eager.sizes["time"])
    ends = [0, 1, chunk - 1, chunk, 2 * chunk, eager.sizes["time"] - 1]
    near = st.sampled_from([*ends, -1, -chunk])
    selection["time"] = data.draw(
        st.one_of(
            near,
            st.lists(near, max_size=4).map(lambda k: np.array(k, dtype=np.int64)),
            st.builds(slice, near, near, st.sampled_from([None, 7, -1, -11, chunk + 3])),
        ),
        label="time",
    )
    xr.testing.assert_identical(lazy.made.isel(selection), eager.made.isel(selection))


def test_lazy_and_eager_datasets_are_the_same_to_the_provenance(kept):
    lazy, eager = kept
    assert lazy.made.attrs == eager.made.attrs
    assert not isinstance(lazy.made.variable._data, np.ndarray)
    assert isinstance(eager.made.variable._data, np.ndarray)
    assert list(eager.made.dims) == ["made_fast", "made_slow", "time", "asset"]


def test_a_selection_reads_the_rows_and_stretches_that_it_needs(tmp_path, reads):
    n_bars = 3 * time_chunk(200_000) + 5
    axes, family = axes_of_length(n_bars), family_of_rows()
    disk, rows = write(tmp_path / "s.zarr", axes, family, [(30,), (10,), (20,)])
    made = features_dataset(axes, [column_of(family, stored(disk, family))]).made
    repr(made), made._repr_html_()
    made.sel(made_lookback=[10, 20]).isel(time=slice(5, 50)).transpose("time", "made_lookback")
    assert reads == []
    made.sel(made_lookback=10).isel(time=slice(100, 200)).load()
    assert reads == [(1, 100, 200)]
    reads.clear()
    last = made.sel(made_lookback=[30, 20]).isel(time=-1).values
    np.testing.assert_array_equal(last, [rows[(30,)][0, 0, -1], rows[(20,)][0, 0, -1]])
    assert reads == [(0, n_bars - 1, n_bars), (2, n_bars - 1, n_bars)]
    reads.clear()
    made.sel(made_lookback=30).isel(time=[3, 1, n_bars - 1]).load()  # far apart: not the chunks between
    assert reads == [(0, 1, 4), (0, n_bars - 1, n_bars)]
    reads.clear()
    step = 2 * time_chunk(200_000)
    made.sel(made_lookback=30)[::step].load()
    assert reads == [(0, 0, 1), (0, step, step + 1)]


def test_a_chunk_that_is_not_looked_at_may_be_damaged(tmp_path):
    axes, family = axes_of_length(2 * time_chunk(100_000)), family_of_rows()
    disk, rows = write(tmp_path / "s.zarr", axes, family, [(10,)])
    made = open_family(disk, "made", None).made.sel(lookback=10)
    (file,) = (tmp_path / "s.zarr").glob("*/made@*/made/c/0/1")
    flip_bit(file, 100, 3)
    chunk = time_chunk(axes.shape[1])
    np.testing.assert_array_equal(made[:chunk], rows[(10,)][0, 0, :chunk])
    with pytest.raises(StoreError, match=r"made\(10\).*made@1.*made/c/0/1 fails its checksum.*store\.array"):
        made.load()


def test_float32_stays_float32_and_a_mixture_is_float64(tmp_path):
    axes, single = axes_of_length(500), family_of_rows(dtype="float32")
    disk, rows = write(tmp_path / "s.zarr", axes, single, [(10,), (20,)])
    lazy = features_dataset(axes, [column_of(single, stored(disk, single))])
    eager = features_dataset(axes, [column_of(single, {k: v[0] for k, v in rows.items()})])
    assert lazy.made.dtype == eager.made.dtype == lazy.made.values.dtype == np.float32
    assert lazy.made.attrs == eager.made.attrs
    double = family_of_rows(name="other")
    column = column_of(double, {(3,): np.ones((1, 500))})
    matrix = feature_matrix(axes, [column_of(single, stored(disk, single)), column])
    one = matrix.sel(indicator="made", lookback=20)
    assert one.dtype == one.values.dtype == matrix.values.dtype == np.float64
    np.testing.assert_array_equal(one, rows[(20,)][0, 0])


def test_rows_in_memory_and_rows_on_disk_make_one_variable(tmp_path):
    axes, family = axes_of_length(400), family_of_rows()
    disk, rows = write(tmp_path / "s.zarr", axes, family, [(20,), (10,)])
    held = np.arange(400.0)[None]
    made = family_dataset(axes, [column_of(family, {**stored(disk, family), (15,): held})]).made
    assert made.lookback.values.tolist() == [10, 15, 20]
    backend = RowsArray([held], (1,), axes)  # xarray may count from the end, or not
    assert backend[indexing.OuterIndexer((0, np.array([-1, 3])))].tolist() == [399, 3]
    np.testing.assert_array_equal(made, [rows[(10,)][0, 0], held[0], rows[(20,)][0, 0]])


@pytest.mark.parametrize("assets", [None, ("A",), ("A", "B", "C")])
@pytest.mark.parametrize("n_bars", [10, time_chunk(100_000) + 1])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_digest_is_the_same_from_values_and_from_disk(tmp_path, assets, n_bars, dtype):
    axes, family = axes_of_length(n_bars, assets), family_of_rows(dtype=dtype)
    disk, rows = write(tmp_path / "s.zarr", axes, family, [(10,)])
    row = stored(disk, family)[(10,)]
    assert row.shape == axes.shape
    values = row_checksums(rows[(10,)][0], assets is not None, dtype)
    assert row.checksums() == values
    digest = row_digest(axes, family.pattern, (10,), values)
    assert digest == row_digest(axes, family.pattern, (10.0,), values)
    other = axes_of_length(n_bars, assets)
    later = Axes(fingerprint=FINGERPRINT, time=other.time + np.timedelta64(1, "s"), assets=assets)
    assert digest == row_digest(other, family.pattern, (10,), values)
    assert digest != row_digest(later, family.pattern, (10,), values)
    assert digest != row_digest(axes, family.pattern, (11,), values)
    assert digest != row_digest(axes, "made(P.length)", (10,), values)
    changed = rows[(10,)][0].copy()
    changed[-1, -1] = np.nextafter(changed[-1, -1], np.inf, dtype=changed.dtype)
    assert digest != row_digest(axes, family.pattern, (10,), row_checksums(changed, assets is not None, dtype))


def test_a_lazy_dataset_is_checked_row_by_row(tmp_path, reads):
    axes, family = axes_of_length(300, ("A", "B")), family_of_rows(("fast", "slow"))
    labels = [(2, 5), (2, 9), (3, 5), (3, 9)]
    disk, rows = write(tmp_path / "s.zarr", axes, family, labels)
    made = features_dataset(axes, [column_of(family, stored(disk, family))]).made
    found = checked_rows(axes, made, Provenance.of(made))
    assert [(start, stop) for _, start, stop in reads] == [(0, 300)] * 4
    assert set(found) == set(labels)
    for labels_of_row, values in found.items():
        np.testing.assert_array_equal(values, rows[labels_of_row][0])
    turned = made.transpose("asset", "made_slow", "time", "made_fast").load()
    np.testing.assert_array_equal(checked_rows(axes, turned, Provenance.of(turned))[(3, 5)], rows[(3, 5)][0])
    with pytest.raises(StoreError, match=r"'made' holds int64 .*needs floats"):
        checked_rows(axes, made.astype(int), Provenance.of(made))
    with pytest.raises(StoreError, match="'made' at made_fast=2, made_slow=5 is not as it was computed"):
        checked_rows(axes, made.astype("float32"), Provenance.of(made))


def test_features_of_a_family_that_grew_are_found(tmp_path):
    axes, family = axes_of_length(300), family_of_rows()
    disk, rows = write(tmp_path / "s.zarr", axes, family, [(20,), (10,)])
    made = open_family(disk, "made", None).made
    write(tmp_path / "s.zarr", axes, family, [(5,)], seed=1)
    np.testing.assert_array_equal(made, [rows[(10,)][0, 0], rows[(20,)][0, 0]])


def test_a_family_removed_and_computed_in_another_order_gives_no_wrong_row(tmp_path):
    axes, family = axes_of_length(300), family_of_rows()
    disk, _ = write(tmp_path / "s.zarr", axes, family, [(20,), (10,)])
    made = open_family(disk, "made", None).made
    shutil.rmtree(disk.commit(FINGERPRINT, family).path)
    _, again = write(tmp_path / "s.zarr", axes, family, [(10,), (30,)], seed=1)
    np.testing.assert_array_equal(made.sel(lookback=10), again[(10,)][0, 0])
    with pytest.raises(StoreError, match=r"made\(20\).*removed since.*compute it again"):
        made.sel(lookback=20).load()


def test_a_family_that_was_removed_is_named_with_what_to_do(tmp_path):
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(make_bars(), [ema([5, 11.5], of=rsi(14))])
    made = store["ema_of_rsi"].ema_of_rsi
    shutil.rmtree(next((tmp_path / "s.zarr").glob("*/ema_of_rsi@*")))
    with pytest.raises(StoreError, match=r"ema\(11\.5, of=rsi\(14\)\).*ema_of_rsi@.*removed since.*compute_batch"):
        made.sel(lookback=11.5, rsi_lookback=14).load()


def test_an_open_family_has_sorted_labels_and_plain_names(tmp_path):
    axes = axes_of_length(300, ("A", "B"))
    one, two, none = family_of_rows(), family_of_rows(("fast", "slow"), name="two"), family_of_rows((), name="none")
    pair = family_of_rows(outputs=("upper", "lower"), name="pair")
    disk, rows = write(tmp_path / "s.zarr", axes, one, [(20.5,), (10,)])
    _, of_two = write(tmp_path / "s.zarr", axes, two, [(5, 20), (2, 30)])
    _, of_none = write(tmp_path / "s.zarr", axes, none, [()])
    _, of_pair = write(tmp_path / "s.zarr", axes, pair, [(8,), (4,)])
    made = open_family(disk, "made", FINGERPRINT)
    assert made.made.dims == ("lookback", "time", "asset")
    assert made.lookback.values.tolist() == [10, 20.5]
    np.testing.assert_array_equal(made.made.sel(lookback=20.5, asset="B"), rows[(20.5,)][0, 1])
    scattered = open_family(disk, "two", None).two
    assert scattered.dims == ("point", "time", "asset")
    np.testing.assert_array_equal(scattered.sel(fast=5, slow=20).squeeze().T, of_two[(5, 20)][0])
    np.testing.assert_array_equal(open_family(disk, "none", None).none.T, of_none[()][0])
    both = open_family(disk, "pair", None)
    assert both.upper.attrs["long_name"] == "pair(P.lookback).upper"
    np.testing.assert_array_equal(both.lower.sel(lookback=4).T, of_pair[(4,)][1])
    assert both.attrs["fingerprint"] == FINGERPRINT


def test_a_family_whose_times_are_damaged_does_not_open(tmp_path):
    axes, family = axes_of_length(300), family_of_rows()
    disk, _ = write(tmp_path / "s.zarr", axes, family, [(10,)])
    flip_bit(next((tmp_path / "s.zarr").glob("*/made@*/time/c/0")), 17, 1)
    with pytest.raises(StoreError, match=r"'made' in .* cannot be opened .*time/c/0.*compute_batch"):
        open_family(disk, "made", None)


@pytest.mark.parametrize("chunks", [{}, "auto", {"time": 70_000}, {"lookback": 2}])
def test_dask_reads_the_same_values_chunk_by_chunk(tmp_path, chunks, reads):
    axes, family = axes_of_length(2 * time_chunk(100_000)), family_of_rows()
    disk, rows = write(tmp_path / "s.zarr", axes, family, [(20,), (10,), (30,)])
    made = open_family(disk, "made", None, chunks=chunks).made
    assert reads == []
    assert dask.is_dask_collection(made.data)
    expected = np.array([rows[(k,)][0, 0] for k in (10, 20, 30)])
    np.testing.assert_allclose(made.mean("time").values, expected.mean(axis=1), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(made.values, expected)
    if chunks == {}:
        assert made.chunks == ((1, 1, 1), (time_chunk(100_000),) * 2)
        reads.clear()
        made.sel(lookback=20)[-3:].compute()
        assert [slot for slot, _, _ in reads] == [0]


def test_two_lazy_variables_of_one_store_are_two_to_dask(tmp_path):
    axes, family = axes_of_length(300), family_of_rows(outputs=("upper", "lower"))
    disk, rows = write(tmp_path / "s.zarr", axes, family, [(20,), (10,)])
    both = open_family(disk, "made", None).chunk({"time": 100})
    np.testing.assert_array_equal((both.upper - both.lower).sel(lookback=10), rows[(10,)][0, 0] - rows[(10,)][1, 0])


def test_a_change_to_a_copy_stays_in_the_copy(tmp_path):
    axes, family = axes_of_length(300), family_of_rows()
    disk, rows = write(tmp_path / "s.zarr", axes, family, [(10,)])
    opened = open_family(disk, "made", None)
    copied = opened.copy(deep=True)
    copied["made"][0, 7] = -1.0
    assert copied.made.values[0, 7] == -1.0
    assert opened.made.values[0, 7] == rows[(10,)][0, 0, 7]
    values = opened.made.sel(lookback=10).values
    values[:] = 0  # a user's own array
    np.testing.assert_array_equal(open_family(disk, "made", None).made[0], rows[(10,)][0, 0])
