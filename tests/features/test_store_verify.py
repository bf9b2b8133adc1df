"""A check of a store reads every committed byte, and names what is not as it was written."""

from __future__ import annotations

import json
import shutil

import google_crc32c
import numpy as np
import pytest
from feature_makers import files_below, flip_bit
from store_folders import HOUR, make_axes, make_family, put

from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.stock.verify import verify


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "s.zarr")


def test_a_whole_store_is_true_and_counted(disk):
    put(disk, make_axes(), make_family())
    put(disk, make_axes(), make_family("sma", dtype="float32"), (3,))
    put(disk, make_axes("b", assets=("x", "y")), make_family(), (7, 8, 9))
    report = verify(disk)
    assert report
    assert (report.families, report.features) == (3, 6)
    assert report.n_bytes == 2 * 50 * 8 + 50 * 4 + 3 * 2 * 50 * 8
    assert report.damage == ()
    assert "3 families with 6 features" in repr(report)
    assert "all whole" in repr(report)
    assert "all whole" in report._repr_html_()


def test_a_store_of_nothing_is_whole(disk):
    assert verify(disk).families == 0
    assert verify(disk)


def test_every_bit_of_a_chunk_or_record_counts(disk):
    put(disk, make_axes(assets=("x", "y")), make_family())
    folder = put(disk, make_axes(assets=("x", "y")), make_family("sma"))
    files = [*(file for file in sorted(folder.rglob("c/**/*")) if file.is_file()), folder / "zarr.json"]
    assert len(files) == 6  # two features, labels, times, assets, the record
    for file in files:
        for byte in (0, file.stat().st_size // 2, file.stat().st_size - 1):
            flip_bit(file, byte, 3)
            report = verify(disk)
            flip_bit(file, byte, 3)
            assert not report, (file, byte)
            assert folder in {one.folder for one in report.damage}  # times are shared
    assert verify(disk)


@pytest.mark.parametrize("how", ["gone", "cut", "empty"])
def test_a_damaged_feature_is_named_with_its_file(disk, how):
    folder = put(disk, make_axes(), make_family())
    put(disk, make_axes(), make_family("sma"))
    file = folder / "ema" / "c" / "1" / "0"
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100] if how == "cut" else b"")
    (one,) = verify(disk).damage
    assert one.feature == "ema(P.lookback) at lookback=12"
    assert one.data == "a" * 32
    assert one.folder == folder
    assert "ema/c/1/0" in one.reason
    text = repr(verify(disk))
    assert "1 DAMAGED" in text
    assert "store.array(bars, ...)" in text
    assert "ema/c/1/0" in verify(disk)._repr_html_()


def test_labels_that_are_not_unique_are_damage(disk):
    folder = put(disk, make_axes(), make_family())
    _rewrite(folder / "lookback" / "c" / "0", np.array([5.0, 5.0]))
    (one,) = verify(disk).damage
    assert one.of_all
    assert "unique" in one.reason


@pytest.mark.parametrize("wrong", ["later", "backwards", "standing"])
def test_times_that_do_not_increase_or_differ_between_families_are_damage(disk, wrong):
    axes = make_axes()
    put(disk, axes, make_family())
    folder = put(disk, axes, make_family("sma"))
    times = {"later": axes.time + HOUR, "backwards": axes.time[::-1], "standing": np.repeat(axes.time[:1], 50)}[wrong]
    _rewrite(folder / "time" / "c" / "0", times.astype("i8"))
    (one,) = verify(disk).damage
    assert one.folder == folder
    assert one.reason == (
        "its times are not those of the other families of its data" if wrong == "later" else "its times do not increase"
    )
    assert "prune(names=['sma'], everything=True)" in repr(verify(disk))


def test_a_family_without_its_record_is_damage(disk):
    folder = put(disk, make_axes(), make_family())
    (folder / "zarr.json").unlink()
    (one,) = verify(disk).damage
    assert "record" in one.reason


@pytest.mark.parametrize("name", ["ema", "time", "lookback", "asset", "state"])
@pytest.mark.parametrize("how", ["garbage", "cut", "missing", "other", "longer"])
def test_metadata_of_an_array_that_are_not_those_of_the_record_are_damage(disk, name, how):
    axes, family = make_axes(assets=("x", "y")), make_family()
    disk.append(axes, family, {(5,): np.ones((1, 2, 50))}, 1.0, states={(5,): np.ones((2, 3))})
    file = disk.path / axes.fingerprint / family.folder / name / "zarr.json"
    document = json.loads(file.read_text())
    texts = {
        "garbage": "no",
        "cut": file.read_text()[:50],
        "other": json.dumps({**document, "fill_value": 7}),
        "longer": json.dumps({**document, "shape": [*document["shape"][:-1], document["shape"][-1] + 1]}),
    }
    file.unlink()
    if how != "missing":
        file.write_text(texts[how])
    if (how, name) == ("longer", "lookback"):  # as an interrupted write leaves it
        assert verify(disk)
        return
    (one,) = verify(disk).damage
    assert one.of_all
    assert one.reason.startswith(f"{name}/zarr.json is {'missing' if how == 'missing' else 'not as in its record'};")
    assert "readers without consolidated metadata cannot use it" in " ".join(one.reason.split())


def test_a_reason_is_told_whole_in_80_columns(disk):
    folder = put(disk, make_axes(), make_family("sma"))
    (folder / "time" / "zarr.json").unlink()
    text = verify(disk).to_text(80)
    table = text.splitlines()[1:-1]
    assert max(map(len, table)) <= 80
    words = " ".join(text.split())
    assert all(word in words for word in verify(disk).damage[0].reason.split())
    assert "..." not in text


def test_states_are_checked(disk):
    axes, family = make_axes(), make_family()
    rows = {(n,): np.ones((1, 1, 50)) for n in (5, 12)}
    disk.append(axes, family, rows, 1.0, states={labels: np.ones((1, 3)) for labels in rows})
    assert verify(disk)
    files = (disk.path / axes.fingerprint / family.folder / "state" / "c").rglob("*")
    (file,) = (file for file in files if file.is_file())
    flip_bit(file, 9, 1)
    (one,) = verify(disk).damage
    assert "states" in one.reason


def test_a_check_changes_nothing(disk):
    folder = put(disk, make_axes(), make_family())
    flip_bit(folder / "ema" / "c" / "0" / "0", 9, 1)
    before = files_below(disk.path)
    verify(disk)
    assert files_below(disk.path) == before


def test_leftovers_of_interrupted_writes_are_no_damage(disk):
    folder = put(disk, make_axes(), make_family())
    shutil.copytree(folder, folder.with_name(f"{folder.name}.abc.partial"))
    (folder.with_name(f"{folder.name}.abc.partial") / "zarr.json").unlink()
    assert verify(disk).families == 1
    assert verify(disk)


def test_a_family_that_is_removed_meanwhile_is_no_damage(disk, monkeypatch):
    folder = put(disk, make_axes(), make_family())
    read = Disk.read

    def remove_and_read(self, commit, slot):
        shutil.rmtree(folder, ignore_errors=True)
        return read(self, commit, slot)

    monkeypatch.setattr(Disk, "read", remove_and_read)
    report = verify(disk)
    assert report
    assert report.families == 0


def _rewrite(file, values):
    """Other values in a chunk, with a right checksum."""
    before = file.read_bytes()
    payload = values.tobytes() + before[values.nbytes : -4]
    file.unlink()
    file.write_bytes(payload + google_crc32c.value(payload).to_bytes(4, "little"))
    assert len(before) == file.stat().st_size
