"""What the report says in words and tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mrtoolkit.search.cost import CostComparison
from mrtoolkit.search.study import Study
from mrtoolkit.search.study_text import count_text
from mrtoolkit.views.page import cards, paragraph, table, text
from mrtoolkit.views.plateau_words import neighbours_words
from mrtoolkit.views.provenance import bars_words, periods_per_year
from mrtoolkit.views.trial_table import best_name, candidate, level_names, objective_values
from mrtoolkit.views.words import clipped, counted, label, metric_name, metric_text, number, params_text, seconds

_TOP = 10
_TITLE = 60  # letters of a name in the heading


def title_of(study: Study) -> str:
    """Return a heading: the name of the data where it is known, and the objective."""
    name = str(study.backtest.bars.attrs.get("name", "")) if study.backtest is not None else ""
    goal, name = clipped(study.objective, _TITLE), clipped(name, _TITLE)
    return f"{name}: a search for {goal}" if name else f"A search for {goal}"


def header_part(study: Study, heading: str) -> str:
    """Return the heading, the summary in one paragraph, and the numbers to be seen first."""
    best, plateau, held = candidate(study, "best"), candidate(study, "plateau"), study.benchmark_value
    items = [("Trials", f"{len(study):,}", f"in {counted(len(level_names(study)), 'level')}")]
    if best is not None:
        items.append((best_name(study), _value(study, best.value), params_text(best.active)))
    if plateau is not None:
        items.append(("Plateau, recommended", _value(study, plateau.value), params_text(plateau.active)))
    if math.isfinite(held):
        items.append(("Buy and hold", _value(study, held), f"the same {study.value_name}"))
    return f"<header><h1>{text(heading)}</h1>\n{paragraph(_summary(study), kind='lead')}\n{cards(items)}</header>"


def candidates_part(study: Study) -> str:
    """Return parameters and metrics of the best and the plateau, buy and hold beside them."""
    best, plateau = candidate(study, "best"), candidate(study, "plateau")
    if best is None or plateau is None:
        return paragraph("No trial has a value and satisfies the constraints, so there is nothing to recommend.")
    held, per_year = study.benchmark, periods_per_year(study)
    rows: list[list[str]] = [[n, label(best.shown[n]), label(plateau.shown[n]), ""] for n in best.shown]
    if study.value_name not in best.metrics:
        values = (best.value, plateau.value, study.benchmark_value)
        rows.append([study.value_name, *(_value(study, v) for v in values)])
    for name in best.metrics:
        if name != "value":
            values = (best.metrics[name], plateau.metrics[name], (held or {}).get(name, math.nan))
            rows.append([metric_name(name, per_year), *(metric_text(name, float(v)) for v in values)])
    header = ["", "best", "plateau", "buy and hold"]
    if held is None:
        header, rows = header[:3], [row[:3] for row in rows]
    words = (
        "The plateau is the trial of the best neighbourhood, points that were not tried by an estimate; it is what is "
        "recommended."
    )
    seen = "after costs, over the same history" if study.backtest is not None else "of the same data"
    words += f" All numbers are {seen} that the search saw."
    return paragraph(words) + table("Parameters and metrics", header, rows)


def levels_part(study: Study) -> str:
    """Return the table of levels with its sums."""
    frame = study.levels
    rows = [[_level_cell(study, c, row[c]) for c in frame.columns] for _, row in frame.iterrows()]
    best = candidate(study, "best")
    total = {"level": "all", "best": "–" if best is None else _value(study, best.value)}
    total["seconds"] = seconds(float(frame["seconds"].sum()))
    rows.append([total[c] if c in total else number(int(frame[c].sum())) for c in frame.columns])
    words = "Points are what a level looks at; those that an earlier level had run are reused, the others are run."
    if float(frame["features used"].sum()) > 0:
        words += " Features are the indicators' values over all bars; each is computed once and then looked up."
    reason = study.stopped.strip().rstrip(".")
    ending = paragraph(f"Why it ended: {reason}.") if reason else ""
    return paragraph(words) + table("Levels", [str(c) for c in frame.columns], rows) + ending


def top_part(study: Study) -> str:
    """Return the ten best trials as a table: the figures in numbers, for those who cannot see them."""
    values = objective_values(study)
    sign = -1.0 if study.direction == "maximize" else 1.0
    order = np.argsort(np.where(np.isfinite(values), sign * values, np.inf), kind="stable")[:_TOP]
    rows_shown = [int(i) for i in order if np.isfinite(values[i])]
    if not rows_shown:
        return ""
    points, levels = study.space.shown(study.log.codes[rows_shown]), level_names(study)
    rows = [
        [str(i + 1), levels[int(study.log.level[i])], *map(label, point), _value(study, float(values[i]))]
        for i, point in zip(rows_shown, points.itertuples(index=False), strict=True)
    ]
    header = ["trial", "level", *study.space, study.value_name]
    lines = table(f"The best {counted(len(rows), 'trial')}", header, rows, words=2)
    return f"<details><summary>The best trials as a table</summary>{lines}</details>"


def overfitting_part(study: Study) -> str:
    """Return the honest word: how many tries the best was chosen from, and what follows."""
    warning = (
        f"This study made {counted(len(study), 'trial')} on the same data and shows the best of them. The best of "
        "many tries is biased upward: a part of its value is luck that will not come again, and the more trials, the "
        "larger that part. Read the best value as the upper end of what to expect, not as a forecast."
    )
    parts = [paragraph(warning, kind="warn"), _spread(study), _advice(study)]
    parts.append(paragraph("Past prices are no promise, and nothing here is advice.", kind="note"))
    return "\n".join(p for p in parts if p)


def _spread(study: Study) -> str:
    values, held = objective_values(study), study.benchmark_value
    known = values[np.isfinite(values)]
    best = candidate(study, "best")
    if best is None or known.size < 2:
        return ""
    middle = _value(study, float(np.median(known)))
    words = f"The best trial has {_value(study, best.value)}, the median of the {known.size:,} that count {middle}."
    if math.isfinite(held):
        better = int((known > held).sum() if study.direction == "maximize" else (known < held).sum())
        share = f"{better:,} ({100 * better / known.size:.0f}\u00a0%)"
        words += f" Of these, {share} did better than buy and hold with {_value(study, held)}."
    words += " Trials that lie close together resemble each other, so there are fewer independent tries than trials."
    inferred = _inferred(study)
    return paragraph(words) + (paragraph(inferred) if inferred else "")


def _inferred(study: Study) -> str:
    """Say how many independent tries these trials are worth, and what that does to the best of them."""
    found = study.inference
    if not math.isfinite(found.deflated_sharpe):
        return ""
    return (
        f"These {counted(found.trials, 'trial')} are worth {count_text(found.effective_trials)} independent ones. With "
        f"so many tries, the best has a Sharpe ratio above luck with a probability of {found.deflated_sharpe:.2f} (the "
        "deflated Sharpe ratio). Where the trials are chosen on one half of the time, the chosen one is below the "
        f"median in the other half in {100 * found.probability_of_overfitting:.0f}\u00a0% of the ways to halve it (the "
        "probability of over-fitting; 50\u00a0% is what luck alone gives)."
    )


def _advice(study: Study) -> str:
    best, plateau = candidate(study, "best"), candidate(study, "plateau")
    if best is None or plateau is None:
        return ""
    if plateau.trial == best.trial:
        words = f"Here the best trial is the plateau too: {neighbours_words(study)}."
    else:
        words = (
            f"Recommended is the plateau, {params_text(plateau.active)}, with {_value(study, plateau.value)}: it "
            f"gives up {_value(study, abs(best.value - plateau.value))} of {study.value_name} and rests less on one "
            f"lucky choice of parameters: {neighbours_words(study)}."
        )
    words += " It was still chosen on the data that it is shown on: only data that the search has not seen can test it."
    return paragraph(words)


def _summary(study: Study) -> str:
    best, plateau, held = candidate(study, "best"), candidate(study, "plateau"), study.benchmark_value
    names, levels = list(study.space), len(level_names(study))
    where = f" on {bars_words(study.backtest.bars)}" if study.backtest is not None else ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    words = f"{counted(len(study), 'trial')} in {counted(levels, 'level')} searched {listed} "
    words += f"for {_aims(study)}{where}."
    if best is None or plateau is None:
        return f"{words} No trial has a value and satisfies the constraints."
    words += f" The best, {params_text(best.active)}, reached {_value(study, best.value)}"
    if plateau.trial != best.trial:
        words += f"; the plateau, {params_text(plateau.active)}, has {_value(study, plateau.value)}"
    words += f"; buy and hold has {_value(study, held)}." if math.isfinite(held) else "."
    per_year = periods_per_year(study)
    if per_year is not None and "sharpe" in study.objective:
        words += f" The Sharpe ratio is annualised by {number(per_year)} bars a year."
    return words


def _aims(study: Study) -> str:
    others = () if study.goal is None else study.goal.others
    aims = [(study.value_name, study.direction), *((other.text, direction) for other, direction in others)]
    return " and ".join(f"the {'highest' if way == 'maximize' else 'lowest'} {text}" for text, way in aims)


def _value(study: Study, value: float) -> str:
    """Return a value of the objective in its unit."""
    return metric_text(study.value_name, value)


def _level_cell(study: Study, column: str, value: Any) -> str:
    if column == "seconds":
        return seconds(float(value))
    if column == "best":
        return _value(study, float(value))
    return str(value) if isinstance(value, str) else number(value)


def cost_part(cost: CostComparison) -> str:
    """Return what the search cost beside what the plain ways would have (a `CostComparison`)."""
    points = f"{'' if cost.is_exact else 'about '}{cost.lattice_points:,}"
    rows = [
        ["this search", f"{cost.trials:,}", seconds(cost.search_seconds), "1"],
        [
            "the same trials, each computing its indicators anew",
            f"{cost.trials:,}",
            seconds(cost.recompute_seconds),
            f"{cost.times_faster_than_recomputing:,.3g}",
        ],
        [
            "every point of the lattice, with the features kept",
            points,
            seconds(cost.exhaustive_seconds),
            f"{cost.times_faster_than_exhaustive:,.3g}",
        ],
    ]
    words = f"Measured here: {counted(cost.sample, 'trial')} of each way were timed, the rest in proportion."
    return paragraph(words) + table("Cost of the search and of the plain ways", ["", "trials", "time", "times"], rows)
