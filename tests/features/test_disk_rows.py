"""Rows are read byte by byte into the result, in part or whole, and checked whatever is asked of them."""

from __future__ import annotations

import itertools

import google_crc32c
import numpy as np
import pytest
from disk_makers import committed, make_axes, make_family, make_rows, plain
from feature_makers import flip_bit
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.features.disk import chunks as chunks_module
from mrtoolkit.features.disk import files as files_module
from mrtoolkit.features.disk import rows as rows_module
from mrtoolkit.features.disk.chunks import DamagedChunkError
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.disk.rows import row_checksums


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks_module, "TIME_CHUNK", 64)


def stored(tmp_path, n_bars, n_assets=None, **changes):
    family, axes, disk = make_family(**changes), make_axes(n_bars, n_assets=n_assets), Disk(tmp_path / "s")
    rows = make_rows(axes, family, [5, 9])
    disk.append(axes, family, rows, 1.0)
    return disk, committed(disk, axes, family), rows


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_assets", [None, 1, 7, 11, 40])
@pytest.mark.parametrize("n_bars", [1, 40, 64, 65, 300])
def test_what_is_read_is_what_was_written_and_what_plain_zarr_reads(tmp_path, n_bars, n_assets, dtype):
    disk, commit, rows = stored(tmp_path, n_bars, n_assets, dtype=dtype)
    for labels, row in rows.items():
        got = disk.read(commit, commit.slots[labels])
        assert got.dtype == dtype
        assert not got.flags.writeable
        np.testing.assert_array_equal(got, row)
        seen = plain(commit)["ema"].sel(lookback=labels[0]).values
        np.testing.assert_array_equal(seen, row[0, 0] if n_assets is None else row[0])
        assert seen.dtype == dtype


@given(bounds=st.tuples(st.integers(0, 300), st.integers(0, 300)), output=st.integers(0, 1))
@pytest.mark.parametrize("n_assets", [None, 3, 11])
@pytest.mark.parametrize("max_buffers", [256, 1])
def test_any_part_is_the_slice_of_the_whole(tmp_path_factory, bounds, output, n_assets, max_buffers):
    start, stop = sorted(bounds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "_MAX_BUFFERS", max_buffers)
        disk, commit, rows = stored(
            tmp_path_factory.mktemp("part"), 300, n_assets, outputs=("upper", "lower"), dtype="float32"
        )
        got = disk.read_part(commit, output, 1, start, stop)
    assert got.dtype == "float32"
    np.testing.assert_array_equal(got, rows[9,][output, :, start:stop])


def test_a_part_reads_the_chunks_that_it_needs_and_no_others(tmp_path, monkeypatch):
    disk, commit, _rows = stored(tmp_path, 300)
    opened = []
    real = chunks_module.read_into
    monkeypatch.setattr(chunks_module, "read_into", lambda path, buffers: opened.append(path) or real(path, buffers))
    disk.read_part(commit, 0, 1, 130, 192)
    assert [path.rpartition("/c/")[2] for path in opened] == ["1/2"]
    disk.read_part(commit, 0, 1, 0, 0)
    assert len(opened) == 1


@pytest.mark.parametrize("byte", [0, 200, 515])
def test_a_part_is_not_given_out_when_another_part_of_its_chunk_is_damaged(tmp_path, byte):
    disk, commit, _ = stored(tmp_path, 300)
    flip_bit(commit.path / "ema/c/1/2", byte, 2)
    with pytest.raises(DamagedChunkError, match="its chunk ema/c/1/2 fails its checksum"):
        disk.read_part(commit, 0, 1, 150, 160)
    disk.read_part(commit, 0, 1, 0, 128)


