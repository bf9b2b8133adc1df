"""What lies beside one trial on the lattice: a step up and a step down in each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, Range1d
from bokeh.models.annotations import Span
from bokeh.models.tickers import FixedTicker
from bokeh.plotting import figure

from mrtoolkit.errors import StudyError
from mrtoolkit.search.dimensions import is_ordered
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study
from mrtoolkit.views.arguments import check_study
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.theme import BLUE, GREY, SKY, VERMILLION, add_hover, themed_figure
from mrtoolkit.views.words import counted, label, metric_text

_ROW = 26  # pixels
_OTHERS = 8  # categories without an order, at most


def neighbours_data(study: Study, point: int | Mapping[str, Any], *, evaluate: bool = False) -> pd.DataFrame:
    """Return the lattice points beside a point, with what they gave where they were tried.

    Of each parameter the next label up and down; where that was not tried, also the nearest that was, the other
    parameters being the same; of a parameter without an order the other categories. Points that break the space's
    constraints are left out, and parameters that do not matter at the point have no neighbours.

    Parameters
    ----------
    study : Study
    point : int or mapping
        A trial, or values of all parameters on the lattice.
    evaluate : bool
        Evaluate what was not tried; the study stays as it is.

    Returns
    -------
    pd.DataFrame
        A row a neighbour: `parameter`, `steps` (labels up or down), `label` (that parameter's), `trial` (-1 where it
        was not tried), `value` (NaN where it is not known or does not count), `feasible`; and the parameters.

    Raises
    ------
    StudyError
        If the trial or point is not there, or it is to be evaluated and the study has no evaluator.
    SpaceError
        If the point has not the space's parameters.
    """
    check_study(study)
    codes = codes_of(study, point)
    space, log = study.space, study.log
    found, moves = _beside(space, codes, log.codes)
    trials = log.find(space.keys(found)) if len(found) else np.empty(0, dtype=np.int64)
    known = trials >= 0
    value, feasible = np.full(len(found), np.nan), np.zeros(len(found), dtype=bool)
    value[known], feasible[known] = log.value[trials[known]], log.feasible[trials[known]]
    if evaluate and not known.all():
        value[~known], feasible[~known] = values_at(study, found[~known])
    labels = space.shown(found)
    table = pd.DataFrame(
        {
            "parameter": [space.params[j] for j, _ in moves],
            "steps": [step for _, step in moves],
            "label": [label(labels[space.params[j]].iloc[i]) for i, (j, _) in enumerate(moves)],
            "trial": trials,
            "value": np.where(feasible & np.isfinite(value), value, np.nan),
            "feasible": feasible,
        }
    )
    return pd.concat([table, labels], axis=1)


def codes_of(study: Study, point: int | Mapping[str, Any]) -> np.ndarray:
    """Return the codes of a trial or a point, (dimension,) int64.

    Raises
    ------
    StudyError
        If the study has no such trial, or a value of the point is no label, or a constraint forbids it.
    """
    if isinstance(point, Mapping):
        codes = study.space.encode([dict(point)])
        if not study.space.holds(codes)[0]:
            bad = [name for j, name in enumerate(study.space) if codes[0, j] < 0]
            why = f"{bad[0]} has no label {point.get(bad[0])!r}" if bad else "the space's where= forbids it"
            raise StudyError(f"the point {dict(point)} was asked for, but {why}; give a point of study.space.")
        return np.asarray(codes[0])
    if isinstance(point, bool) or not isinstance(point, int | np.integer) or not 0 <= point < len(study):
        has = f"trials 0 to {len(study) - 1:,}" if len(study) else "0 trials"
        raise StudyError(f"trial {point!r} was asked for, but the study has {has}; give one of them, or parameters.")
    return np.asarray(study.log.codes[int(point)])


def values_at(study: Study, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return objective and feasibility of points, both (point,), evaluated now; the study stays as it is.

    Raises
    ------
    StudyError
        If the study has no evaluator, or its objective is not known.
    """
    evaluator = study.needed_evaluator()
    if study.goal is None:
        raise StudyError("this study was read from a file and its objective was a callable, so it cannot be evaluated.")
    metrics = evaluator.evaluate(study.space.decode(codes)).metrics
    return study.goal.values(metrics, len(codes)), study.goal.feasible(metrics, len(codes))


def neighbours(study: Study, point: int | Mapping[str, Any], *, evaluate: bool = False) -> figure:
    """Return the neighbours of a point as a dot a row over the objective, the point itself as a line.

    Hollow dots on that line were not tried. Parameters as those of `neighbours_data`.

    Raises
    ------
    StudyError
        As `neighbours_data`.
    """
    return neighbours_figure(study, point, neighbours_data(study, point, evaluate=evaluate))


