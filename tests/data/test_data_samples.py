"""The bundled prices: what they are, and that the script still makes them."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bokeh_sampledata import stocks

from mrtoolkit.data.samples import sample, samples
from mrtoolkit.errors import BarsError

_SCRIPT = Path(__file__).with_name("make_sample_prices.py")


def _script():
    spec = importlib.util.spec_from_file_location("make_sample_prices", _SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _raw(name):
    raw = pd.DataFrame(getattr(stocks, name))
    return raw.assign(date=pd.to_datetime(raw["date"])).set_index("date")


def test_shipped_file_is_what_the_script_makes_and_under_400_kb():
    script = _script()
    shipped = pd.read_parquet(script.SHIPPED)
    pd.testing.assert_frame_equal(shipped, script.make(), check_dtype=False, check_exact=False, rtol=0, atol=1e-9)
    assert script.SHIPPED.stat().st_size <= 400_000


def test_every_sample_is_listed_and_says_where_it_is_from():
    assert samples() == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    bars = sample("AAPL")
    assert bars["close"].dims == ("time",)
    assert bars.sizes["time"] == 3270
    assert bars.attrs["timeframe"] == "1D"
    assert "Quandl" in bars.attrs["source"]
    assert bars.attrs["licence"] == "public domain"
    assert bars.attrs["price_column"] == "adj_close"


@pytest.mark.parametrize("name", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_closes_are_the_adjusted_closes_of_the_source(name):
    raw, bars = _raw(name), sample(name)
    np.testing.assert_allclose(bars["close"].values, raw["adj_close"].to_numpy(), atol=6e-7)
    factor = (raw["adj_close"] / raw["close"]).to_numpy()
    for column in ("open", "high", "low"):
        np.testing.assert_allclose(bars[column].values, raw[column].to_numpy() * factor, atol=1.1e-6)


@pytest.mark.parametrize("day", ["2000-06-21", "2005-02-28"])
def test_split_days_of_aapl_leave_no_false_jump(day):
    raw, bars = _raw("AAPL"), sample("AAPL")
    position = list(raw.index).index(pd.Timestamp(day))
    assert raw["close"].iloc[position] / raw["close"].iloc[position - 1] < 0.6  # the traded price halved
    for column in ("open", "high", "low", "close"):
        moved = bars[column].values[position] / bars["close"].values[position - 1]
        assert 0.9 < moved < 1.13
    # Two for one: the same trading counts twice as many of the old shares; the days around must join.
    shares = bars["volume"].values / raw["volume"].to_numpy()
    assert shares[position - 1] / shares[position] == pytest.approx(2, rel=1e-6)
    assert shares[-1] == pytest.approx(7, rel=1e-6)  # the 7 for 1 of 2014 is in the adjusted close too


def test_no_day_of_any_sample_jumps_as_a_missed_split_would():
    for name in samples():
        bars = sample(name)
        gap = bars["open"].values[1:] / bars["close"].values[:-1]
        falls = bars["time"].values[1:][gap < 0.75]
        # AAPL opened at half of its last close after a profit warning, in truth.
        assert [str(day)[:10] for day in falls] == (["2000-09-29"] if name == "AAPL" else [])
        assert gap.max() < 1.3, name


def test_dividends_do_not_touch_volume():
    raw, bars = _raw("IBM"), sample("IBM")  # IBM paid 52 dividends in these years and split never
    np.testing.assert_array_equal(bars["volume"].values, raw["volume"].to_numpy())


def test_a_list_gives_an_asset_dimension_and_joins_as_asked():
    bars = sample(["MSFT", "FB"])
    assert bars["close"].dims == ("time", "asset")
    assert list(bars["asset"].values) == ["MSFT", "FB"]
    assert bars.sizes["time"] == 3270
    assert np.isnan(bars["close"].sel(asset="FB").values[0])
    inner = sample(["MSFT", "FB"], join="inner")
    assert inner.sizes["time"] == 196
    assert not np.isnan(inner["close"].values).any()
    np.testing.assert_array_equal(inner["close"].sel(asset="FB").values, sample("FB")["close"].values)


def test_all_samples_come_without_a_name():
    assert list(sample()["asset"].values) == samples()


def test_unknown_sample_names_the_nearest():
    with pytest.raises(BarsError, match=r"no sample 'APPL' \(did you mean 'AAPL'\?\)"):
        sample("APPL")
