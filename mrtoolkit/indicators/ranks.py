"""Where a value stands among those of its window: rank and median."""

from __future__ import annotations

import numpy as np

from mrtoolkit.indicators._kernels.sorted_window import MEDIAN, RANK, in_sorted_window
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.registry import register
from mrtoolkit.indicators.resume import Window, whole_window
from mrtoolkit.indicators.spec import Indicator
from mrtoolkit.indicators.trend import LONGEST, whole_bars


def _rolling_rank(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    in_sorted_window(inputs[0], whole_bars(parameters[:, 0]), RANK, out[0])


def _rolling_median(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    in_sorted_window(inputs[0], whole_bars(parameters[:, 0]), MEDIAN, out[0])


rolling_rank = Indicator(
    name="rolling_rank",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST),),
    warmup=lambda lookback: lookback - 1,
    kernel=_rolling_rank,
    resume=Window(start=whole_window),
    units="fraction",
    description="Rank of the value among the last `lookback`, as a fraction: 1 for the highest, 1 / lookback for the "
    "lowest.",
    formula=(
        "(values below + (values equal, this one included, + 1) / 2) / lookback, as pandas' "
        "rolling(lookback).rank(pct=True): equal values share the mean of their ranks. A window with a missing value "
        "has no result. The time to compute it grows with lookback."
    ),
)

rolling_median = Indicator(
    name="rolling_median",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST),),
    warmup=lambda lookback: lookback - 1,
    kernel=_rolling_median,
    resume=Window(start=whole_window),
    description="Median of the last `lookback` values.",
    formula=(
        "the value in the middle of the sorted window, of an even number the mean of the two in the middle, as pandas' "
        "rolling(lookback).median(). A window with a missing value has no result. The time to compute it grows with "
        "lookback."
    ),
)

for _indicator in (rolling_rank, rolling_median):
    register(_indicator, built_in=True)
