"""A study in a few lines: as text, and as HTML for a notebook."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from mrtoolkit.words import SHOWN, counted
from mrtoolkit.words import params_text as point_text

if TYPE_CHECKING:
    from mrtoolkit.search.study import Study

_NEXT = 'mrt.report(study, "study.html") shows it in pictures, study.verify() computes some of it again.'


def study_text(study: Study) -> str:
    """Return the study in at most nine lines."""
    rows = summary(study)
    width = max((len(name) for name, *_ in rows), default=0)
    lines = [_headline(study)]
    lines += [f"  {name:<{width}}  {value}  {params}".rstrip() for name, value, params in rows]
    lines += [f"  {text}" for text in _notes(study)]
    return "\n".join([*lines, _NEXT])


def study_html(study: Study) -> str:
    """Return the study as a small table with what a notebook's theme gives."""
    body = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td>"
        f"<td style='text-align:left'>{escape(params)}</td></tr>"
        for name, value, params in summary(study)
    )
    notes = "".join(f"<p>{escape(text)}</p>" for text in _notes(study))
    objective = escape(study.objective)
    head = f"<tr><th></th><th>{objective}</th><th></th></tr>"
    return (
        f"<div><p><b>{escape(_headline(study))}</b></p><table>{head}{body}</table>{notes}<p>{escape(_NEXT)}</p></div>"
    )


def summary(study: Study) -> list[tuple[str, str, str]]:
    """Return (name, objective, parameters) of the best trial, the plateau, and buy and hold beside them."""
    rows = []
    if study.has_best:
        for name, candidate in (("best", study.best), ("plateau", study.plateau)):
            rows.append((name, number_text(candidate.value), params_text(candidate.shown)))
    value = study.benchmark_value
    if not math.isnan(value):
        rows.append(("buy and hold", number_text(value), ""))
    return rows


def _notes(study: Study) -> list[str]:
    """Return what is to be said below the table, a sentence each."""
    verdict = held_text(study) or (study.inference.contradiction if study.has_best else "")
    said = (_problem(study), failure_note(study), luck_text(study), verdict, study.stopped)
    return [text for text in said if text]


def held_text(study: Study) -> str:
    """Say that the best trial is no better than doing nothing; nothing where it is, or where that cannot be said."""
    held = study.benchmark_value
    if math.isnan(held) or not study.has_best or (study.goal is not None and study.goal.others):
        return ""
    gain = study.best.value - held if study.direction == "maximize" else held - study.best.value
    return "" if gain > 0 else "The best trial does no better than buy and hold."


def failure_note(study: Study) -> str:
    """Say how many trials failed, where the last of them did and with what; nothing where none did."""
    n_trials = len(study)
    failed = [(trial, said) for trial, said in list(study.failures.items()) if trial < n_trials]  # it may grow
    if not failed:
        return ""
    trial, said = max(failed)
    where = point_text(study.space.active_point(study.log.codes[trial]), most=SHOWN)
    last, ending = (", the last", "; study.failures has them all") if len(failed) > 1 else ("", "")
    return f"{len(failed):,} of {counted(n_trials, 'trial')} failed{last} at {where}: {said.rstrip('.')}{ending}."


def luck_text(study: Study) -> str:
    """Return in a sentence how much of the best trial may be luck; empty where there is no best."""
    if not study.has_best:
        return ""
    found = study.inference
    about = "" if found.is_exact else "about "
    seen = "the whole lattice" if found.seen >= 1 else f"{about}{100 * found.seen:.2g} % of the lattice"
    text = f"{seen} seen in {counted(found.trials, 'trial')}"
    if math.isnan(found.effective_trials):
        return f"{text}."
    text += f", as many as {count_text(found.effective_trials)} independent ones"
    for name, value in (
        ("deflated Sharpe ratio", found.deflated_sharpe),
        ("probability of over-fitting", found.probability_of_overfitting),
    ):
        text += "" if math.isnan(value) else f"; {name} {value:.2f}"
    return f"{text}."


def count_text(number: float) -> str:
    """Return a number of independent trials, which is seldom a whole one."""
    return f"{number:.1f}" if number < 10 else f"{number:,.0f}"


def params_text(params: Any) -> str:
    """Return parameters as a person would type them: fast=11.5, slow=42."""
    return ", ".join(f"{name}={_label(value)}" for name, value in params.items())


def number_text(value: float) -> str:
    """Return a number to five significant digits."""
    return f"{value + 0.0:,.5g}"  # 0, not -0


def _label(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _headline(study: Study) -> str:
    points, is_exact = study.space.count()
    n_levels = len(set(study.log.level.tolist()))
    lattice = f"{'' if is_exact else 'about '}{counted(points, 'point')}"
    made = f"{counted(len(study), 'trial')} in {counted(n_levels, 'level')}"
    return f"Study: {made}, of a lattice of {lattice}, to {_aim(study)}"


def _aim(study: Study) -> str:
    """Return what is maximised and what minimised."""
    others = () if study.goal is None else study.goal.others
    if study.goal is None or not others:
        return f"{study.direction} {study.objective}"
    aims = [(study.goal.objective.text, study.direction), *((other.text, direction) for other, direction in others)]
    best = f"; best is nearest to the best of each, of a front of {len(study.scoring.front()):,}"
    return " and ".join(f"{direction} {text}" for text, direction in aims) + (best if study.has_best else "")


def _problem(study: Study) -> str:
    return "" if study.has_best else study.why_no_best()
