"""All parameters of all trials at once: a line a trial across an axis a parameter, the best ones on top."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.core.properties import value as bokeh_value
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.search.dimensions import Categorical, Dimension, positions
from mrtoolkit.search.study import Study
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.still import held_still
from mrtoolkit.views.theme import (
    BLUE,
    FONT,
    GREY,
    VERMILLION,
    add_hover,
    themed_figure,
)
from mrtoolkit.views.ticks import tick_labels
from mrtoolkit.views.trial_table import check_trials, objective_values, shown_params
from mrtoolkit.views.words import clipped, counted, label, metric_text, number

BEST = 10  # trials drawn strongest
_LINES = 1_000
_MARKS = 5  # ticks a numeric axis
_CATEGORIES = 12  # ticks of an axis of categories; of more every so many
_NONE = -0.12  # where "-" stands: a parameter that does not matter there, an objective without a value
_ROOMY = 7  # axes that leave room for texts between them
_LETTERS = 14  # of a tick or a name
_LETTER, _EDGE = 7.4, 12  # pixels: a letter's width, and what a name may stand out on the left
_LARGE = 1e4  # from which a tick of the objective is 20k
_NARROW = 380  # pixels between the first and the last axis of a narrow figure


def parallel_data(study: Study, *, limit: int = _LINES) -> pd.DataFrame:
    """Return the trials as lines, the best last: where each crosses each axis, 0 at its lowest and 1 at its highest.

    Parameters
    ----------
    study : Study
        With at least one trial.
    limit : int
        Of more trials half of so many are the best, the others evenly spread over the rest.

    Returns
    -------
    pd.DataFrame
        Indexed by trial: a column a parameter (by ratio on a log scale, categories at equal distances, NaN where the
        parameter does not matter), and last `value` (the best at 1, NaN where the trial does not count).

    Raises
    ------
    StudyError
        If the study has no trials.
    """
    study = held_still(study)
    trials = best_last(study, limit)
    codes = study.log.codes[trials]
    active = study.space.active(codes)
    columns = {
        name: np.where(active[:, j], positions(study.space[name], codes[:, j]), np.nan)
        for j, name in enumerate(study.space)
    }
    low, high = _ends(study)
    values = objective_values(study)[trials]
    width = high - low
    columns["value"] = (values - low) / width if width else np.where(np.isfinite(values), 0.5, np.nan)
    return pd.DataFrame(columns, index=pd.Index(trials, name="trial"))


def best_last(study: Study, limit: int) -> np.ndarray:
    """Return the trials to draw, the best last: all, or half of `limit` the best and the others spread over the rest.

    Those that do not count (no value, a broken constraint) come first.
    """
    check_trials(study)
    check_count("limit", limit, StudyError, minimum=2)
    ranked = study.log.ranking()
    others = np.setdiff1d(np.arange(len(study)), ranked)
    ordered = np.concatenate([others, ranked[::-1]])
    if ordered.size <= limit:
        return ordered
    top = limit // 2
    rest = ordered[:-top]
    even = np.unique(np.linspace(0, rest.size - 1, limit - top).round().astype(int))
    return np.concatenate([rest[even], ordered[-top:]])


def parallel(study: Study, *, height: int = 420, limit: int = _LINES) -> figure:
    """Return every trial as a line across an axis a parameter and one for the objective, the best ones on top.

    The best ten are strong, the best quarter blue, the others faint. A line that goes through "-" below an axis has no
    such parameter (or no value that counts).

    Parameters
    ----------
    study : Study
        With at least one trial.
    height : int
        Pixels.
    limit : int
        Lines at most (`parallel_data`).

    Raises
    ------
    StudyError
        If the study has no trials.
    """
    study = held_still(study)
    data = parallel_data(study, limit=limit)
    names, values = [*study.space, study.value_name], _value_marks(study)
    room = 7 + _LETTER * max(len(text) for _, text in values)  # pixels of a narrow figure, right of the last axis
    beside = max(0.45, room * len(names) / (_NARROW - room))
    plot = themed_figure(
        title=_title(study, len(data)), x_label="", y_label="", height=height,
        x_range=Range1d(-0.4, len(names) - 1 + beside), y_range=Range1d(-0.16, 1.22),
    )  # fmt: skip
    plot.xaxis.visible = plot.yaxis.visible = False
    plot.grid.visible = False
    _draw_lines(plot, study, data)
    _draw_names(plot, [clipped(name, _LETTERS) for name in names], room)
    for j, marks in enumerate([*(_marks(study.space[name]) for name in study.space), values]):
        _draw_axis(plot, j, marks, is_crowded=len(names) > _ROOMY)
    if bool(data.isna().to_numpy().any()):
        places = np.flatnonzero(data.isna().any().to_numpy())
        plot.text(places, _NONE, ["–"] * places.size, **_type(align="center"))
    style_legend(plot)
    return plot


def parallel_sentence(study: Study) -> str:
    """Return in which part of each parameter the best trials lie, for who cannot see the lines."""
    ranked = study.log.ranking(BEST)
    if ranked.size == 0:
        return f"{counted(len(study), 'trial')} over {counted(len(study.space), 'parameter')}, none with a value."
    codes = study.log.codes[ranked]
    active = study.space.active(codes)
    spans = [_span(study, name, codes[active[:, j], j]) for j, name in enumerate(study.space)]
    who = "The best trial" if ranked.size == 1 else f"The best {ranked.size} of {len(study):,} trials"
    return f"{who} have {', '.join(spans)}."


def _span(study: Study, name: str, codes: np.ndarray) -> str:
    if codes.size == 0:
        return f"no {name}"
    dimension = study.space[name]
    texts = [label(value) for value in dimension.decode(np.unique(codes)).tolist()]
    if isinstance(dimension, Categorical):
        return f"{name} {' or '.join(texts[:4])}{' or others' if len(texts) > 4 else ''}"
    return f"{name} {texts[0]}" if len(texts) == 1 else f"{name} {texts[0]} to {texts[-1]}"


def _title(study: Study, drawn: int) -> str:
    thinned = f", {drawn:,} of them drawn" if drawn < len(study) else ""
    return f"{counted(len(study), 'trial')}{thinned}, a line each"


def _ends(study: Study) -> tuple[float, float]:
    """Return the worst and the best objective of all trials."""
    values = objective_values(study)
    known = values[np.isfinite(values)]
    if known.size == 0:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if study.direction == "maximize" else (high, low)


def _draw_lines(plot: figure, study: Study, data: pd.DataFrame) -> None:
    count = len(data)
    heights = data.fillna(_NONE).to_numpy()
    texts = shown_params(study, data.index.to_numpy())
    values = study.log.value[data.index.to_numpy()]
    counts = data["value"].notna().to_numpy()
    n_that_count = int(counts.sum())
    rank = np.arange(count) - (count - n_that_count)  # from the worst that counts
    strong = rank >= n_that_count - BEST
    good = (rank >= 0.75 * n_that_count) & ~strong
    looks = (
        ("others", counts & ~strong & ~good, GREY, 0.22, 1.0),
        ("does not count", ~counts, GREY, 0.22, 1.0),
        ("best quarter", counts & good, BLUE, 0.4, 1.2),
        (f"best {min(BEST, n_that_count)}", counts & strong, VERMILLION, 0.95, 2.4),
    )
    hovered = []
    for name, mask, colour, alpha, width in looks:
        at = np.flatnonzero(mask)
        if at.size == 0:
            continue
        source = ColumnDataSource(
            {
                "xs": [list(range(heights.shape[1]))] * at.size,
                "ys": heights[at].tolist(),
                "number": data.index.to_numpy()[at] + 1,
                "value": [metric_text(study.value_name, float(v)) for v in values[at]],
                "params": [texts[i] for i in at],
            }
        )
        dash = "dotted" if name == "does not count" else "solid"
        look = {"line_color": colour, "line_alpha": alpha, "line_width": width, "line_dash": dash, "legend_label": name}
        lines = plot.multi_line("xs", "ys", source=source, hover_line_color=colour, hover_line_alpha=1.0, **look)
        hovered.append(lines)
    rows = [("Trial", "@number{0,0}"), (study.value_name, "@value"), ("Parameters", "@params")]
    add_hover(plot, hovered[::-1], rows, line_policy="interp", attachment="vertical")


def _draw_names(plot: figure, names: list[str], room: float) -> None:
    """Write the names over the axes, in turns of height where they would meet; the outer two end with the figure."""
    last = len(names) - 1
    is_raised = _LETTER * max(map(len, names)) * len(names) > _NARROW
    for j, name in enumerate(names):
        half = _LETTER * len(name) / 2
        align, offset = "center", 0.0
        if j == 0:
            align, offset = "left", -min(half, _EDGE)
        elif j == last:
            align, offset = "right", min(half, room)
        height = 1.08 + (0.07 if is_raised and j % 2 else 0.0)
        plot.text([j], [height], [name], x_offset=offset, **_type(align=align, style="bold"))


def _draw_axis(plot: figure, place: int, marks: list[tuple[float, str]], *, is_crowded: bool) -> None:
    """Draw one axis; where many stand close its ends alone have texts."""
    heights = [height for height, _ in marks]
    plot.segment([place], [0.0], [place], [1.0], line_color=GREY, line_width=1.2)
    plot.scatter([place] * len(marks), heights, marker="dash", size=8, line_color=GREY)
    if not is_crowded:
        texts = [clipped(text, _LETTERS) for _, text in marks]
        plot.text([place] * len(marks), heights, texts, x_offset=7, **_type(align="left", baseline="middle"))
        return
    (low, bottom), (high, top) = marks[0], marks[-1]
    plot.text([place], [high], [clipped(top, _LETTERS)], y_offset=-4, **_type(align="center"))
    if high > low:
        plot.text([place], [low], [clipped(bottom, _LETTERS)], y_offset=4, **_type(align="center", baseline="top"))


def _type(*, align: str, baseline: str = "bottom", style: str = "normal") -> dict[str, Any]:
    return {
        "text_align": align,
        "text_baseline": baseline,
        "text_font": bokeh_value(FONT),
        "text_font_size": "12px",
        "text_font_style": style,
        "text_color": GREY,
    }


def _marks(dimension: Dimension) -> list[tuple[float, str]]:
    """Return where an axis has ticks, and their texts."""
    many = _CATEGORIES if isinstance(dimension, Categorical) else _MARKS
    codes = np.unique(np.linspace(0, dimension.size - 1, min(many, dimension.size)).round().astype(int))
    if not isinstance(dimension, Categorical):
        at = positions(dimension, np.arange(dimension.size)) if dimension.size < 100_000 else None
        if at is not None:  # by height, so that ticks of a log axis do not crowd
            wanted = np.linspace(0.0, 1.0, min(many, dimension.size))
            codes = np.unique(np.clip(np.searchsorted(at, wanted - 1e-9), 0, dimension.size - 1))
    values = dimension.decode(codes).tolist()
    return list(zip(positions(dimension, codes).tolist(), map(_tick, values), strict=True))


def _tick(value: object) -> str:
    """Return a value of a parameter as a tick, of a fraction four digits."""
    return f"{value:.4g}" if isinstance(value, float) and not value.is_integer() else label(value)


def _value_marks(study: Study) -> list[tuple[float, str]]:
    low, high = _ends(study)
    if low == high:
        return [(0.5, metric_text(study.value_name, low))]
    places = np.linspace(0.0, 1.0, _MARKS)
    heights = [float(f"{low + at * (high - low):.3g}") for at in places]
    short = tick_labels(heights, is_short=True) if max(map(abs, heights)) >= _LARGE else map(number, heights)
    texts = [text if abs(height) >= 1e3 else number(height) for height, text in zip(heights, short, strict=True)]
    return list(zip(places.tolist(), texts, strict=True))
