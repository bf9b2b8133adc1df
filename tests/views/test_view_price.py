import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mrtoolkit.errors import StudyError
from mrtoolkit.views.price import price, price_data, trades_data


def test_times_are_those_of_the_bars_own_wall_clock(bars):
    data = price_data(bars)
    assert bars["time"].to_numpy()[0] == np.datetime64("2015-01-02T05:00")
    assert data["time"].iloc[0] == pd.Timestamp("2015-01-02 00:00")
    assert data["time"].dt.hour.eq(0).all()  # through summer time and back
    np.testing.assert_array_equal(data["close"], bars["close"])


def test_trades_keep_their_prices_and_move_to_the_wall_clock(bars, trial):
    table = trades_data(trial, bars)
    assert table["entry_price"].tolist() == trial.trades["entry_price"].tolist()
    assert table["entry_time"].iloc[0] == price_data(bars)["time"].iloc[10]


def test_a_window_keeps_the_trades_that_touch_it(bars, trial):
    times = bars["time"].to_numpy()
    table = trades_data(trial, bars, start=times[20], end=times[80])  # trades hold bars 10 to 35, 70 to 95, 130 to 155
    assert len(table) == 2
    assert len(price_data(bars, start=times[20], end=times[80])) == 61


def test_long_and_short_differ_in_shape_as_well_as_colour(bars, trial):
    plot = price(trial, bars)
    items = [item for legend in plot.legend for item in legend.items if item.label.value != "close"]
    shapes = {item.label.value: item.renderers[0].glyph.marker for item in items}
    assert shapes == {
        "long entry": "triangle",
        "long exit": "inverted_triangle",
        "short entry": "inverted_triangle",
        "short exit": "triangle",
    }


def test_candles_show_for_few_bars_and_wait_for_many(bars, trial):
    times = bars["time"].to_numpy()

    def visible(plot):
        return next(r.visible for r in plot.renderers if type(r.glyph).__name__ == "VBar")

    assert not visible(price(trial, bars))
    assert visible(price(trial, bars, start=times[100], end=times[200]))


def test_many_bars_are_thinned_and_keep_their_extremes(bars_of, trial_of):
    bars = bars_of(12_000, freq="h", timezone="UTC")
    bars["close"][5_000] = 10 * float(bars["close"].max())
    data = price_data(bars)
    assert len(data) < 4_100
    assert data["close"].max() == float(bars["close"].max())
    assert data["time"].is_monotonic_increasing
    assert "thinned from 12,000 bars" in price(trial_of(bars), bars).title.text.replace("\n", " ")


def test_an_overlay_is_one_value_a_bar(bars, trial):
    plot = price(trial, bars, overlays={"ema(5)": bars["close"].to_numpy()})
    assert "ema(5)" in {item.label.value for legend in plot.legend for item in legend.items}
    with pytest.raises(StudyError, match=r"'short' has shape \(3,\), but there are 600 bars"):
        price(trial, bars, overlays={"short": [1, 2, 3]})


def test_an_empty_window_names_what_there_is(bars, trial):
    with pytest.raises(StudyError, match="bars run from 2015-01-02"):
        price(trial, bars, start="2030-01-01")


def test_an_unknown_asset_is_named_with_the_nearest(bars, trial):
    both = xr.concat([bars * 2, bars], dim=pd.Index(["AAPL", "IBM"], name="asset")).transpose("time", "asset")
    with pytest.raises(StudyError, match=r"'APL' was asked for, but there are AAPL, IBM \(did you mean 'AAPL'"):
        price_data(both, asset="APL")
    np.testing.assert_array_equal(price_data(both, asset="IBM")["close"], bars["close"])


def test_a_trial_without_trades_is_a_price(bars, trial_of):
    trial = trial_of(bars.isel(time=slice(0, 20)), held=25)
    assert len(trial.trades) == 0
    assert price(trial, bars).title.text == "Price: 0 trades"
