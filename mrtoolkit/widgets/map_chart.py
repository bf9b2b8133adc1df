"""The map of a search as a figure that is made once: heat, trials, the levels' regions, a brush and a click."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import (
    BoxAnnotation,
    BoxSelectTool,
    ColorBar,
    CustomJSHover,
    Legend,
    LegendItem,
    LinearColorMapper,
    PanTool,
    Range1d,
)
from bokeh.palettes import Viridis256

from mrtoolkit.maps.value_range import value_range
from mrtoolkit.views.heat_image import painted
from mrtoolkit.views.legends import add_marks, style_legend
from mrtoolkit.views.theme import (
    LEVELS,
    PURPLE,
    VERMILLION,
    add_hover,
    restyle,
    style_axis,
    themed_figure,
    titled,
)
from mrtoolkit.widgets.changing_source import ChangingSource
from mrtoolkit.widgets.chart_turn import ChartTurn
from mrtoolkit.widgets.map_axes import show_ratios, show_scale, show_values
from mrtoolkit.widgets.map_columns import (
    apart,
    box_columns,
    category_names,
    edge_columns,
    hover_field,
    put_mark,
)
from mrtoolkit.widgets.model import SearchModel
from mrtoolkit.words import counted, number, params_text

_GLYPH = 20  # pixels of a legend's sign
_DOT, _SMALL_DOT, _CROWD = 7.0, 5.5, 300  # pixels; smaller where there are more trials than that
_SLIP = 6  # screen pixels: a shorter drag is a click that slipped
_NEAR = 0.03  # of the window: how far from a trial a click may be
_ROOM = 0.08  # of the values, above and below, on a map of one parameter
_EDGES = {side: side for side in ("left", "right", "bottom", "top")}
_BOX = (*_EDGES, "alpha", "width", "fill")

Bounds = Mapping[str, tuple[Any, Any]]


class MapChart:
    """Trials over the heat of the objective, each level's regions as rectangles that nest, the best as a star.

    It follows the model: its axes, its level, its window. Callbacks may come on any thread: let them only note what
    was wanted.

    Parameters
    ----------
    model : SearchModel
    height : int
        Pixels.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    description : str
        The picture in one sentence, for who cannot see it.
    chosen : dict or None
        The bounds that were brushed last, by parameter.
    """

    def __init__(self, model: SearchModel, *, height: int = 420) -> None:
        self._model = model
        plot = self.figure = themed_figure(
            title="Map", x_label="", y_label="", height=height, x_range=Range1d(0.0, 1.0), y_range=Range1d(0.0, 1.0)
        )
        plot.grid.grid_line_color = None
        self.description = ""
        self.chosen: Bounds | None = None
        self._heat = ChangingSource("image", "x", "y", "dw", "dh")
        self._points = ChangingSource("x", "y", "value", "trial", "level", "x_text", "y_text")
        self._boxes = [ChangingSource(*_BOX) for _ in LEVELS]
        self._looked = ChangingSource("left", "right", "bottom", "top")
        self._marks = {name: ChangingSource("x", "y") for name in ("plateau", "best")}
        self._colours = LinearColorMapper(palette=list(Viridis256), low=0.0, high=1.0, nan_color="#9a9a9a")
        self._shown: dict[str, Any] = {}  # what was drawn last, so that nothing is sent twice
        self._turn = ChartTurn(model, plot)
        self._on_brush: list[Callable[[Bounds], Any]] = []
        self._on_click: list[Callable[[int], Any]] = []
        self._draw()
        self.update()

    def update(self, theme: str | None = None) -> bool:
        """Show what the model has now, and another theme if one is given; say whether anything changed."""
        if not self._turn.has_come(theme):
            return False
        model = self._model
        self._set_axes()
        self._set_colours()
        self._set_ranges()
        self._set_heat()
        points = model.points
        self._points.update(
            x=points.x, y=points.y, value=points.value, trial=points.trial + 1, level=points.level,
            x_text=category_names(model.map.x, points.x), y_text=category_names(model.map.y, points.y),
        )  # fmt: skip
        size = _DOT if len(points.trial) <= _CROWD else _SMALL_DOT
        if self._circles.glyph.size != size:
            self._circles.glyph.size = size
        self._set_boxes()
        if self._level_name.args != (named := {"names": list(model.level_names)}):
            self._level_name.args = named
        self._set_marks()
        self._show_legend()
        self._write()
        return True

    def show_level(self, level: int | None) -> None:
        """Look at one level, from 0; None follows the search."""
        self._model.shown_level = level
        self._model.refresh()
        self.update()

    def on_brush(self, callback: Callable[[Bounds], Any]) -> None:
        """Call with the bounds, as labels of the lattice, once for each rectangle that is drawn on the map."""
        if not self._on_brush:
            tool = next(tool for tool in self.figure.tools if isinstance(tool, BoxSelectTool))
            self.figure.toolbar.active_drag = tool
            self.figure.on_event(SelectionGeometry, self._brushed)
        self._on_brush.append(callback)

    def on_click(self, callback: Callable[[int], Any]) -> None:
        """Call with a trial's number, from 0, when it is clicked."""
        if not self._on_click:
            self.figure.on_event(Tap, self._clicked)
        self._on_click.append(callback)

    def choose(self, bounds: Bounds | None) -> None:
        """Show a rectangle as the chosen one; None takes it away."""
        self.chosen = bounds
        if bounds is None:
            self._chosen_box.visible = False
            return
        left, right, bottom, top = self._model.edges(bounds)
        self._chosen_box.update(left=left, right=right, visible=True)
        if math.isfinite(bottom):
            self._chosen_box.update(bottom=bottom, top=top)

    def _brushed(self, event: Any) -> None:
        geometry = event.geometry
        if not event.final or geometry.get("type") != "rect":
            return
        drag = [abs(geometry.get(f"s{axis}1", math.inf) - geometry.get(f"s{axis}0", 0.0)) for axis in "xy"]
        if max(drag) < _SLIP:
            return
        bounds = self._model.bounds(geometry["x0"], geometry["x1"], geometry["y0"], geometry["y1"])
        self.choose(bounds)
        for callback in self._on_brush:
            callback(bounds)

    def _clicked(self, event: Any) -> None:
        trial = self.trial_at(event.x, event.y)
        if trial is not None:
            for callback in self._on_click:
                callback(trial)

    def trial_at(self, x: float, y: float) -> int | None:
        """Return the trial, from 0, that stands at a place or next to it; None where none is near.

        Of several dots under the pointer it is the one on top, which the hover names.
        """
        points, plot = self._model.points, self.figure
        if x is None or y is None or len(points.trial) == 0:
            return None
        across = apart(points.x, x, plot.x_range, is_log=self._model.map.x.is_log)
        up = apart(points.y, y, plot.y_range, is_log=self._model.map.y is not None and self._model.map.y.is_log)
        with suppress(UnsetValueError):  # a page tells its sizes with the click
            pixels = np.maximum(np.abs(across) * plot.inner_width, np.abs(up) * plot.inner_height)
            under = np.flatnonzero(pixels <= self._circles.glyph.size / 2)  # a square, as bokeh tests it
            if len(under):
                return int(points.trial[under[-1]])
        away = np.hypot(across, up)
        nearest = np.flatnonzero(away == away.min())[-1]  # the one on top
        return int(points.trial[nearest]) if away[nearest] <= _NEAR else None

    def _draw(self) -> None:
        plot = self.figure
        plot.image_rgba("image", x="x", y="y", dw="dw", dh="dh", source=self._heat.source, level="image")
        circles = self._circles = plot.scatter(
            "x", "y", source=self._points.source, size=_DOT, fill_color={"field": "value", "transform": self._colours},
            line_color="#ffffff", line_alpha=0.75, line_width=0.8,
        )  # fmt: skip
        quads = [
            plot.quad(
                **_EDGES, source=boxes.source, line_color=colour, line_alpha="alpha", line_width="width",
                fill_color=colour, fill_alpha="fill",
            )
            for boxes, colour in zip(self._boxes, LEVELS, strict=True)
        ]  # fmt: skip
        looked = plot.quad(
            **_EDGES, source=self._looked.source, fill_alpha=0.0, line_color=VERMILLION, line_width=2,
            line_dash="dotted",
        )  # fmt: skip
        looks = (("best", "star", VERMILLION, 22), ("plateau", "diamond", PURPLE, 18))
        marks = {
            name: plot.scatter(
                "x", "y", source=self._marks[name].source, marker=marker, size=size, fill_color=colour,
                line_color="#ffffff", line_width=1.4,
            )
            for name, marker, colour, size in reversed(looks)  # the best on top, also of the looks
        }  # fmt: skip
        self._boxes_legend = Legend(items=[LegendItem(label=value(""), renderers=[each]) for each in quads])
        plot.add_layout(self._boxes_legend, "above")
        self._marks_legend = add_marks(plot, {**{name: marks[name] for name, *_ in looks}, "your look": looked})
        bar = ColorBar(
            color_mapper=self._colours, width=12, padding=6, background_fill_alpha=0.0, border_line_color=None
        )
        style_axis(bar)
        plot.add_layout(bar, "right")
        self._chosen_box = BoxAnnotation(
            fill_color="#ffffff", fill_alpha=0.15, line_color=VERMILLION, line_width=2, line_dash="dashed",
            visible=False, editable=False,
        )  # fmt: skip
        plot.add_layout(self._chosen_box)
        brush = BoxSelectTool(renderers=[], persistent=False, description="Draw a box: look here")
        plot.add_tools(brush)
        plot.toolbar.active_drag = next(tool for tool in plot.tools if isinstance(tool, PanTool))
        # names once, and not a text a trial, which would be most of what a page is sent
        self._level_name = CustomJSHover(args={"names": []}, code="return names[value]")
        add_hover(plot, [circles], [], formatters={"@level": self._level_name})
        self._hover = plot.tools[-1]
        restyle(plot, self._turn.theme)

    def _set_axes(self) -> None:
        model, plot = self._model, self.figure
        if self._shown.get("axes") == (model.x, model.y):
            return
        self._shown = {"axes": (model.x, model.y)}
        show_scale(plot, "x", model.map.x)
        if model.map.y is None:
            show_values(plot, "y", model.objective_with_unit)
        else:
            show_scale(plot, "y", model.map.y)
        axes = [("x", model.map.x), *([] if model.map.y is None else [("y", model.map.y)])]
        places = [(scale.name, hover_field(column, scale)) for column, scale in axes]
        self._hover.tooltips = [
            *places, (model.objective_with_unit, "@value{0.0000}"), ("Trial", "@trial{0,0}"),
            ("Level", "@level{custom}"),
        ]  # fmt: skip
        self.choose(None if self.chosen is None or not set(self.chosen) <= {model.x, model.y} else self.chosen)

    def _set_colours(self) -> None:
        is_maximized = self._model.study.direction == "maximize"
        palette = list(Viridis256) if is_maximized else list(reversed(Viridis256))
        if self._shown.get("palette") != is_maximized:
            self._shown["palette"] = is_maximized
            self._colours.palette = palette
        low, high = value_range(self._model.points.value, is_maximized=is_maximized)
        if (low, high) != (self._colours.low, self._colours.high):
            self._colours.update(low=low, high=high)
            self._shown.pop("heat", None)

    def _set_ranges(self) -> None:
        """Zoom to what the model looks at, where that has changed: between, the view is the user's."""
        model, plot = self._model, self.figure
        left, right, bottom, top = model.window
        if model.map.y is None:
            values = model.points.value
            low, high = value_range(values, is_maximized=model.study.direction == "maximize")
            bottom, top = low - _ROOM * (high - low), high + _ROOM * (high - low)
        if self._shown.get("window") == (left, right, bottom, top):
            return
        self._shown["window"] = (left, right, bottom, top)
        for span, start, end in ((plot.x_range, left, right), (plot.y_range, bottom, top)):
            span.update(start=start, end=end, reset_start=start, reset_end=end)
        for side, scale, span in (("x", model.map.x, plot.x_range), ("y", model.map.y, plot.y_range)):
            if scale is not None and scale.is_log:
                show_ratios(plot, side, span.start, span.end)

    def _set_heat(self) -> None:
        heat = self._model.cells
        if self._shown.get("heat") is heat and "heat" in self._shown:
            return
        self._shown["heat"] = heat
        if heat is None:
            self._heat.source.data = {name: [] for name in ("image", "x", "y", "dw", "dh")}
            return
        image = painted(heat.values, heat.opacity, self._colours)
        self._heat.source.data = {
            "image": [image], "x": [heat.left], "y": [heat.bottom],
            "dw": [heat.right - heat.left], "dh": [heat.top - heat.bottom],
        }  # fmt: skip

    def _set_boxes(self) -> None:
        """Draw the boxes of each group of levels, the strong ones first: the legend shows the first."""
        model = self._model
        groups, shown = model.level_groups, model.looked_at
        mine = groups.of(np.array([box.level for box in model.boxes], dtype=np.int64)).tolist()
        for group, source in enumerate(self._boxes):
            boxes = [box for box, own in zip(model.boxes, mine, strict=True) if own == group]
            source.update(**box_columns(boxes, self.figure.y_range, shown))
        if self._shown.get("groups") != groups.names:
            self._shown["groups"] = groups.names
            for item, name in zip(self._boxes_legend.items, groups.names, strict=True):
                item.label = value(name)
            style_legend(self.figure, glyph=_GLYPH)
            restyle(self.figure, self._turn.theme)

    def _set_marks(self) -> None:
        model = self._model
        edges = np.array([looked.box for looked in model.looked], dtype=float).reshape(-1, 4)
        self._looked.update(**edge_columns(edges, self.figure.y_range))
        best, plateau = model.best, model.plateau
        is_one = best is not None and plateau is not None and best.trial == plateau.trial
        put_mark(self._marks["best"], best)
        put_mark(self._marks["plateau"], None if is_one else plateau)

    def _show_legend(self) -> None:
        """List what is drawn; a sign for nothing would be a riddle."""
        items = [*self._marks_legend.items, *self._boxes_legend.items]
        shown = [self._marks["best"], self._marks["plateau"], self._looked, *self._boxes]
        for item, source in zip(items, shown, strict=True):
            if item.visible != bool(len(source)):
                item.visible = bool(len(source))

    def _write(self) -> None:
        model = self._model
        drawn, made = len(model.points.trial), model.convergence.n_trials
        over = model.x if model.y is None else f"{model.x} and {model.y}"
        level = model.looked_at
        where = "" if level is None or level >= len(model.level_names) else f": {model.level_names[level]}"
        thinned = f" ({drawn:,} drawn)" if drawn < made and model.shown_level is None else ""
        title = model.apart or f"{model.objective} over {over}{where}{thinned}"
        if titled(title) != self.figure.title.text:
            self.figure.title.text = titled(title)
        best = model.best
        found = "" if best is None else f"; the best is {number(best.value)} at {params_text(best.params)}"
        self.description = model.apart or f"Map of {title}, {counted(made, 'trial')}{found}."
