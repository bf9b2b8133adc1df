"""The objective over two parameters: a cell for each label that was tried, fine levels laid over coarse ones."""

from __future__ import annotations

from typing import Any

import pandas as pd
from bokeh.models import ColorBar, ColumnDataSource, Range1d
from bokeh.plotting import figure

from mrtoolkit.maps.chosen import ChosenTrials
from mrtoolkit.maps.map_part import MapPart, Window
from mrtoolkit.search.study import Study
from mrtoolkit.views.cells import Reduce, heatmap_data, is_scattered
from mrtoolkit.views.heat_image import painted
from mrtoolkit.views.legends import add_marks, style_legend
from mrtoolkit.views.still import held_still
from mrtoolkit.views.theme import (
    PURPLE,
    SKY,
    VERMILLION,
    add_hover,
    style_axis,
    themed_figure,
    value_colours,
)
from mrtoolkit.views.trial_table import ParameterAxis, apart_words, candidate, level_look, level_names, two_axes


def heatmap(
    study: Study, x: str | None = None, y: str | None = None, *, reduce: Reduce = "best", height: int = 420
) -> figure:
    """Return the objective over two parameters as coloured cells, with the best and the plateau marked.

    Levels of scattered points are shown as heat: each pixel has the value of the nearest trial, and fades away from it,
    so that what nobody tried stays blank. A study of one parameter gives a line.

    Parameters
    ----------
    study : Study
        With at least one trial.
    x, y : str, optional
        Parameters; those that vary first where not given.
    reduce : {"best", "mean"}
        What a cell shows where several trials share it (they differ in the other parameters).
    height : int
        Pixels.

    Raises
    ------
    StudyError
        If the study has no trials, a parameter is unknown, or `reduce` is neither word.
    """
    study = held_still(study)
    x_axis, y_axis = two_axes(study, x, y)
    words = apart_words(study, x_axis, y_axis)
    if words and y_axis is not None:
        return apart_figure(words, x_axis, y_axis, height=height)
    cells = heatmap_data(study, x, y, reduce=reduce)
    if y_axis is None:
        return _curve(study, x_axis, cells, height=height)
    word = "Best" if reduce == "best" else "Mean"
    plot = map_figure(f"{word} {study.value_name} over {x_axis.name} and {y_axis.name}", x_axis, y_axis, height=height)
    colours = value_colours(cells["value"].to_numpy(), direction=study.direction)
    if reduce == "best" and is_scattered(study, x, y):
        draw_heat(plot, study, (x_axis, y_axis), colours)
    else:
        draw_cells(plot, study, cells, (x_axis, y_axis), colours)
    draw_colour_bar(plot, colours)
    mark_candidates(plot, study, x_axis, y_axis)
    style_legend(plot, glyph=28)
    return plot


def map_figure(title: str, x_axis: ParameterAxis, y_axis: ParameterAxis, *, height: int, **options: Any) -> figure:
    """Return an empty figure over two parameters."""
    plot = themed_figure(
        title=title, x_label=x_axis.name, y_label=y_axis.name, height=height,
        x_axis_type=x_axis.scale, y_axis_type=y_axis.scale, **options,
    )  # fmt: skip
    x_axis.draw_on(plot.xaxis[0])
    y_axis.draw_on(plot.yaxis[0])
    plot.grid.grid_line_color = None
    return plot


def apart_figure(words: str, x_axis: ParameterAxis, y_axis: ParameterAxis, *, height: int) -> figure:
    """Return a map without trials, as its parameters never matter together, and the words that say so."""
    ranges = {
        name: Range1d(low - 0.5, high + 0.5) if axis.categories else Range1d(low, high)
        for name, axis in (("x_range", x_axis), ("y_range", y_axis))
        for low, high in [axis.ends]
    }
    return map_figure(words, x_axis, y_axis, height=height, **ranges)


def draw_cells(
    plot: figure, study: Study, cells: pd.DataFrame, axes: tuple[ParameterAxis, ParameterAxis], colours: Any
) -> None:
    """Draw the cells of `heatmap_data`, the later over the earlier."""
    names = level_names(study)
    columns = {name: cells[name].to_numpy() for name in ("left", "right", "bottom", "top", "value", "trials")}
    source = ColumnDataSource(
        {
            **columns,
            "x": axes[0].labels(cells["x"]),
            "y": axes[1].labels(cells["y"]),
            "level": [names[i] for i in cells["level"]],
        }
    )
    quads = plot.quad(
        left="left", right="right", bottom="bottom", top="top", source=source,
        fill_color={"field": "value", "transform": colours}, line_color="#ffffff", line_alpha=0.25, line_width=0.5,
    )  # fmt: skip
    rows = [(axes[0].name, "@x"), (axes[1].name, "@y"), (study.value_name, "@value{0.0000}")]
    add_hover(plot, [quads], [*rows, ("Level", "@level"), ("Trials", "@trials{0,0}")])


