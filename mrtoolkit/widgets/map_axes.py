"""An axis of a figure that changes its parameter: its scale, its ticks, its label."""

from __future__ import annotations

import math
from typing import Any

from bokeh.models import (
    BasicTicker,
    BasicTickFormatter,
    FixedTicker,
    LinearScale,
    LogScale,
    LogTicker,
    NumeralTickFormatter,
)

from mrtoolkit.maps.scale import Scale

_WIDE = 20.0  # the ratio of an axis's ends from which 1, 2, 5 are ticks enough
_DECADES = 5  # more have a tick each


def show_scale(plot: Any, side: str, scale: Scale) -> None:
    """Make the "x" or "y" axis of a figure that of a parameter."""
    axis = _axis(plot, side)
    setattr(plot, f"{side}_scale", LogScale() if scale.is_log else LinearScale())
    axis.axis_label = scale.name
    named = scale.categories
    axis.major_label_overrides = {float(i): text for i, text in enumerate(named)}
    if named:
        axis.ticker = FixedTicker(ticks=list(range(len(named))))
        axis.formatter = BasicTickFormatter(use_scientific=False)
    elif scale.is_log:
        axis.formatter = NumeralTickFormatter(format="0,0.[00000]")
    else:
        axis.ticker = BasicTicker()
        axis.formatter = BasicTickFormatter(use_scientific=False)


def show_ratios(plot: Any, side: str, start: float, end: float) -> None:
    """Put ticks on a log axis for what it shows: 1, 2, 5, 10, ... over a wide stretch, as usual over a narrow one."""
    axis = _axis(plot, side)
    if end / start < _WIDE:
        axis.ticker = LogTicker()
        return
    powers = range(math.floor(math.log10(start)), math.ceil(math.log10(end)) + 1)
    steps = (1, 2, 5) if len(powers) <= _DECADES else (1,)
    axis.ticker = FixedTicker(ticks=[float(f"{step}e{power}") for power in powers for step in steps])


def show_values(plot: Any, side: str, text: str) -> None:
    """Make the "x" or "y" axis of a figure one of plain values."""
    axis = _axis(plot, side)
    setattr(plot, f"{side}_scale", LinearScale())
    axis.axis_label = text
    axis.major_label_overrides = {}
    axis.ticker = BasicTicker()
    axis.formatter = BasicTickFormatter(use_scientific=False)


def _axis(plot: Any, side: str) -> Any:
    return plot.xaxis[0] if side == "x" else plot.yaxis[0]
