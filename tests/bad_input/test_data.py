"""Prices that cannot be trusted: each is one clear error with a count, a first time and a cure."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import mrtoolkit.data as data
from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.pandas_frames import from_pandas
from mrtoolkit.data.readers import read_bars
from mrtoolkit.data.samples import sample
from mrtoolkit.data.simulate import simulate
from mrtoolkit.errors import BarsError

_HEAD = "time,open,high,low,close,volume"


def _bars(**changed):
    """Return 50 hourly bars with single values changed: name=(position, value)."""
    bars = simulate(bars=50, freq="1h", seed=0).copy(deep=True)
    for name, (position, value) in changed.items():
        bars[name].values[position] = value
    return bars


def _file(tmp_path, rows, head=_HEAD, name="prices.csv"):
    path = tmp_path / name
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    return path


def _rows(n=5, **changed):
    rows = [f"2024-01-{day + 1:02d},10,12,9,11,100" for day in range(n)]
    for position, row in changed.items():
        rows[int(position[1:])] = row
    return rows


def _says(error, *parts):
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 600
    for part in parts:
        assert part in text, text
    assert ";" in text, "no cure"
    return text


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"high": (7, 1.0)}, ("'high' is below 'low' at 1 of 50 bars, first 2000-01-03 07:00",)),
        ({"high": ([7, 9, 30], 1.0)}, ("'high' is below 'low' at 3 of 50 bars, first 2000-01-03 07:00",)),
        ({"close": (3, -5.0)}, ("'close' is negative at 1 of 50 bars, first 2000-01-03 03:00",)),
        ({"low": (3, 0.0)}, ("'low' is zero at 1 of 50 bars",)),
        ({"open": (4, np.inf)}, ("'open' is infinite at 1 of 50 bars",)),
        ({"close": (24, np.nan)}, ("'close' is missing (NaN) at 1 of 50 bars, first 2000-01-04;", "missing='allow'")),
        ({"volume": (2, np.nan)}, ("'volume' is missing (NaN)", "missing='allow'")),
        ({"volume": (2, -1.0)}, ("'volume' is negative",)),
        ({"open": (5, 500.0)}, ("'open' is above 'high' at 1 of 50 bars",)),
        ({"close": (5, 1.0)}, ("'close' is below 'low' at 1 of 50 bars",)),
    ],
)
def test_prices_that_cannot_be(changed, parts):
    bars = _bars(**changed)
    with pytest.raises(BarsError) as error:
        as_bars(bars)
    _says(error, *parts)
    frame = bars.to_dataframe()
    with pytest.raises(BarsError) as error:
        from_pandas(frame)
    _says(error, *parts)


def test_a_first_bar_without_a_price_is_missing_too_where_there_is_one_asset():
    with pytest.raises(BarsError, match="missing"):
        as_bars(_bars(close=(0, np.nan)))


def test_nan_in_the_middle_may_be_allowed_by_an_explicit_choice_that_is_remembered():
    allowed = as_bars(_bars(close=(24, np.nan)), missing="allow")
    assert allowed.attrs["missing"] == "allow"
    assert np.isnan(allowed["close"].values[24])
    assert as_bars(allowed) is allowed
    with pytest.raises(BarsError, match="missing"):
        as_bars(allowed, missing="raise")


def test_allowing_what_is_missing_allows_nothing_else():
    with pytest.raises(BarsError, match="negative"):
        as_bars(_bars(close=(24, -1.0)), missing="allow")


def test_a_column_without_any_price_is_refused_even_so():
    bars = _bars()
    for name in ("open", "high", "low", "close"):
        bars[name].values[:] = np.nan
    with pytest.raises(BarsError) as error:
        as_bars(bars, missing="allow")
    _says(error, "every price is missing")


def test_rounding_of_a_vendor_is_put_right_without_writing_into_the_argument():
    bars = _bars()
    high = bars["high"].values[5]
    bars["close"].values[5] = high * (1 + 1e-9)
    made = as_bars(bars)
    assert made["high"].values[5] == bars["close"].values[5]
    assert bars["high"].values[5] == high


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (_rows(r2="2024-01-02,10,12,9,11,100"), ("duplicated at 1 of 5 bars, first 2024-01-02", "drop_duplicates")),
        (
            _rows(r3="2024-01-01,10,12,9,11,100"),
            ("not in order: 1 of 5 bars", "first 2024-01-01 (row 4, after 2024-01-03)", "sort"),
        ),
        (_rows()[::-1], ("not in order: 4 of 5 bars", "sort")),
        (
            _rows(r3=",10,12,9,11,100"),
            ("time stamp is missing at 1 of 5 bars, first at row 4 after 2024-01-03", "drop"),
        ),
        (_rows(r3="soon,10,12,9,11,100"), ("text that is no time at 1 of 5 rows, first row 4: 'soon'",)),
        (_rows(r2="2024-01-03,10,12,9,n.a.,100"), ("'close' holds text at 1 of 5 bars, first 2024-01-03: 'n.a.'",)),
        (_rows(r2="2024-01-03,10,12,9,,100"), ("'close' is missing (NaN) at 1 of 5 bars, first 2024-01-03",)),
        (
            _rows(r1="2024-01-02,10,8,9,11,100", r3="2024-01-04,10,8,9,11,100"),
            ("'high' is below 'low' at 2 of 5 bars, first 2024-01-02",),
        ),
        (_rows(r2="2024-01-03,10,12,9,-11,100"), ("'close' is negative at 1 of 5 bars, first 2024-01-03",)),
        ([], ("no bars", "at least 2")),
        (_rows(1), ("one bar", "at least 2")),
        (_rows(r2="2024-01-03,10,12,9"), ("not a table", "as many values")),
    ],
)
def test_files_with_faults(tmp_path, rows, parts):
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, rows))
    assert _says(error, *parts).startswith("prices.csv: ")


def test_a_missing_file_names_the_nearest(tmp_path):
    _file(tmp_path, _rows())
    with pytest.raises(BarsError) as error:
        read_bars(tmp_path / "price.csv")
    _says(error, "there is no file", "did you mean 'prices.csv'?")
    with pytest.raises(BarsError, match="no file"):
        read_bars(tmp_path / "no" / "such" / "folder.csv")


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(BarsError) as error:
        read_bars(tmp_path / "empty.csv")
    _says(error, "the file is empty")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"columns": {"close": "clsoe"}}, ("'clsoe'", "did you mean 'close'?")),
        ({"time": "tme"}, ("'tme'", "did you mean 'time'?")),
        ({"asset": "ticker"}, ("'ticker'", "the columns are")),
        ({"columns": {"hour": "open"}}, ("'hour'",)),
        ({"columns": ["open"]}, ("is no mapping",)),
        ({"tz": "America/New_Yrok"}, ("'America/New_Yrok' is not a time zone", "did you mean 'America/New_York'?")),
        ({"stamp": "end"}, ("stamp is 'end'", "one of open, close (did you mean")),
        ({"missing": "drop"}, ("missing is 'drop'", "one of raise, allow; choose one")),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, parts):
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, _rows()), **options)
    _says(error, *parts)


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path):
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, _rows(), head="time,open,hihg,low,close,volume"))
    _says(error, "no column for 'high'", "did you mean 'hihg'?", "columns={'high': '...'}")
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, ["2024-01-01,10", "2024-01-02,11"], head="date,close"))
    _says(error, "'open', 'high', 'low'", "columns={'open': 'close', 'high': 'close', 'low': 'close'}")
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, _rows(), head="when,open,high,low,close,volume"))
    _says(error, "no column of times", "time='...'")


def test_several_assets_below_each_other_are_pointed_out(tmp_path):
    rows = ["2024-01-01,A,1,2,1,2", "2024-01-01,B,1,2,1,2", "2024-01-02,A,1,2,1,2", "2024-01-02,B,1,2,1,2"]
    path = _file(tmp_path, rows, head="date,Ticker,open,high,low,close")
    with pytest.raises(BarsError) as error:
        read_bars(path)
    _says(error, "2 assets below each other", "asset='Ticker'")
    path = _file(tmp_path, [*rows, rows[2]], head="date,Ticker,open,high,low,close")
    with pytest.raises(BarsError) as error:
        read_bars(path, asset="ticker")
    _says(error, "duplicated at 1 of 5 rows, first 2024-01-02 (A)")
    path = _file(tmp_path, rows[::-1], head="date,Ticker,open,high,low,close")
    with pytest.raises(BarsError, match="not in order at 2 of 4 rows"):
        read_bars(path, asset="ticker")


def test_a_folder_that_is_not_a_zarr_of_bars(tmp_path):
    with pytest.raises(BarsError) as error:
        read_bars(tmp_path)
    _says(error, "is a folder and not a Zarr group")
    xr.Dataset({"temperature": ("x", [1.0, 2.0])}).to_zarr(tmp_path / "weather.zarr")
    with pytest.raises(BarsError) as error:
        read_bars(tmp_path / "weather.zarr")
    _says(error, "weather.zarr: ", "'open', 'high', 'low', 'close' are not among the columns")
    broken = tmp_path / "broken.zarr"
    broken.mkdir()
    (broken / "zarr.json").write_text("{")
    with pytest.raises(BarsError, match=r"broken\.zarr: the Zarr group cannot be read"):
        read_bars(broken)


@pytest.mark.parametrize("name", ["prices.xlsx", "prices", "prices.feather", "prices.parq"])
def test_an_unknown_suffix(tmp_path, name):
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, _rows(), name=name))
    _says(error, name, ".csv", "from_pandas")


@pytest.mark.parametrize("name", ["prices.parquet", "prices.csv.gz", "prices.zip"])
def test_a_file_that_is_not_what_its_suffix_says(tmp_path, name):
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, _rows(), name=name))
    _says(error, name)


def test_a_binary_file_named_csv(tmp_path):
    (tmp_path / "x.csv").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(BarsError, match="not text"):
        read_bars(tmp_path / "x.csv")


def test_missing_hours_around_the_clock_are_a_gap():
    bars = simulate(bars=500, freq="1h", seed=0)
    holed = bars.isel(time=np.r_[0:200, 203:500])
    with pytest.raises(BarsError) as error:
        as_bars(holed)
    _says(
        error,
        "bars are missing at 1 place among 497 bars of 1h, first between 2000-01-11 07:00 and 2000-01-11 11:00",
        "missing='allow'",
    )
    assert as_bars(holed, missing="allow").attrs["timeframe"] == "1h"
    with pytest.raises(BarsError, match="bars are missing at 1 place"):
        from_pandas(holed.to_dataframe())
    assert from_pandas(holed.to_dataframe(), missing="allow").attrs["missing"] == "allow"


def test_a_month_without_bars_is_a_gap_in_daily_prices():
    bars = sample("AAPL")
    with pytest.raises(BarsError, match=r"bars are missing at 1 place among 3,2\d\d bars of 1D"):
        as_bars(bars.isel(time=np.r_[0:1000, 1021:3270]))


def test_a_missing_day_is_a_gap_where_bars_cover_weekends():
    bars = simulate(bars=100, freq="1D", seed=0)
    with pytest.raises(BarsError, match="bars are missing at 1 place"):
        as_bars(bars.isel(time=np.r_[0:50, 51:100]))


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda b: b.drop_vars("high"), "'high' is not among the columns"),
        (lambda b: b.rename(close="clsoe"), "did you mean 'clsoe'?"),
        (lambda b: b.expand_dims(trial=2), "dimensions"),
        (lambda b: b.drop_vars("time"), "time stamps"),
        (lambda b: b.assign_coords(time=np.arange(50)), "time stamps"),
        (lambda b: b.isel(time=slice(0, 1)), "one bar"),
        (lambda b: b.isel(time=slice(0, 0)), "no bars"),
        (lambda b: b.isel(time=slice(None, None, -1)), "not in order"),
        (lambda b: b.isel(time=[0, 1, 1, 2]), "duplicated"),
        (lambda b: b.assign(note=("time", ["x"] * 50)), "'note' holds"),
        (lambda b: b.assign(close=b["close"].astype(str)), "'close' holds"),
        (lambda b: b.assign(flat=3.0), "'flat' is not a column"),
        (lambda b: b.assign(hour=b["close"]), "reserved"),
        (lambda b: b.assign(CLOSE=b["close"]), "stands twice"),
        (lambda b: b["close"], "one DataArray"),
        (lambda b: b.expand_dims(asset=2), "no labels"),
        (lambda b: b.expand_dims(asset=["A", "A"]), "label of its own"),
        (lambda b: b.assign_attrs(timezone="Mars"), "not a time zone"),
        (lambda b: None, "NoneType"),
        (lambda b: b["close"].to_series(), "a Series"),
    ],
)
def test_datasets_that_are_no_bars(make, part):
    with pytest.raises(BarsError) as error:
        as_bars(make(_bars()))
    _says(error, part)


@pytest.mark.parametrize(
    "settings",
    [
        {"bars": 1},
        {"bars": 2.5},
        {"bars": True},
        {"seed": -1},
        {"volatility": 0},
        {"clustering": -1},
        {"correlation": 2},
    ],
)
def test_settings_of_simulated_bars_without_meaning(settings):
    with pytest.raises(BarsError) as error:
        simulate(**settings)
    _says(error, next(iter(settings)))


@pytest.mark.parametrize("freq", ["1x", "0h", "", "h1", "-1h"])
def test_a_timeframe_that_is_none(freq):
    with pytest.raises(BarsError) as error:
        simulate(freq=freq)
    _says(error, "is not a timeframe")


def test_simulated_bars_that_would_end_after_the_calendar():
    with pytest.raises(BarsError, match="2262"):
        simulate(bars=10_000_000, freq="1D")


def test_an_input_that_the_bars_lack_names_the_nearest():
    with pytest.raises(BarsError, match=re.escape("no column 'volum' (did you mean 'volume'?)")):
        data.input_values(_bars(), "volum")


def test_years_that_nanoseconds_cannot_count():
    for years in (["1600-01-01", "1601-01-01"], ["9999-01-01", "9999-01-02"]):
        frame = pd.DataFrame(
            {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}, index=np.array(years, "datetime64[s]")
        )
        with pytest.raises(BarsError) as error:
            from_pandas(frame)
        _says(error, "2 of 2 time stamps lie outside of the years 1678 to 2261", years[0][:4])
    with pytest.raises(BarsError, match="after the year 2261"):
        from_pandas([[9.9e10, 1, 1, 1, 1], [9.91e10, 1, 1, 1, 1]])


def test_row_numbers_are_no_times():
    rows = [[k, 1.0, 2.0, 1.0, 2.0] for k in range(5)]
    with pytest.raises(BarsError) as error:
        from_pandas(rows)
    _says(error, "numbers up to 4", "time='...'")
    frame = pd.DataFrame(rows).set_axis(["n", "open", "high", "low", "close"], axis=1).iloc[1:]
    with pytest.raises(BarsError, match="no column of times"):
        from_pandas(frame)


@pytest.mark.parametrize("assets", [[], ["A", "A"], 0, True])
def test_assets_without_labels_of_their_own(assets):
    with pytest.raises(BarsError) as error:
        simulate(bars=20, assets=assets)
    _says(error, "assets")


def test_bad_rows_in_memory():
    with pytest.raises(BarsError, match="5 or 6 values"):
        from_pandas([[1, 2, 3]])
    with pytest.raises(BarsError, match="no bars"):
        from_pandas([])
    with pytest.raises(BarsError, match="no bars"):
        from_pandas(pd.DataFrame())


@pytest.mark.parametrize(
    ("key", "meant"), [("clse", "close"), ("opne", "open"), ("Close", "close"), ("hgh", "high"), ("volum", "volume")]
)
def test_a_misspelt_price_is_no_further_input(tmp_path, key, meant):
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, _rows()), columns={key: "close"})
    _says(error, f"columns= sets {key!r}", f"did you mean {meant!r}?")


@pytest.mark.parametrize("key", ["vix", "adj_close", "close_2", "flow", "open_interest", "high52", "vol"])
def test_a_further_input_of_another_name_is_taken(tmp_path, key):
    bars = read_bars(_file(tmp_path, _rows()), columns={key: "volume"})
    assert bars[key].values.tolist() == [100.0] * 5


def test_only_prices_are_suggested_for_a_column_that_is_not_there(tmp_path):
    head = "Date,Open,High,Low,Close,Volume"
    with pytest.raises(BarsError, match="names the column 'Last', and there is none; the columns") as error:
        read_bars(_file(tmp_path, _rows(), head), columns={"close": "Last"})
    assert "did you mean" not in str(error.value)
    with pytest.raises(BarsError, match=r"did you mean 'Close'\?"):
        read_bars(_file(tmp_path, _rows(), head), columns={"close": "Clos"})


def test_the_cure_of_bad_rows_works_in_pandas(tmp_path):
    path = _file(tmp_path, _rows(r2="2024-01-03,10,8,9,9,100"))
    with pytest.raises(BarsError, match="give frame") as error:
        read_bars(path)
    assert "bars.sel" not in str(error.value)
    cure = re.search(r"give (frame\[.*\])\.$", str(error.value)).group(1)
    frame = pd.read_csv(path, parse_dates=["time"])  # noqa: F841 - the cure reads it
    assert from_pandas(eval(cure), missing="allow").sizes["time"] == 4


@pytest.mark.parametrize("head", ["<!DOCTYPE html>", "<html lang='en'>", "  <HTML>"])
def test_a_web_page_saved_as_csv_is_called_one(tmp_path, head):
    with pytest.raises(BarsError) as error:
        read_bars(_file(tmp_path, ["<body>Please log in</body>", "</html>"], head))
    _says(error, "seems to be a web page", head.strip())


@pytest.mark.parametrize("path", [None, 3, ["a.csv"]])
def test_a_path_that_is_none_is_said_so(path):
    with pytest.raises(BarsError) as error:
        read_bars(path)
    _says(error, "read_bars got", "prices.csv")
