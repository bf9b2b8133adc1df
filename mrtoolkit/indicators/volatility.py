"""Volatility: standard deviation, true range, bands around a mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mrtoolkit.expressions.nodes import Node
from mrtoolkit.indicators._kernels.changes import true_range
from mrtoolkit.indicators._kernels.deviations import deviation
from mrtoolkit.indicators._kernels.smoothing import smooth
from mrtoolkit.indicators.composite import Composite
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.registry import register
from mrtoolkit.indicators.resume import State, Window, block_before, initial_states
from mrtoolkit.indicators.spec import Indicator
from mrtoolkit.indicators.trend import LONGEST, SMOOTHING_START, sma, whole_bars


def _stdev(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    deviation(inputs[0], whole_bars(parameters[:, 0]), out[0])


_ATR_START = (np.inf, *SMOOTHING_START)  # the previous close (infinite: none yet), then the state of the smoothing


def _atr_on(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, states: np.ndarray, out: np.ndarray) -> None:
    ranges = np.empty_like(inputs[0])
    states[:, 0] = true_range(*inputs, states[0, 0], ranges)  # the same in each row: the last close of the bars so far
    ranges.flags.writeable = False  # the form that `smooth` is compiled for
    lookbacks, smoothed = parameters[:, 0], np.ascontiguousarray(states[:, 1:])
    smooth(ranges, 1.0 / lookbacks, whole_bars(lookbacks), smoothed, out[0])
    states[:, 1:] = smoothed


def _atr(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    _atr_on(inputs, parameters, initial_states(_ATR_START, len(parameters)), out)


def _bollinger(source: Node, lookback: Node, width: Node) -> Mapping[str, Node]:
    middle = sma(lookback, of=source)
    band = width * stdev(lookback, of=source)
    return {"lower": middle - band, "middle": middle, "upper": middle + band}


def _rolling_zscore(source: Node, lookback: Node) -> Node:
    return (source - sma(lookback, of=source)) / stdev(lookback, of=source)  # type: ignore[no-any-return]


stdev = Indicator(
    name="stdev",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=2, high=LONGEST),),
    warmup=lambda lookback: lookback - 1,
    kernel=_stdev,
    resume=Window(start=block_before),
    description="Standard deviation of the last `lookback` values.",
    formula=(
        "sqrt(mean of (x - mean)^2) over the window: the population form (divided by lookback), as TA-Lib's "
        "STDDEV, summed about origins inside the window, so that no digits are lost at large prices. A window "
        "with a missing value has no result."
    ),
)

atr = Indicator(
    name="atr",
    inputs=("high", "low", "close"),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST, integer=False),),
    warmup=lambda lookback: int(np.ceil(lookback)),
    kernel=_atr,
    resume=State(size=4, kernel=_atr_on, initial=_ATR_START),
    description="Average true range of Wilder.",
    formula=(
        "true range = max(high, previous close) - min(low, previous close), from the second bar on; smoothed by "
        "alpha = 1 / lookback from the mean of the first ceil(lookback) ranges on (TA-Lib's seed). A bar with a "
        "missing price has no result and is passed over. Wilder (1978)."
    ),
)

bollinger = Composite(
    name="bollinger",
    parameters=(
        IndicatorParameter(name="lookback", low=2, high=LONGEST, default=20),
        IndicatorParameter(name="width", low=0, high=1_000, integer=False, default=2),
    ),
    outputs=("lower", "middle", "upper"),
    build=_bollinger,
    description="Bollinger's bands: `width` deviations below and above the mean.",
    formula="sma(lookback) -+ width * stdev(lookback), population form, as TA-Lib's BBANDS. Bollinger (2001).",
)

rolling_zscore = Composite(
    name="rolling_zscore",
    parameters=(IndicatorParameter(name="lookback", low=2, high=LONGEST),),
    outputs=(),
    build=_rolling_zscore,
    description="How many standard deviations a value is above the mean of the last `lookback`.",
    formula=(
        "(x - sma(lookback)) / stdev(lookback), population form. No result where all values of the window are equal or "
        "one is missing."
    ),
)

for _entry in (stdev, atr, bollinger, rolling_zscore):
    register(_entry, built_in=True)
