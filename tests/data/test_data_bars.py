"""The bars contract: what comes back from `as_bars`, inputs, fingerprints, calendar, timeframes and gaps."""

import gc
import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.data import fingerprint as fingerprint_function
from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.calendar import bars_per_year
from mrtoolkit.data.fingerprint import BLOCK_BARS, block_digests, fingerprint
from mrtoolkit.data.gaps import find_gaps
from mrtoolkit.data.inputs import input_values
from mrtoolkit.data.pandas_frames import from_pandas
from mrtoolkit.data.samples import sample
from mrtoolkit.data.simulate import simulate
from mrtoolkit.data.stamps import from_epoch, wall_clock
from mrtoolkit.data.timeframe import infer_timeframe, parse_timeframe
from mrtoolkit.errors import BarsError


def _infer(index):
    bars = _with_index(index)
    return from_pandas(bars, missing="allow").attrs["timeframe"]


def _with_index(index):
    return pd.DataFrame({"open": 1.0, "high": 2.0, "low": 1.0, "close": 2.0}, index=index)


@pytest.mark.parametrize(
    "bars", [simulate(bars=30, seed=2), simulate(bars=30, assets=3), sample(["FB", "IBM"]), sample("GOOG")]
)
def test_checked_bars_pass_as_the_same_object(bars):
    assert as_bars(bars) is bars


def test_what_is_not_canonical_becomes_so():
    bars = simulate(bars=30, assets=2, seed=2)
    other = bars.rename(close="Close", time="Time").astype(np.float32).transpose("asset", "Time").drop_attrs()
    made = as_bars(other)
    assert made["close"].dims == ("time", "asset")
    assert made["close"].dtype == np.float64
    assert made["asset"].dtype == object
    assert made.attrs["timeframe"] == "1D"
    assert made.attrs["timezone"] == "UTC"
    assert made["time"].dtype == np.dtype("datetime64[ns]")
    np.testing.assert_array_equal(made["close"].values, other["Close"].values.T.astype(np.float64))


def test_time_is_nanoseconds_whatever_came_in():
    bars = simulate(bars=30, seed=2)
    coarse = bars.assign_coords(time=bars["time"].values.astype("datetime64[s]"))
    made = as_bars(coarse)
    assert made["time"].dtype == np.dtype("datetime64[ns]")
    np.testing.assert_array_equal(made["time"].values, bars["time"].values)


def test_a_further_input_of_one_history_is_spread_over_the_assets():
    bars = simulate(bars=30, assets=2, seed=2)
    made = as_bars(bars.assign(vix=("time", np.arange(30.0))))
    assert made["vix"].dims == ("time", "asset")
    np.testing.assert_array_equal(input_values(made, "vix"), [np.arange(30.0)] * 2)


def test_one_asset_selected_from_several_is_bars():
    bars = sample(["MSFT", "IBM"]).sel(asset="IBM")
    made = as_bars(bars)
    assert made["close"].dims == ("time",)
    np.testing.assert_array_equal(made["close"].values, sample("IBM")["close"].values)


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("assets", [None, 3])
def test_inputs_are_read_only_contiguous_rows(name, assets):
    bars = simulate(bars=40, assets=assets, seed=1)
    values = input_values(bars, name)
    assert values.shape == (assets or 1, 40)
    assert values.dtype == np.float64
    assert values.flags.c_contiguous
    assert not values.flags.writeable
    expected = bars[name].values if assets else bars[name].values[:, np.newaxis]
    np.testing.assert_array_equal(values, expected.T)
    copy = bars.copy(deep=True)
    input_values(copy, name)
    assert copy[name].values.flags.writeable  # only the view is read-only


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_hour_and_weekday_are_those_of_the_bars_own_zone(zone):
    index = pd.date_range("2024-03-08", periods=200, freq="h", tz="UTC").tz_convert(zone)
    bars = from_pandas(_with_index(index))
    local = [
        datetime.fromtimestamp(stamp / 1e9, tz=UTC).astimezone(ZoneInfo(zone))
        for stamp in bars["time"].values.view(np.int64)
    ]
    np.testing.assert_array_equal(input_values(bars, "hour")[0], [moment.hour for moment in local])
    np.testing.assert_array_equal(input_values(bars, "weekday")[0], [moment.weekday() for moment in local])


def test_hour_has_a_row_an_asset():
    assert input_values(simulate(bars=30, assets=4), "hour").shape == (4, 30)


