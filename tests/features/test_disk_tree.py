"""The store's own record, what data sets it has, and what goes when families are removed."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import xarray as xr
from disk_makers import committed, make_axes, make_family, make_rows

from mrtoolkit.errors import StoreError
from mrtoolkit.features.disk import disk as disk_module
from mrtoolkit.features.disk import tree as tree_module
from mrtoolkit.features.disk.chunks import DamagedChunkError
from mrtoolkit.features.disk.disk import Disk

ONE, TWO = "a" * 32, "b" * 32


def store_of(tmp_path, families=("ema", "rsi"), data=(ONE, TWO), n_assets=None):
    disk = Disk(tmp_path / "s")
    for k, fingerprint in enumerate(data):
        axes = make_axes(100 + k, data=fingerprint, n_assets=n_assets, source="a file", timeframe="1min")
        for name in families:
            family = make_family(name)
            disk.append(
                axes, family, make_rows(axes, family, [5, 9]), 1.0, states={(5,): np.ones((*axes.shape[:1], 2))}
            )
    disk.refresh_tree()
    return disk


@pytest.mark.parametrize("n_assets", [None, 3])
def test_a_tree_opens_in_plain_xarray_without_a_warning(tmp_path, n_assets):
    disk = store_of(tmp_path, n_assets=n_assets)
    code = f"""
import xarray as xr
tree = xr.open_datatree({str(disk.path)!r}, engine="zarr", chunks=None)
for data, n in ({ONE!r}, 100), ({TWO!r}, 101):
    for path, family in tree[data].children.items():
        name = path.partition("@")[0]
        assert family[name].sizes["time"] == n
        last = float(family[name].sel(lookback=9).values.ravel()[-1])
        print(name, last, family.attrs["family"], tree[data].attrs["n_bars"])
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    got = [line.split() for line in done.stdout.splitlines()]
    want = []
    for data, commit in disk.commits():
        value = disk.read(commit, 1)[0].ravel()[-1]
        want.append([commit.family.name, repr(float(value)), commit.family.name, str(commit.shape[-1])])
        assert data == commit.path.parent.name
    assert got == want


def test_the_tree_follows_what_is_written_and_removed(tmp_path):
    disk = store_of(tmp_path)
    axes = make_axes(100, data=ONE)
    disk.append(axes, make_family(), make_rows(axes, make_family(), [11]), 1.0)
    Disk(disk.path).refresh_tree()  # another process
    folder = committed(disk, axes, make_family()).path.name
    assert xr.open_datatree(disk.path, engine="zarr")[ONE][folder].ema.lookback.values.tolist() == [5, 9, 11]
    disk.remove([disk.path / ONE / folder])
    tree = xr.open_datatree(disk.path, engine="zarr")
    assert folder not in tree[ONE].children
    assert len(tree[TWO].children) == 2
    disk.remove([commit.path for _, commit in disk.commits(ONE)])
    assert set(xr.open_datatree(disk.path, engine="zarr").children) == {TWO}


def test_the_tree_forgets_a_family_before_its_files_go(tmp_path, monkeypatch):
    disk = store_of(tmp_path)
    _, doomed = disk.commits()[0]
    seen = []

    def look(hidden):
        seen.append((disk.path / "zarr.json").read_text())
        real(hidden)

    real = disk_module.delete
    monkeypatch.setattr(disk_module, "delete", look)
    disk.remove([doomed.path])
    assert len(seen) == 1
    assert f"{ONE}/{doomed.path.name}" not in seen[0]


def test_a_tree_of_too_many_families_is_left_out(tmp_path, monkeypatch):
    disk = store_of(tmp_path)
    assert b"consolidated_metadata" in (disk.path / "zarr.json").read_bytes()
    monkeypatch.setattr(tree_module, "MAX_FAMILIES", 3)
    disk.refresh_tree()
    assert b"consolidated_metadata" not in (disk.path / "zarr.json").read_bytes()
    assert len(Disk(disk.path).commits()) == 4


def test_a_tree_that_did_not_change_is_not_written(tmp_path):
    disk = store_of(tmp_path)
    before = (disk.path / "zarr.json").stat()
    disk.refresh_tree()
    assert (disk.path / "zarr.json").stat().st_ino == before.st_ino
    missing = Disk(tmp_path / "nothing here")
    missing.refresh_tree()
    assert not missing.path.exists()


def test_a_large_tree_is_still_known_as_a_store(tmp_path):
    disk = store_of(tmp_path, families=tuple(f"f{k}" for k in range(30)))
    assert (disk.path / "zarr.json").stat().st_size > 50_000
    Disk(disk.path)
    (disk.path / "zarr.json").write_text(
        '{"attributes": {"mrtoolkit": "feature store", "schema": 2}, "zarr_format": 3}'
    )
    with pytest.raises(StoreError, match="schema 2"):
        Disk(disk.path)


def test_the_data_sets_say_what_they_are(tmp_path):
    disk = store_of(tmp_path, n_assets=3)
    (disk.path / "not a data set").mkdir()
    one, two = Disk(disk.path).generations()
    assert (one.fingerprint, one.n_bars, one.n_assets) == (ONE, 100, 3)
    assert (two.fingerprint, two.n_bars) == (TWO, 101)
    assert one.attrs == {"source": "a file", "timeframe": "1min"}
    assert one.block_digests == ("cd" * 16,)
    assert (one.start, one.stop) == (np.datetime64("2020-01-01T00:00"), np.datetime64("2020-01-01T01:39"))


