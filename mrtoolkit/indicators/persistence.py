"""Whether movements go on or turn back: Hurst's exponent."""

from __future__ import annotations

import numpy as np

from mrtoolkit.indicators._kernels import rescaled_range
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.registry import register
from mrtoolkit.indicators.resume import Window, one_bar_before
from mrtoolkit.indicators.spec import Indicator
from mrtoolkit.indicators.trend import LONGEST, whole_bars


def _hurst(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    rescaled_range.hurst(inputs[0], whole_bars(parameters[:, 0]), out[0])


hurst = Indicator(
    name="hurst",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=16, high=LONGEST),),
    warmup=lambda lookback: lookback,
    kernel=_hurst,
    resume=Window(start=one_bar_before),
    units="exponent",
    description="Hurst's exponent of the last `lookback` changes: above 0.5 movements tend to go on, below to turn "
    "back.",
    formula=(
        "The last lookback changes are cut, from the newest back, into pieces of m = lookback, lookback // 2, "
        "lookback // 4, ... >= 8 changes. R is the range (0 included) of a piece's changes summed up less their mean, "
        "S their standard deviation (population form). The exponent is the least-squares slope of log(mean R / S of "
        "the pieces of m) against log(m). Hurst (1951), Trans. ASCE 116; Mandelbrot and Wallis (1969), Water Resources "
        "Research 5(5). Short pieces raise it: independent changes give about 0.6 at 100. A piece whose changes "
        "are all equal has no S and is left out; no result where fewer than two m remain or a value of the window is "
        "missing. Of price changes; for relative ones write of=mrt.log(mrt.close). The time to compute it grows with "
        "lookback."
    ),
)

register(hurst, built_in=True)