def test_fingerprint_is_one_of_content_not_of_names_order_or_origin(tmp_path):
    bars = simulate(bars=100, freq="1h", seed=5)
    name = fingerprint(bars)
    assert len(name) == 32
    assert fingerprint(bars.copy(deep=True)) == name
    assert fingerprint(bars[["close", "volume", "low", "high", "open"]]) == name
    assert fingerprint(bars.assign_attrs(source="elsewhere")) == name
    assert fingerprint_function is fingerprint


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.assign(close=b["close"] * (1 + 1e-15)),
        lambda b: b.isel(time=slice(0, 99)),
        lambda b: b.isel(time=slice(1, 100)),
        lambda b: b.assign_coords(time=b["time"] + np.timedelta64(1, "ns")),
        lambda b: b.assign_attrs(timezone="Asia/Tokyo"),
        lambda b: b.rename(volume="volumes"),
        lambda b: b.drop_vars("volume"),
        lambda b: b.assign(open=b["close"], close=b["open"]),
        lambda b: b.expand_dims(asset=["A"], axis=1),
    ],
)
def test_any_change_of_content_changes_the_fingerprint(change):
    bars = simulate(bars=100, freq="1h", seed=5)
    assert fingerprint(change(bars)) != fingerprint(bars)


def test_a_value_changed_in_place_is_noticed():
    bars = simulate(bars=100, freq="1h", seed=5).copy(deep=True)
    before = fingerprint(bars)
    bars["close"].values[50] *= 1.0000001
    assert fingerprint(bars) != before


def test_fingerprint_forgets_bars_that_are_gone():
    from mrtoolkit.data.fingerprint import _memo

    bars = simulate(bars=100, seed=6)
    fingerprint(bars)
    key = id(bars)
    assert key in _memo
    del bars
    gc.collect()
    assert key not in _memo


def test_appended_bars_keep_the_digests_of_full_blocks():
    longer = simulate(bars=2 * BLOCK_BARS + 100, freq="1min", seed=1)
    shorter = longer.isel(time=slice(0, 2 * BLOCK_BARS + 7))
    assert len(block_digests(longer)) == 3
    assert block_digests(longer)[:2] == block_digests(shorter)[:2]
    assert block_digests(longer)[2] != block_digests(shorter)[2]
    assert fingerprint(longer) != fingerprint(shorter)


def test_bars_per_year_are_as_observed():
    assert bars_per_year(simulate(bars=100, freq="1h")) == pytest.approx(365.25 * 24)
    aapl = sample("AAPL")
    days = (pd.Timestamp("2013-03-01") - pd.Timestamp("2000-03-01")).days
    assert bars_per_year(aapl) == pytest.approx(3269 / (days / 365.25))


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.date_range("2024-01-01", periods=50, freq="15min"), "15min"),
        (pd.date_range("2024-01-01", periods=50, freq="90min"), "90min"),
        (pd.date_range("2024-01-01", periods=50, freq="4h", tz="Europe/Berlin"), "4h"),
        (pd.bdate_range("2024-01-01", periods=50), "1D"),
        (pd.bdate_range("2024-01-01", periods=2), "1D"),
        (pd.date_range("2024-03-01", periods=50, freq="D", tz="America/New_York"), "1D"),
        (pd.date_range("2024-03-09", periods=4, freq="D", tz="America/New_York"), "1D"),
        (pd.date_range("2024-03-10", periods=4, freq="h", tz="America/New_York"), "1h"),
        (pd.date_range("2024-01-01", periods=50, freq="W-MON"), "1W"),
        (pd.date_range("2024-01-01", periods=24, freq="MS"), "1MS"),
        (pd.date_range("2024-01-01", periods=24, freq="ME"), "1MS"),
        (pd.date_range("2004-01-01", periods=24, freq="QS"), "1QS"),
        (pd.date_range("1984-01-01", periods=24, freq="YS"), "1YS"),
        (pd.date_range("2024-01-01", periods=50, freq="s"), "1s"),
        (pd.date_range("2024-01-01", periods=50, freq="250ms"), "250ms"),
    ],
)
def test_the_timeframe_is_inferred(index, expected):
    assert _infer(index) == expected


def test_a_few_stray_bars_do_not_make_the_timeframe():
    hours = pd.date_range("2024-01-01", periods=200, freq="h")
    assert _infer(hours.append(hours[::20] + pd.Timedelta(minutes=1)).sort_values()) == "1h"


def test_bars_without_a_rhythm_are_irregular():
    steps = np.random.default_rng(0).integers(1, 10**6, 300)
    index = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.cumsum(steps), unit="ms")
    assert _infer(index) == "irregular"
    with pytest.raises(BarsError, match="stamp='close' needs bars of one timeframe"):
        from_pandas(_with_index(index), stamp="close")


@pytest.mark.parametrize("text", ["15m", "15T", "15min"])
def test_timeframes_have_the_names_that_people_use(text):
    assert str(parse_timeframe(text)) == "15min"
    assert str(parse_timeframe("1M")) == "1MS"
    assert str(parse_timeframe("d")) == "1D"


def _gaps(index, **options):
    time = np.asarray(pd.DatetimeIndex(index).tz_convert("UTC").tz_localize(None).to_numpy(), dtype="datetime64[ns]")
    wall = wall_clock(time, str(index.tz))
    return find_gaps(time, wall, infer_timeframe(time, wall)).tolist()


