"""The files that people have, in the exact forms of their vendors (under `files/`)."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.data.readers import read_bars
from mrtoolkit.data.samples import sample
from mrtoolkit.data.simulate import simulate
from mrtoolkit.errors import BarsError

FILES = Path(__file__).parent / "files"
_COLUMNS = ("open", "high", "low", "close", "volume")


def _write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def _stamps(bars):
    return [str(stamp)[:16] for stamp in bars["time"].values]


def test_yahoo_takes_adj_close_says_so_and_scales_the_other_prices():
    bars = read_bars(FILES / "yahoo.csv")
    assert bars.attrs["price_column"] == "Adj Close"
    assert "Adj Close" in bars.attrs["adjustment"]
    assert bars["close"].values[0] == 123.248268
    factor = 123.248268 / 126.522499
    np.testing.assert_allclose(bars["open"].values[0], 126.180000 * factor, rtol=1e-12)
    np.testing.assert_allclose(bars["high"].values[0], 126.992500 * factor, rtol=1e-12)
    assert bars["volume"].values[0] == 163022400
    assert bars.attrs["timeframe"] == "1D"
    assert bars.attrs["source"] == "yahoo.csv"


def test_yahoo_traded_prices_are_taken_where_asked():
    bars = read_bars(FILES / "yahoo.csv", columns={"close": "Close"})
    assert bars.attrs["price_column"] == "Close"
    assert "adjustment" not in bars.attrs
    assert bars["close"].values[0] == 126.522499
    assert bars["open"].values[0] == 126.180000


def test_a_bar_may_be_its_close_alone_where_that_is_said():
    choice = dict.fromkeys(("open", "high", "low"), "close")
    bars = read_bars(FILES / "yahoo.csv", columns={"close": "Close", **choice})
    for name in ("open", "high", "low"):
        np.testing.assert_array_equal(bars[name].values, bars["close"].values)


def test_binance_without_header_and_with_microseconds():
    bars = read_bars(FILES / "binance.csv")
    assert _stamps(bars) == ["2024-12-31T22:00", "2024-12-31T23:00", "2025-01-01T00:00", "2025-01-01T01:00"]
    assert bars.attrs["timeframe"] == "1h"
    assert bars["close"].values[0] == 93488.83
    assert bars["quote_volume"].values[0] == 41603789.5221
    assert "close_time" not in bars


def test_binance_may_change_from_milliseconds_to_microseconds_within_a_file(tmp_path):
    lines = (FILES / "binance.csv").read_text().splitlines()
    lines[0] = lines[0].replace("1735682400000000", "1735682400000")
    lines[1] = lines[1].replace("1735686000000000", "1735686000000")
    bars = read_bars(_write(tmp_path / "mixed.csv", "\n".join(lines)))
    np.testing.assert_array_equal(bars["time"].values, read_bars(FILES / "binance.csv")["time"].values)


def test_metatrader_5_takes_tick_volume_where_real_volume_is_all_zero():
    bars = read_bars(FILES / "metatrader5.csv", tz="Europe/Athens")
    assert _stamps(bars)[0] == "2024-03-01T19:00"  # two hours before UTC there
    assert bars.attrs["timezone"] == "Europe/Athens"
    assert bars.attrs["timeframe"] == "1h"
    assert bars["volume"].values[0] == 3120
    assert bars.attrs["volume_column"] == "<TICKVOL>"
    assert bars["spread"].values[2] == 8


def test_metatrader_4_without_header(tmp_path):
    text = "2024.03.01,21:00,1.0835,1.0842,1.0833,1.0840,3120\n2024.03.01,22:00,1.0840,1.0841,1.0836,1.0837,2250\n"
    bars = read_bars(_write(tmp_path / "EURUSD60.csv", text))
    assert _stamps(bars) == ["2024-03-01T21:00", "2024-03-01T22:00"]
    assert bars["volume"].values[1] == 2250


@pytest.mark.parametrize(
    "text",
    [
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
        "A.US,5,20240102,153000,1,2,1,2,5\nA.US,5,20240102,153500,1,2,1,2,5\n",  # Stooq
        "20240102 153000;1;2;1;2;5\n20240102 153500;1;2;1;2;5\n",  # HistData
        "Gmt time,Open,High,Low,Close,Volume\n"
        "02.01.2024 15:30:00.000,1,2,1,2,5\n02.01.2024 15:35:00.000,1,2,1,2,5\n",  # Dukascopy
    ],
)
def test_other_ways_to_write_a_moment(tmp_path, text):
    bars = read_bars(_write(tmp_path / "a.csv", text))
    assert _stamps(bars) == ["2024-01-02T15:30", "2024-01-02T15:35"]
    assert bars["volume"].values[0] == 5


def test_tradingview_epoch_seconds_and_its_plots_as_inputs():
    bars = read_bars(FILES / "tradingview.csv", tz="America/New_York")
    assert _stamps(bars)[0] == "2024-03-04T14:30"
    assert bars.attrs["timezone"] == "America/New_York"  # instants stay, the zone is where they are seen
    assert np.isnan(bars["ma"].values[0])
    assert bars["ma"].values[2] == 176.89


def test_tradingview_times_with_an_offset(tmp_path):
    text = "time,open,high,low,close\n2024-03-04T09:30:00-05:00,1,2,1,2\n2024-03-04T10:30:00-05:00,2,3,2,3\n"
    assert _stamps(read_bars(_write(tmp_path / "iso.csv", text))) == ["2024-03-04T14:30", "2024-03-04T15:30"]


def test_decimal_commas_with_semicolons():
    bars = read_bars(FILES / "european.csv")
    assert bars["open"].values[0] == 153.20
    assert _stamps(bars)[0] == "2024-01-02T00:00"


def test_a_long_file_of_several_assets():
    bars = read_bars(FILES / "long.csv", asset="ticker")
    assert bars["close"].dims == ("time", "asset")
    assert list(bars["asset"].values) == ["AAA", "BBB"]
    assert bars["close"].sel(asset="BBB").values.tolist() == [20.5, 21.5, 22.5]
    assert np.isnan(bars["close"].sel(asset="AAA").values[2])  # delisted


def test_what_yfinance_writes_with_two_header_lines():
    bars = read_bars(FILES / "yfinance_download.csv")
    assert bars["close"].dims == ("time",)
    assert bars.attrs["name"] == "AAPL"
    assert bars["close"].values.tolist() == [184.08, 182.70, 180.38]


def test_alpha_vantage_numbers_its_columns():
    bars = read_bars(FILES / "alphavantage.csv", tz="America/New_York")
    assert bars["open"].values[0] == 185.58
    assert _stamps(bars)[0] == "2024-01-02T14:30"
    assert bars.attrs["timeframe"] == "5min"


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title])
def test_column_names_in_any_case(tmp_path, change):
    head, *rows = (FILES / "tradingview.csv").read_text().splitlines()
    bars = read_bars(_write(tmp_path / "case.csv", "\n".join([change(head), *rows])))
    assert bars["close"].values[0] == 178.21


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (
            ["01/02/2024", "01/03/2024", "01/04/2024"],
            "2024-01-02",
        ),  # in January, a day apart? or in February, March, April?
        (["30/01/2024", "31/01/2024", "01/02/2024"], "2024-01-30"),
        (["10/01/2024", "11/01/2024", "01/02/2024"], "2024-01-10"),  # months first would run backwards
        (["01/30/2024", "01/31/2024", "02/01/2024"], "2024-01-30"),
        (["30.01.2024", "31.01.2024", "01.02.2024"], "2024-01-30"),
        (["2024/01/30", "2024/01/31", "2024/02/01"], "2024-01-30"),
        (["20240130", "20240131", "20240201"], "2024-01-30"),
        (["30-Jan-2024", "31-Jan-2024", "01-Feb-2024"], "2024-01-30"),
        (['"Jan 30, 2024"', '"Jan 31, 2024"', '"Feb 01, 2024"'], "2024-01-30"),
    ],
)
def test_dates_as_people_write_them(tmp_path, days, expected):
    rows = [f"{day},1,2,1,2" for day in days]
    path = _write(tmp_path / "dates.csv", "\n".join(["date,open,high,low,close", *rows]))
    if days[0] == "01/02/2024":
        with pytest.raises(BarsError, match="day or the month first"):
            read_bars(path)
    else:
        assert _stamps(read_bars(path, missing="allow"))[0] == f"{expected}T00:00"


def test_close_stamps_become_opening_times(tmp_path):
    head, *rows = (FILES / "alphavantage.csv").read_text().splitlines()
    bars = read_bars(_write(tmp_path / "c.csv", "\n".join([head, *rows])), stamp="close")
    assert _stamps(bars)[0] == "2024-01-02T09:25"
    assert bars.attrs["stamp"] == "close"


def test_daily_close_stamps_go_back_a_day_on_the_wall_clock_over_a_clock_change(tmp_path):
    days = ["2024-03-09", "2024-03-10", "2024-03-11", "2024-03-12"]
    path = _write(tmp_path / "d.csv", "\n".join(["date,open,high,low,close", *(f"{day},1,2,1,2" for day in days)]))
    bars = read_bars(path, tz="America/New_York", stamp="close")
    # Midnight there is 05:00 UTC until 2024-03-10 and 04:00 after it.
    assert _stamps(bars) == ["2024-03-08T05:00", "2024-03-09T05:00", "2024-03-10T05:00", "2024-03-11T04:00"]
    assert bars.attrs["timeframe"] == "1D"


def test_month_ends_become_month_beginnings(tmp_path):
    days = ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]
    path = _write(tmp_path / "m.csv", "\n".join(["date,open,high,low,close", *(f"{day},1,2,1,2" for day in days)]))
    bars = read_bars(path, stamp="close")
    assert _stamps(bars)[:2] == ["2024-01-01T00:00", "2024-02-01T00:00"]
    assert bars.attrs["timeframe"] == "1MS"


def test_the_repeated_hour_is_told_by_order_and_else_refused(tmp_path):
    hours = ["00:00", "01:00", "01:00", "02:00"]  # clocks went back at 02:00 on 2024-11-03
    rows = [f"2024-11-03 {hour},1,2,1,2" for hour in hours]
    head = "time,open,high,low,close"
    bars = read_bars(_write(tmp_path / "a.csv", "\n".join([head, *rows])), tz="America/New_York")
    assert _stamps(bars) == ["2024-11-03T04:00", "2024-11-03T05:00", "2024-11-03T06:00", "2024-11-03T07:00"]
    once = [rows[0], rows[1], rows[3]]
    with pytest.raises(BarsError, match=r"1 of 3 time stamps happen twice.*2024-11-03 01:00.*UTC"):
        read_bars(_write(tmp_path / "b.csv", "\n".join([head, *once])), tz="America/New_York")


def test_a_time_that_the_clocks_skipped_is_refused(tmp_path):
    rows = [f"2024-03-10 {hour},1,2,1,2" for hour in ("01:00", "02:00", "03:00")]
    path = _write(tmp_path / "a.csv", "\n".join(["time,open,high,low,close", *rows]))
    with pytest.raises(BarsError, match=r"1 of 3 time stamps do not exist.*2024-03-10 02:00.*tz='UTC'"):
        read_bars(path, tz="America/New_York")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_of_windows(tmp_path, encoding):
    path = tmp_path / "enc.csv"
    text = (FILES / "european.csv").read_text().replace("Volume", "Stück")
    path.write_bytes(text.encode(encoding))
    bars = read_bars(path, columns={"volume": "Stück"})
    assert bars["volume"].values[0] == 1200345


def test_packed_files(tmp_path):
    content = (FILES / "yahoo.csv").read_bytes()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inside.csv", content)
    for name in ("a.csv.gz", "b.zip"):
        assert read_bars(tmp_path / name)["close"].values[0] == 123.248268


def test_parquet_from_pandas_keeps_zone_and_values(tmp_path):
    index = pd.date_range("2024-03-08 09:30", periods=60, freq="h", tz="America/New_York", name="Datetime")
    rng = np.random.default_rng(0)
    close = 100 + rng.random(60)
    frame = pd.DataFrame({"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 5}, index=index)
    frame.to_parquet(tmp_path / "prices.parquet")
    bars = read_bars(tmp_path / "prices.parquet")
    assert bars.attrs["timezone"] == "America/New_York"
    np.testing.assert_array_equal(bars["close"].values, close)
    np.testing.assert_array_equal(
        bars["time"].values, index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")
    )


@pytest.mark.parametrize("bars", [simulate(bars=50, freq="1h", seed=1), sample(["FB", "IBM"])], ids=["one", "several"])
def test_zarr_round_trip_is_exact(tmp_path, bars):
    bars.to_zarr(tmp_path / "bars.zarr")
    again = read_bars(tmp_path / "bars.zarr")
    xr.testing.assert_identical(again.drop_attrs(), bars.drop_attrs())
    assert again.attrs == bars.attrs
    assert fingerprint(again) == fingerprint(bars)


def test_zarr_takes_names_zone_and_stamp(tmp_path):
    bars = simulate(bars=20, freq="1h", seed=1).rename(close="Last").drop_attrs()
    bars.to_zarr(tmp_path / "foreign.zarr")
    again = read_bars(tmp_path / "foreign.zarr", columns={"close": "last"}, tz="Asia/Tokyo", stamp="close")
    assert again.attrs["timezone"] == "Asia/Tokyo"
    assert _stamps(again)[0] == "2000-01-02T14:00"  # midnight in Tokyo, closed an hour after it opened
    np.testing.assert_array_equal(again["close"].values, bars["Last"].values)


def test_volume_is_not_needed(tmp_path):
    text = "time,open,high,low,close\n2024-01-01,1,2,1,2\n2024-01-02,2,3,2,3\n"
    assert "volume" not in read_bars(_write(tmp_path / "v.csv", text))
