"""Slower timeframes: labels, completeness, time zones, no look-ahead."""

import numpy as np
import pandas as pd
import pytest

from mrtoolkit.data.pandas_frames import from_pandas
from mrtoolkit.data.resample import resample
from mrtoolkit.data.samples import sample
from mrtoolkit.data.simulate import simulate
from mrtoolkit.errors import BarsError


def _frame(index, seed=0):
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(index))))
    open_ = close * np.exp(rng.normal(0, 0.002, len(index)))
    high = np.maximum(open_, close) * 1.003
    low = np.minimum(open_, close) * 0.997
    return pd.DataFrame(
        {"open": open_, "high": high, "low": low, "close": close, "volume": rng.integers(1, 99, len(index))},
        index=index,
    )


_HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def _session_index(days=30, zone="America/New_York"):
    dates = pd.bdate_range("2024-02-26", periods=days)
    stamps = [day + pd.Timedelta(minutes=9 * 60 + 30 + 30 * k) for day in dates for k in range(13)]
    return pd.DatetimeIndex(stamps).tz_localize(zone)


def test_weekly_bars_agree_with_pandas_and_open_on_monday():
    frame = _frame(pd.date_range("2024-01-01", "2024-06-30", freq="D"))
    weekly = resample(from_pandas(frame), "1W")
    expected = frame.resample("W-MON", label="left", closed="left").agg(_HOW)
    assert (pd.DatetimeIndex(weekly["time"].values).day_of_week == 0).all()
    np.testing.assert_array_equal(weekly["time"].values, expected.index.to_numpy().astype("datetime64[ns]"))
    for name in _HOW:
        np.testing.assert_allclose(weekly[name].values, expected[name].to_numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("timeframe", "alias"), [("4h", "4h"), ("1D", "D"), ("15min", "15min"), ("1MS", "MS"), ("2h", "2h")]
)
def test_fixed_and_calendar_timeframes_agree_with_pandas(timeframe, alias):
    frame = _frame(pd.date_range("2024-01-01", "2024-03-31 23:55", freq="5min"))
    slow = resample(from_pandas(frame), timeframe)
    expected = frame.resample(alias, label="left", closed="left").agg(_HOW)
    np.testing.assert_array_equal(slow["time"].values, expected.index.to_numpy().astype("datetime64[ns]"))
    for name in _HOW:
        np.testing.assert_allclose(slow[name].values, expected[name].to_numpy(), rtol=1e-12)
    assert slow.attrs["timeframe"] == timeframe


def test_days_are_days_of_the_bars_own_zone_over_a_clock_change():
    frame = _frame(_session_index())
    daily = resample(from_pandas(frame), "1D")
    expected = frame.resample("D").agg(_HOW).dropna()
    local = pd.DatetimeIndex(daily["time"].values).tz_localize("UTC").tz_convert("America/New_York")
    assert (local.hour == 0).all()
    assert list(local) == list(expected.index)  # 2024-03-10 lies inside: midnights are 05:00 and then 04:00 UTC
    np.testing.assert_allclose(daily["close"].values, expected["close"].to_numpy())
    assert daily.attrs["timezone"] == "America/New_York"


def test_a_week_of_a_far_zone_is_not_the_week_of_utc():
    frame = _frame(pd.date_range("2024-01-01", periods=24 * 40, freq="h", tz="Asia/Tokyo"))
    weekly = resample(from_pandas(frame), "1W")
    local = pd.DatetimeIndex(weekly["time"].values).tz_localize("UTC").tz_convert("Asia/Tokyo")
    assert (local.day_of_week == 0).all()
    assert (local.hour == 0).all()


def test_hours_over_the_repeated_hour_hold_each_bar_once():
    frame = _frame(pd.date_range("2024-10-26", periods=24 * 8, freq="15min", tz="Europe/Berlin"))
    hourly = resample(from_pandas(frame), "1h")
    assert hourly["volume"].sum().item() == frame["volume"].sum()
    assert (np.diff(hourly["time"].values) == np.timedelta64(1, "h")).all()


