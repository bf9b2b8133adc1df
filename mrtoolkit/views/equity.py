"""One trial's account against holding the asset, and how far each was under water."""

from __future__ import annotations

from typing import Any

from bokeh.layouts import column
from bokeh.models import CrosshairTool
from bokeh.models.annotations import Span
from bokeh.models.layouts import Column
from bokeh.plotting import figure

from mrtoolkit.backtest.trial import Trial
from mrtoolkit.views.drawdown import drawdown
from mrtoolkit.views.growth import Benchmark, growth
from mrtoolkit.views.growth import buy_and_hold as buy_and_hold
from mrtoolkit.views.growth import equity_data as equity_data
from mrtoolkit.views.theme import GREY


def equity(
    trial: Trial,
    benchmark: Benchmark | None = None,
    *,
    asset: str | None = None,
    timezone: str | None = None,
    x_range: Any = None,
    height: int = 300,
) -> Column:
    """Return the account of a trial beside its benchmark, with the drawdown of both below on the same time axis.

    Parameters
    ----------
    trial : Trial
        With `equity` and `returns` over time.
    benchmark : Trial, DataArray, Dataset or None
        Another trial (`buy_and_hold`), an equity over the same times, or bars.
    asset : str, optional
        Which asset of several; the first where not given.
    timezone : str, optional
        Zone of the time axis; that of the bars where they are given as the benchmark, else UTC.
    x_range : bokeh range, optional
        Share it with another figure to move both.
    height : int
        Pixels of the upper figure; the lower has half.

    Raises
    ------
    StudyError
        If the trial has no bars or is none, or the benchmark is none or shares no time with it.
    """
    shown: dict[str, Any] = {"asset": asset, "timezone": timezone}
    top = growth(trial, benchmark, x_range=x_range, height=height, **shown)
    below = drawdown(trial, benchmark, x_range=top.x_range, height=height // 2 + 40, **shown)
    top.xaxis.axis_label = ""  # it stands below
    if below.legend:
        below.legend.visible = False  # the same two lines as above
    link_pointers([top, below])
    layout: Column = column([top, below], sizing_mode="stretch_width", spacing=0)
    return layout


def link_pointers(plots: list[figure]) -> None:
    """Show the same time in all of several figures under one pointer."""
    pointer = Span(dimension="height", line_color=GREY, line_alpha=0.6, line_width=1)
    for plot in plots:
        plot.add_tools(CrosshairTool(overlay=pointer))
