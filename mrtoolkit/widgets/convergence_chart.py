"""The course of a search as a figure that is made once and then only told what changed."""

from __future__ import annotations

import numpy as np
from bokeh.models import BoxZoomTool, FixedTicker, LinearAxis, LinearColorMapper, Range1d

from mrtoolkit.maps.value_range import value_range
from mrtoolkit.search.not_counted import not_counted
from mrtoolkit.views.convergence import add_best_hover, until
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.theme import (
    GREY,
    INK,
    LEVELS,
    VERMILLION,
    add_hover,
    count_axis,
    restyle,
    style_axis,
    themed_figure,
    titled,
)
from mrtoolkit.widgets.changing_source import ChangingSource
from mrtoolkit.widgets.chart_turn import ChartTurn
from mrtoolkit.widgets.model import SearchModel
from mrtoolkit.widgets.status_words import value_text
from mrtoolkit.words import counted

_ROOM = 0.08  # of the values, above and below


class ConvergenceChart:
    """A point a trial, the best so far as a line, the levels as bands with their names.

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
    """

    def __init__(self, model: SearchModel, *, height: int = 320) -> None:
        self._model = model
        plot = self.figure = themed_figure(
            title="Convergence", x_label="Trial", y_label=model.objective_with_unit, height=height,
            x_range=Range1d(0.5, 10.5), y_range=Range1d(0.0, 1.0),
        )  # fmt: skip
        count_axis(plot.xaxis[0])
        plot.toolbar.active_drag = next(tool for tool in plot.tools if isinstance(tool, BoxZoomTool))
        self.description = ""
        self._bands = ChangingSource("left", "right", "level")
        self._trials = ChangingSource("number", "value", "level")
        self._broken = ChangingSource("number", "value")
        self._best = ChangingSource("number", "until", "best")
        self._looks = ChangingSource("number")
        self._names = LinearAxis(ticker=FixedTicker(ticks=[]), major_label_standoff=2)
        self._turn = ChartTurn(model, plot)
        self._draw()
        self.update()

    def update(self, theme: str | None = None) -> bool:
        """Show what the model has now, and another theme if one is given; say whether anything changed."""
        if not self._turn.has_come(theme):
            return False
        data = self._model.convergence
        groups = self._model.level_groups
        bands = groups.bands(np.array(data.bands, dtype=np.int64).reshape(-1, 3))
        self._bands.update(left=bands[:, 1] - 0.5, right=bands[:, 2] + 0.5, level=bands[:, 0].astype(float))
        ok = data.feasible
        self._trials.update(number=data.number[ok], value=data.value[ok], level=groups.of(data.level[ok]))
        self._broken.update(number=data.number[~ok], value=data.value[~ok])
        numbers, best = data.step_number.astype(float), data.step_value
        if len(best):
            numbers, best = np.append(numbers, data.n_trials), np.append(best, best[-1])
        self._best.update(number=numbers, until=until(numbers), best=best)
        self._looks.update(number=np.array([looked.after + 0.5 for looked in self._model.looked]))
        self._set_ranges()
        self._name_bands(groups.captions(bands, max(data.n_trials, 10)))
        self._write()
        return True

    def _draw(self) -> None:
        plot = self.figure
        levels = LinearColorMapper(palette=LEVELS, low=-0.5, high=len(LEVELS) - 0.5)
        coloured = {"field": "level", "transform": levels}
        plot.vstrip(
            x0="left", x1="right", source=self._bands.source, fill_color=coloured, fill_alpha=0.10, line_color=None
        )
        broken = plot.scatter(
            "number", "value", source=self._broken.source, marker="x", size=6, color=GREY, alpha=0.7,
            legend_label=not_counted(self._model.study),
        )  # fmt: skip
        trials = plot.scatter(
            "number", "value", source=self._trials.source, size=6, fill_color=coloured, line_color=None, alpha=0.75,
            legend_label="trial, by level",
        )  # fmt: skip
        plot.step(
            "number", "best", source=self._best.source, mode="after", color=VERMILLION, line_width=2.5,
            legend_label="best so far",
        )  # fmt: skip
        plot.vspan(
            x="number", source=self._looks.source, line_color=VERMILLION, line_width=2, line_dash="dotted",
            legend_label="your look",
        )  # fmt: skip
        style_axis(self._names)
        self._names.axis_line_color = None
        self._names.major_tick_line_color = None
        plot.add_layout(self._names, "above")
        objective = self._model.objective
        add_hover(plot, [trials, broken], [("Trial", "@number{0,0}"), (objective, "@value{0.0000}")])
        add_best_hover(plot, self._best.source)
        style_legend(plot)
        plot.legend[0].ncols = 3  # a look of the user's adds no line, which would make the picture lower
        items = plot.legend[0].items
        self._seldom = [(items[0], self._broken), (items[-1], self._looks)]
        restyle(plot, self._turn.theme)
        plot.title.text_color = INK[self._turn.theme]

    def _set_ranges(self) -> None:
        data = self._model.convergence
        plot = self.figure
        end = max(data.n_trials, 10) + 0.5
        if plot.x_range.end != end:
            plot.x_range.end = end
            plot.x_range.reset_start, plot.x_range.reset_end = 0.5, end
        low, high = value_range(data.value, is_maximized=self._model.study.direction == "maximize")
        room = _ROOM * (high - low)
        low, high = low - room, high + room
        old = plot.y_range
        # a little slack, so that the axis does not tremble with every batch
        slack = _ROOM * (old.end - old.start) / 2
        if abs(low - old.start) > slack or abs(high - old.end) > slack or high < data.value.max(initial=low):
            plot.y_range.start, plot.y_range.end = low, high
            plot.y_range.reset_start, plot.y_range.reset_end = low, high

    def _name_bands(self, middles: dict[float, str]) -> None:
        if middles != self._names.major_label_overrides or list(middles) != list(self._names.ticker.ticks):
            self._names.major_label_overrides = middles
            self._names.ticker.ticks = list(middles)

    def _write(self) -> None:
        data, model = self._model.convergence, self._model
        for item, source in self._seldom:
            if item.visible != bool(len(source)):
                item.visible = bool(len(source))
        trials = counted(data.n_trials, "trial")
        if data.n_trials == 0:
            title = f"No trial yet, to {model.study.direction} {model.study.objective}"
        elif len(data.step_value) == 0:
            title = f"{trials}, none with a value that counts"
        else:
            title = f"Best {model.objective} {value_text(model.objective, data.step_value[-1])} after {trials}"
        if titled(title) != self.figure.title.text:
            self.figure.title.text = titled(title)
        steps = f"; the best changed {counted(len(data.step_value), 'time')}" if len(data.step_value) else ""
        self.description = f"Course of the search: {title[0].lower()}{title[1:]}{steps}."
