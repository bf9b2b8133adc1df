"""The best trial and the plateau side by side: what the trials around each are worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, Range1d
from bokeh.models.tickers import FixedTicker
from bokeh.plotting import figure

from mrtoolkit.search.plateau import neighbours_of
from mrtoolkit.search.study import Study
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.parallel import best_last
from mrtoolkit.views.plateau_words import low_quarter, neighbours_words
from mrtoolkit.views.still import held_still
from mrtoolkit.views.theme import GREY, PURPLE, VERMILLION, add_hover, themed_figure
from mrtoolkit.views.trial_table import candidate, check_trials, objective_values, shown_params
from mrtoolkit.views.words import counted, metric_text, params_text

_DOTS = 500  # a row
_NAMES = ("best", "plateau")


def plateau_and_peak_data(study: Study) -> pd.DataFrame:
    """Return the trials in the neighbourhoods of the best trial and of the plateau.

    A neighbourhood is all trials within 5 percent of each parameter's range (at least one label) and of the same
    categories, the trial itself among them: those points of it that were tried. The plateau was chosen with an
    estimate of the others too.

    Returns
    -------
    pd.DataFrame
        `of` ("best" or "plateau"), `trial`, `value` (NaN where it does not count) and `is_itself`. No rows for a study
        without a best.

    Raises
    ------
    StudyError
        If the study has no trials.
    """
    study = held_still(study)
    check_trials(study)
    parts = []
    values = objective_values(study)
    for name in _NAMES:
        found = candidate(study, "best" if name == "best" else "plateau")
        if found is None:
            continue
        near = neighbours_of(study.space, study.log, found.trial)
        parts.append(pd.DataFrame({"of": name, "trial": near, "value": values[near], "is_itself": near == found.trial}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["of", "trial", "value", "is_itself"])


def plateau_and_peak(study: Study, *, height: int = 260) -> figure:
    """Return the values of the trials around the best trial and around the plateau, a row of dots each.

    A bar marks the value that a quarter of them is no better than: of a plateau it is high.

    Raises
    ------
    StudyError
        If the study has no trials.
    """
    study = held_still(study)
    data = plateau_and_peak_data(study)
    same = _are_one(study)
    rows = ["best and plateau"] if same else list(_NAMES)
    title = _title(study, data)
    plot = themed_figure(
        title=title, x_label=study.value_name, y_label="", height=height, y_range=Range1d(-0.6, len(rows) - 0.4),
        along="width",
    )  # fmt: skip
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(rows))))
    plot.yaxis.major_label_overrides = {float(len(rows) - 1 - i): text for i, text in enumerate(rows)}
    plot.ygrid.visible = False
    if data.empty:
        plot.x_range = Range1d(0.0, 1.0)
        return plot
    shown = set(best_last(study, 2 * _DOTS).tolist()) if len(data) > 2 * _DOTS else None
    for i, text in enumerate(rows):
        part = data[data["of"] == _NAMES[i]]
        if shown is not None:
            part = part[part["trial"].isin(shown) | part["is_itself"]]
        low = low_quarter(data.loc[data["of"] == _NAMES[i], "value"].to_numpy(), direction=study.direction)
        _draw_row(plot, study, part, float(len(rows) - 1 - i), text, low)
    style_legend(plot, glyph=24)
    return plot


def plateau_sentence(study: Study) -> str:
    """Return in words how the neighbourhoods of the best and the plateau compare."""
    data = plateau_and_peak_data(study)
    if data.empty:
        return "No trial counts, so there are neither a best nor a plateau."
    parts, name_of = [], study.value_name
    for name in _NAMES[: 1 if _are_one(study) else 2]:
        part = data[data["of"] == name]
        itself = part[part["is_itself"]]
        own, low = float(itself["value"].iloc[0]), low_quarter(part["value"].to_numpy(), direction=study.direction)
        params = params_text(study.space.active_point(study.log.codes[int(itself["trial"].iloc[0])]))
        who = "The best and the plateau are one trial" if _are_one(study) else f"The {name}"
        better = "above" if study.direction == "maximize" else "below"
        parts.append(
            f"{who} ({params}) has {name_of} {metric_text(name_of, own)}; three quarters of the "
            f"{counted(len(part), 'trial')} around it are at or {better} {metric_text(name_of, low)}."
        )
    if not _are_one(study):
        parts.append(f"Of the plateau, {neighbours_words(study)}.")
    return " ".join(parts)


def _are_one(study: Study) -> bool:
    best, plateau = candidate(study, "best"), candidate(study, "plateau")
    return best is not None and plateau is not None and best.trial == plateau.trial


def _title(study: Study, data: pd.DataFrame) -> str:
    if data.empty:
        return "Neither a best nor a plateau: no trial counts"
    if _are_one(study):
        return "The best is the plateau too"
    return "Around the best and the plateau"


def _draw_row(plot: figure, study: Study, part: pd.DataFrame, place: float, text: str, low: float) -> None:
    marker, colour = ("diamond", PURPLE) if text == "plateau" else ("star", VERMILLION)
    others, itself = part[~part["is_itself"] & part["value"].notna()], part[part["is_itself"]]
    dots = plot.scatter("value", "place", source=_source(study, others, place), size=7, color=colour, alpha=0.5)
    quarter = {"line_color": GREY, "line_width": 3, "legend_label": "a quarter is no better"}
    plot.segment([low], [place - 0.34], [low], [place + 0.34], **quarter)
    mark = plot.scatter(
        "value", "middle", source=_source(study, itself, place), marker=marker, size=20, fill_color=colour,
        line_color="#222222", line_width=1.2, legend_label=text,
    )  # fmt: skip
    rows = [("Trial", "@number{0,0}"), (study.value_name, "@value{0.0000}"), ("Parameters", "@params")]
    add_hover(plot, [mark, dots], rows)


def _source(study: Study, part: pd.DataFrame, place: float) -> ColumnDataSource:
    trials = part["trial"].to_numpy().astype(int)
    aside = 0.25 - 0.5 * ((np.arange(trials.size) * 0.618033988749895) % 1.0)
    return ColumnDataSource(
        {
            "value": part["value"].to_numpy().astype(float),
            "place": place + aside,
            "middle": np.full(trials.size, place),
            "number": trials + 1,
            "params": shown_params(study, trials),
        }
    )
