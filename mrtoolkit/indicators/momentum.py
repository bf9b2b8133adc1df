"""Momentum: relative strength, rate of change, and convergence of two averages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mrtoolkit.expressions.nodes import Node
from mrtoolkit.indicators._kernels.changes import rate_of_change, relative_strength
from mrtoolkit.indicators.composite import Composite
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.registry import register
from mrtoolkit.indicators.resume import State, Window, initial_states, one_bar_before
from mrtoolkit.indicators.spec import Indicator
from mrtoolkit.indicators.trend import LONGEST, ema, whole_bars

_RSI_START = (0.0, 0.0, 0.0, 0.0)


def _rsi_on(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, states: np.ndarray, out: np.ndarray) -> None:
    lookbacks = np.ascontiguousarray(parameters[:, 0])
    relative_strength(inputs[0], lookbacks, whole_bars(lookbacks), states, out[0])


def _rsi(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    _rsi_on(inputs, parameters, initial_states(_RSI_START, len(parameters)), out)


def _roc(inputs: tuple[np.ndarray, ...], parameters: np.ndarray, out: np.ndarray) -> None:
    rate_of_change(inputs[0], whole_bars(parameters[:, 0]), out[0])


def _macd(source: Node, fast: Node, slow: Node, signal: Node) -> Mapping[str, Node]:
    line = ema(fast, of=source) - ema(slow, of=source)
    signal_line = ema(signal, of=line)
    return {"line": line, "signal_line": signal_line, "histogram": line - signal_line}


rsi = Indicator(
    name="rsi",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=2, high=LONGEST, integer=False),),
    warmup=lambda lookback: int(np.ceil(lookback)),
    kernel=_rsi,
    resume=State(size=4, kernel=_rsi_on, initial=_RSI_START),
    units="0-100",
    description="Relative strength index of Wilder: the share of gains in the movement, 0 to 100.",
    formula=(
        "100 * gain / (gain + loss), each smoothed by alpha = 1 / lookback from the mean of the first "
        "ceil(lookback) changes on (TA-Lib's seed). 50 where nothing has moved (TA-Lib: 0). A missing value has "
        "no result; the next change spans it. Wilder (1978), New Concepts in Technical Trading Systems."
    ),
)

roc = Indicator(
    name="roc",
    inputs=("close",),
    parameters=(IndicatorParameter(name="lookback", low=1, high=LONGEST),),
    warmup=lambda lookback: lookback,
    kernel=_roc,
    resume=Window(start=one_bar_before),
    units="percent",
    description="Rate of change over `lookback` bars, in percent.",
    formula=(
        "100 * (x / x of lookback bars ago - 1), as TA-Lib's ROC. No result where either is missing or the "
        "earlier one is 0."
    ),
)

macd = Composite(
    name="macd",
    parameters=(
        IndicatorParameter(name="fast", low=1, high=LONGEST, integer=False, default=12),
        IndicatorParameter(name="slow", low=1, high=LONGEST, integer=False, default=26),
        IndicatorParameter(name="signal", low=1, high=LONGEST, integer=False, default=9),
    ),
    outputs=("line", "signal_line", "histogram"),
    build=_macd,
    description="Moving average convergence and divergence.",
    formula=(
        "line = ema(fast) - ema(slow), signal_line = ema(signal, of=line), histogram = line - signal_line. Each "
        "average starts as by itself; TA-Lib starts the fast one later, with the slow one, a difference that "
        "fades by (1 - alpha) a bar. Appel (1979)."
    ),
)

for _entry in (rsi, roc, macd):
    register(_entry, built_in=True)
