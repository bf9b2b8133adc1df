"""A study of ours as one of Optuna's, for its pictures, its importances, its dashboard."""

from __future__ import annotations

import math
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from mrtoolkit.errors import StudyError
from mrtoolkit.integrations.optuna.quiet import quiet
from mrtoolkit.integrations.optuna.spaces import distributions
from mrtoolkit.search.study import Study


def export(study: Study, *, storage: Any = None, name: str | None = None) -> optuna.Study:
    """Return an Optuna study of all trials, in the order evaluated.

    Metrics, level and region are user attributes; a trial that breaks a constraint or has no value is pruned, one at
    which the evaluator raised has failed.

    Parameters
    ----------
    study : Study
    storage : Optuna's storage or its URL, optional
        Default: in memory.
    name : str, optional

    Raises
    ------
    StudyError
        If a study of that name is in the storage already.
    """
    directions: list[Any] = [study.direction]
    if study.goal is not None:
        directions += [direction for _, direction in study.goal.others]
    try:
        with quiet():
            made = optuna.create_study(storage=storage, study_name=name, directions=directions)
    except optuna.exceptions.DuplicatedStudyError:
        raise StudyError(f"the storage has a study {name!r} already; give another name=.") from None
    made.set_user_attr("objective", study.objective)
    made.set_user_attr("seed", study.seed)
    asked = distributions(study.space)
    values = _values(study)
    points = study.space.points(study.log.codes)
    for trial, params in enumerate(points):
        made.add_trial(_trial(study, trial, params, values[trial], asked))
    return made


def _values(study: Study) -> list[list[float]]:
    columns = [study.log.value]
    if study.goal is not None:
        columns += [other.values(study.log.metrics, len(study)) for other, _ in study.goal.others]
    return [[float(value) for value in row] for row in zip(*columns, strict=True)]


def _trial(
    study: Study, trial: int, params: dict[str, Any], values: list[float], asked: dict[str, Any]
) -> FrozenTrial:
    log = study.log
    attributes: dict[str, Any] = {"level": int(log.level[trial]), "region": int(log.region[trial])}
    attributes |= {name: float(column[trial]) for name, column in log.metrics.items()}
    state = TrialState.COMPLETE
    if trial in study.failures:
        state, attributes["failure"] = TrialState.FAIL, study.failures[trial]
    elif not log.feasible[trial] or not all(math.isfinite(value) for value in values):
        state = TrialState.PRUNED
    return create_trial(
        params=params,
        distributions=asked,
        values=values if state is TrialState.COMPLETE else None,
        state=state,
        user_attrs=attributes,
    )
