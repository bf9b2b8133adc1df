"""Several objectives at once: what each trial gives in two of them, and the front that none beats."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from mrtoolkit.backtest.metrics import UNITS
from mrtoolkit.errors import StudyError
from mrtoolkit.search.study import Study
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.parallel import best_last
from mrtoolkit.views.still import held_still
from mrtoolkit.views.theme import (
    GREY,
    SKY,
    VERMILLION,
    add_hover,
    percent_axis,
    themed_figure,
)
from mrtoolkit.views.trial_table import check_trials, shown_params
from mrtoolkit.views.words import counted, metric_text

_POINTS = 3_000


def has_front(study: Study) -> bool:
    """Return whether a study has several objectives that are known."""
    return study.goal is not None and len(study.goal.others) > 0


def front_data(study: Study) -> pd.DataFrame:
    """Return the objectives of each trial that counts, and whether it is on the Pareto front.

    Returns
    -------
    pd.DataFrame
        Indexed by trial: a column an objective, named by its text, and `is_front`.

    Raises
    ------
    StudyError
        If the study has no trials, or one objective.
    """
    study = held_still(study)
    check_trials(study)
    goal = study.goal
    if goal is None or not goal.others:
        msg = f"the front was asked for, but this study has one objective, {study.objective}; draw mrt.views.slices."
        raise StudyError(msg)
    columns = {goal.objective.text: study.log.value.copy()}
    columns |= {other.text: other.values(study.log.metrics, len(study)) for other, _ in goal.others}
    table = pd.DataFrame(columns).rename_axis("trial")
    table["is_front"] = np.isin(np.arange(len(study)), study.scoring.front())
    counts = study.log.feasible & np.isfinite(table.drop(columns="is_front").to_numpy(dtype=float)).all(axis=1)
    found: pd.DataFrame = table[counts]
    return found


def front(study: Study, *, height: int = 400) -> figure:
    """Return the first two objectives of all trials as points, the Pareto front strong and joined.

    Raises
    ------
    StudyError
        If the study has no trials, or one objective.
    """
    study = held_still(study)
    data = front_data(study)
    x_name, y_name = data.columns[:2]
    on_front = data[data["is_front"]].sort_values([x_name, y_name])
    title = f"The front: {counted(len(on_front), 'trial')} of {len(data):,}"
    plot = themed_figure(title=title, x_label=str(x_name), y_label=str(y_name), height=height)
    for axis, name in ((plot.xaxis[0], x_name), (plot.yaxis[0], y_name)):
        if UNITS.get(str(name), "").startswith("fraction"):
            percent_axis(axis)
    others = data[~data["is_front"]]
    shown = others[others.index.isin(best_last(study, _POINTS))] if len(others) > _POINTS else others
    groups = ((shown, "other trials", SKY, 6, 0.5), (on_front, "the front", VERMILLION, 9, 0.95))
    if len(data.columns) == 3:  # of more than two objectives the front is no line in two of them
        plot.line(on_front[x_name].to_numpy(), on_front[y_name].to_numpy(), color=VERMILLION, line_width=1.5)
    for part, name, colour, size, alpha in groups:
        if part.empty:
            continue
        values = [[metric_text(str(n), float(v)) for v in part[n]] for n in (x_name, y_name)]
        source = ColumnDataSource(
            {
                "x": part[x_name].to_numpy(),
                "y": part[y_name].to_numpy(),
                "x_text": values[0],
                "y_text": values[1],
                "number": part.index.to_numpy() + 1,
                "params": shown_params(study, part.index.to_numpy()),
            }
        )
        dots = plot.scatter(
            "x", "y", source=source, size=size, fill_color=colour, fill_alpha=alpha, line_color=GREY, line_width=0.3,
            legend_label=name,
        )  # fmt: skip
        rows = [("Trial", "@number{0,0}"), (str(x_name), "@x_text"), (str(y_name), "@y_text")]
        add_hover(plot, [dots], [*rows, ("Parameters", "@params")])
    style_legend(plot)
    return plot


def front_sentence(study: Study, data: pd.DataFrame) -> str:
    """Return how many trials are on the front of which objectives."""
    many = int(data["is_front"].sum())
    names = " and ".join(str(name) for name in data.columns[:-1])
    return f"{counted(many, 'trial')} of {len(study):,} that no other beats in {names}"
