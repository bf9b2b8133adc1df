"""The picture of zooming in: every trial on the map of two parameters, and the boxes that each level searched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, Range1d
from bokeh.models.layouts import Row
from bokeh.plotting import figure

from mrtoolkit.errors import StudyError
from mrtoolkit.maps.map_part import MapPart
from mrtoolkit.maps.scale import Scale
from mrtoolkit.search.region import Region, have_place
from mrtoolkit.search.study import Study
from mrtoolkit.views.cells import heatmap_data, is_scattered
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.still import held_still
from mrtoolkit.views.surface import apart_figure, draw_cells, draw_colour_bar, draw_heat, map_figure, mark_candidates
from mrtoolkit.views.theme import add_hover, value_colours
from mrtoolkit.views.trial_table import (
    ParameterAxis,
    apart_words,
    level_look,
    level_names,
    objective_values,
    two_axes,
)
from mrtoolkit.views.words import label

_BOX = ["level", "name", "region", "left", "right", "bottom", "top", "is_last"]
_POINTS = 5_000
_PANELS = 6
_FAINT = 0.18  # of a line that tells of an earlier round: forty of them shall not hide the trials
_ROOM = 0.04  # of a panel, between its border and the outer trials: half a mark


def points_data(study: Study, x: str | None = None, y: str | None = None) -> pd.DataFrame:
    """Return where each trial stands on the map: `x`, `y` (positions), `value` (NaN where none), `level`.

    Where a parameter does not matter, the position on its axis is NaN.

    Raises
    ------
    StudyError
        If the study has no trials, a parameter is unknown, or there is only one parameter.
    """
    study = held_still(study)
    x_axis, y_axis = _two(study, x, y)
    return _points(study, x_axis, y_axis)


def regions_data(study: Study, x: str | None = None, y: str | None = None) -> pd.DataFrame:
    """Return the box of every region that was searched, a row a region.

    Trials that the search did not ask for, told before its first region, give the box round them. A region that was
    made round a point at which one of the two does not matter has no box.

    Returns
    -------
    pd.DataFrame
        `level` (counted from 0), `name`, `region`, and the borders `left`, `right`, `bottom`, `top`, as far outside the
        outer labels as half a step of the level, so that no trial stands on a border, but within the space; `is_last`,
        whether it belongs to the last round of its level.

    Raises
    ------
    StudyError
        If the study has no trials, a parameter is unknown, or there is only one parameter.
    """
    study = held_still(study)
    x_axis, y_axis = _two(study, x, y)
    names = level_names(study)
    last = _last_rounds(study, x_axis.name, y_axis.name)
    rows = []
    levels = study.log.level
    has_place = have_place(study.space, study.regions, (x_axis.name, y_axis.name))
    has_place &= not apart_words(study, x_axis, y_axis)
    placed = {(region.level, region.index) for region, is_in in zip(study.regions, has_place, strict=True) if is_in}
    for level in np.unique(levels).tolist():
        here = levels == level
        here &= np.isfinite(x_axis.positions) & np.isfinite(y_axis.positions)
        x_tried, y_tried = (np.unique(axis.positions[here]) for axis in (x_axis, y_axis))
        own = [region for region in study.regions if region.level == level]
        found: list[Region | None] = [region for region in own if (region.level, region.index) in placed]
        for region in found if own else [None] * bool(here.any()):
            left, right = _within(study, x_axis, _edges(region, x_axis, x_tried))
            bottom, top = _within(study, y_axis, _edges(region, y_axis, y_tried))
            edges = {"left": left, "right": right, "bottom": bottom, "top": top}
            known = {"level": level, "name": names[level], "region": region.index if region else 0}
            rows.append({**known, **edges, "is_last": region is None or (level, region.index) in last})
    return pd.DataFrame(rows, columns=_BOX)


def regions(study: Study, x: str | None = None, y: str | None = None, *, height: int = 420) -> figure:
    """Return every trial on the map of two parameters, coloured by value, with the boxes of each level.

    Parameters
    ----------
    study : Study
        With at least one trial and two parameters.
    x, y : str, optional
        Parameters; those that vary first where not given.
    height : int
        Pixels.

    Returns
    -------
    bokeh.plotting.figure
        Above 5,000 trials the best thousand and an even choice of the others are drawn, and the title says so.

    Raises
    ------
    StudyError
        If the study has no trials, a parameter is unknown, or there is only one parameter.
    """
    study = held_still(study)
    x_axis, y_axis = _two(study, x, y)
    words = apart_words(study, x_axis, y_axis)
    if words:
        return apart_figure(words, x_axis, y_axis, height=height)
    points = _points(study, x_axis, y_axis)
    shown = _shown(points, study.direction)
    plot = map_figure(_title(study, len(points), len(shown)), x_axis, y_axis, height=height)
    colours = value_colours(points["value"].to_numpy(), direction=study.direction)
    circles = _draw_points(plot, study, shown, colours)
    _draw_boxes(plot, study, regions_data(study, x, y))
    rows = [(x_axis.name, "@x_label"), (y_axis.name, "@y_label"), (study.value_name, "@value{0.0000}")]
    add_hover(plot, [circles], [*rows, ("Level", "@level"), ("Other", "@others")])
    draw_colour_bar(plot, colours)
    mark_candidates(plot, study, x_axis, y_axis)
    style_legend(plot, glyph=28)
    return plot


def zooms(study: Study, x: str | None = None, y: str | None = None, *, height: int = 300) -> Row:
    """Return the zoom as a row of panels, a panel a level: its map, and the box that the next level looks into.

    Parameters
    ----------
    study, x, y, height
        As `regions` takes them.

    Returns
    -------
    bokeh.layouts.Row
        Of the first six levels at most; one colour scale for all.

    Raises
    ------
    StudyError
        If the study has no trials, a parameter is unknown, or there is only one parameter.
    """
    study = held_still(study)
    x_axis, y_axis = _two(study, x, y)
    words = apart_words(study, x_axis, y_axis)
    if words:
        alone: Row = row([apart_figure(words, x_axis, y_axis, height=height)], sizing_mode="stretch_width")
        return alone
    cells = heatmap_data(study, x, y)
    boxes = regions_data(study, x, y)
    colours = value_colours(cells["value"].to_numpy(), direction=study.direction)
    names = level_names(study)
    is_strewn = is_scattered(study, x, y)
    plots: list[figure] = []
    for level in sorted(boxes["level"].unique())[:_PANELS]:
        here, following = boxes[boxes["level"] == level], boxes[boxes["level"] == level + 1]
        ranges = _panel_ranges(here, x_axis, y_axis)
        plot = map_figure(names[level], x_axis, y_axis, height=height, **ranges)
        if is_strewn:
            window = plot.x_range.start, plot.x_range.end, plot.y_range.start, plot.y_range.end
            draw_heat(plot, study, (x_axis, y_axis), colours, window=window, level=int(level))
        else:
            draw_cells(plot, study, cells[cells["level"] <= level], (x_axis, y_axis), colours)
        _draw_boxes(plot, study, following)
        if following.empty:
            mark_candidates(plot, study, x_axis, y_axis)
        plot.toolbar_location = None
        if plots:
            plot.yaxis.axis_label = None
        if plot.legend:
            plot.legend.visible = False
        plots.append(plot)
    panels: Row = row(plots, sizing_mode="stretch_width", spacing=8, styles={"flex-wrap": "wrap"})
    return panels


def _two(study: Study, x: str | None, y: str | None) -> tuple[ParameterAxis, ParameterAxis]:
    x_axis, y_axis = two_axes(study, x, y)
    if y_axis is None:
        cure = "draw mrt.views.heatmap(study), which gives a line"
        msg = f"a map of regions needs two parameters, but this study has one, {x_axis.name!r}; {cure}."
        raise StudyError(msg)
    return x_axis, y_axis


def _points(study: Study, x_axis: ParameterAxis, y_axis: ParameterAxis) -> pd.DataFrame:
    columns = {"x": x_axis.positions, "y": y_axis.positions, "value": objective_values(study)}
    return pd.DataFrame({**columns, "level": study.log.level})


def _edges(region: Region | None, axis: ParameterAxis, tried: np.ndarray) -> tuple[float, float]:
    """Return the borders of a box on one axis: half a step outside the outer of the labels `tried`, ascending, in it.

    Without a region, those of its trials; a box with one label in it is a 50th of the map wide.
    """
    bounds = [] if region is None else [axis.position(value) for value in region.bounds[axis.name]]
    known = [bound for bound in bounds if np.isfinite(bound)] or [float(tried[0]), float(tried[-1])]
    low, high = min(known), max(known)
    inside = tried[(tried >= low) & (tried <= high)]
    if axis.categories:
        return low - 0.4, high + 0.4
    if inside.size > 1:
        return low - float(inside[1] - inside[0]) / 2, high + float(inside[-1] - inside[-2]) / 2
    margin = (axis.ends[1] - axis.ends[0]) / 50 or 0.5
    return low - margin, high + margin


def _within(study: Study, axis: ParameterAxis, edges: tuple[float, float]) -> tuple[float, float]:
    """Return borders cut at the ends of the space."""
    if axis.categories or axis.is_listed:
        return edges
    low, high = Scale.of(study.space, axis.name).ends
    return max(edges[0], low), min(edges[1], high)


def _last_rounds(study: Study, x: str, y: str) -> set[tuple[int, int]]:
    """Return the level and number of the regions that were looked into last, each level by itself."""
    boxes = MapPart(study, x, y)
    boxes.read_regions()
    return {(box.level, box.index) for box in boxes.boxes(None) if box.is_last}


def _shown(points: pd.DataFrame, direction: str) -> pd.DataFrame:
    """Return the points to draw, those that have a place, the good ones last and so on top."""
    placed = points.dropna(subset=["x", "y"])
    ordered = placed.sort_values("value", ascending=direction == "maximize", na_position="first", kind="stable")
    if len(ordered) <= _POINTS:
        return ordered
    rest = ordered.iloc[:-1_000]
    even = np.unique(np.linspace(0, len(rest) - 1, _POINTS - 1_000).round().astype(int))
    return pd.concat([rest.iloc[even], ordered.iloc[-1_000:]])


def _title(study: Study, count: int, drawn: int) -> str:
    thinned = f", {drawn:,} of them drawn" if drawn < count else ""
    return f"{count:,} trials{thinned}, coloured by {study.value_name}"


def _draw_points(plot: figure, study: Study, shown: pd.DataFrame, colours: Any) -> Any:
    names = level_names(study)
    rows = shown.index.to_numpy()
    points = study.space.shown(study.log.codes[rows])
    x_name, y_name = plot.xaxis[0].axis_label, plot.yaxis[0].axis_label
    others = [n for n in study.space if n not in {x_name, y_name}]
    columns = {n: points[n].to_numpy() for n in study.space}
    sizes = np.linspace(11, 6, len(names)) if len(names) > 1 else np.array([8.0])
    source = ColumnDataSource(
        {
            "x": shown["x"],
            "y": shown["y"],
            "value": shown["value"],
            "size": sizes[shown["level"].to_numpy()],
            "level": [names[i] for i in shown["level"]],
            "x_label": [label(v) for v in columns[x_name]],
            "y_label": [label(v) for v in columns[y_name]],
            "others": [", ".join(f"{n} {label(columns[n][i])}" for n in others) or "–" for i in range(len(shown))],
        }
    )
    return plot.scatter(
        "x", "y", source=source, size="size", line_color="#ffffff", line_alpha=0.4, line_width=0.5,
        fill_color={"field": "value", "transform": colours},
    )  # fmt: skip


def _draw_boxes(plot: figure, study: Study, boxes: pd.DataFrame) -> None:
    """Draw the boxes of each level: those of its last round strong, all before thin and faint.

    Coarse ones have wider lines, so that equal boxes show one round the other.
    """
    looks = level_look(study)
    for _, part in boxes.groupby("level"):
        level = int(part["level"].iloc[0])
        name, colour = looks[level]
        ordered = part.sort_values("is_last", ascending=False, kind="stable")  # the legend shows the first
        strong = ordered["is_last"].to_numpy() | ~ordered["is_last"].any()
        source = ColumnDataSource(
            {
                **{name: ordered[name].to_numpy() for name in ("left", "right", "bottom", "top")},
                "alpha": np.where(strong, 1.0, _FAINT),
                "width": np.where(strong, min(2.0 + (len(looks) - 1 - level) / 2, 4.0), 1.0),
            }
        )
        plot.quad(
            left="left", right="right", bottom="bottom", top="top", source=source,
            fill_alpha=0.0, line_color=colour, line_alpha="alpha", line_width="width", legend_label=name,
        )  # fmt: skip


def _panel_ranges(here: pd.DataFrame, x_axis: ParameterAxis, y_axis: ParameterAxis) -> dict[str, Range1d]:
    """Return the ranges of a panel: its level's boxes, and a little more where trials stand close to their border."""
    ranges = {}
    for name, axis, low, high in (("x_range", x_axis, "left", "right"), ("y_range", y_axis, "bottom", "top")):
        ends = np.array([here[low].min(), here[high].max()], dtype=float)
        inside = axis.positions[(axis.positions >= ends[0]) & (axis.positions <= ends[1])]
        outer = np.array([inside.min(), inside.max()]) if inside.size else ends
        if axis.is_log:
            ends, outer = np.log(np.maximum(ends, axis.ends[0] / 1.2)), np.log(outer)
        room = _ROOM * (ends[1] - ends[0])
        ends = np.array([min(ends[0], outer[0] - room), max(ends[1], outer[1] + room)])
        start, end = np.exp(ends) if axis.is_log else ends
        ranges[name] = Range1d(float(start), float(end))
    return ranges