def _stock_index(zone="America/New_York", minutes=5):
    days = pd.bdate_range("2024-01-02", "2024-12-31").drop(pd.to_datetime(["2024-07-04", "2024-11-28", "2024-12-25"]))
    clock = pd.to_timedelta(np.arange(9 * 60 + 30, 16 * 60, minutes), unit="min")
    stamps = (days.to_numpy()[:, np.newaxis] + clock.to_numpy()).ravel()
    return pd.DatetimeIndex(stamps).tz_localize(zone)


def test_nights_weekends_holidays_and_clock_changes_are_no_gaps():
    assert _gaps(_stock_index()) == []
    assert _gaps(pd.date_range("2024-01-01", "2024-12-31", freq="h", tz="America/New_York")) == []
    forex = pd.date_range("2024-01-01", "2024-12-31", freq="h", tz="America/New_York")
    closed = (
        ((forex.day_of_week == 4) & (forex.hour >= 17))
        | (forex.day_of_week == 5)
        | ((forex.day_of_week == 6) & (forex.hour < 17))
    )
    assert _gaps(forex[~closed]) == []


def test_a_weekend_of_friday_and_saturday_is_no_gap():
    days = pd.date_range("2024-01-07", periods=300, tz="UTC")  # a Sunday; in Riyadh the week begins then
    assert _gaps(days[~days.day_of_week.isin([4, 5])]) == []


def test_a_lunch_break_is_no_gap_and_an_early_close_is_none():
    index = _stock_index(zone="Asia/Tokyo")
    lunch = (index.hour * 60 + index.minute >= 11 * 60 + 30) & (index.hour * 60 + index.minute < 12 * 60 + 30)
    open_ = index[~lunch]
    early = (open_.strftime("%Y-%m-%d") == "2024-12-24") & (open_.hour >= 13)
    assert _gaps(open_[~early]) == []


def test_a_hole_in_a_session_is_a_gap():
    index = _stock_index()
    assert _gaps(index.delete([1000, 1001, 5000])) == [999, 4997]


def test_a_hole_longer_than_any_closing_is_a_gap_in_daily_bars():
    days = pd.bdate_range("2024-01-01", periods=300).tz_localize("UTC")
    assert _gaps(days.delete(slice(100, 105))) == []  # a week: New York closed for one in 2001
    assert _gaps(days.delete(slice(100, 110))) == [99]


@given(
    seconds=st.integers(min_value=10**8, max_value=9 * 10**9),
    unit=st.sampled_from([(1, "s"), (10**3, "ms"), (10**6, "us")]),
)
def test_epochs_of_any_unit_are_the_same_time(seconds, unit):
    factor, _ = unit
    found = from_epoch(np.array([seconds * factor]))
    assert found[0] == np.datetime64(seconds, "s")


@given(
    n_bars=st.integers(2, 60),
    minutes=st.sampled_from([1, 5, 60, 240, 1440]),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo", "Europe/London"]),
    start=st.integers(0, 500_000),
    data=st.data(),
)
def test_bars_go_to_pandas_and_back_unchanged(n_bars, minutes, zone, start, data):
    index = pd.date_range("2010-01-01", periods=n_bars, freq=f"{minutes}min", tz="UTC") + pd.Timedelta(
        minutes=start * 5
    )
    price = st.floats(1e-6, 1e9, allow_nan=False)
    rows = data.draw(st.lists(st.tuples(price, price, price, price), min_size=n_bars, max_size=n_bars))
    table = np.sort(np.array(rows), axis=1)
    frame = pd.DataFrame(
        {"low": table[:, 0], "open": table[:, 1], "close": table[:, 2], "high": table[:, 3]},
        index=index.tz_convert(zone),
    )
    bars = from_pandas(frame, missing="allow")
    back = bars.to_dataframe().tz_localize("UTC").tz_convert(zone)
    pd.testing.assert_frame_equal(
        back[["low", "open", "close", "high"]], frame, check_names=False, check_freq=False, check_index_type=False
    )
    again = as_bars(xr.Dataset.from_dataframe(bars.to_dataframe()).assign_attrs(bars.attrs))
    assert fingerprint(again) == fingerprint(bars)


def test_checking_a_million_bars_runs_no_more_lines_than_checking_a_thousand():
    def lines(n_bars):
        bars, n_lines = simulate(bars=n_bars, freq="1min", seed=0), 0

        def count(frame, event, argument):
            nonlocal n_lines
            n_lines += event == "line"
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            assert as_bars(bars) is bars
        finally:
            sys.settrace(before)
        return n_lines

    lines(1_000)  # imports and caches
    assert lines(1_000_000) < 2 * lines(1_000)  # a loop over the bars would run a thousand times as many


def test_importing_data_imports_no_figure_no_scipy_and_no_polars():
    heavy = ("bokeh", "scipy", "polars", "IPython", "dask", "numba")
    # The package's own __init__ imports every part, so the part is imported beside it.
    code = (
        "import importlib.util, sys, types; package = types.ModuleType('mrtoolkit');"
        "package.__path__ = importlib.util.find_spec('mrtoolkit').submodule_search_locations;"
        "sys.modules['mrtoolkit'] = package; import mrtoolkit.data;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]", found.stdout