def test_the_bars_of_a_data_set_come_back_from_any_family_that_is_whole(tmp_path):
    disk = store_of(tmp_path, n_assets=3)
    want = make_axes(100, data=ONE, n_assets=3)
    first = disk.commits(ONE)[0][1]
    chunk = first.path / "time/c/0"
    data = bytearray(chunk.read_bytes())
    data[40] ^= 1
    chunk.unlink()
    chunk.write_bytes(bytes(data))
    got = Disk(disk.path).axes(ONE)
    np.testing.assert_array_equal(got.time, want.time)
    assert not got.time.flags.writeable
    assert (got.fingerprint, got.assets, got.block_digests) == (ONE, want.assets, want.block_digests)
    assert disk.axes("c" * 32) is None


def test_what_a_data_set_extends_is_added_to_its_record(tmp_path):
    disk = store_of(tmp_path, families=("ema",))
    family, longer = make_family(), make_axes(101, data=TWO, extends=ONE)
    old = committed(disk, make_axes(100, data=ONE), family)
    disk.append(make_axes(100, data=ONE), family, make_rows(make_axes(100), family, [20]), 1.0)
    old = committed(disk, make_axes(100, data=ONE), family)
    disk.extend(old, longer, family, {(20,): np.ones((1, 1, 1))}, 1.0)
    (_, two) = disk.generations()
    assert two.attrs == {"source": "a file", "timeframe": "1min", "extends": ONE}


def test_removing_frees_the_bytes_that_it_says(tmp_path):
    disk = store_of(tmp_path)
    before = disk.n_bytes()
    folders = [commit.path for _, commit in disk.commits(ONE)]
    freed = disk.remove(folders[:1])
    assert (disk.path / ONE).exists()
    freed += disk.remove([folders[1], disk.path / ONE / "none@1"])
    assert not (disk.path / ONE).exists()
    assert [data for data, _ in disk.commits()] == [TWO, TWO]
    root_and_generation = 20_000  # the records above families got shorter too
    assert 0 <= before - disk.n_bytes() - freed < root_and_generation
    assert disk.remove([]) == 0


def test_shared_chunks_are_freed_with_their_last_name(tmp_path):
    disk, family = Disk(tmp_path / "s"), make_family()
    axes, longer = make_axes(140_000, data=ONE), make_axes(140_010, data=TWO)
    disk.append(axes, family, make_rows(axes, family, [5]), 1.0)
    old = committed(disk, axes, family)
    disk.extend(old, longer, family, {(5,): np.ones((1, 1, 10))}, 1.0)
    chunk = 65_536 * 8
    assert chunk * 2 < disk.remove([old.path]) < chunk * 2 + 50_000  # the last chunk of `ema` and of `time`
    new = committed(disk, longer, family)
    disk.read(new, 0)
    assert disk.remove([new.path]) > chunk * 6


@pytest.mark.parametrize("where", ["..", "aaa", "x/y/z@1", "x/zarr.json"])
def test_only_families_are_removed(tmp_path, where):
    disk = store_of(tmp_path)
    with pytest.raises(StoreError, match="not the folder of a family"):
        disk.remove([disk.path / where])
    assert len(disk.commits()) == 4


def test_a_family_removed_and_made_anew_is_not_read_by_the_rows_of_the_old(tmp_path):
    disk = store_of(tmp_path, families=("ema",), data=(ONE,))
    axes, family = make_axes(100, data=ONE), make_family()
    old = committed(disk, axes, family)
    assert disk.is_current(old)
    other = Disk(disk.path)
    other.append(axes, family, make_rows(axes, family, [11]), 1.0)
    assert not disk.is_current(old)
    disk.read(old, 0)  # more rows are no other rows
    other.remove([old.path])
    for read in (lambda: disk.read(old, 0), lambda: disk.checksums(old, 0, 0), lambda: disk.read_part(old, 0, 0, 0, 5)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(DamagedChunkError):
                read()
    other.append(axes, family, make_rows(axes, family, [9, 5], seed=7), 1.0, states={(5,): np.ones((1, 2))})
    for read in (lambda: disk.read(old, 0), lambda: disk.checksums(old, 0, 0), lambda: disk.read_part(old, 0, 0, 0, 5)):
        with pytest.raises(DamagedChunkError, match="removed"):
            read()
    assert disk.read_states(old, [0]) is None


def test_what_killed_writers_left_is_swept_by_the_next(tmp_path):
    disk = store_of(tmp_path, families=("ema",), data=(ONE,))
    (disk.path / ONE / "rsi@1-abc.123.partial/ema").mkdir(parents=True)
    (disk.path / ONE / "zarr.json.partial").write_bytes(b"{")
    assert len(disk.commits()) == 1
    axes, family = make_axes(100, data=ONE), make_family()
    disk.append(axes, family, make_rows(axes, family, [11]), 1.0)
    assert not list(disk.path.rglob("*.partial"))
