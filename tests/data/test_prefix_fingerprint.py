"""Longer bars name the shorter ones they begin with, and say where they do not."""

import importlib

import numpy as np
import pytest

from mrtoolkit.data import fingerprint as fingerprint_of
from mrtoolkit.data.fingerprint import block_digests, first_difference, prefix_fingerprint, snapshot
from mrtoolkit.data.simulate import simulate
from mrtoolkit.errors import BarsError


@pytest.fixture(scope="module")
def bars():
    return simulate(bars=150_000, freq="1min", seed=0)


@pytest.mark.parametrize("n_bars", [0, 1, 2, 65_535, 65_536, 65_537, 131_072, 149_999, 150_000, 200_000])
def test_a_prefix_has_the_fingerprint_of_the_bars_cut_there(bars, n_bars):
    if n_bars:
        assert prefix_fingerprint(bars, n_bars) == fingerprint_of(bars.isel(time=slice(0, n_bars)).copy(deep=True))
    else:
        assert prefix_fingerprint(bars, 0) == prefix_fingerprint(bars.isel(time=slice(0, 10)), 0)


def test_a_prefix_of_bars_with_assets_has_the_fingerprint_of_the_bars_cut_there():
    bars = simulate(bars=70_000, assets=3, freq="1h", seed=1)
    for n_bars in (300, 65_536, 66_000):
        assert prefix_fingerprint(bars, n_bars) == fingerprint_of(bars.isel(time=slice(0, n_bars)).copy(deep=True))


def test_a_prefix_digests_only_the_block_that_it_cuts(bars, monkeypatch):
    module = importlib.import_module("mrtoolkit.data.fingerprint")

    fingerprint_of(bars)
    sizes = []
    real = module._digest_blocks
    monkeypatch.setattr(module, "_digest_blocks", lambda cut: sizes.append(cut.sizes["time"]) or real(cut))
    prefix_fingerprint(bars, 140_000)
    prefix_fingerprint(bars, 131_072)
    assert sizes == [140_000 - 131_072]


def test_a_prefix_of_less_than_nothing_is_refused(bars):
    with pytest.raises(BarsError, match="n_bars is -1"):
        prefix_fingerprint(bars, -1)


def test_bars_that_begin_with_the_stored_ones_differ_nowhere(bars):
    short = bars.isel(time=slice(0, 100_000))
    assert first_difference(bars, block_digests(short), 100_000) is None
    assert first_difference(bars, block_digests(bars), 150_000) is None


def test_the_first_block_that_differs_is_named_with_its_dates(bars):
    changed = bars.copy(deep=True)
    changed["close"].values[70_000] = changed["low"].values[70_000]
    said = first_difference(changed, block_digests(bars), 150_000)
    first, last = bars["time"].values[[65_536, 131_071]]
    texts = [str(t.astype("datetime64[m]")).replace("T", " ") for t in (first, last)]
    assert said == f"bars 65,537 to 131,072 ({texts[0]} to {texts[1]})"


def test_the_dates_are_those_of_the_clock_of_the_bars(bars):
    moved = bars.assign_attrs(timezone="Asia/Tokyo")
    said = first_difference(moved, block_digests(bars), 150_000)
    assert said.startswith("bars 1 to 65,536 (2000-01-03 09:00 to ")
    assert said.endswith("the assets or the time zone")


def test_fewer_bars_than_were_stored_are_said_to_be_fewer(bars):
    short = bars.isel(time=slice(0, 10))
    assert first_difference(short, block_digests(bars), 150_000) == (
        "the bars are 10, fewer than the 150,000 of before"
    )


def _bars():
    return snapshot(simulate(bars=300, freq="1h", seed=0))


def test_frozen_bars_are_not_looked_at_again(monkeypatch):
    module = importlib.import_module("mrtoolkit.data.fingerprint")

    bars = _bars()
    before = fingerprint_of(bars)
    monkeypatch.delattr(module, "_guard")
    monkeypatch.delattr(module, "_digest_blocks")
    assert fingerprint_of(bars) == before


def _assign(bars):
    bars["close"] = bars["low"]


def _add(bars):
    bars["sentiment"] = bars["low"]


def _delete(bars):
    del bars["volume"]


def _set_values(bars):
    bars["close"].values = bars["low"].values


def _write(bars):
    values = bars["close"].values
    values.flags.writeable = True
    values[7] = bars["low"].values[7]


def _zone(bars):
    bars.attrs["timezone"] = "Asia/Tokyo"


def _time(bars):
    bars["time"] = bars["time"].values + np.timedelta64(1, "h")


def _swap(bars):
    high = bars["high"]
    bars["high"] = bars["low"]
    bars["low"] = high


@pytest.mark.parametrize("change", [_assign, _add, _delete, _set_values, _write, _zone, _time, _swap])
def test_frozen_bars_that_were_changed_after_all_have_another_fingerprint(change):
    bars = _bars()
    before = fingerprint_of(bars)
    change(bars)
    after = fingerprint_of(bars)
    assert after != before
    assert after == fingerprint_of(bars.copy(deep=True))


def test_another_asset_of_frozen_bars_is_another_fingerprint():
    bars = snapshot(simulate(bars=300, assets=2, seed=0))
    before = fingerprint_of(bars)
    bars["asset"] = np.array(["x", "y"], dtype=object)
    assert fingerprint_of(bars) != before


def test_a_write_of_made_writable_bars_is_noticed_each_time():
    bars = _bars()
    values = bars["close"].values
    values.flags.writeable = True
    seen = {fingerprint_of(bars)}
    for k in range(5):
        values[k] = bars["low"].values[k]
        seen.add(fingerprint_of(bars))
    assert len(seen) == 6


def test_frozen_bars_that_die_leave_nothing_behind():
    module = importlib.import_module("mrtoolkit.data.fingerprint")

    bars = _bars()
    key = id(bars)
    fingerprint_of(bars)
    assert key in module._memo
    del bars
    assert key not in module._memo