@pytest.mark.parametrize(("last", "complete"), [("2024-06-28", True), ("2024-06-27", False), ("2024-06-24", False)])
def test_a_week_of_five_trading_days_is_complete_on_friday(last, complete):
    frame = _frame(pd.bdate_range("2024-05-27", last))
    weekly = resample(from_pandas(frame), "1W")
    assert str(weekly["time"].values[-1])[:10] == ("2024-06-24" if complete else "2024-06-17")
    kept = resample(from_pandas(frame), "1W", partial="keep")
    assert str(kept["time"].values[-1])[:10] == "2024-06-24"


def test_a_session_that_reached_its_usual_end_is_a_complete_day():
    whole = _frame(_session_index(days=10))
    assert resample(from_pandas(whole), "1D").sizes["time"] == 10
    assert resample(from_pandas(whole.iloc[:-3]), "1D").sizes["time"] == 9
    # Nor is a day over because another one once ended early.
    early = whole.drop(whole.index[4 * 13 + 6 : 5 * 13])
    assert resample(from_pandas(early.iloc[:-3]), "1D").sizes["time"] == 9


def test_later_bars_change_no_completed_slow_bar():
    bars = simulate(bars=500, freq="1h", seed=3)
    whole = resample(bars, "1D")
    for n in range(60, 500, 37):
        part = resample(bars.isel(time=slice(0, n)), "1D")
        for name in _HOW:
            np.testing.assert_array_equal(part[name].values, whole[name].values[: part.sizes["time"]])


def test_slow_bars_of_several_assets_are_the_slow_bars_of_each():
    both = sample(["IBM", "FB"])
    slow = resample(both, "1W")
    for name in ("IBM", "FB"):
        alone = resample(sample(name), "1W")
        shared = slow.sel(asset=name).isel(time=slice(slow.sizes["time"] - alone.sizes["time"], None))
        np.testing.assert_array_equal(shared["time"].values, alone["time"].values)
        for column in ("open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(shared[column].values, alone[column].values)
    assert np.isnan(slow["volume"].sel(asset="FB").values[0])


def test_attributes_travel_and_a_gap_that_was_allowed_stays_allowed():
    slow = resample(sample("MSFT"), "1MS")
    assert slow.attrs["licence"] == "public domain"
    assert slow.attrs["timeframe"] == "1MS"
    assert "missing" not in slow.attrs
    frame = _frame(pd.date_range("2024-01-01", periods=40, freq="D")).drop(pd.Timestamp("2024-01-20"))
    assert resample(from_pandas(frame, missing="allow"), "1W").attrs["missing"] == "allow"


@pytest.mark.parametrize("timeframe", ["1h", "30min", "5h", "7min"])
def test_a_timeframe_that_is_not_slower_or_not_whole_is_refused(timeframe):
    bars = simulate(bars=100, freq="2h", seed=0)
    with pytest.raises(BarsError, match=timeframe):
        resample(bars, timeframe)


def test_too_few_slow_bars_are_refused():
    with pytest.raises(BarsError, match="at least 2"):
        resample(simulate(bars=20, freq="1h", seed=0), "1D")


def test_missing_high_beside_the_last_close_leaves_bars_that_are_whole():
    index = pd.date_range("2024-01-01", periods=14, freq="1D")  # a Monday
    close = np.arange(1.0, 15.0)
    high, low = close.copy(), close - 0.5
    high[6], low[7] = np.nan, np.nan
    frame = pd.DataFrame({"open": close - 0.5, "high": high, "low": low, "close": close}, index=index)
    made = resample(from_pandas(frame, missing="allow"), "1W")
    np.testing.assert_array_equal(made["high"], [7.0, 14.0])
    np.testing.assert_array_equal(made["low"], [0.5, 7.5])