@pytest.mark.parametrize("n_bytes", [0, 3, 515, 517, 600])
def test_a_chunk_of_another_size_is_damage(tmp_path, n_bytes):
    disk, commit, _ = stored(tmp_path, 300)
    chunk = commit.path / "ema/c/0/1"
    chunk.write_bytes((chunk.read_bytes() * 2)[:n_bytes])
    with pytest.raises(DamagedChunkError, match="bytes, not 516"):
        disk.read(commit, 0)
    with pytest.raises(DamagedChunkError, match="bytes, not 516"):
        disk.checksums(commit, 0, 0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_assets", [None, 3, 11])
@pytest.mark.parametrize("n_bars", [40, 64, 300])
def test_checksums_are_known_before_a_row_is_written(tmp_path, n_bars, n_assets, dtype):
    disk, commit, rows = stored(tmp_path, n_bars, n_assets, dtype=dtype)
    got = disk.checksums(commit, 0, 1)
    assert got == row_checksums(rows[9,][0], n_assets is not None, dtype)
    files = sorted((commit.path / "ema/c/1").rglob("*"), key=lambda p: [int(x) for x in p.parts[-2:] if x.isdigit()])
    contents = [p.read_bytes() for p in files if p.is_file()]
    assert got == b"".join(c[-4:] for c in contents)
    assert got == b"".join(google_crc32c.value(c[:-4]).to_bytes(4, "little") for c in contents)
    other = rows[9,][0].copy()
    other[-1, -1] += 1
    assert row_checksums(other, n_assets is not None, dtype) != got


def test_it_works_without_the_calls_that_windows_lacks(tmp_path, monkeypatch):
    monkeypatch.setattr(files_module, "_preadv", None)
    monkeypatch.setattr(files_module, "_writev", None)
    disk, commit, rows = stored(tmp_path, 300, 11)
    np.testing.assert_array_equal(disk.read(commit, 1), rows[9,])
    np.testing.assert_array_equal(disk.read_part(commit, 0, 1, 70, 80), rows[9,][0, :, 70:80])
    np.testing.assert_array_equal(plain(commit)["ema"][1], rows[9,][0])


def test_a_disk_that_takes_half_a_write_at_a_time_gets_all_of_it(tmp_path, monkeypatch):
    real = files_module.os.write
    monkeypatch.setattr(files_module, "_writev", lambda file, parts: real(file, bytes(parts[0])[:100]))
    disk, commit, rows = stored(tmp_path, 300)
    np.testing.assert_array_equal(disk.read(commit, 1), rows[9,])


def test_new_rows_are_written_under_their_own_name_and_leftovers_are_not_written_into(tmp_path, monkeypatch):
    disk, commit, _ = stored(tmp_path, 300)
    leftover = commit.path / "ema/c/2/0"
    leftover.parent.mkdir()
    leftover.write_bytes(b"from a writer that was killed" * 100)
    kept = tmp_path / "another name"
    kept.hardlink_to(leftover)
    renamed = []
    real = files_module.os.replace
    monkeypatch.setattr(files_module.os, "replace", lambda a, b: renamed.append(b) or real(a, b))
    axes = make_axes(300)
    rows = make_rows(axes, commit.family, [30], seed=4)
    disk.append(axes, commit.family, rows, 1.0)
    np.testing.assert_array_equal(disk.read(committed(disk, axes, commit.family), 2), rows[30,])
    assert kept.read_bytes().startswith(b"from a writer")
    assert not [path for path in renamed if "/ema/c/" in path]


def test_two_commits_within_a_tick_of_the_clock_look_different(tmp_path, monkeypatch):
    ticks = itertools.count(1_700_000_000_000_000_001)
    monkeypatch.setattr(files_module.time, "time_ns", lambda: next(ticks))  # finer than any file system's own clock
    family, axes = make_family(), make_axes(10)
    one, two = Disk(tmp_path / "s"), Disk(tmp_path / "s")
    for k in range(40):
        (one, two)[k % 2].append(axes, family, make_rows(axes, family, [k]), 1.0)
        assert committed(two, axes, family).signature[1] == 1_700_000_000_000_000_001 + k
    assert list(committed(one, axes, family).slots) == [(k,) for k in range(40)]
