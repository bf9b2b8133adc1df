"""The built-in indicators agree with TA-Lib, which is not imported by the package."""

import numpy as np
import pytest
import talib

from mrtoolkit.indicators import registry

BARS = 2_000
CASES = {
    "ema": (talib.EMA, ("close",), 1e-12),
    "sma": (talib.SMA, ("close",), 1e-12),
    "wma": (talib.WMA, ("close",), 1e-12),
    "rsi": (talib.RSI, ("close",), 1e-10),
    "stdev": (talib.STDDEV, ("close",), 1e-6),  # TA-Lib subtracts two large sums, which costs it these digits
    "atr": (talib.ATR, ("high", "low", "close"), 1e-12),
    "roc": (talib.ROC, ("close",), 1e-12),
    "highest": (talib.MAX, ("close",), 0.0),
    "lowest": (talib.MIN, ("close",), 0.0),
}


def _prices():
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, BARS)))
    high = close * np.exp(rng.exponential(0.005, BARS))
    low = close * np.exp(-rng.exponential(0.005, BARS))
    return {"close": close, "high": high, "low": low}


def _computed(name, columns, *values):
    indicator = registry.get(name)
    parameters = np.array(values, dtype=float).reshape(len(values), -1)
    out = np.empty((1, len(parameters), columns[0].size))
    indicator.compute(columns, parameters, out)
    return out[0]


@pytest.mark.parametrize("name", CASES)
def test_built_in_indicator_agrees_with_talib_from_the_first_value_on(name):
    function, inputs, tolerance = CASES[name]
    columns = [_prices()[column] for column in inputs]
    lookbacks = [2, 3, 14, 50, 377]
    rows = _computed(name, columns, *lookbacks)
    for lookback, row in zip(lookbacks, rows, strict=True):
        expected = function(*columns, timeperiod=lookback)
        assert np.isfinite(expected).sum() > 1_000
        np.testing.assert_allclose(row, expected, rtol=tolerance, atol=tolerance * 100, err_msg=f"{name}({lookback})")


def test_bollinger_agrees_with_talib():
    close = _prices()["close"]
    upper, middle, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2.5, nbdevdn=2.5)
    mean, deviation = _computed("sma", [close], 20)[0], _computed("stdev", [close], 20)[0]
    np.testing.assert_allclose(mean, middle, rtol=1e-12)
    np.testing.assert_allclose(mean + 2.5 * deviation, upper, rtol=1e-9)
    np.testing.assert_allclose(mean - 2.5 * deviation, lower, rtol=1e-9)


def test_macd_agrees_with_talib_once_the_seeds_have_faded():
    # TA-Lib starts the fast average with the slow one; ours starts by itself. (1 - 2/13)^400 is 1e-29.
    close = _prices()["close"]
    line, signal, _ = talib.MACD(close, 12, 26, 9)
    ours = _computed("ema", [close], 12)[0] - _computed("ema", [close], 26)[0]
    np.testing.assert_allclose(ours[500:], line[500:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(_computed("ema", [ours], 9)[0][500:], signal[500:], rtol=0, atol=1e-9)
    assert abs(ours[33] - line[33]) > 1e-6


def test_rsi_of_flat_prices_is_50_where_talib_says_0():
    flat = np.full(40, 10.0)
    assert _computed("rsi", [flat], 14)[0][14:].tolist() == [50.0] * 26
    assert talib.RSI(flat, 14)[14:].tolist() == [0.0] * 26
