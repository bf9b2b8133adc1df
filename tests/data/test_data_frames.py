"""Tables in memory: pandas with one and two column levels, polars, Arrow, rows."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.pandas_frames import from_pandas
from mrtoolkit.data.samples import sample
from mrtoolkit.errors import BarsError

_FIELDS = ["Close", "High", "Low", "Open", "Volume"]


def _frame(periods=6, **index):
    dates = pd.date_range("2024-01-01", periods=periods, freq="D", name="Date", **index)
    close = np.linspace(10, 12, periods)
    return pd.DataFrame(
        {"Open": close - 0.1, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 7}, index=dates
    )


def _yfinance(tickers, order):
    parts = {ticker: _frame()[_FIELDS] * (k + 1) for k, ticker in enumerate(tickers)}
    wide = pd.concat(parts, axis=1, names=["Ticker", "Price"])
    return wide if order == "ticker first" else wide.swaplevel(axis=1).sort_index(axis=1)


@pytest.mark.parametrize("order", ["ticker first", "price first"])
def test_yfinance_frames_with_two_column_levels(order):
    bars = from_pandas(_yfinance(["MSFT", "AAPL"], order))
    assert bars["close"].dims == ("time", "asset")
    assert sorted(bars["asset"].values) == ["AAPL", "MSFT"]
    np.testing.assert_allclose(bars["close"].sel(asset="MSFT").values, _frame()["Close"])
    np.testing.assert_allclose(bars["high"].sel(asset="AAPL").values, _frame()["High"] * 2)


@pytest.mark.parametrize("order", ["ticker first", "price first"])
def test_one_ticker_with_two_column_levels_has_no_asset_dimension(order):
    bars = from_pandas(_yfinance(["AAPL"], order))
    assert bars["close"].dims == ("time",)
    assert bars.attrs["name"] == "AAPL"


def test_two_column_levels_with_the_date_as_a_column():
    bars = from_pandas(_yfinance(["MSFT", "AAPL"], "price first").reset_index())
    assert bars.sizes == {"time": 6, "asset": 2}


def test_yfinance_adj_close_in_two_levels_scales_each_asset():
    wide = _yfinance(["A", "B"], "price first")
    for ticker, factor in (("A", 0.5), ("B", 0.25)):
        wide["Adj Close", ticker] = wide["Close", ticker] * factor
    bars = from_pandas(wide)
    assert bars.attrs["price_column"] == "Adj Close"
    np.testing.assert_allclose(bars["open"].sel(asset="B").values, _frame()["Open"] * 2 * 0.25)


def test_an_asset_that_is_listed_later_is_no_fault_but_a_hole_is():
    wide = _yfinance(["A", "B"], "price first")
    wide.loc[wide.index[:2], [(name, "B") for name in _FIELDS]] = np.nan
    assert np.isnan(from_pandas(wide)["close"].sel(asset="B").values[0])
    wide.loc[wide.index[3], [(name, "B") for name in _FIELDS]] = np.nan
    with pytest.raises(BarsError, match=r"missing \(NaN\) at 1 of 12 bars, first 2024-01-04 \(B\).*missing='allow'"):
        from_pandas(wide)
    assert from_pandas(wide, missing="allow").attrs["missing"] == "allow"


def test_ccxt_rows_and_frames():
    rows = [[1704067200000 + 3600_000 * k, 1.0, 2.0, 0.5, 1.5, 10.0] for k in range(4)]
    from_rows = from_pandas(rows)
    named = pd.DataFrame(rows, columns=["timestamp", "open", "high", "low", "close", "volume"])
    for bars in (from_rows, from_pandas(named), from_pandas(np.array(rows))):
        assert bars.attrs["timeframe"] == "1h"
        assert str(bars["time"].values[0]) == "2024-01-01T00:00:00.000000000"
        assert bars["close"].values.tolist() == [1.5] * 4


def test_polars_and_arrow_tables():
    held = _frame().reset_index()
    expected = from_pandas(held)
    for table in (polars.from_dict({name: held[name].to_numpy() for name in held}), pyarrow.Table.from_pandas(held)):
        bars = from_pandas(table)
        for name in ("open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(bars[name].values, expected[name].values)
        np.testing.assert_array_equal(bars["time"].values, expected["time"].values)


def test_a_dict_of_columns():
    held = _frame().reset_index()
    assert from_pandas({name: held[name].tolist() for name in held}).sizes["time"] == 6


def test_the_zone_of_an_index_is_kept_and_times_are_utc():
    bars = from_pandas(_frame(tz="Europe/Berlin"))
    assert bars.attrs["timezone"] == "Europe/Berlin"
    assert str(bars["time"].values[0])[:16] == "2023-12-31T23:00"
    moved = from_pandas(_frame(tz="Europe/Berlin"), tz="UTC")
    assert moved.attrs["timezone"] == "UTC"
    np.testing.assert_array_equal(moved["time"].values, bars["time"].values)


def test_a_fixed_offset_is_a_zone():
    bars = from_pandas(_frame(tz="+02:00"))
    assert str(bars["time"].values[0])[:16] == "2023-12-31T22:00"
    assert as_bars(bars) is bars


def test_further_columns_come_along_and_may_be_named():
    frame = _frame().assign(**{"VIX Close": np.arange(6.0), "note": "x"})
    assert from_pandas(frame)["vix_close"].values.tolist() == [0, 1, 2, 3, 4, 5]
    assert "note" not in from_pandas(frame)
    assert from_pandas(frame, columns={"vix": "VIX Close"})["vix"].values[5] == 5


def test_bars_of_several_assets_go_to_a_frame_and_back():
    bars = sample(["IBM", "FB"])
    back = from_pandas(bars.to_dataframe(), asset="asset")
    np.testing.assert_array_equal(back["close"].values, bars["close"].values)
    assert list(back["asset"].values) == ["IBM", "FB"]


def test_a_volume_column_with_nothing_in_it_is_no_volume():
    assert "volume" not in from_pandas(_frame().assign(Volume=np.nan))
    with pytest.raises(BarsError, match="'volume' is missing"):
        from_pandas(_frame().assign(Volume=np.nan), columns={"volume": "Volume"})


def test_rows_left_over_from_a_filter_keep_their_column_of_times():
    held = _frame(periods=9).reset_index()
    assert from_pandas(held[held.index > 2]).sizes["time"] == 6


def test_the_frame_is_not_written_into():
    frame = _frame()
    before = frame.copy(deep=True)
    values = from_pandas(frame)["close"].values
    values.flags.writeable = True
    values[0] = 1.0
    pd.testing.assert_frame_equal(frame, before)


def test_as_bars_takes_frames_too():
    np.testing.assert_array_equal(as_bars(_frame())["close"].values, _frame()["Close"].to_numpy())


@pytest.mark.parametrize(
    "thing", [3, "prices.csv", object(), pd.Series([1.0, 2.0], name="x"), sample("FB"), [[1, 2], [3, 4]]]
)
def test_what_is_no_table_is_refused(thing):
    with pytest.raises(BarsError):
        from_pandas(thing)


def test_a_series_says_how_to_take_a_bar_for_its_close():
    close = _frame()["Close"]
    with pytest.raises(BarsError, match="to_frame"):
        from_pandas(close)
    bars = from_pandas(close.to_frame("close"), columns={"open": "close", "high": "close", "low": "close"})
    np.testing.assert_array_equal(bars["high"].values, close.to_numpy())
