"""Windows and smoothing against plain loops, where running sums would lose digits."""

import math

import numpy as np
import pytest

from mrtoolkit.indicators import registry


def _computed(name, columns, lookback):
    out = np.empty((1, 1, columns[0].size))
    registry.get(name).compute(columns, np.array([[lookback]], dtype=float), out)
    return out[0, 0]


def _windows(x, lookback, function):
    values = [function(x[bar - lookback + 1 : bar + 1]) for bar in range(lookback - 1, x.size)]
    return np.concatenate([np.full(lookback - 1, np.nan), values])


def _exact_deviation(window):
    mean = math.fsum(window) / len(window)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in window) / len(window))


@pytest.mark.parametrize("lookback", [2, 3, 7, 20, 61])
def test_deviation_keeps_its_digits_at_a_large_price_that_moves_little(lookback):
    # Steps of 2^-10 about 2^20: every price is exact, so what differs is the kernel's own error.
    steps = np.random.default_rng(0).integers(-20, 21, 3_000)
    x = 2.0**20 + steps * 2.0**-10
    expected = _windows(x, lookback, _exact_deviation)
    np.testing.assert_allclose(_computed("stdev", [x], lookback), expected, rtol=1e-9, atol=1e-12)
    squares = np.cumsum(x * x)
    sums = np.cumsum(x)
    running = squares[-1] - squares[-1 - lookback] - (sums[-1] - sums[-1 - lookback]) ** 2 / lookback
    assert abs(math.sqrt(max(running, 0) / lookback) - expected[-1]) > 1e-4  # what a running sum would have given


@pytest.mark.parametrize("lookback", [2, 5, 33])
def test_window_forgets_a_huge_price_once_it_has_left(lookback):
    x = np.random.default_rng(1).normal(1.0, 0.001, 400)
    x[100:103] = 1e12
    for name, function in (("sma", np.mean), ("stdev", np.std)):
        result = _computed(name, [x], lookback)[110 + lookback :]
        expected = _windows(x, lookback, function)[110 + lookback :]
        np.testing.assert_allclose(result, expected, rtol=1e-9, err_msg=name)


def test_window_results_do_not_drift_over_many_bars():
    rng = np.random.default_rng(2)
    x = 1e4 * np.exp(np.cumsum(rng.normal(0, 0.02, 100_000)))
    for name, function in (("sma", np.mean), ("stdev", np.std)):
        tail = _computed(name, [x], 20)[-500:]
        np.testing.assert_allclose(tail, _windows(x[-519:], 20, function)[19:], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("lookback", [1, 2, 3, 10, 64])
def test_means_and_extremes_agree_with_plain_windows(lookback):
    x = np.random.default_rng(3).normal(size=500)
    weights = np.arange(1, lookback + 1)
    cases = {"sma": np.mean, "highest": np.max, "lowest": np.min, "wma": lambda w: (w * weights).sum() / weights.sum()}
    for name, function in cases.items():
        expected = _windows(x, lookback, function)
        np.testing.assert_allclose(_computed(name, [x], lookback), expected, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", ["sma", "wma", "stdev", "highest", "lowest"])
def test_missing_value_spoils_the_windows_that_hold_it_and_no_other(name):
    x = np.random.default_rng(4).normal(size=200)
    x[[0, 57, 58, 120]] = np.nan
    for lookback in (2, 5, 19):
        holds = np.array([np.isnan(x[max(bar - lookback + 1, 0) : bar + 1]).any() for bar in range(x.size)])
        holds[: lookback - 1] = True
        assert np.array_equal(np.isnan(_computed(name, [x], lookback)), holds)


@pytest.mark.parametrize("lookback", [1, 2, 11.5, 12, 12.5, 80.25])
def test_ema_of_a_fractional_lookback_follows_its_formula(lookback):
    x = np.random.default_rng(5).normal(100, 1, 400)
    seed = math.ceil(lookback)
    alpha = 2 / (lookback + 1)
    expected = np.full(x.size, np.nan)
    expected[seed - 1] = state = sum(x[:seed]) / seed
    for bar in range(seed, x.size):
        expected[bar] = state = (1 - alpha) * state + alpha * x[bar]
    np.testing.assert_allclose(_computed("ema", [x], lookback), expected, rtol=1e-12)


@pytest.mark.parametrize("lookback", [2, 11.5, 14])
def test_rsi_of_a_fractional_lookback_follows_its_formula(lookback):
    x = np.random.default_rng(6).normal(100, 1, 300)
    seed = math.ceil(lookback)
    change = np.diff(x)
    gain, loss = np.maximum(change, 0), np.maximum(-change, 0)
    up, down = gain[:seed].mean(), loss[:seed].mean()
    expected = [100 * up / (up + down)]
    for bar in range(seed, change.size):
        up = up * (1 - 1 / lookback) + gain[bar] / lookback
        down = down * (1 - 1 / lookback) + loss[bar] / lookback
        expected.append(100 * up / (up + down))
    np.testing.assert_allclose(_computed("rsi", [x], lookback)[seed:], expected, rtol=1e-10)


def test_ema_carries_its_state_over_a_missing_value():
    x = np.random.default_rng(7).normal(100, 1, 60)
    gap = np.insert(x, 30, np.nan)
    expected = np.insert(_computed("ema", [x], 5), 30, np.nan)
    assert _computed("ema", [gap], 5).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["ema", "sma", "wma", "highest", "lowest"])
def test_flat_prices_give_exactly_that_price(name):
    # A mean of equal prices that is off by a rounding would make crossings out of nothing.
    x = np.full(300, 0.1)
    for lookback in (1, 3, 7, 50):
        assert set(_computed(name, [x], lookback)[lookback - 1 :]) == {0.1}
    assert set(_computed("stdev", [x], 7)[6:]) == {0.0}


def test_rate_of_change_from_zero_has_no_value():
    x = np.array([0.0, 1.0, 2.0, 0.0, 5.0])
    np.testing.assert_array_equal(_computed("roc", [x], 1), [np.nan, np.nan, 100.0, -100.0, np.nan])
