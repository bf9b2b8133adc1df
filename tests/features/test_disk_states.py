"""What features go on from when bars are appended is kept beside them, and damage to it loses no feature."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from disk_makers import committed, make_axes, make_family, make_rows, plain
from feature_makers import flip_bit

from mrtoolkit.features.disk.disk import Disk


def state_of(label, n_assets=1, size=2):
    return np.arange(n_assets * size, dtype=float).reshape(n_assets, size) + 100 * label


@pytest.mark.parametrize("n_assets", [None, 3])
def test_states_come_back_over_many_commits(tmp_path, n_assets):
    family, axes, disk = make_family(), make_axes(50, n_assets=n_assets), Disk(tmp_path / "s")
    n = n_assets or 1
    for first, last in [(0, 3), (3, 70), (70, 71), (71, 200)]:  # across the 64 of a chunk, one at a time too
        rows = make_rows(axes, family, range(first, last))
        disk.append(axes, family, rows, 1.0, states={k: state_of(k[0], n) for k in rows})
    for one in (disk, Disk(tmp_path / "s")):
        commit = committed(one, axes, family)
        assert commit.state_size == 2
        slots = [150, 3, 63, 64, 0, 199]
        got = one.read_states(commit, slots)
        np.testing.assert_array_equal(got, [state_of(k, n) for k in slots])
    assert plain(commit)["state"].dims == (
        ("lookback", "state") if n_assets is None else ("lookback", "asset", "state")
    )


def test_rows_without_a_state_have_nan(tmp_path):
    family, axes, disk = make_family(), make_axes(50), Disk(tmp_path / "s")
    disk.append(axes, family, make_rows(axes, family, range(70)), 1.0)
    assert disk.read_states(committed(disk, axes, family), [0]) is None
    assert "state" not in plain(committed(disk, axes, family))
    disk.append(axes, family, make_rows(axes, family, [70, 71]), 1.0, states={(71,): state_of(71)})
    disk.append(axes, family, make_rows(axes, family, [72]), 1.0)
    got = disk.read_states(committed(disk, axes, family), [0, 70, 71, 72])
    np.testing.assert_array_equal(got[2], state_of(71))
    assert np.isnan(got[[0, 1, 3]]).all()


def test_the_states_of_another_writer_are_those_of_the_first(tmp_path):
    family, axes, disk = make_family(), make_axes(50), Disk(tmp_path / "s")
    rows = make_rows(axes, family, [5])
    disk.append(axes, family, rows, 1.0, states={(5,): state_of(5)})
    assert Disk(tmp_path / "s").append(axes, family, rows, 1.0, states={(5,): state_of(6)}) == 0
    np.testing.assert_array_equal(disk.read_states(committed(disk, axes, family), [0]), [state_of(5)])


@pytest.mark.parametrize("how", ["flipped", "missing"])
def test_damaged_states_are_no_states_and_the_features_stay(tmp_path, how):
    family, axes, disk = make_family(), make_axes(50), Disk(tmp_path / "s")
    rows = make_rows(axes, family, range(70))
    disk.append(axes, family, rows, 1.0, states={k: state_of(k[0]) for k in rows})
    commit = committed(disk, axes, family)
    chunk = commit.path / "state/c/1/0"
    if how == "flipped":
        flip_bit(chunk, 9, 1)
    else:
        chunk.unlink()
    assert disk.read_states(commit, [3, 65]) is None
    np.testing.assert_array_equal(disk.read_states(commit, [3]), [state_of(3)])
    np.testing.assert_array_equal(disk.read(commit, 65), rows[65,])
    disk.append(axes, family, make_rows(axes, family, [80]), 1.0, states={(80,): state_of(80)})
    got = disk.read_states(committed(disk, axes, family), [65, 70])
    assert np.isnan(got[0]).all()
    np.testing.assert_array_equal(got[1], state_of(80))


def test_an_old_reader_keeps_its_states(tmp_path):
    family, axes, disk = make_family(), make_axes(50), Disk(tmp_path / "s")
    disk.append(axes, family, make_rows(axes, family, [1, 2]), 1.0, states={(1,): state_of(1), (2,): state_of(2)})
    commit = committed(disk, axes, family)
    before = disk.read_states(commit, [0, 1])
    Disk(tmp_path / "s").append(axes, family, make_rows(axes, family, [3]), 1.0, states={(3,): state_of(3)})
    np.testing.assert_array_equal(disk.read_states(commit, [0, 1]), before)


def test_states_say_that_they_are_no_feature(tmp_path):
    family, axes, disk = make_family(), make_axes(50), Disk(tmp_path / "s")
    disk.append(axes, family, make_rows(axes, family, [1]), 1.0, states={(1,): state_of(1)})
    with xr.open_zarr(committed(disk, axes, family).path, chunks=None) as opened:
        assert "not a feature" in opened["state"].attrs["long_name"]
        assert opened["state"].dtype == "float64"
