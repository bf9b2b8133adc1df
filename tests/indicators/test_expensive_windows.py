"""Rank, median, slope and Hurst's exponent of a window, and the z-score, against pandas, TA-Lib and plain loops."""

import numpy as np
import pandas as pd
import pytest
import talib

import mrtoolkit as mrt
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.parsing import parse

LOOKBACKS = [2, 3, 7, 20, 100]


def _computed(name, x, lookback):
    out = np.empty((1, 1, x.size))
    registry.get(name).compute([x], np.array([[lookback]], dtype=float), out)
    return out[0, 0]


def _prices(kind, bars=1_500):
    rng = np.random.default_rng(11)
    x = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    if kind == "ties":
        x = np.round(x - 100)  # few different values, both zeros and negative ones among them
        x[x == 0] = rng.choice([0.0, -0.0], int((x == 0).sum()))
    elif kind == "gaps":
        x[rng.random(bars) < 0.02] = np.nan
        x[:5] = np.nan
    return x


@pytest.mark.parametrize("kind", ["plain", "ties", "gaps"])
@pytest.mark.parametrize("lookback", [1, *LOOKBACKS])
def test_rank_and_median_agree_with_pandas(kind, lookback):
    x = _prices(kind)
    rolling = pd.Series(x).rolling(lookback)
    expected = {"rolling_rank": rolling.rank(pct=True), "rolling_median": rolling.median()}
    for name, values in expected.items():
        assert np.isfinite(values).sum() > 100 or kind == "gaps"
        np.testing.assert_allclose(_computed(name, x, lookback), values, rtol=1e-14, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_slope_agrees_with_talib(lookback):
    x = _prices("plain")
    expected = talib.LINEARREG_SLOPE(x, timeperiod=lookback)
    np.testing.assert_allclose(_computed("slope", x, lookback), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_slope_keeps_its_digits_at_a_large_price_that_moves_little(lookback):
    # Steps of 2^-10 about 2^20 are exact: the slope of the steps alone is the slope.
    steps = np.random.default_rng(0).integers(-20, 21, 1_000) * 2.0**-10
    away = np.arange(lookback) - (lookback - 1) / 2
    windows = np.lib.stride_tricks.sliding_window_view(steps, lookback)
    expected = windows @ away / (away @ away)
    result = _computed("slope", 2.0**20 + steps, lookback)[lookback - 1 :]
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-13)


def test_slope_of_a_line_is_its_step_and_of_flat_prices_exactly_none():
    assert _computed("slope", np.arange(50.0) * 0.5, 8)[7:].tolist() == [0.5] * 43
    assert set(_computed("slope", np.full(50, 0.1), 8)[7:]) == {0.0}


def _hurst_loop(x, lookback):
    """The formula as it is written in the indicator, window by window."""
    values = np.full(x.size, np.nan)
    for bar in range(lookback, x.size):
        changes = np.diff(x[bar - lookback : bar + 1])
        points = []
        length = lookback
        while length >= 8:
            ratios = []
            for piece in range(lookback // length):
                part = changes[changes.size - (piece + 1) * length : changes.size - piece * length]
                summed = np.concatenate([[0.0], np.cumsum(part - part.mean())])
                if part.std() > 0:
                    ratios.append((summed.max() - summed.min()) / part.std())
            if ratios:
                points.append((np.log(length), np.log(np.mean(ratios))))
            length //= 2
        if len(points) >= 2 and np.isfinite(changes).all():
            values[bar] = np.polyfit(*np.transpose(points), 1)[0]
    return values


@pytest.mark.parametrize("lookback", [16, 17, 40, 100])
def test_hurst_exponent_agrees_with_a_plain_loop(lookback):
    x = _prices("plain", 400)
    expected = _hurst_loop(x, lookback)
    assert np.isfinite(expected).sum() == 400 - lookback
    np.testing.assert_allclose(_computed("hurst", x, lookback), expected, rtol=1e-9, atol=1e-11)


def test_hurst_exponent_leaves_out_pieces_that_do_not_move():
    x = _prices("plain", 400)
    x[100:180] = x[100]
    expected = _hurst_loop(x, 40)
    result = _computed("hurst", x, 40)
    assert np.isnan(result[145:180]).all()  # nothing has moved in the window
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-11)
    assert np.isnan(_computed("hurst", np.full(100, 3.0), 20)).all()
    assert np.isnan(_computed("hurst", 100 + 0.1 * np.arange(100), 20)).all()  # equal changes, but for their rounding


def test_hurst_exponent_tells_what_goes_on_from_what_turns_back():
    steps = np.random.default_rng(5).normal(size=5_000)
    on, back = np.convolve(steps, np.ones(30), "same").cumsum(), steps  # prices: a smooth walk, and noise about a level
    walk = steps.cumsum()
    means = [np.nanmean(_computed("hurst", x, 200)) for x in (back, walk, on)]
    assert means[0] < 0.3
    assert 0.5 < means[1] < 0.65
    assert means[2] > 0.8


@pytest.mark.parametrize("name", ["rolling_rank", "rolling_median", "slope", "hurst"])
def test_missing_value_spoils_the_windows_that_hold_it_and_no_other(name):
    x = np.random.default_rng(4).normal(size=300)
    x[[0, 57, 58, 120]] = np.nan
    x[200] = np.inf
    warmup = registry.get(name).warmup_of((19,))
    holds = np.array([not np.isfinite(x[max(bar - warmup, 0) : bar + 1]).all() for bar in range(x.size)])
    holds[:warmup] = True
    assert np.array_equal(np.isnan(_computed(name, x, 19)), holds)


def test_zscore_is_an_expression_of_mean_and_deviation():
    node = mrt.rolling_zscore(20)
    assert node.key == "(close - sma(20)) / stdev(20)"
    assert parse("rolling_zscore(20)") is node
    assert mrt.rolling_zscore(9, of=mrt.high) is (mrt.high - mrt.sma(9, of=mrt.high)) / mrt.stdev(9, of=mrt.high)


def test_zscore_agrees_with_pandas():
    bars = mrt.data.sample("AAPL").isel(time=slice(0, 1_000))
    (values,) = mrt.FeatureStore().fetch(bars, [mrt.rolling_zscore(20)])
    close = bars["close"].to_series()
    rolling = close.rolling(20)
    expected = (close - rolling.mean()) / rolling.std(ddof=0)
    np.testing.assert_allclose(np.ravel(values), expected, rtol=1e-7, atol=1e-7)
