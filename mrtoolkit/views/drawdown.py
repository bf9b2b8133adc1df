"""How far one trial's account was under its highest, beside holding the asset."""

from __future__ import annotations

from typing import Any

import xarray as xr
from bokeh.plotting import figure

from mrtoolkit.backtest.trial import Trial
from mrtoolkit.views.following import time_range
from mrtoolkit.views.growth import Benchmark, equity_data, over_time
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.theme import (
    BLUE,
    ORANGE,
    add_hover,
    percent_axis,
    themed_figure,
    time_axis,
    zone_of,
)
from mrtoolkit.views.words import percent


def drawdown_data(trial: Trial, benchmark: Benchmark | None = None, *, asset: str | None = None) -> xr.Dataset:
    """Return the fall of a trial's equity from its highest so far, and that of its benchmark.

    Parameters
    ----------
    trial, benchmark, asset
        As those of `equity_data`.

    Returns
    -------
    xr.Dataset (time)
        `drawdown`, with a benchmark `hold_drawdown`: fractions of the highest so far, the start included, in [0, 1].

    Raises
    ------
    StudyError
        If the trial has no bars or is none, or the benchmark is none or shares no time with it.
    """
    data = equity_data(trial, benchmark, asset=asset)
    return data[[name for name in ("drawdown", "hold_drawdown") if name in data]]


def drawdown(
    trial: Trial,
    benchmark: Benchmark | None = None,
    *,
    asset: str | None = None,
    timezone: str | None = None,
    x_range: Any = None,
    height: int = 200,
) -> figure:
    """Return how far a trial was under water, beside its benchmark; parameters as those of `equity`.

    Raises
    ------
    StudyError
        If the trial has no bars or is none, or the benchmark is none or shares no time with it.
    """
    data = drawdown_data(trial, benchmark, asset=asset)
    zone = timezone or zone_of(benchmark if isinstance(benchmark, xr.Dataset) else None)
    source = over_time(data, [str(name) for name in data], "drawdown", zone)
    plot = themed_figure(
        title=f"Drawdown: at most {percent(float(data['drawdown'].max()))}", x_label=f"Time ({zone})",
        y_label="Fall from the highest", height=height, x_axis_type="datetime", along="width",
        x_range=x_range or time_range(source.data["time"]),
    )  # fmt: skip
    plot.y_range.flipped = True
    rows = [("Date", "@time{%F %H:%M}"), ("Strategy", "@drawdown{0.0%}")]
    if "hold_drawdown" in data:
        held = {"color": ORANGE, "line_width": 1.2, "legend_label": "buy and hold"}
        plot.line("time", "hold_drawdown", source=source, **held)
        rows.append(("Buy and hold", "@hold_drawdown{0.0%}"))
    plot.varea("time", 0, "drawdown", source=source, fill_color=BLUE, fill_alpha=0.2)
    line = plot.line("time", "drawdown", source=source, color=BLUE, line_width=1.2, legend_label="strategy")
    add_hover(plot, [line], rows, formatters={"@time": "datetime"}, mode="vline")
    percent_axis(plot.yaxis[0])
    time_axis(plot)
    style_legend(plot)
    return plot


def drawdown_sentence(trial: Trial, benchmark: Benchmark | None = None, *, asset: str | None = None) -> str:
    """Return what `equity` and `drawdown` show, for who cannot see them."""
    data = equity_data(trial, benchmark, asset=asset)
    made, fall = float(data["equity"][-1]) - 1.0, float(data["drawdown"].max())
    words = f"The trial made {percent(made)} after costs; its largest fall was {percent(fall)}."
    if "hold" not in data:
        return words
    held, held_fall = float(data["hold"][-1]) - 1.0, float(data["hold_drawdown"].max())
    return f"{words} Buying and holding made {percent(held)} and fell {percent(held_fall)} at most."
