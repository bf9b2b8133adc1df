"""One search behind the sampler: told what an Optuna study has tried, asked what it should try next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import Study as OptunaStudy
from optuna.trial import FrozenTrial, TrialState

from mrtoolkit.evaluation import Evaluation
from mrtoolkit.integrations.optuna.spaces import SearchedSpace
from mrtoolkit.search.optimizer import MultiResOptimizer
from mrtoolkit.search.space import Space

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
_DRAWS = 64
CONSTRAINTS = "constraints"
"""The name under which Optuna's own samplers keep what the constraints say of a trial."""


class _Told:
    """An evaluator in name alone: it says what there is to be told."""

    def __init__(self, n_objectives: int) -> None:
        self.metrics = (*(f"value_{i}" for i in range(n_objectives)), "feasible_trial")

    def __call__(self, params: Mapping[str, Any]) -> dict[str, float]:
        raise NotImplementedError("Optuna evaluates")


class OptunaSearch:
    """The search over one space, for one Optuna study."""

    def __init__(
        self,
        asked: Mapping[str, BaseDistribution],
        space: Space | None,
        *,
        directions: Sequence[str],
        trials: int,
        seed: int,
        options: Mapping[str, Any],
    ) -> None:
        self._searched = SearchedSpace(asked, space)
        self._directions = list(directions)
        self._trials = trials
        self._seed = seed
        self._options = dict(options)
        self._told: dict[int, tuple[np.ndarray, Evaluation]] = {}
        self._given: dict[int, int] = {}
        self._optimizer = self._new_optimizer()

    def next_params(self, study: OptunaStudy, trial: FrozenTrial) -> dict[str, Any]:
        """Return the parameters of a point that no finished trial has, and no running one."""
        space = self._searched.space
        running = self._take(study, trial.number)
        for _ in range(2):
            codes = self._optimizer.next_codes(None)
            free = [i for i, key in enumerate(space.keys(codes).tolist()) if key not in running]
            if free:
                codes = codes[free[0]]
                break
            if not self._optimizer.is_done:
                codes = self._drawn(running)  # the rest of the round is being evaluated
                break
            self._go_on()
        else:
            codes = self._drawn(running)
        self._given[trial.number] = int(space.keys(codes[np.newaxis])[0])
        return self._searched.params(codes)

    def _take(self, study: OptunaStudy, number: int) -> set[int]:
        """Tell the search of the trials that have finished; return the keys of those that run beside this one."""
        running = set()
        for trial in study.get_trials(deepcopy=False):
            if trial.number in self._told or trial.number == number:
                continue
            codes = self._searched.codes(trial.params)
            if trial.state in _FINISHED:
                if codes is not None:
                    found = self._evaluation(trial)
                    self._told[trial.number] = (codes, found)
                    self._tell(codes, found)
                self._given.pop(trial.number, None)
            elif trial.number in self._given:
                running.add(self._given[trial.number])
            elif codes is not None:
                running.add(int(self._searched.space.keys(codes[np.newaxis])[0]))
        return running

    def _tell(self, codes: np.ndarray, found: Evaluation) -> None:
        """Record a trial where the search was when that was asked for: so one from a storage goes the same way."""
        self._optimizer.next_codes(None)
        self._optimizer.record(codes[np.newaxis], found)

    def _evaluation(self, trial: FrozenTrial) -> Evaluation:
        constraints = trial.system_attrs.get(CONSTRAINTS) or ()
        counts = trial.state is TrialState.COMPLETE and all(value <= 0 for value in constraints)
        values = trial.values if trial.state is TrialState.COMPLETE else [math.nan] * len(self._directions)
        metrics = {f"value_{i}": np.array([value]) for i, value in enumerate(values or [])}
        return Evaluation(metrics={**metrics, "feasible_trial": np.array([float(counts)])})

    def _new_optimizer(self) -> MultiResOptimizer:
        names = [f"value_{i}" for i in range(len(self._directions))]
        return MultiResOptimizer(
            _Told(len(names)),
            self._searched.space,
            objective=names if len(names) > 1 else names[0],
            direction=self._directions if len(names) > 1 else self._directions[0],
            constraints=["M.feasible_trial > 0"],
            trials=self._trials,
            seed=self._seed,
            **self._options,
        )

    def _go_on(self) -> None:
        """Search on with twice as many trials; what is known is not tried again."""
        self._trials *= 2
        self._options.pop("levels", None)
        self._optimizer = self._new_optimizer()
        for _, (codes, found) in sorted(self._told.items()):
            self._tell(codes, found)

    def _drawn(self, running: set[int]) -> np.ndarray:
        """Return a point drawn at random that has not been tried, if one is found soon."""
        space, log = self._searched.space, self._optimizer.study.log
        codes = space.sample(_DRAWS, seed=np.random.default_rng([self._seed, len(log), len(running)]))
        if len(codes) == 0:  # of a space that cannot be counted, and of which almost nothing satisfies the constraints
            codes = log.codes[:1] if len(log) else np.zeros((1, len(space)), dtype=np.int64)
        keys = space.keys(codes)
        is_new = log.find(keys) < 0
        fresh = [i for i, key in enumerate(keys.tolist()) if is_new[i] and key not in running]
        return np.asarray(codes[fresh[0] if fresh else 0])
