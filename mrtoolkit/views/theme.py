"""One restrained look for every figure: colours, type, grid, axes, legends.

Nothing here is opaque: fills are transparent and text a middle grey, so that a figure sits in a light notebook and in a
dark one. The report, which knows its page, darkens or lightens the text from there (`report.js`).
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import xarray as xr
from bokeh.models import (
    BasicTickFormatter,
    BoxZoomTool,
    CustomJS,
    DatetimeTickFormatter,
    HoverTool,
    LinearColorMapper,
    LogTicker,
    NumeralTickFormatter,
    PanTool,
    ResetTool,
    SaveTool,
    Text,
    WheelZoomTool,
)
from bokeh.palettes import Viridis256
from bokeh.plotting import figure

from mrtoolkit.views.arguments import check_height

# Okabe and Ito's eight, without the black and the yellow that vanish on one of the two backgrounds.
BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
LONG, SHORT = BLUE, VERMILLION
LINES = (GREEN, PURPLE, ORANGE, SKY)
LEVELS = (SKY, ORANGE, GREEN, PURPLE, VERMILLION, BLUE)
"""The colours of the groups of levels, told apart by any eye; what somebody added on the way is blue."""

GREY = "#767676"  # 4.5:1 on white, 4.2:1 on #111111: readable on both
TEXT = {"light": "#3d3d3d", "dark": "#d0d0d0"}  # 10.9:1 on white; 12.2:1 on #111111, 7:1 on the dark theme's panels
INK = {"light": "#1a1a1a", "dark": "#f2f2f2"}  # titles, and what is drawn over colours
_PAPER = {"light": "#ffffff", "dark": "#111111"}
_GRID = {"light": 0.18, "dark": 0.30}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"
SIZE = "12px"
_TITLE = 37  # characters that fit a figure of 370 pixels: a notebook's in a window of 800, beside its files

# whoever is asked first under a pointer has its box; the other renderers of that figure are silent there
_ONE_BOX = """
const {glyph_view, sx, sy} = cb_data.vars, plot = glyph_view.parent.parent, held = plot.mrt_pointed;
if (held && held.sx === sx && held.sy === sy) return held.glyph_view === glyph_view;
plot.mrt_pointed = {glyph_view, sx, sy};
return true;
"""

_DATES = {
    "minutes": "%H:%M",
    "hourmin": "%H:%M",
    "hours": "%d %b %H:%M",
    "days": "%d %b %Y",
    "months": "%b %Y",
    "years": "%Y",
}


def themed_figure(
    *, title: str, x_label: str, y_label: str, height: int = 320, along: str = "both", **options: Any
) -> figure:
    """Return an empty figure in the toolkit's look, as wide as its page.

    Parameters
    ----------
    title, x_label, y_label : str
        Text as it is; nothing in it is read as markup. A long title takes two lines: bokeh would cut it off.
    height : int
        Pixels.
    along : {"both", "width"}
        What pan and zoom move.
    **options
        Passed to `bokeh.plotting.figure`: ranges, axis types.

    Raises
    ------
    StudyError
        If the height is no whole number, or no figure's.
    """
    check_height(height)
    moving = [tool(dimensions=along) for tool in (PanTool, BoxZoomTool, WheelZoomTool)]
    tools = [*moving, ResetTool(), SaveTool()]
    plot = figure(
        title=titled(title), x_axis_label=x_label, y_axis_label=y_label,
        height=height, min_width=280, sizing_mode="stretch_width", tools=tools, toolbar_location="right", **options,
    )  # fmt: skip
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.toolbar.active_scroll = None  # a page with figures in it must still scroll
    plot.background_fill_alpha = 0.0
    plot.border_fill_alpha = 0.0
    plot.outline_line_color = None
    plot.min_border_right = 12
    plot.title.text_font = FONT
    plot.title.text_font_size = "14px"
    plot.title.text_color = GREY
    for axis in (*plot.xaxis, *plot.yaxis):
        style_axis(axis)
    plot.grid.grid_line_color = GREY
    plot.grid.grid_line_alpha = 0.18
    return plot


def style_axis(axis: Any) -> None:
    """Give one axis, or a colour bar, the look's type and lines, and numbers without powers of ten."""
    axis.major_label_text_font = FONT
    axis.major_label_text_font_size = SIZE
    axis.major_label_text_color = GREY
    for name, value in (
        ("axis_label_text_font", FONT),
        ("axis_label_text_font_size", SIZE),
        ("axis_label_text_font_style", "normal"),
        ("axis_label_text_color", GREY),
        ("axis_line_color", GREY),
        ("axis_line_alpha", 0.5),
        ("minor_tick_line_color", None),
    ):
        if name in axis.properties():  # bokeh's hasattr looks for names alike: 3 ms where there is none
            setattr(axis, name, value)
    axis.major_tick_line_color = GREY
    if axis.formatter == "auto" or isinstance(axis.formatter, BasicTickFormatter):
        plain_numbers(axis)


