"""The objective over each parameter by itself: small panels that share their height."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, DataRange1d
from bokeh.models.layouts import Row
from bokeh.plotting import figure

from mrtoolkit.search.study import Study
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.parallel import best_last
from mrtoolkit.views.still import held_still
from mrtoolkit.views.surface import mark_candidates
from mrtoolkit.views.theme import (
    VERMILLION,
    add_hover,
    plain_numbers,
    themed_figure,
)
from mrtoolkit.views.trial_table import (
    ParameterAxis,
    level_look,
    level_names,
    objective_values,
    parameter_axis,
    shown_params,
)
from mrtoolkit.views.words import clipped, counted, params_text

_POINTS = 1_500  # a panel
_BINS = 12
_LETTERS = 20  # of a parameter's name over its panel


def slices_data(study: Study, name: str, *, limit: int = _POINTS) -> pd.DataFrame:
    """Return the trials over one parameter, those where it matters and that have a value, the best last.

    Parameters
    ----------
    study : Study
        With at least one trial.
    name : str
        The parameter.
    limit : int
        Of more trials half of so many are the best, the others evenly spread over the rest.

    Returns
    -------
    pd.DataFrame
        Indexed by trial: `place` (numbers as they are, categories counted from 0), `value`, `level`.

    Raises
    ------
    StudyError
        If the study has no trials, or the parameter is unknown.
    """
    study = held_still(study)
    axis = parameter_axis(study, name)
    trials = best_last(study, limit)
    values = objective_values(study)
    trials = trials[np.isfinite(axis.positions[trials]) & np.isfinite(values[trials])]
    columns = {"place": axis.positions[trials], "value": values[trials], "level": study.log.level[trials]}
    return pd.DataFrame(columns, index=pd.Index(trials, name="trial"))


def slices(study: Study, *, height: int = 240) -> Row:
    """Return the objective over each parameter, a panel each; the panels share their height and wrap.

    Raises
    ------
    StudyError
        If the study has no trials.
    """
    panels = list(slice_figures(study, height=height).values())
    layout: Row = row(panels, sizing_mode="stretch_width", spacing=8, styles={"flex-wrap": "wrap"})
    return layout


def slice_figures(study: Study, *, height: int = 240) -> dict[str, figure]:
    """Return the panels of `slices` by parameter, for who lays them out otherwise; they share one source."""
    study = held_still(study)
    axes = {name: parameter_axis(study, name) for name in study.space}
    parts = {name: slices_data(study, name) for name in axes}
    source, shared = _source(study, axes, parts), DataRange1d()
    panels: dict[str, figure] = {}
    for name, axis in axes.items():
        panels[name] = _panel(study, axis, parts[name], (source, shared), height=height)
        panels[name].styles = {"flex": "1 1 300px"}
    return panels


def slices_sentence(study: Study) -> str:
    """Return where the best lies on each parameter, for who cannot see the panels."""
    trials = f"{study.value_name} of {counted(len(study), 'trial')}, coloured by level,"
    over = f"{trials} over each of {', '.join(study.space)}"
    if not study.has_best:
        return f"{over}; no trial has a value that counts."
    return f"{over}; the best is at {params_text(study.best.active)}."


def _source(study: Study, axes: dict[str, ParameterAxis], parts: dict[str, pd.DataFrame]) -> ColumnDataSource:
    """Return the trials of all panels, once: texts are most of what a page is sent."""
    values: pd.Series = pd.concat([part["value"] for part in parts.values()])
    values = values[~values.index.duplicated()]
    trials = values.index.to_numpy()
    names, looks, levels = level_names(study), level_look(study), study.log.level[trials]
    places = {
        f"place {name}": parts[name]["place"].reindex(trials).to_numpy() + _aside(trials, axis)
        for name, axis in axes.items()
    }
    return ColumnDataSource(
        {
            **places,
            "value": values.to_numpy(),
            "number": trials + 1,
            "colour": [looks[level][1] for level in levels],
            "level": [names[level] for level in levels],
            "params": shown_params(study, trials),
        }
    )


def _panel(
    study: Study, axis: ParameterAxis, data: pd.DataFrame, shared: tuple[ColumnDataSource, DataRange1d], *, height: int
) -> figure:
    name, goal = clipped(axis.name, _LETTERS), study.value_name
    plot = themed_figure(
        title=f"{goal} over {name}", x_label=name, y_label=goal,
        height=height, x_axis_type=axis.scale, y_range=shared[1],
    )  # fmt: skip
    axis.draw_on(plot.xaxis[0], is_short=True)
    plain_numbers(plot.yaxis[0])
    look = {"size": 5, "color": "colour", "alpha": 0.6, "line_color": None}
    dots = plot.scatter(f"place {axis.name}", "value", source=shared[0], **look)
    rows = [("Trial", "@number{0,0}"), (study.value_name, "@value{0.0000}"), ("Level", "@level")]
    add_hover(plot, [dots], [*rows, ("Parameters", "@params")])
    _draw_best(plot, data, axis, direction=study.direction)
    mark_candidates(plot, study, axis, None)
    plot.toolbar_location = None
    style_legend(plot, glyph=22)
    return plot


def _aside(trials: np.ndarray, axis: ParameterAxis) -> np.ndarray:
    """Return how far beside its category a trial is drawn, the same for a trial at any time: they would hide others."""
    return (0.5 - (trials * 0.618033988749895) % 1.0) * 0.36 if axis.categories else np.zeros(trials.size)


def _draw_best(plot: figure, data: pd.DataFrame, axis: ParameterAxis, *, direction: str) -> None:
    """Draw the best of each stretch of the parameter: what the parameter allows, whatever the others are."""
    if axis.categories or data.empty:
        return
    at = np.log(data["place"]) if axis.is_log else data["place"]
    edges = np.linspace(float(at.min()), float(at.max()), _BINS + 1)
    stretch = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, _BINS - 1)
    grouped = data.groupby(stretch)["value"]
    top = data.loc[grouped.idxmax() if direction == "maximize" else grouped.idxmin()].sort_values("place")
    plot.line(top["place"].to_numpy(), top["value"].to_numpy(), color=VERMILLION, line_width=1.5, alpha=0.8)