def neighbours_figure(study: Study, point: int | Mapping[str, Any], data: pd.DataFrame) -> figure:
    """Return the figure of `neighbours_data`, for who has it already; its dots stand in the order of the rows."""
    own = _own_value(study, codes_of(study, point))
    count = len(data)
    plot = themed_figure(
        title=_title(study, data), x_label=_axis_label(study, own), y_label="", height=110 + _ROW * max(count, 2),
        y_range=Range1d(count - 0.4, -0.6), along="width",
    )  # fmt: skip
    texts = neighbour_texts(study, data)
    plot.yaxis.ticker = FixedTicker(ticks=list(range(count)))
    plot.yaxis.major_label_overrides = {float(i): text for i, text in enumerate(texts)}
    plot.ygrid.visible = False
    known = data["value"].notna().to_numpy()
    if not known.any() and not np.isfinite(own):
        plot.x_range = Range1d(0.0, 1.0)
    middle = own if np.isfinite(own) else float(np.nanmean(data["value"])) if known.any() else 0.5
    if np.isfinite(own):
        plot.add_layout(Span(location=own, dimension="height", line_color=VERMILLION, line_width=2))
        plot.scatter([own], [-0.5], size=0.1, color=VERMILLION)  # so that the range holds it
    sign = 1.0 if study.direction == "maximize" else -1.0
    better = known & (sign * data["value"].to_numpy(dtype=float) > sign * middle)
    state = np.where(~known & (data["trial"].to_numpy() < 0), "not tried", np.where(better, "better", "no better"))
    looks = {"better": ("circle", BLUE, 1.0), "no better": ("circle", SKY, 0.9), "not tried": ("circle", GREY, 0.0)}
    renderers = []
    for name, (marker, colour, alpha) in looks.items():
        at = np.flatnonzero(state == name)
        if at.size == 0:
            continue
        heights = data["value"].fillna(middle).to_numpy(dtype=float)[at]
        shown = [metric_text(study.value_name, v) for v in data["value"].to_numpy(dtype=float)[at]]
        columns = {"value": heights, "row": at, "text": [texts[i] for i in at], "shown": shown}
        columns["trial"] = ["not tried" if t < 0 else f"{t + 1:,}" for t in data["trial"].to_numpy()[at]]
        dots = plot.scatter(
            "value", "row", source=ColumnDataSource(columns), marker=marker, size=12, fill_color=colour,
            fill_alpha=alpha, line_color=colour, line_width=1.6, legend_label=name,
        )  # fmt: skip
        renderers.append(dots)
    add_hover(plot, renderers, [("Neighbour", "@text"), (study.value_name, "@shown"), ("Trial", "@trial")])
    style_legend(plot)
    return plot


def neighbour_texts(study: Study, data: pd.DataFrame) -> list[str]:
    """Return which label each neighbour has, and how many steps off the nearest tried ones are."""
    steps = zip(data["parameter"], data["label"], data["steps"], _is_far(study, data), strict=True)
    return [f"{name} {text}" + (f", {abs(step):,} steps off" if far else "") for name, text, step, far in steps]


def neighbours_sentence(study: Study, data: pd.DataFrame, own: float) -> str:
    """Return how many neighbours were tried and how many are better, for who cannot see the dots."""
    tried, far = data["value"].notna().to_numpy(), _is_far(study, data)
    sign = 1.0 if study.direction == "maximize" else -1.0
    better = int((sign * data.loc[tried, "value"] > sign * own).sum())
    many = f"{counted(int((~far).sum()), 'neighbour')} on the lattice, {int((tried & ~far).sum()):,} with a value"
    if not far.any():
        return f"{many}, {better:,} of them better than this trial."
    farther = f"farther off {counted(int(far.sum()), 'nearest tried point')}, {int((tried & far).sum()):,} with a value"
    return f"{many}; {farther}; {better:,} of all better than this trial."


def _own_value(study: Study, codes: np.ndarray) -> float:
    trial = study.log.trial_at(codes)
    return float(study.log.value[trial]) if trial >= 0 and study.log.feasible[trial] else float("nan")


def _is_far(study: Study, data: pd.DataFrame) -> np.ndarray:
    """Say which are no neighbours on the lattice but the nearest that were tried, (neighbour,)."""
    ordered = np.array([is_ordered(study.space[name]) for name in data["parameter"]], dtype=bool)
    return np.asarray(ordered & (data["steps"].abs().to_numpy() > 1), dtype=bool)


def _title(study: Study, data: pd.DataFrame) -> str:
    if data.empty:
        return "No neighbours on the lattice"
    far, tried = _is_far(study, data), (data["trial"] >= 0).to_numpy()
    near = f"{counted(int((~far).sum()), 'neighbour')}, {int((tried & ~far).sum()):,} tried"
    return f"{near}; {int(far.sum()):,} farther off" if far.any() else near


def _axis_label(study: Study, own: float) -> str:
    name = study.value_name
    return f"{name} (the line: {metric_text(name, own)} here)" if np.isfinite(own) else name


def _beside(space: Space, codes: np.ndarray, tried: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the points beside `codes`, (neighbour, dimension), and of each the dimension and by how many labels."""
    active = space.active(codes[np.newaxis])[0]
    rows, moves = [], []
    for j, name in enumerate(space):
        if not active[j]:
            continue
        for step in _steps(space, name, codes, tried, j):
            moved = codes.copy()
            moved[j] += step
            rows.append(moved)
            moves.append((j, step))
    if not rows:
        return np.empty((0, len(space)), dtype=np.int64), []
    found = np.stack(rows)
    holds = space.holds(found)
    return space.canonical(found[holds]), [move for move, good in zip(moves, holds, strict=True) if good]


def _steps(space: Space, name: str, codes: np.ndarray, tried: np.ndarray, j: int) -> list[int]:
    """Return by how many labels to go in one dimension, downwards first."""
    size, own = space[name].size, int(codes[j])
    if not is_ordered(space[name]):
        others = [code - own for code in range(size) if code != own]
        return others[:_OTHERS]
    same = np.delete(tried, j, axis=1) == np.delete(codes, j)
    along = tried[same.all(axis=1), j] - own
    steps = {step for step in (-1, 1) if 0 <= own + step < size}
    if (along < 0).any():
        steps.add(int(along[along < 0].max()))
    if (along > 0).any():
        steps.add(int(along[along > 0].min()))
    return sorted(steps)
