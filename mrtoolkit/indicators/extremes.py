"""Highest and lowest of a window."""

from __future__ import annotations

import numpy as np

from mrtoolkit.indicators._kernels import extrema
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.registry import register
from mrtoolkit.indicators.resume import Window, block_before
from mrtoolkit.indicators.spec import Indicator
from mrtoolkit.indicators.trend import LONGEST, whole_bars


def _highest(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    extrema.highest(inputs[0], whole_bars(parameters[:, 0]), 1.0, out[0])


def _lowest(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    extrema.highest(inputs[0], whole_bars(parameters[:, 0]), -1.0, out[0])


highest = Indicator(
    name="highest",
    inputs=("high",),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST),),
    warmup=lambda lookback: lookback - 1,
    kernel=_highest,
    resume=Window(start=block_before),
    description="Highest high of the last `lookback` bars, this one included.",
    formula=(
        "max over the window, as TA-Lib's MAX; of the highs where no other series is given. A missing value: no result."
    ),
)

lowest = Indicator(
    name="lowest",
    inputs=("low",),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST),),
    warmup=lambda lookback: lookback - 1,
    kernel=_lowest,
    resume=Window(start=block_before),
    description="Lowest low of the last `lookback` bars, this one included.",
    formula=(
        "min over the window, as TA-Lib's MIN; of the lows where no other series is given. A missing value: no result."
    ),
)

for _indicator in (highest, lowest):
    register(_indicator, built_in=True)
