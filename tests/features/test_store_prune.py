"""Pruning removes what is of no more use, says why, and touches nothing else."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from feature_makers import files_below, make_bars
from store_folders import bytes_on_disk, make_axes, make_family, put

from mrtoolkit.errors import StoreError
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.stock.prune import prune, prune_plan
from mrtoolkit.features.stock.prune_report import plan_text
from mrtoolkit.features.stock.room import make_room
from mrtoolkit.features.stock.verify import verify
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.indicators.trend import ema, sma

OLD = make_family(version=99, hash_="x")


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "s.zarr")


def folders(plan):
    return {one.folder for one in plan}


def test_features_of_old_code_go_and_those_of_today_s_code_stay(disk):
    today, old = put(disk, make_axes(), make_family()), put(disk, make_axes(), OLD)
    (one,) = prune_plan(disk)
    assert one.folder == old
    assert one.expression == "ema(P.lookback)"
    assert one.features == 2
    assert one.why == "old code (ema@99)"
    n_bytes = bytes_on_disk(old) - (old / "time/c/0").stat().st_size  # which both families have
    report = prune(disk, [one])
    assert not old.exists()
    assert today.exists()
    assert report.n_bytes == one.n_bytes == n_bytes
    assert verify(disk)
    assert prune_plan(disk) == ()


def test_code_of_the_same_version_and_another_source_is_old(disk):
    folder = put(disk, make_axes(), make_family(version=1, hash_="0123456789abcdef"))
    assert folders(prune_plan(disk)) == {folder}


def test_a_plan_touches_nothing(disk):
    put(disk, make_axes(), OLD)
    before = files_below(disk.path)
    assert prune_plan(disk)
    assert files_below(disk.path) == before


def test_of_an_indicator_that_is_not_registered_what_was_written_last_stays(disk):
    first, last, other = (put(disk, make_axes(), make_family("mine", version=v, hash_="x")) for v in (3, 2, 1))
    stamps = {first: 2, last: 3, other: 1}
    for folder, stamp in stamps.items():
        os.utime(folder / "zarr.json", (stamp, stamp))
    elsewhere = put(disk, make_axes("b"), make_family("mine", version=1, hash_="x"))
    single = put(disk, make_axes(), make_family("mine", version=3, hash_="x", dtype="float32"))
    assert folders(prune_plan(disk)) == {first, other}
    assert last.exists()
    assert elsewhere.exists()
    assert single.exists()


@pytest.mark.parametrize("n_bars", [50, 70_000])
def test_families_that_longer_data_has_too_go(disk, n_bars):
    blocks = ["one", "two"] if n_bars > 65_536 else ["two"]
    short = put(disk, make_axes("a", n_bars, blocks=blocks), make_family())
    alone = put(disk, make_axes("a", n_bars, blocks=blocks), make_family("sma"))
    put(disk, make_axes("b", n_bars + 10, blocks=[*blocks[:-1], "three"], extends="a" * 32), make_family())
    (one,) = prune_plan(disk)
    assert one.folder == short
    assert one.why == "extended by the bars bbbbbbbb"
    assert alone.exists()


def test_data_that_is_not_the_start_of_the_longer_data_stays(disk):
    put(disk, make_axes("a", 70_000, blocks=["one", "two"]), make_family())
    put(disk, make_axes("b", 70_010, blocks=["other", "three"], extends="a" * 32), make_family())
    put(disk, make_axes("c", 70_020, blocks=["one", "three"]), make_family())  # and does not say that it extends
    assert prune_plan(disk) == ()


def test_data_that_was_extended_twice_goes_at_once(disk):
    first = put(disk, make_axes("a", 50), make_family())
    second = put(disk, make_axes("b", 60, extends="a" * 32), make_family())
    third = put(disk, make_axes("c", 70, extends="b" * 32), make_family())
    assert folders(prune_plan(disk)) == {first, second}
    prune(disk, prune_plan(disk))
    assert [g.fingerprint for g in disk.generations()] == ["c" * 32]
    assert third.exists()


def test_names_and_everything_choose(disk):
    a, b = put(disk, make_axes(), make_family()), put(disk, make_axes(), make_family("sma"))
    old = put(disk, make_axes(), OLD)
    assert folders(prune_plan(disk, names=["sma"])) == set()
    assert folders(prune_plan(disk, names="ema")) == {old}
    assert folders(prune_plan(disk, names="sma", everything=True)) == {b}
    assert folders(prune_plan(disk, everything=True)) == {a, b, old}
    assert {one.why for one in prune_plan(disk, everything=True)} == {"asked for", "old code (ema@99)"}


def test_a_name_that_is_not_there_is_refused_with_the_nearest(disk):
    put(disk, make_axes(), make_family())
    with pytest.raises(StoreError, match=r"'emma'.*did you mean 'ema'.*it has ema;"):
        prune_plan(disk, names=["emma"])


def test_what_interrupted_writes_left_goes(disk):
    folder = put(disk, make_axes(), make_family())
    left = [
        folder.parent / "sma@1-0.abc.partial",
        folder / "zarr.json.abc.partial",
        folder / "ema" / "c" / "0" / "x.partial",
        disk.path / "x.partial",
    ]
    for path in (left[0], left[3]):
        path.mkdir()
    for file in (left[0] / "chunk", *left[1:3], left[3] / "chunk"):
        file.write_bytes(b"123")
    plan = prune_plan(disk)
    assert folders(plan) == set(left)
    assert sum(one.n_bytes for one in plan) == 12
    report = prune(disk, plan)
    assert report.n_bytes == 12
    assert not any(path.exists() for path in left)
    assert "4 leftovers" in repr(report)
    assert verify(disk)


@pytest.mark.filterwarnings("ignore:the features")
def test_a_family_whose_record_is_damaged_goes(disk):
    folder = put(disk, make_axes(), make_family())
    (folder / "zarr.json").write_text("{")
    (one,) = prune_plan(Disk(disk.path), names="ema")
    assert (one.folder, one.why) == (folder, "its record is damaged")


def test_what_longer_data_shares_is_not_freed_and_stays(disk):
    short = put(disk, make_axes("a"), make_family())
    long = put(disk, make_axes("b", 60, extends="a" * 32), make_family())
    put(disk, make_axes("b", 60), make_family("sma"))
    os.link(short / "ema" / "c" / "0" / "0", long / "shared")
    linked = (long / "shared").stat().st_size
    (one,) = prune_plan(disk)
    assert one.n_bytes == bytes_on_disk(short) - linked
    report = prune(disk, [one])
    assert (long / "shared").stat().st_size == linked
    assert report.n_bytes == one.n_bytes


def test_two_families_that_share_a_file_free_it_together(disk):
    a, b = put(disk, make_axes(), make_family()), put(disk, make_axes(), make_family("sma"))
    os.link(a / "ema" / "c" / "0" / "0", b / "shared")
    plan = prune_plan(disk, everything=True)
    assert sum(one.n_bytes for one in plan) == bytes_on_disk(a.parent) - (a.parent / "zarr.json").stat().st_size


def test_a_plan_may_be_carried_out_after_its_folders_are_gone(disk):
    folder = put(disk, make_axes(), OLD)
    plan = prune_plan(disk)
    shutil.rmtree(folder)
    assert prune(disk, plan).n_bytes == 0


def test_room_is_made_by_old_code_first_then_extended_data_then_the_cheapest(disk):
    order = [
        put(disk, make_axes("b", 60, extends="a" * 32), OLD),
        put(disk, make_axes("a"), make_family()),
        put(disk, make_axes("c"), make_family()),  # cost unknown
        put(disk, make_axes("c"), make_family("rsi"), ns=3.0),
        put(disk, make_axes("c"), make_family("sma"), ns=40.0),
    ]
    put(disk, make_axes("b", 60, extends="a" * 32), make_family(), ns=500.0)
    limit = bytes_on_disk(disk.path)
    assert make_room(disk, [0], limit, ns_per_value=50.0).free == 0
    for k, folder in enumerate(order):
        assert [other.exists() for other in order] == [False] * k + [True] * (len(order) - k)
        used = bytes_on_disk(disk.path)
        room = make_room(disk, [limit - used + 1], limit, ns_per_value=50.0)
        assert room.free == limit - bytes_on_disk(disk.path) > limit - used
        assert not folder.exists()
        assert [commit.path for commit in room.evicted] == ([] if k < 2 else [folder])
    assert make_room(disk, [limit], limit, ns_per_value=50.0).evicted == ()  # what is dearer stays
    assert len(disk.commits()) == 1


def test_no_room_is_made_of_what_is_to_stay(disk):
    cheap, dear = put(disk, make_axes(), make_family("sma"), ns=1.0), put(disk, make_axes(), make_family(), ns=99.0)
    limit = bytes_on_disk(disk.path)
    assert make_room(disk, [1], limit, ns_per_value=100.0, keep=[cheap]).free > 0
    assert cheap.exists()
    assert not dear.exists()
    room = make_room(disk, [10 * limit], limit, ns_per_value=100.0, keep=[cheap])
    assert room.free == limit - bytes_on_disk(disk.path)
    assert cheap.exists()


@pytest.mark.parametrize("incoming", [1.0, 2.0, np.nan])
def test_what_is_not_cheaper_than_what_comes_stays(disk, incoming):
    folder = put(disk, make_axes(), make_family(), ns=2.0)
    assert make_room(disk, [1], bytes_on_disk(disk.path), ns_per_value=incoming).evicted == ()
    assert folder.exists()


def test_no_more_goes_than_is_needed(disk):
    small = put(disk, make_axes(), make_family("sma"), ns=1.0)
    large = put(disk, make_axes(), make_family(), range(2, 200), ns=2.0)
    limit = bytes_on_disk(disk.path)
    assert make_room(disk, [2 * limit], limit, ns_per_value=9.0).evicted == ()  # it would not fit for all that
    room = make_room(disk, [bytes_on_disk(small) + 5_000, 2 * limit], limit, ns_per_value=9.0)
    assert [commit.path for commit in room.evicted] == [large]
    assert small.exists()


@pytest.mark.filterwarnings("ignore:the features")
def test_a_reason_is_told_whole_in_80_columns(disk):
    put(disk, make_axes(), make_family("sma", version=99, hash_="x"))
    why = "it was asked for by somebody who likes to say at length why something is to go, " * 2
    plan = [replace(one, why=why, n_bytes=10**8) for one in prune_plan(disk)]
    lines = plan_text(plan, 80).splitlines()
    assert max(map(len, lines)) <= 80
    start = lines[0].index("because")
    assert " ".join(line[start:].strip() for line in lines[1:]) == why.strip()


def test_a_report_prints_what_went_and_why(disk):
    put(disk, make_axes(), OLD)
    report = prune(disk, prune_plan(disk))
    assert "1 family with 2 features" in repr(report)
    assert "old code (ema@99)" in repr(report)
    assert "<table" in report._repr_html_()
    assert repr(prune(disk, ())) == f"feature store {disk.path}: nothing to remove"


def test_what_is_left_is_read_and_what_went_is_computed_again(tmp_path):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr")
    features = store.compute_batch(bars, [ema([5, 12]), sma(7)])
    disk = Disk(store.path)
    prune(disk, prune_plan(disk, names="ema", everything=True))
    again = FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [ema([5, 12]), sma(7)])
    np.testing.assert_array_equal(again.ema, features.ema)
    np.testing.assert_array_equal(again.sma, features.sma)


def test_what_was_written_since_the_plan_stays(disk):
    old, other = put(disk, make_axes(), OLD), put(disk, make_axes("b"), OLD)
    plan = prune_plan(disk)
    put(Disk(disk.path), make_axes(), OLD, (20,))
    report = prune(disk, plan)
    assert [one.folder for one in report.removed] == [other]
    assert old.exists()
    assert not other.exists()


def test_a_family_that_is_committed_while_a_plan_is_made_is_no_damaged_one(disk, monkeypatch):
    put(disk, make_axes(), make_family())
    commits = Disk.commits

    def commits_and_one_more(self, data=None):
        found = commits(self, data)
        if data is None:
            put(Disk(disk.path), make_axes(), make_family("sma"))
        return found

    monkeypatch.setattr(Disk, "commits", commits_and_one_more)
    assert prune_plan(disk) == ()