def draw_heat(
    plot: figure,
    study: Study,
    axes: tuple[ParameterAxis, ParameterAxis],
    colours: Any,
    *,
    window: Window | None = None,
    level: int | None = None,
) -> None:
    """Draw what the trials up to a level tell of a window: the heat between them, and at most 2,000 of them as dots."""
    part = MapPart(study, axes[0].name, axes[1].name)
    heat = part.heat(len(study), window or part.window(None), level)
    if heat is None:
        return
    plot.image_rgba(
        [painted(heat.values, heat.opacity, colours)], x=heat.left, y=heat.bottom,
        dw=heat.right - heat.left, dh=heat.top - heat.bottom, level="image",
    )  # fmt: skip
    chosen = ChosenTrials()
    chosen.read(study.log.score)
    points, names = part.points(chosen.trials, level), level_names(study)
    source = ColumnDataSource(
        {
            "x": points.x,
            "y": points.y,
            "value": points.value,
            "level": [names[i] for i in points.level],
            "x_label": axes[0].labels(points.x),
            "y_label": axes[1].labels(points.y),
        }
    )
    dots = plot.scatter(
        "x", "y", source=source, size=4, fill_color={"field": "value", "transform": colours},
        line_color="#ffffff", line_alpha=0.5, line_width=0.5,
    )  # fmt: skip
    rows = [(axes[0].name, "@x_label"), (axes[1].name, "@y_label"), (study.value_name, "@value{0.0000}")]
    add_hover(plot, [dots], [*rows, ("Level", "@level")])


def draw_colour_bar(plot: figure, colours: Any) -> None:
    """Add the colour bar beside the figure."""
    bar = ColorBar(color_mapper=colours, width=12, padding=6, background_fill_alpha=0.0, border_line_color=None)
    style_axis(bar)
    plot.add_layout(bar, "right")


def mark_candidates(plot: figure, study: Study, x_axis: ParameterAxis, y_axis: ParameterAxis | None) -> None:
    """Mark the study's best with a star and its plateau with a diamond, one star where they are one."""
    best, plateau = candidate(study, "best"), candidate(study, "plateau")
    marks = [(plateau, "plateau", "diamond", PURPLE, 18), (best, "best", "star", VERMILLION, 20)]
    if best is not None and plateau is not None and best.trial == plateau.trial:
        marks = [(best, "best and plateau", "star", VERMILLION, 20)]
    drawn = {}
    for found, text, marker, colour, size in marks:
        if found is None or not {x_axis.name, *(() if y_axis is None else (y_axis.name,))} <= set(found.active):
            continue  # a parameter that does not matter there has no place on its axis
        place = x_axis.position(found.params[x_axis.name])
        height = found.value if y_axis is None else y_axis.position(found.params[y_axis.name])
        drawn[text] = plot.scatter(
            [place], [height], marker=marker, size=size, fill_color=colour, line_color="#222222", line_width=1.2
        )
    if drawn:
        add_marks(plot, drawn)


def _curve(study: Study, x_axis: ParameterAxis, cells: pd.DataFrame, *, height: int) -> figure:
    plot = themed_figure(
        title=f"{study.value_name} over {x_axis.name}", x_label=x_axis.name, y_label=study.value_name, height=height,
        x_axis_type=x_axis.scale,
    )  # fmt: skip
    x_axis.draw_on(plot.xaxis[0])
    word = "max" if study.direction == "maximize" else "min"
    ordered = cells.groupby("x", sort=True)["value"].agg(word).reset_index()
    plot.line(ordered["x"], ordered["value"], color=SKY, line_width=1.5)
    looks = level_look(study)
    renderers = []
    for _, part in cells.groupby("level"):
        level = int(part["level"].iloc[0])
        name, colour = looks[level]
        source = ColumnDataSource(
            {"place": part["x"], "x": x_axis.labels(part["x"]), "value": part["value"], "trials": part["trials"]}
        )
        points = plot.scatter("place", "value", source=source, size=7, color=colour, legend_label=name)
        renderers.append(points)
    add_hover(plot, renderers, [(x_axis.name, "@x"), (study.value_name, "@value{0.0000}"), ("Trials", "@trials{0,0}")])
    mark_candidates(plot, study, x_axis, None)
    style_legend(plot, glyph=28)
    return plot
