"""Lookbacks that share a pass over the bars, and blocks that share one, give the bits of each by itself."""

import numpy as np
import pytest

from mrtoolkit.indicators.extremes import highest, lowest
from mrtoolkit.indicators.momentum import roc, rsi
from mrtoolkit.indicators.trend import ema, slope, sma, wma
from mrtoolkit.indicators.volatility import atr, stdev

ALL = (ema, sma, wma, slope, rsi, roc, stdev, atr, highest, lowest)


def prices(n: int, seed: int, *, gaps: float) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    close = 100.0 + np.cumsum(rng.normal(size=n))
    close[n // 3 : n // 3 + 20] = close[n // 3]
    high, low = close + rng.random(n), close - rng.random(n)
    for column in (high, low, close):
        column[rng.random(n) < gaps] = np.nan
    return [high, low, close]


def computed(indicator, columns, lookbacks):
    inputs = columns if len(indicator.inputs) == 3 else columns[-1:]
    out = np.empty((1, len(lookbacks), columns[0].size))
    states = np.empty((len(lookbacks), indicator.state_size)) if indicator.state_size else None
    indicator.compute(inputs, np.array(lookbacks, dtype=float)[:, None], out, states=states)
    return out[0], states


@pytest.mark.parametrize("indicator", ALL, ids=lambda indicator: indicator.name)
@pytest.mark.parametrize("gaps", [0.0, 0.02], ids=["whole", "with gaps"])
def test_any_number_of_lookbacks_together_gives_the_bits_of_each_alone(indicator, gaps):
    columns = prices(2_500, 5, gaps=gaps)
    lookbacks = [9, 2, 30, 31, 3, 700, 5, 64, 4, 128, 17, 2_400, 8, 7, 40, 33, 6, 12]
    alone = [computed(indicator, columns, [lookback]) for lookback in lookbacks]
    for n in (2, 3, 4, 5, 6, 7, 8, 9, len(lookbacks)):
        values, states = computed(indicator, columns, lookbacks[:n])
        for k in range(n):
            np.testing.assert_array_equal(values[k], alone[k][0][0], err_msg=f"lookback {lookbacks[k]} of {n}")
            if states is not None:
                np.testing.assert_array_equal(states[k], alone[k][1][0])


@pytest.mark.parametrize("indicator", [sma, stdev, highest, lowest], ids=lambda indicator: indicator.name)
def test_windows_agree_with_numpy_whatever_the_number_of_bars(indicator):
    naive = {"sma": np.mean, "stdev": np.std, "highest": np.max, "lowest": np.min}[indicator.name]
    for n in [*range(1, 40), 1_023, 1_024, 1_025, 2_049]:
        columns = prices(n, n, gaps=0.01)
        lookbacks = [k for k in (2, 3, 4, 5, 7, 8, 16, 31, 255, 256, 257, 1_000) if k <= n]
        if not lookbacks:
            continue
        values, _ = computed(indicator, columns, lookbacks)
        for row, lookback in zip(values, lookbacks, strict=True):
            expected = naive(np.lib.stride_tricks.sliding_window_view(columns[-1], lookback), axis=1)
            assert np.isnan(row[: lookback - 1]).all()
            np.testing.assert_allclose(row[lookback - 1 :], expected, rtol=1e-12, atol=1e-10)


def test_flat_prices_give_exactly_that_price_and_no_deviation():
    rng = np.random.default_rng(2)
    price = 1e6 / 3
    close = np.concatenate([price + np.cumsum(rng.normal(size=77)), np.full(600, price)])
    for lookback in (2, 3, 10, 49, 200):
        flat = slice(77 + lookback - 1, None)
        assert (computed(sma, [close], [lookback])[0][0, flat] == price).all()
        assert (computed(stdev, [close], [lookback])[0][0, flat] == 0.0).all()
