"""One of Optuna's samplers over our evaluator: batch by batch, with the features shared, into a study of ours."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState

from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.integrations.optuna.quiet import quiet
from mrtoolkit.integrations.optuna.spaces import SearchedSpace, distributions
from mrtoolkit.search.budgets import seconds_spent, trials_spent
from mrtoolkit.search.failures import evaluate_all, refuse_broken
from mrtoolkit.search.level import Level
from mrtoolkit.search.level_table import add_level_row
from mrtoolkit.search.optimizer import MultiResOptimizer
from mrtoolkit.search.slots import first_places
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study
from mrtoolkit.search.transitions.protocol import History, Looking

_WORDS = ("objective", "constraints", "direction", "seed", "study", "on_event")
_PATIENCE = 20  # times as many suggestions as trials are asked for: some samplers suggest the same points again


@dataclass(frozen=True, slots=True)
class _Driven:
    """No transition of ours: it tells a saved study that one of Optuna's samplers, by its name, chose the trials."""

    sampler: str

    def regions(self, history: History, level: Level, *, index: int, round: int) -> Sequence[Looking]:
        return []

    def to_dict(self) -> dict[str, str]:
        return {"transition": f"Optuna's {self.sampler}"}


def optimize(
    evaluator: Any,
    space: Space,
    sampler: BaseSampler,
    *,
    trials: int = 400,
    batch: int = 1,
    seconds: float | None = None,
    **words: Any,
) -> Study:
    """Let an Optuna sampler choose the trials; return the same `Study` as a search of ours does.

    Parameters
    ----------
    evaluator : Evaluator or callable
        As for `mrt.MultiResOptimizer`.
    space : Space
        A continuous dimension is taken at its lattice.
    sampler : optuna.samplers.BaseSampler
        With its seed.
    trials : int
        Distinct lattice points to evaluate; suggestions of points that are known, or that break the constraints, are
        answered and do not count. After twenty times as many suggestions the search ends.
    batch : int
        Points that are asked for before any of them is told. One at a time is what samplers are made for; a batch
        shares features and is faster.
    seconds : float, optional
        No batch begins later than this.
    **words
        `objective`, `constraints`, `direction`, `seed`, `study`, `on_event`: as for `mrt.MultiResOptimizer`. A study
        on disk is gone on with: what it holds is not evaluated again, if the sampler suggests it again, as one of the
        same seed does.

    Raises
    ------
    StudyError
        For words that do not fit each other; before anything is evaluated.
    """
    _check(sampler, trials, batch, words)
    optimizer = MultiResOptimizer(evaluator, space, transition=_Driven(type(sampler).__name__), **words)
    goal = optimizer.goal
    directions: list[Any] = [goal.direction, *(direction for _, direction in goal.others)]
    with quiet():
        theirs = optuna.create_study(sampler=sampler, directions=directions)
    searched = SearchedSpace(distributions(space), space)
    started, n_asked = time.perf_counter(), 0
    while True:
        n_done = len(optimizer.study)
        if n_done < space.count().n and n_asked >= _PATIENCE * trials > n_done:
            reason = f"{sampler} suggested {n_asked:,} points, of which {n_done:,} were new."
        else:
            reason = _why_over(n_done, space, trials, seconds, time.perf_counter() - started)
        if reason:
            break
        n_asked += _batch(optimizer, theirs, searched, batch, trials - n_done)
    _add_row(optimizer, type(sampler).__name__, n_asked, time.perf_counter() - started)
    optimizer.stop(reason)
    return optimizer.study


def _check(sampler: Any, trials: int, batch: int, words: Mapping[str, Any]) -> None:
    check_count("trials", trials, StudyError)
    check_count("batch", batch, StudyError)
    if not isinstance(sampler, BaseSampler):
        raise StudyError(f"sampler={sampler!r} is not Optuna's; give one, as in optuna.samplers.TPESampler(seed=0).")
    for name in words:
        if name not in _WORDS:
            raise StudyError(f"optimize was given {name}=, which is for our own levels; it takes {', '.join(_WORDS)}.")


def _why_over(n_done: int, space: Space, trials: int, seconds: float | None, elapsed: float) -> str:
    """Say which budget is spent; nothing where none is."""
    if n_done >= trials:
        return trials_spent(trials)
    if n_done >= space.count().n:
        return f"all {n_done:,} points of the lattice are evaluated."
    return seconds_spent(seconds, n_done) if seconds is not None and elapsed >= seconds else ""


def _batch(
    optimizer: MultiResOptimizer, theirs: optuna.Study, searched: SearchedSpace, n: int, most_new: int
) -> int:
    """Ask for points, evaluate those that are new, tell all; return how many were asked for.

    As many are asked for at the end as ever, so that a search with more trials is given the same ones first.
    """
    space, log = optimizer.space, optimizer.study.log
    asked: list[tuple[Trial, np.ndarray | None]] = []
    for _ in range(n):
        trial = theirs.ask(searched.asked)
        asked.append((trial, searched.codes(trial.params)))
    codes = np.array([each for _, each in asked if each is not None], dtype=np.int64).reshape(-1, len(space))
    keys = space.keys(codes)
    first = first_places(keys)
    new = first[log.find(keys[first]) < 0][:most_new]
    if optimizer.recall(codes[new]):
        new = new[log.find(keys[new]) < 0]
    if len(new):
        evaluation = evaluate_all(optimizer.evaluator, space, codes[new])
        refuse_broken(optimizer.study, evaluation, codes[new])
        optimizer.record(codes[new], evaluation)
    for trial, each in asked:
        _tell(optimizer, theirs, trial, each)
    return n


def _tell(optimizer: MultiResOptimizer, theirs: optuna.Study, trial: Trial, codes: np.ndarray | None) -> None:
    goal, log = optimizer.goal, optimizer.study.log
    if codes is not None:
        place = int(log.find(optimizer.space.keys(codes[np.newaxis]))[0])
        if place < 0:
            return  # beyond the budget
        scores = goal.all_scores(log)[place]
        if np.isfinite(scores).all():
            signs = [1.0 if d == "maximize" else -1.0 for d in (goal.direction, *(d for _, d in goal.others))]
            theirs.tell(trial, [float(score * sign) for score, sign in zip(scores, signs, strict=True)])
            return
    theirs.tell(trial, state=TrialState.PRUNED)


def _add_row(optimizer: MultiResOptimizer, name: str, n_asked: int, seconds: float) -> None:
    study, n = optimizer.study, len(optimizer.study)
    add_level_row(
        study, optimizer.evaluator, study.log.codes, index=0, level=name, points=n, reused=n_asked - n, run=n,
        best=study.scoring.best(), seconds=seconds,
    )  # fmt: skip