def restyle(plot: figure, theme: str) -> None:
    """Give a figure the text and lines of a light or a dark page: contrast of text is at least 4.5 on either.

    Parameters
    ----------
    theme : {"light", "dark"}
        Any other word counts as light.
    """
    theme = theme if theme in TEXT else "light"
    text = TEXT[theme]
    plot.title.text_color = INK[theme]
    for axis in (*plot.xaxis, *plot.yaxis, *plot.above, *plot.below, *plot.left, *plot.right, *plot.center):
        has = axis.properties()
        for name in has & {"major_label_text_color", "axis_label_text_color", "title_text_color", "label_text_color"}:
            setattr(axis, name, text)
        for name in has & {"axis_line_color", "major_tick_line_color"}:
            if getattr(axis, name) is not None:
                setattr(axis, name, text)
    plot.grid.grid_line_color = text if any(line.grid_line_color is not None for line in plot.grid) else None
    plot.grid.grid_line_alpha = _GRID[theme]
    for renderer in plot.renderers:
        glyph = getattr(renderer, "glyph", None)
        if isinstance(glyph, Text):  # it may stand on lines, so it brings its paper
            glyph.text_color, glyph.background_fill_color, glyph.background_fill_alpha = text, _PAPER[theme], 0.75


def titled(words: str) -> str:
    """Return a title over as many lines as a narrow figure needs: bokeh would cut it off."""
    return textwrap.fill(words, _TITLE, break_long_words=False)


def add_hover(plot: figure, renderers: list[Any], rows: list[tuple[str, str]], **options: Any) -> None:
    """Show `rows` of (label, bokeh field) beside the pointer over `renderers`; values are escaped by bokeh.

    There is one box: where several lie under the pointer, that of the first tool and its first renderer, and of that
    the one drawn on top. Bokeh before 3.8 cannot be told so and stacks them.
    """
    if "limit" in HoverTool.properties():
        options |= {"limit": 1, "sort_by": [("$index", "descending")], "filters": {"$index": CustomJS(code=_ONE_BOX)}}
    plot.add_tools(HoverTool(renderers=renderers, tooltips=rows, **options))


def value_colours(values: np.ndarray, *, direction: str) -> LinearColorMapper:
    """Return a colour mapper over the finite values, bright where it is good; grey where there is no value."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    palette = list(Viridis256) if direction == "maximize" else list(reversed(Viridis256))
    return LinearColorMapper(palette=palette, low=low, high=high, nan_color="#9a9a9a")


def zone_of(bars: xr.Dataset | None) -> str:
    """Return the bars' own time zone, UTC where they have none."""
    return str(bars.attrs.get("timezone", "UTC")) if bars is not None else "UTC"


def time_axis(plot: figure) -> None:
    """Write dates on the x axis, as short as the zoom allows."""
    plot.xaxis.formatter = DatetimeTickFormatter(**_DATES)
    plot.xaxis.ticker.desired_num_ticks = 5


def value_axis(axis: Any) -> None:
    """Write prices as they are read; where the axis steps by ratios, its small ticks show that."""
    plain_numbers(axis)
    if isinstance(axis.ticker, LogTicker):
        axis.minor_tick_line_color = GREY


def percent_axis(axis: Any) -> None:
    """Write fractions as percentages."""
    axis.formatter = NumeralTickFormatter(format="0%")


def count_axis(axis: Any) -> None:
    """Write whole numbers with their thousands apart, few enough to stand side by side on a narrow page."""
    axis.formatter = NumeralTickFormatter(format="0,0")
    axis.ticker.min_interval = 1
    axis.ticker.desired_num_ticks = 5


def plain_numbers(axis: Any) -> None:
    """Write numbers without powers of ten, as prices and lookbacks are read."""
    axis.formatter = BasicTickFormatter(use_scientific=False)
