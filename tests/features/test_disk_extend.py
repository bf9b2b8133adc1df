"""Rows that grow are the rows that would have been written whole, and share what did not change."""

from __future__ import annotations

import os

import numpy as np
import pytest
import xarray as xr
from disk_makers import committed, inodes, make_axes, make_family, make_rows, plain
from feature_makers import files_below, flip_bit

from mrtoolkit.features import DamagedFeatureWarning
from mrtoolkit.features.disk import chunks as chunks_module
from mrtoolkit.features.disk import files as files_module
from mrtoolkit.features.disk.disk import Disk

OLD, NEW = "a" * 32, "b" * 32


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks_module, "TIME_CHUNK", 64)


def grown(tmp_path, n_old, n_new, *, n_assets=None, labels=(5, 7.5, 9), **family_changes):
    """A family of `n_old` bars and the same extended to `n_new`, with the whole rows."""
    family = make_family(**family_changes)
    new_axes = make_axes(n_new, n_assets=n_assets, data=NEW)
    whole = make_rows(new_axes, family, labels)
    disk = Disk(tmp_path / "s")
    old_axes = make_axes(n_old, n_assets=n_assets, data=OLD)
    disk.append(old_axes, family, {k: row[..., :n_old] for k, row in whole.items()}, 3.0)
    old = committed(disk, old_axes, family)
    tails = {k: row[..., n_old:] for k, row in whole.items()}
    assert disk.extend(old, new_axes, family, tails, 3.0) == len(whole)
    return disk, old, committed(disk, new_axes, family), new_axes, whole


CASES = [
    (40, 50),
    (40, 300),
    (64, 65),
    (64, 128),
    (100, 101),
    (100, 128),
    (128, 129),
    (150, 151),
    (150, 400),
    (192, 200),
]


@pytest.mark.parametrize(("n_old", "n_new"), CASES)
@pytest.mark.parametrize("n_assets", [None, 1, 11])
def test_a_grown_family_is_the_one_that_would_have_been_written_whole(tmp_path, n_old, n_new, n_assets):
    disk, _, commit, axes, whole = grown(tmp_path, n_old, n_new, n_assets=n_assets)
    fresh = Disk(tmp_path / "fresh")
    fresh.append(axes, commit.family, whole, 3.0)
    want = plain(committed(fresh, axes, commit.family))
    want.attrs["build"] = commit.build
    want.attrs["record_crc32c"] = plain(commit).attrs["record_crc32c"]
    xr.testing.assert_identical(plain(commit), want)
    for labels, row in whole.items():
        np.testing.assert_array_equal(disk.read(commit, commit.slots[labels]), row)
        assert disk.checksums(commit, 0, commit.slots[labels]) == fresh.checksums(
            committed(fresh, axes, commit.family), 0, commit.slots[labels]
        )


@pytest.mark.parametrize("changes", [{"dtype": "float32"}, {"outputs": ("upper", "lower")}])
def test_outputs_and_types_grow_alike(tmp_path, changes):
    disk, _, commit, _, whole = grown(tmp_path, 150, 333, n_assets=3, **changes)
    for labels, row in whole.items():
        got = disk.read(commit, commit.slots[labels])
        assert got.dtype == row.dtype
        np.testing.assert_array_equal(got, row)
        for output, variable in enumerate(commit.family.variables):
            np.testing.assert_array_equal(plain(commit)[variable].sel(lookback=labels[0]), row[output])


def test_a_grid_that_changes_with_the_number_of_bars_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks_module, "time_chunk", lambda n: min(n, 64 if n < 500 else 256))
    disk, old, commit, _, whole = grown(tmp_path, 400, 600)
    assert (old.grid.bars, commit.grid.bars) == (64, 256)
    for labels, row in whole.items():
        np.testing.assert_array_equal(disk.read(commit, commit.slots[labels]), row)


def test_whole_chunks_are_shared_and_the_last_is_not(tmp_path):
    disk, old, commit, _, _ = grown(tmp_path, 150, 400)
    before, after = inodes(old.path), inodes(commit.path)
    shared = {name for name, inode in after.items() if before.get(name) == inode}
    assert shared == {f"ema/c/{slot}/{k}" for slot in range(3) for k in range(2)} | {"time/c/0", "time/c/1"}
    chunk = 64 * 8 + 4
    assert disk.n_bytes() < sum(len(v) for v in files_below(disk.path).values()) - 8 * chunk + 1


def test_no_write_goes_through_a_shared_name(tmp_path):
    disk, old, commit, axes, whole = grown(tmp_path, 150, 400)
    before = files_below(old.path)
    repaired = whole[5,] + 1  # what a repair would never write: it would be seen
    disk.repair(axes, commit, (5,), repaired)
    disk.append(axes, commit.family, make_rows(axes, commit.family, [20, 21], seed=1), 3.0)
    assert files_below(old.path) == before
    np.testing.assert_array_equal(disk.read(commit, commit.slots[5,]), repaired)


def test_a_leftover_with_a_shared_name_is_not_written_into(tmp_path):
    disk, old, commit, axes, _ = grown(tmp_path, 150, 400)
    before = files_below(old.path)
    leftover = commit.path / "ema/c/3"  # as a killed `extend` leaves it
    leftover.mkdir()
    for k in range(2):
        os.link(old.path / f"ema/c/0/{k}", leftover / str(k))
    rows = make_rows(axes, commit.family, [20], seed=1)
    disk.append(axes, commit.family, rows, 3.0)
    assert files_below(old.path) == before
    np.testing.assert_array_equal(disk.read(committed(disk, axes, commit.family), 3), rows[20,])


