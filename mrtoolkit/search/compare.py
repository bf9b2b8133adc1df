"""Two searches side by side: what each found, in how many trials, at what cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrtoolkit.errors import StudyError, warn_caller
from mrtoolkit.search.corners import ComparisonWarning
from mrtoolkit.search.study import Study
from mrtoolkit.search.study_text import number_text, params_text
from mrtoolkit.words import counted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SideBySide:
    """Two searches beside each other.

    Attributes
    ----------
    table : DataFrame
        A row a measure, a column a search: trials, best, its parameters, the median of the trials that count, after how
        many trials each was as good as the other at its end, features computed, seconds, and what luck may have done.
    convergence : DataFrame
        The best objective after each trial, a column a search; NaN while nothing counts and after a search's end.
    """

    table: pd.DataFrame
    convergence: pd.DataFrame

    def __repr__(self) -> str:
        """Return the table."""
        return self.table.to_string()

    def _repr_html_(self) -> str:
        return str(self.table.to_html())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """What is compared of one search, whoever made it."""

    objective: str
    direction: str
    values: np.ndarray
    """Of the trials in order; NaN for one that does not count."""
    names: tuple[str, ...]
    """Of the parameters."""
    params: Mapping[str, Any]
    rows: Mapping[str, Any]

    @property
    def sign(self) -> float:
        return 1.0 if self.direction == "maximize" else -1.0

    @property
    def best_so_far(self) -> np.ndarray:
        scores = np.where(np.isfinite(self.values), self.sign * self.values, -np.inf)
        running = np.maximum.accumulate(scores) if len(scores) else scores
        return np.where(np.isfinite(running), self.sign * running, np.nan)


def compare(first: Any, second: Any, *, names: tuple[str, str] = ("first", "second")) -> SideBySide:
    """Put two searches side by side; each is a study of ours or of Optuna's.

    Parameters
    ----------
    first, second : Study or optuna.Study
    names : two str
        The columns of the table.

    Raises
    ------
    StudyError
        If one of them is no study, has several objectives, or one maximises what the other minimises.

    Warns
    -----
    ComparisonWarning
        If they are after different objectives, or have other parameters.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> space = mrt.Space(x=mrt.Integer(0, 99))
    >>> few, many = (mrt.optimize(lambda p: -abs(p["x"] - 71), space, trials=n) for n in (10, 80))
    >>> mrt.compare(few, many).table.loc["trials"].tolist()
    [10, 80]
    """
    if len(set(names)) != 2:
        raise StudyError(f"names={names!r} was asked for; give two different names.")
    sides = [_side(study) for study in (first, second)]
    if sides[0].direction != sides[1].direction:
        raise StudyError(
            f"one search is to {sides[0].direction} {sides[0].objective}, the other to {sides[1].direction} "
            f"{sides[1].objective}; compare searches of one direction."
        )
    if not _is_one_problem(*sides):
        warn_caller(
            f"the two searches are of different problems ({_problem(sides[0])}, and {_problem(sides[1])}), so that one "
            "is no measure of the other; compare searches of one objective over the same parameters.",
            ComparisonWarning,
        )
    paths = [side.best_so_far for side in sides]
    columns = {}
    for name, side, path, other in zip(names, sides, paths, paths[::-1], strict=True):
        columns[name] = _column(side, path, other)
    convergence = pd.DataFrame({name: pd.Series(path) for name, path in zip(names, paths, strict=True)})
    return SideBySide(table=pd.DataFrame(columns, dtype=object), convergence=convergence.rename_axis("trial"))


def _is_one_problem(first: _Side, second: _Side) -> bool:
    """Whether two searches were after the same; what Optuna's do not say is taken for it."""
    is_one_goal = first.objective == second.objective or "" in (first.objective, second.objective)
    names = [set(side.names) for side in (first, second)]
    return is_one_goal and (names[0] == names[1] or not all(names))


def _problem(side: _Side) -> str:
    return f"{side.objective or 'an objective'} over {', '.join(side.names) or 'no parameters'}"


def _column(side: _Side, path: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    known = side.values[np.isfinite(side.values)]
    best = float(path[-1]) if len(path) else math.nan
    goal = float(other[-1]) if len(other) else math.nan
    as_good = np.flatnonzero(side.sign * path >= side.sign * goal)
    return {
        "objective": f"{side.objective or 'value'} ({side.direction})",
        "trials": len(side.values),
        "best": number_text(best),
        "at": params_text(side.params),
        "median": number_text(float(np.median(known))) if len(known) else "",
        "as good as the other after": counted(int(as_good[0]) + 1, "trial") if len(as_good) else "never",
        **side.rows,
    }


def _side(study: Any) -> _Side:
    if isinstance(study, Study):
        return _ours(study)
    if hasattr(study, "get_trials") and hasattr(study, "directions"):
        return _optunas(study)
    raise StudyError(f"compare was given {type(study).__name__}; give two studies of mrtoolkit or of Optuna.")


def _ours(study: Study) -> _Side:
    if study.goal is not None and study.goal.others:
        raise StudyError("compare was given a study of several objectives; compare their fronts by study.front.")
    found = study.inference
    rows: dict[str, Any] = {
        "plateau": number_text(study.plateau.value) if study.has_best else "",
        "features computed": sum(row.features_computed for row in study.rows),
        "seconds": f"{study.seconds:.3g}",
        "of the lattice": f"{100 * found.seen:.2g} %",
    }
    if math.isfinite(found.effective_trials):
        rows["independent trials"] = f"{found.effective_trials:.3g}"
    if math.isfinite(found.deflated_sharpe):
        rows["deflated Sharpe ratio"] = f"{found.deflated_sharpe:.2f}"
        rows["probability of over-fitting"] = f"{found.probability_of_overfitting:.2f}"
    return _Side(
        objective=study.objective,
        direction=study.direction,
        values=np.where(np.isfinite(study.log.score), study.log.value, np.nan),
        names=study.space.params,
        params=study.best.shown if study.has_best else {},
        rows=rows,
    )


def _optunas(study: Any) -> _Side:
    directions = [direction.name.lower() for direction in study.directions]
    if len(directions) != 1:
        raise StudyError("compare was given an Optuna study of several objectives; compare studies of one.")
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    counts = [trial.state.name == "COMPLETE" for trial in trials]
    values = np.array([t.value if ok else np.nan for t, ok in zip(trials, counts, strict=True)], dtype=np.float64)
    sign = 1.0 if directions[0] == "maximize" else -1.0
    known = np.isfinite(values)
    best = trials[int(np.argmax(np.where(known, sign * values, -np.inf)))].params if known.any() else {}
    times = [t.duration.total_seconds() for t in trials if t.duration is not None]
    return _Side(
        objective=str(study.user_attrs.get("objective", "")),
        direction=directions[0],
        values=values,
        names=tuple(dict.fromkeys(name for trial in trials for name in trial.params)),
        params=best,
        rows={"seconds": f"{sum(times):.3g}"},
    )
