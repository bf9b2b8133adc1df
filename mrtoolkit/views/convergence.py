"""How a search went: the value of every trial, the best so far, and the level that each belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from bokeh.models import ColumnDataSource, FixedTicker, LinearAxis, Range1d
from bokeh.models.annotations import BoxAnnotation
from bokeh.plotting import figure

from mrtoolkit.maps.levels import level_groups
from mrtoolkit.search.not_counted import not_counted
from mrtoolkit.search.study import Study
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.still import held_still
from mrtoolkit.views.theme import (
    GREY,
    VERMILLION,
    add_hover,
    count_axis,
    style_axis,
    themed_figure,
)
from mrtoolkit.views.thinning import thinned_places
from mrtoolkit.views.trial_table import (
    check_trials,
    level_look,
    level_names,
    objective_values,
    shown_params,
)
from mrtoolkit.views.words import counted, number

_POINTS = 5_000


def convergence_data(study: Study) -> xr.Dataset:
    """Return each trial's value and the best until then, in the order in which the trials were run.

    Returns
    -------
    xr.Dataset (trial)
        `number` from 1; `value` (NaN where there is none); `best`, the best value so far of a trial that satisfies the
        constraints (NaN before the first); `improved`; `feasible`; `level`, counted from 0.

    Raises
    ------
    StudyError
        If the study has no trials.
    """
    study = held_still(study)
    check_trials(study)
    allowed = objective_values(study)
    sign = 1.0 if study.direction == "maximize" else -1.0
    best = sign * np.fmax.accumulate(sign * allowed)
    before = np.concatenate([[np.nan], best[:-1]])
    improved = np.isfinite(best) & (~np.isfinite(before) | (sign * best > sign * before))
    return xr.Dataset(
        {
            "number": ("trial", np.arange(1, len(study) + 1)),
            "value": ("trial", study.log.value.copy()),
            "best": ("trial", best),
            "improved": ("trial", improved),
            "feasible": ("trial", study.log.feasible.copy()),
            "level": ("trial", study.log.level.copy()),
        },
        attrs={"objective": study.value_name, "direction": study.direction},
    )


def level_bands(study: Study) -> pd.DataFrame:
    """Return the stretches of trials that belong to one level: `level`, `name`, `first`, `last` (numbers from 1)."""
    check_trials(study)
    levels = study.log.level
    names = level_names(study)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(levels) != 0]))
    ends = np.concatenate([starts[1:], [levels.size]])
    return pd.DataFrame(
        {"level": levels[starts], "name": [names[i] for i in levels[starts]], "first": starts + 1, "last": ends}
    )


def convergence(study: Study, *, height: int = 340) -> figure:
    """Return the picture of a search: a point a trial, the best so far as a step line, the levels as bands.

    Parameters
    ----------
    study : Study
        With at least one trial.
    height : int
        Pixels.

    Returns
    -------
    bokeh.plotting.figure
        Above 5,000 trials, the points are thinned to the highest and lowest of each stretch; the line stays exact.

    Raises
    ------
    StudyError
        If the study has no trials.
    """
    study = held_still(study)
    data = convergence_data(study)
    count = data.sizes["trial"]
    plot = themed_figure(
        title="Convergence", x_label="Trial", y_label=study.value_name, height=height,
        x_range=Range1d(0.5, count + 0.5),
    )  # fmt: skip
    count_axis(plot.xaxis[0])
    if not np.isfinite(data["value"].to_numpy()).any():
        plot.y_range = Range1d(0.0, 1.0)  # nothing to draw, but axes all the same
    _draw_bands(plot, study)
    points = _draw_points(plot, study, data)
    best = _draw_best(plot, data)
    rows = [("Trial", "@number{0,0}"), (study.value_name, "@value{0.0000}"), ("Parameters", "@params")]
    add_hover(plot, points, rows)
    add_best_hover(plot, best)
    final = data["best"].to_numpy()[-1]
    plot.title.text = _title(data, float(final))
    style_legend(plot)
    return plot


def _title(data: xr.Dataset, final: float) -> str:
    count = data.sizes["trial"]
    trials = counted(count, "trial")
    missing = int((~np.isfinite(data["value"].to_numpy())).sum())
    gaps = f"; {missing:,} without a value" if missing else ""
    if not np.isfinite(final):
        return f"{trials}, none with a value that counts"
    return f"Best {data.attrs['objective']} {number(final)} after {trials}{gaps}"


def _draw_bands(plot: figure, study: Study) -> None:
    groups = level_groups(study, level_names(study))
    bands = groups.bands(level_bands(study)[["level", "first", "last"]].to_numpy())
    for i, (_, first, last) in enumerate(bands.tolist()):
        shade = 0.10 if i % 2 == 0 else 0.0
        box = {"left": first - 0.5, "right": last + 0.5, "fill_alpha": shade}
        plot.add_layout(BoxAnnotation(**box, fill_color=GREY, line_color=None))
    names = groups.captions(bands, len(study))
    axis = LinearAxis(ticker=FixedTicker(ticks=list(names)), major_label_overrides=names)
    style_axis(axis)
    axis.axis_line_color = None
    axis.major_tick_line_color = None
    plot.add_layout(axis, "above")


def _draw_points(plot: figure, study: Study, data: xr.Dataset) -> list[Any]:
    frame = data.to_dataframe().reset_index(drop=True)
    shown = frame.iloc[thinned_places(frame["value"].to_numpy(), _POINTS)]
    shown = shown.assign(params=shown_params(study, shown.index.to_numpy()))
    look = {"size": 6, "alpha": 0.75}
    renderers = []
    for level, (name, colour) in enumerate(level_look(study)):
        part = shown[(shown["level"] == level) & shown["feasible"]]
        if len(part):
            dots = plot.scatter("number", "value", source=_source(part), color=colour, **look, legend_label=name)
            renderers.append(dots)
    broken = shown[~shown["feasible"]]
    if len(broken):
        cross = {"marker": "x", "color": GREY, "legend_label": not_counted(study)}
        renderers.append(plot.scatter("number", "value", source=_source(broken), **look, **cross))
    return renderers


def _source(part: pd.DataFrame) -> ColumnDataSource:
    return ColumnDataSource({name: part[name].to_numpy() for name in ("number", "value", "params")})


def _draw_best(plot: figure, data: xr.Dataset) -> ColumnDataSource:
    kept = data["improved"].to_numpy().copy()
    kept[-1] = True
    number, best = (data[name].to_numpy()[kept] for name in ("number", "best"))
    source = ColumnDataSource({"number": number, "best": best, "until": until(number)})
    plot.step(
        "number", "best", source=source, mode="after", color=VERMILLION, line_width=2.5, legend_label="best so far"
    )
    return source


def until(numbers: np.ndarray) -> np.ndarray:
    """Return where each step of the best so far ends, (step,): at the next one."""
    return np.append(numbers[1:], numbers[-1:])


def add_best_hover(plot: figure, source: ColumnDataSource) -> None:
    """Say beside the pointer what the best was then: `source` has `number`, `until` and `best`, a row a step."""
    # bokeh's step line has no answer for a pointer, so unseen segments lie on it
    steps = plot.segment("number", "best", "until", "best", source=source, line_alpha=0, line_width=8)
    add_hover(plot, [steps], [("Best so far", "@best{0.0000}"), ("from trial", "@number{0,0}")])
