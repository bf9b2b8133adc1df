"""Moving averages, exponential, simple and weighted, and the slope of the line through a window."""

from __future__ import annotations

import numpy as np

from mrtoolkit.indicators._kernels import windows
from mrtoolkit.indicators._kernels.smoothing import smooth
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.registry import register
from mrtoolkit.indicators.resume import State, Window, block_before, initial_states
from mrtoolkit.indicators.spec import Indicator

LONGEST = 1_000_000
"""Longest lookback, in bars."""


def whole_bars(lookbacks: np.ndarray) -> np.ndarray:
    """Lookbacks rounded up to whole bars, as the kernels want them."""
    whole: np.ndarray = np.ceil(lookbacks).astype(np.int64)
    return whole


SMOOTHING_START = (0.0, 0.0, 0.0)
"""The state of `smooth` before the first bar."""


def _ema_on(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, states: np.ndarray, out: np.ndarray) -> None:
    lookbacks = parameters[:, 0]
    smooth(inputs[0], 2.0 / (lookbacks + 1.0), whole_bars(lookbacks), states, out[0])


def _ema(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    _ema_on(inputs, parameters, initial_states(SMOOTHING_START, len(parameters)), out)


def _sma(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    windows.mean(inputs[0], whole_bars(parameters[:, 0]), out[0])


def _wma(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    windows.weighted_mean(inputs[0], whole_bars(parameters[:, 0]), out[0])


def _slope(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    windows.slope(inputs[0], whole_bars(parameters[:, 0]), out[0])


ema = Indicator(
    name="ema",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST, integer=False),),
    warmup=lambda lookback: int(np.ceil(lookback)) - 1,
    kernel=_ema,
    resume=State(size=3, kernel=_ema_on, initial=SMOOTHING_START),
    keeps_whole=True,
    description="Exponential moving average.",
    formula=(
        "e += alpha * (x - e), alpha = 2 / (lookback + 1), from the mean of the first ceil(lookback) values on "
        "(TA-Lib's seed; TA-Lib knows whole lookbacks only). A missing value has no result and leaves e as it "
        "was."
    ),
)

sma = Indicator(
    name="sma",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST),),
    warmup=lambda lookback: lookback - 1,
    kernel=_sma,
    resume=Window(start=block_before),
    keeps_whole=True,
    description="Simple moving average: the mean of the last `lookback` values.",
    formula="sum of the last lookback values / lookback. A window with a missing value has no result.",
)

wma = Indicator(
    name="wma",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST),),
    warmup=lambda lookback: lookback - 1,
    kernel=_wma,
    resume=Window(start=block_before),
    keeps_whole=True,
    description="Weighted moving average: weights 1 to `lookback`, the newest counts most.",
    formula=(
        "sum of i * x over the window, i = 1 (oldest) to lookback, / (lookback (lookback + 1) / 2). A missing "
        "value: no result."
    ),
)

slope = Indicator(
    name="slope",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=2, high=LONGEST),),
    warmup=lambda lookback: lookback - 1,
    kernel=_slope,
    resume=Window(start=block_before),
    units="price/bar",
    description="Slope of the least-squares line through the last `lookback` values, a bar.",
    formula=(
        "sum of (i - mean of i) * x / sum of (i - mean of i)^2, i = 1 (oldest) to lookback, as TA-Lib's "
        "LINEARREG_SLOPE, summed about origins inside the window. A window with a missing value has no result."
    ),
)

for _indicator in (ema, sma, wma, slope):
    register(_indicator, built_in=True)
