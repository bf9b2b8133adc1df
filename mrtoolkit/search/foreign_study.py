"""Somebody else's search as a study of ours: so whatever shows a study shows it too.

An Optuna study is known by what it has, not by its class: nothing of Optuna is imported.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mrtoolkit.errors import SpaceError, StudyError
from mrtoolkit.evaluation import RESERVED_NAMES
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.search.callables import as_evaluator
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.level_table import add_level_row
from mrtoolkit.search.not_counted import BROKEN, NOTE, OTHER, PRUNED
from mrtoolkit.search.objective import Goal
from mrtoolkit.search.seen_conditions import seen_conditions
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study
from mrtoolkit.search.trial_log import TrialRows
from mrtoolkit.words import counted

_FINE = 1_000_000  # labels of a continuous parameter: trials lie where they like, and none may become another
_COMPLETE, _PRUNED, _FAILED = "COMPLETE", "PRUNED", "FAIL"


def as_study(search: Any) -> Study:
    """Return a study as it is, and an Optuna study with its trials as one of ours.

    Parameters
    ----------
    search : Study, RunningSearch or optuna.study.Study
        Of a running search its study, which grows. Of an Optuna study, parameters become dimensions (a continuous one
        of a million labels, a thousand on a log scale, each trial at the nearest), and all trials belong to one level.
        Pruned trials have their last value and do not count; failed ones have none. Those still running are left out.
        A parameter that some trials lack, as in a search whose space has branches, matters only under the condition
        that tells these trials apart, `only=`; where none is to be seen it is at its lowest label there. Of several
        objectives the first is the value, and all of them are metrics and give a Pareto front.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        For something else, and for a study without one finished trial.
    """
    own = getattr(search, "study", search)
    if isinstance(own, Study):
        return own
    if not all(hasattr(search, name) for name in ("trials", "directions", "study_name")):
        raise StudyError(
            f"{type(search).__name__} is no study; give what optimize() or load_study() returned, a running search, or "
            "an Optuna study."
        )
    trials = [trial for trial in search.trials if trial.state.name in (_COMPLETE, _PRUNED, _FAILED)]
    distributions: dict[str, Any] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            distributions[name] = _wider(distributions.get(name), distribution)
    if not distributions:
        raise StudyError(
            f"the Optuna study {search.study_name!r} has no finished trial with parameters; give it after some."
        )
    metrics = _names(search)
    used = {*metrics, "value", "level", "region", "feasible"}
    names = {name: _free(name, used) for name in distributions}
    try:
        space, codes = _space(trials, names, distributions)
    except (SpaceError, TypeError) as error:
        raise StudyError(f"the Optuna study {search.study_name!r} cannot be shown: {error}") from error
    return _filled(search, trials, space, codes, metrics)


def _space(
    trials: Sequence[Any], names: Mapping[str, str], distributions: Mapping[str, Any]
) -> tuple[Space, np.ndarray]:
    """Return the space of some trials, and where on its lattice they lie, codes (trial, parameter)."""
    dimensions: dict[str, Any] = {names[name]: _dimension(found) for name, found in distributions.items()}
    plain = Space(**dimensions)
    codes = np.array([_codes(plain, names, trial.params) for trial in trials], dtype=np.int64)
    has = np.array([[name in trial.params for name in names] for trial in trials], dtype=bool)
    is_whole = np.array([trial.state.name == _COMPLETE for trial in trials], dtype=bool)
    rules = seen_conditions(dimensions, codes, has, is_whole)
    if not rules:
        return plain, codes
    dimensions = {names[name]: _dimension(found, rules.get(names[name])) for name, found in distributions.items()}
    return Space(**dimensions), codes


def _filled(search: Any, trials: Sequence[Any], space: Space, codes: np.ndarray, metrics: list[str]) -> Study:
    directions = [direction.name.lower() for direction in search.directions]
    goal = Goal.checked(metrics if len(metrics) > 1 else metrics[0], (), directions, metrics)
    study = Study(
        space=space,
        goal=goal,
        objective=goal.text,
        direction=directions[0],
        evaluator=as_evaluator(None),
        seed=0,
        keys={
            "evaluator": {"callable": f"Optuna study {search.study_name!r}"},
            "levels": [{"name": "all trials", "regions": 1}],
            **goal.to_dict(),
            "seed": 0,
            "transition": {"transition": "optuna"},
        },
        metrics=tuple(metrics),
    )
    values = np.array([_values(trial, len(metrics)) for trial in trials], dtype=np.float64)
    counts = np.array([trial.state.name == _COMPLETE and _is_feasible(trial) for trial in trials], dtype=bool)
    rows = TrialRows(
        codes=codes,
        level=np.zeros(len(codes), dtype=np.int64),
        region=np.full(len(codes), -1),
        value=values[:, 0],
        feasible=counts & np.isfinite(values).all(axis=1),
        metrics={name: values[:, j] for j, name in enumerate(metrics)},
        blocks={},
    )
    study.log.append(rows)
    study.failures = {i: _why(trial) for i, trial in enumerate(trials) if trial.state.name == _FAILED}
    states = {trial.state.name for trial, is_counted in zip(trials, counts, strict=True) if not is_counted}
    study.notes[NOTE] = {(_PRUNED,): PRUNED, (_COMPLETE,): BROKEN}.get(tuple(states - {_FAILED}), OTHER)
    add_level_row(
        study,
        None,
        study.log.codes,
        index=0,
        level="all trials",
        points=len(np.unique(study.log.keys)),
        reused=0,
        run=len(trials),
        best=study.scoring.best(),
        seconds=_seconds(trials),
    )
    study.stopped = _ending(trials)
    return study


def _ending(trials: Sequence[Any]) -> str:
    """Return how many trials there are, and how many of them were cut short or failed."""
    states = [trial.state.name for trial in trials]
    others = {"pruned": states.count(_PRUNED), "failed": states.count(_FAILED)}
    told = " and ".join(f"{n:,} {word}" for word, n in others.items() if n)
    return f"{counted(len(trials), 'trial')} of an Optuna study{f', {told}' if told else ''}."


def _why(trial: Any) -> str:
    return str(getattr(trial, "system_attrs", {}).get("fail_reason") or "Optuna kept no reason")


def _seconds(trials: Sequence[Any]) -> float:
    """Return how long the trials took, from the first one's start to the last one's end."""
    begun = [trial.datetime_start for trial in trials if trial.datetime_start is not None]
    ended = [trial.datetime_complete for trial in trials if trial.datetime_complete is not None]
    return (max(ended) - min(begun)).total_seconds() if begun and ended else 0.0


def _wider(known: Any, found: Any) -> Any:
    """Return of two distributions of a parameter the one that holds more, as a study may have changed it."""
    if known is None or hasattr(found, "choices"):
        return found
    return known if known.low <= found.low and known.high >= found.high else found


def _dimension(distribution: Any, only: Node | None = None) -> Integer | Real | Categorical:
    if hasattr(distribution, "choices"):
        return Categorical(list(distribution.choices), only=only)
    low, high, log = distribution.low, distribution.high, bool(distribution.log)
    if isinstance(low, int) and isinstance(high, int):
        return Integer(low, high, int(distribution.step or 1), log=log, only=only)
    if distribution.step is not None or log or low == high:
        return Real(low, high, distribution.step, log=log, only=only)
    return Real(low, high, _short_step(low, high), only=only)


def _short_step(low: float, high: float) -> float:
    """Return the power of ten that cuts a range into at least a million steps."""
    return float(10.0 ** math.floor(math.log10((high - low) / _FINE)))


def _codes(space: Space, names: Mapping[str, str], params: Mapping[str, Any]) -> list[int]:
    codes = {names[name]: _code(space[names[name]], value) for name, value in params.items() if name in names}
    return [codes.get(name, 0) for name in space]


def _code(dimension: Any, value: Any) -> int:
    if isinstance(dimension, Categorical):
        return max(0, int(dimension.encode([value])[0]))
    first, last = dimension.decode(np.array([0, dimension.size - 1])).tolist()
    if dimension.size == 1:
        return 0
    if dimension.log and getattr(dimension, "step", None) is None:
        share = math.log(value / first) / math.log(last / first)
    else:
        share = (value - first) / (last - first)
    return int(np.clip(round(share * (dimension.size - 1)), 0, dimension.size - 1))


def _values(trial: Any, count: int) -> list[float]:
    values = list(trial.values or ())
    if not values and trial.state.name == _PRUNED and trial.intermediate_values:
        values = [trial.intermediate_values[max(trial.intermediate_values)]]
    values += [float("nan")] * (count - len(values))
    return [float("nan") if value is None else float(value) for value in values[:count]]


def _is_feasible(trial: Any) -> bool:
    """Say whether the constraints that Optuna keeps with a trial are satisfied: none is above 0."""
    constraints = trial.system_attrs.get("constraints") if hasattr(trial, "system_attrs") else None
    return all(value <= 0 for value in constraints or ())


def _names(search: Any) -> list[str]:
    given = getattr(search, "metric_names", None)
    if given:
        return [str(name) for name in given]
    count = len(search.directions)
    return ["objective"] if count == 1 else [f"objective_{i + 1}" for i in range(count)]


def _free(name: str, used: set[str]) -> str:
    """Return a parameter's name as a word that no metric has."""
    word = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in str(name))
    word = word if word.isidentifier() else f"p_{word}"
    word = f"{word}_" if keyword.iskeyword(word) else word
    word = word.lstrip("_") or "p"
    while word in used or word in RESERVED_NAMES or hasattr(xr.Dataset, word):
        word += "_"
    used.add(word)
    return word