def test_a_family_that_is_there_gets_the_rows_that_it_lacks(tmp_path):
    disk, old, commit, axes, whole = grown(tmp_path, 150, 400)
    more = make_rows(axes, old.family, [5, 30], seed=2)
    old_axes = make_axes(150, data=OLD)
    disk.append(old_axes, old.family, {(30,): more[30,][..., :150]}, 3.0)
    old = committed(disk, old_axes, old.family)
    assert disk.extend(old, axes, old.family, {k: v[..., 150:] for k, v in more.items()}, 3.0) == 1
    now = committed(disk, axes, old.family)
    assert list(now.slots) == [(5,), (7.5,), (9,), (30,)]
    np.testing.assert_array_equal(disk.read(now, 3), more[30,])
    np.testing.assert_array_equal(disk.read(now, 0), whole[5,])
    assert now.build == commit.build


@pytest.mark.parametrize("chunk", ["ema/c/1/2", "ema/c/1/0"])
def test_a_damaged_old_row_is_left_out_with_a_warning(tmp_path, chunk):
    family, axes = make_family(), make_axes(150, data=OLD)
    disk = Disk(tmp_path / "s")
    rows = make_rows(axes, family, [5, 7, 9])
    disk.append(axes, family, rows, 3.0)
    old = committed(disk, axes, family)
    if chunk.endswith("2"):
        flip_bit(old.path / chunk, 3, 3)  # the chunk that is read
    else:
        (old.path / chunk).unlink()  # one that would be linked
    longer = make_axes(160, data=NEW)
    with pytest.warns(DamagedFeatureWarning, match="not extended"):
        assert disk.extend(old, longer, family, {k: np.ones((1, 1, 10)) for k in rows}, 3.0) == 2
    commit = committed(disk, longer, family)
    assert list(commit.slots) == [(5,), (9,)]
    np.testing.assert_array_equal(disk.read(commit, 1)[..., :150], rows[9,])
    assert not (commit.path / "ema/c/2").exists()
    assert plain(commit).lookback.values.tolist() == [5, 9]


def test_a_file_system_without_links_gets_copies(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(files_module.os, "link", refuse)
    disk, old, commit, _, whole = grown(tmp_path, 150, 400)
    assert not set(inodes(old.path).values()) & set(inodes(commit.path).values())
    np.testing.assert_array_equal(disk.read(commit, 2), whole[9,])


def test_a_family_removed_meanwhile_is_not_extended(tmp_path):
    disk, old, _, _, whole = grown(tmp_path, 150, 400)
    disk.remove([old.path])
    longer = make_axes(400, data="c" * 32)
    assert disk.extend(old, longer, old.family, {k: v[..., 150:] for k, v in whole.items()}, 3.0) == 0
    assert disk.commits("c" * 32) == []


def test_an_extension_that_ends_in_the_middle_leaves_nothing_to_be_seen(tmp_path, monkeypatch):
    disk, old, _commit, _, whole = grown(tmp_path, 150, 200)
    before = files_below(old.path)
    tails = {k: np.zeros((1, 1, 100)) for k in whole}
    real = files_module.write_parts
    for limit in range(9):
        n_written = 0

        def write(file, parts, limit=limit):
            nonlocal n_written
            n_written += 1
            if n_written > limit:
                raise OSError(28, "No space left on device")
            real(file, parts)

        longer = make_axes(250, data=f"{limit:032d}")
        with monkeypatch.context() as patch:
            patch.setattr(files_module, "write_parts", write)
            with pytest.raises(OSError, match="No space"):
                disk.extend(old, longer, old.family, tails, 3.0)
        assert Disk(disk.path).commits(longer.fingerprint) == []
        assert not list(disk.path.rglob("*.partial"))
        assert disk.extend(old, longer, old.family, tails, 3.0) == 3
    assert files_below(old.path) == before


def test_families_of_the_same_bars_share_their_times(tmp_path):
    disk, old, _, _, _ = grown(tmp_path, 150, 400)
    axes, family = make_axes(150, data=OLD), make_family("sma")
    disk.append(axes, family, make_rows(axes, family, [5]), 1.0)
    other = committed(disk, axes, family)
    before, after = inodes(old.path), inodes(other.path)
    assert [before[f"time/c/{k}"] == after[f"time/c/{k}"] for k in range(2)] == [True, True]
    np.testing.assert_array_equal(plain(other).time, axes.time)


@pytest.mark.parametrize("how", ["flipped", "missing", "moved"])
def test_times_that_are_not_right_are_not_shared(tmp_path, how):
    disk, old, _, _, whole = grown(tmp_path, 150, 400)
    chunk = old.path / "time/c/0"
    data = chunk.read_bytes()
    chunk.unlink()
    if how == "flipped":
        chunk.write_bytes(data)
        flip_bit(chunk, 20, 1)
    elif how == "moved":
        chunks_module.write_chunk(str(chunk), np.arange(64), (64,), "int64", known=False)
    longer = make_axes(400, data="c" * 32)
    assert disk.extend(old, longer, old.family, {k: v[..., 150:] for k, v in whole.items()}, 3.0) == 3
    grown_again = committed(disk, longer, old.family)
    axes, family = make_axes(150, data=OLD), make_family("sma")
    disk.append(axes, family, make_rows(axes, family, [5]), 1.0)
    np.testing.assert_array_equal(plain(grown_again).time, longer.time)
    np.testing.assert_array_equal(plain(committed(disk, axes, family)).time, axes.time)
