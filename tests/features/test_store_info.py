"""What a store says of itself is what is there, and fits where it is read."""

from __future__ import annotations

import math

import numpy as np
import pytest
from feature_makers import make_bars
from store_folders import bytes_on_disk, make_axes, make_family, put

from mrtoolkit.features.costs import Costs
from mrtoolkit.features.counters import Counters
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.memory import ByteLRU
from mrtoolkit.features.stock.info import DataInfo
from mrtoolkit.features.stock.inventory import store_info
from mrtoolkit.features.stock.label_texts import labels_text
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.indicators.momentum import rsi
from mrtoolkit.indicators.trend import ema, sma

NOTHING = Counters(computed=0, memory_hits=0, disk_hits=0, evicted=0)


def info_of(disk, costs=None, **how):
    return store_info(ByteLRU(2**20), disk, costs or Costs(), NOTHING, **how)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "s.zarr")


def test_families_are_counted_in_memory_and_on_disk(tmp_path):
    bars = make_bars()
    store = FeatureStore(tmp_path / "s.zarr", memory="1 MiB")
    store.compute_batch(bars, [ema([5, 12]), rsi(14)])
    other = FeatureStore(tmp_path / "s.zarr", memory="1 MiB")
    other.array(bars, ema(12))
    by_name = {family.expression: family for family in other.info().families}
    one = by_name["ema(P.lookback)"]
    assert (one.in_memory, one.on_disk, one.labels) == (1, 2, "5, 12")
    assert one.label_values == ((5,), (12,))
    assert one.memory_bytes == 300 * 8
    assert (one.units, one.dtype, one.standing) == ("price", "float64", "today's")
    assert by_name["rsi(P.lookback)"].in_memory == 0


def test_bytes_on_disk_are_those_of_the_files(disk):
    folders = [put(disk, make_axes(), make_family()), put(disk, make_axes(), make_family("sma"))]
    info = info_of(disk)
    assert [family.disk_bytes for family in info.families] == [bytes_on_disk(folder) for folder in folders]
    assert info.disk_bytes == bytes_on_disk(disk.path)  # each file once: the two share their times


def test_the_data_sets_are_described(disk):
    put(
        disk, make_axes("b", 60, assets=("x", "y"), source="somewhere", timeframe="1h", extends="a" * 32), make_family()
    )
    (data,) = info_of(disk).data
    assert data.n_bars == 60
    assert data.start == np.datetime64("2024-01-01")
    line = "bars bbbbbbbb: 60 1h bars, 2024-01-01 to 2024-01-03, 2 assets, extends aaaaaaaa, somewhere"
    assert str(data) == line
    assert line in repr(info_of(disk)).splitlines()[3][:200] or line[:70] in repr(info_of(disk))


def test_bars_of_one_day_are_described_by_the_minute():
    day = np.datetime64("2024-01-01T09:30", "ns")
    data = DataInfo(fingerprint="c" * 32, n_bars=2, start=day, stop=day + np.timedelta64(60 * 10**9, "ns"))
    assert str(data) == "bars cccccccc: 2 bars, 2024-01-01T09:30 to 2024-01-01T09:31"


@pytest.mark.parametrize(
    ("compute_ns", "text"),
    [
        (100.0, "reads: 20.0 < 100.0 ns"),
        (15.0, "reads: 20.0 < 2 x 15.0 ns"),
        (2.0, "computes: 2.0 < 20.0 ns"),
        (math.nan, "reads"),
    ],
)
def test_what_a_look_up_does_is_said_with_its_reason(disk, compute_ns, text):
    put(disk, make_axes(), make_family(), ns=compute_ns)
    costs = Costs()
    costs.read(20e-9 * 50, 50)
    (family,) = info_of(disk, costs).families
    assert family.look_up == text
    assert text in repr(info_of(disk, costs))


def test_old_code_and_code_that_is_not_known_here_are_said(disk):
    put(disk, make_axes(), make_family(version=99, hash_="x"))
    put(disk, make_axes(), make_family("mine", version=1, hash_="x"))
    info = info_of(disk)
    assert [family.standing for family in info.families] == ["old", "not registered"]
    assert info.families[0].look_up == "not used"
    for words in ("OLD: ema@99", "unknown here", "prune"):
        assert words in repr(info)


@pytest.mark.parametrize("width", [80, 100, 120, 140, 160, 180, 200])
def test_the_table_fits_the_terminal(disk, monkeypatch, width):
    for name in ("a", "b"):
        axes = make_axes(name, assets=("x", "y"), source="a very long name of a source " * 5)
        put(disk, axes, make_family(), range(5, 205, 5), ns=3.0)
        put(disk, axes, make_family("sma", version=99, hash_="x"), (3, 4, 6, 7, 8, 11, 20), ns=12345.6)
        put(disk, axes, make_family("a_name_of_an_indicator_of_some_user", version=1, hash_="x"))
    monkeypatch.setenv("COLUMNS", str(width))
    _, _, head, *lines = repr(info_of(disk)).splitlines()
    assert max(map(len, [head, *lines])) <= width
    for word in ("features of", "on disk", "code"):
        assert word in head
    if width >= 160:
        assert "5..200 step 5 (40)" in repr(info_of(disk))


def test_a_table_of_html_escapes_what_it_is_given(disk):
    put(disk, make_axes(source="<b>&"), make_family())
    text = info_of(disk)._repr_html_()
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text


def test_the_totals_say_what_was_done(disk):
    counters = Counters(computed=40, memory_hits=12, disk_hits=3, evicted=1, recomputed=2, extended=10)
    info = store_info(ByteLRU(2**20), disk, Costs(), counters, disk_limit=2**30)
    lines = repr(info).splitlines()
    assert lines[0] == f"feature store {disk.path}: 0 B of 1.0 MiB in memory, 0 B of 1.0 GiB on disk"
    assert lines[1] == (
        "computed 40, went on from older bars with 10, found 12 in memory and 3 on disk, "
        "computed 2 anew as that is cheaper than reading, evicted 1"
    )
    assert counters.misses == 40


def test_a_store_without_a_folder_says_nothing_of_a_disk():
    store = FeatureStore(memory="1 MiB")
    store.compute_batch(make_bars(assets=2), [sma([3, 4])])
    text = repr(store.info())
    assert "on disk:" not in text
    assert "look-up" not in text
    assert "2 assets" in text
    assert "3, 4" in text


def test_measured_costs_of_other_processes_are_used(disk):
    put(disk, make_axes(), make_family(), ns=7.5)
    assert info_of(disk).families[0].ns_per_bar == 7.5
    costs = Costs()
    costs.known(make_family().folder, 3.5)
    assert info_of(disk, costs).families[0].ns_per_bar == 3.5


@pytest.mark.parametrize(
    ("parameters", "labels", "text"),
    [
        ((), [()], ""),
        (("n",), [], ""),
        (("n",), [(26,), (12,)], "12, 26"),
        (("n",), [(n,) for n in range(5, 205, 5)], "5..200 step 5 (40)"),
        (("n",), [(0.1 * k,) for k in range(1, 9)], "0.1..0.8 step 0.1 (8)"),
        (("n",), [(n,) for n in (1, 2, 4, 8, 16, 32, 64)], "1..64 (7)"),
        (("n", "width"), [(20, 1.5), (20, 2), (30, 1.5), (30, 2)], "n 20, 30; width 1.5, 2"),
        (("n", "width"), [(20, 1.5), (30, 2)], "n 20, 30; width 1.5, 2; 2 of their combinations"),
    ],
)
def test_labels_are_shortened(parameters, labels, text):
    assert labels_text(parameters, labels) == text
