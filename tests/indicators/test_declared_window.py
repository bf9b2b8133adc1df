"""A user's `window=`: what is accepted goes on to the bit, and what carries something along is refused with a cure."""

import numba
import numpy as np
import pandas as pd
import pytest
from user_range import define_range, windows

from mrtoolkit.errors import IndicatorError
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.decorator import indicator
from mrtoolkit.indicators.resume import Window


def _assert_goes_on(spec, inputs, table):
    n_bars = inputs[0].size
    whole = np.empty((max(1, len(spec.outputs)), len(table), n_bars))
    spec.compute(inputs, table, whole)
    for first, last in ((1, 2), (30, 31), (5, n_bars), (n_bars - 1, n_bars), (n_bars // 2, n_bars // 2 + 40)):
        out = np.full((len(whole), len(table), last - first), 7.0)
        spec.extend([column[:last] for column in inputs], table, first, out)
        assert out.tobytes() == whole[:, :, first:last].tobytes()


def test_declared_window_lets_an_indicator_go_on_to_the_bit():
    my_range = define_range(warmup=lambda lookback: lookback - 1, window=lambda lookback: lookback)
    assert isinstance(my_range.resume, Window)
    assert my_range.resume.start(100, lookback=30) == 70
    assert my_range.resume.start(20, lookback=30) == 0
    assert my_range.state_size == 0
    rng = np.random.default_rng(0)
    low = rng.normal(100, 1, 300)
    low[[50, 51, 200]] = np.nan
    _assert_goes_on(my_range, [low + 1, low], np.array([[2.0], [14.0], [100.0], [299.0], [300.0], [500.0]]))


def test_window_is_no_shorter_than_a_measured_warmup():
    my_range = define_range(window=1)
    assert my_range.resume.start(100, lookback=30) == 71
    x = np.random.default_rng(1).normal(100, 1, 200)
    _assert_goes_on(my_range, [x + 1, x], np.array([[30.0]]))


def test_compiled_window_with_several_outputs_goes_on_to_the_bit():
    @indicator(
        lookback=(1, 50), outputs=("up", "down"), warmup=lambda lookback: lookback, window=lambda lookback: lookback
    )
    @numba.njit
    def my_moves(close, lookback):
        up, down = np.full(close.size, np.nan), np.full(close.size, np.nan)
        for bar in range(lookback, close.size):
            change = close[bar] - close[bar - lookback]
            if change == change:
                up[bar], down[bar] = max(change, 0.0), max(-change, 0.0)
        return up, down

    _assert_goes_on(my_moves, [np.random.default_rng(2).normal(100, 1, 120)], np.array([[1.0], [7.0], [50.0]]))


def test_no_window_means_that_all_bars_are_computed_again():
    assert define_range(warmup=lambda lookback: lookback - 1).resume is None


def test_parameter_may_be_called_window():
    @indicator(window=(2, 50), warmup=lambda window: window - 1)
    def my_high(high, window):
        return windows(high, window, np.max)

    assert my_high.resume is None
    assert (my_high.parameters[0].name, my_high.parameters[0].high) == ("window", 50)


def _running_sum(close, lookback):
    value = np.nan_to_num(close)
    sums = np.concatenate([[0.0], np.cumsum(value)])
    out = np.full(close.size, np.nan)
    out[lookback - 1 :] = (sums[lookback:] - sums[:-lookback]) / lookback
    holes = np.concatenate([[0], np.cumsum(np.isnan(close))])
    out[lookback - 1 :][holes[lookback:] > holes[:-lookback]] = np.nan
    return out


def _running_volume(volume, lookback):
    return _running_sum(volume, lookback)


def _pandas_mean(close, lookback):
    return pd.Series(close).rolling(lookback).mean().to_numpy()


def fading(close, lookback):
    out = np.full(close.size, np.nan)
    state = np.nan
    seen = 0
    for bar, value in enumerate(close):
        if value == value:
            state = value if seen == 0 else state + (value - state) / lookback
            seen += 1
            out[bar] = state if seen >= lookback else np.nan
    return out


@pytest.mark.parametrize("function", [_running_sum, _running_volume, _pandas_mean])
def test_running_sum_is_refused_with_a_cure(function):
    function.__name__ = function.__qualname__ = "my_mean"
    match = (
        r"my_mean\(lookback=\d+\) needs more history than its window: its value at bar \d+ is \S+ over all bars, "
        r"but \S+ from its window on; it carries roundings along .* sum each window by itself, .*, or leave window= out"
    )
    with pytest.raises(IndicatorError, match=match):
        indicator(lookback=(2, 60), warmup=lambda lookback: lookback - 1, window=lambda lookback: lookback)(function)
    assert "my_mean" not in registry.names()


def test_window_that_is_too_short_is_refused():
    with pytest.raises(IndicatorError, match=r"needs more history than its window: .*; declare a longer window, or"):
        indicator(lookback=(2, 60), warmup=lambda lookback: lookback - 1, window=lambda lookback: lookback)(fading)
    assert indicator(lookback=(2, 60), warmup=lambda lookback: lookback - 1)(fading).resume is None


def test_window_that_is_one_bar_short_is_refused():
    def my_change(close, lookback):
        """A change that has a value on the bars of its warm-up too, and so needs one bar more than that."""
        before = np.full(close.size, np.nan)
        before[lookback:] = close[: max(close.size - lookback, 0)]
        return np.where(np.isnan(close), np.nan, np.where(np.isnan(before), 0.0, close - before))

    options = {"lookback": (1, 50), "warmup": 0}
    assert indicator(**options, window=lambda lookback: lookback)(my_change).resume is not None
    with pytest.raises(IndicatorError, match=r"my_change\(lookback=\d+\) needs more history than its window"):
        indicator(**options, window=lambda lookback: lookback - 1)(my_change)


def test_transform_over_the_whole_history_is_refused_a_window():
    def my_wave(close):
        spectrum = np.fft.rfft(np.nan_to_num(close, nan=100.0))
        return np.where(np.isnan(close), np.nan, np.fft.irfft(spectrum, close.size))

    with pytest.raises(IndicatorError, match=r"is not the same to the bit once bars follow it, .*; leave window= out"):
        indicator(warmup=0, window=1)(my_wave)


@pytest.mark.parametrize("window", [-1, 2.5, True, lambda lookback: "long", lambda n: n])
def test_window_that_is_no_number_of_bars_is_refused(window):
    with pytest.raises(IndicatorError, match=r"the window of my_range\(lookback=2\) .*write window=lambda lookback"):
        define_range(warmup=lambda lookback: lookback - 1, window=window)
