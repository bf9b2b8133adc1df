"""The multi-resolution search as an Optuna sampler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study as OptunaStudy
from optuna.trial import FrozenTrial, TrialState

from mrtoolkit.errors import check_count
from mrtoolkit.integrations.optuna.search import CONSTRAINTS, OptunaSearch
from mrtoolkit.integrations.optuna.spaces import distributions
from mrtoolkit.search.space import Space

_log = logging.getLogger(__name__)


class MultiResSampler(BaseSampler):
    """Suggests points level by level, coarse to fine, as `mrt.optimize` visits them.

    All parameters that every trial so far has are searched together (*relative* sampling); one that is suggested only
    in some trials, or whose range changes, is drawn by `independent_sampler`, as Optuna's own relative samplers do.

    Parameters
    ----------
    space : Space, optional
        What is searched, with constraints and conditions that Optuna's distributions cannot say. Without one the space
        is inferred from the trials: the first is drawn by `independent_sampler`.
    trials : int
        How many trials the levels are made for. A study that goes on longer is searched on with twice as many; no point
        is suggested twice while there are others.
    seed : int, optional
        None draws one.
    independent_sampler : optuna.samplers.BaseSampler, optional
        Default: Optuna's `RandomSampler`.
    constraints_func : callable, optional
        Of a finished trial, gives numbers that are 0 or less where it counts, as Optuna's own samplers take it.
    warn_independent_sampling : bool
        Whether to log when a parameter is drawn independently.
    **options
        `levels`, `transition`, `tolerance`, `patience`: see `mrt.MultiResOptimizer`.

    Notes
    -----
    The state is the study: a sampler of the same seed goes on with one from any storage. A continuous range is searched
    on a lattice of about 1,000 steps; a trial off the lattice (`enqueue_trial`) counts as its nearest point. Pruned and
    failed trials count as tried, without a value. Trials that run at once are given different points.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        trials: int = 400,
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        warn_independent_sampling: bool = True,
        **options: Any,
    ) -> None:
        check_count("MultiResSampler: trials", trials, ValueError)  # type: ignore[arg-type]
        self._space = space
        self._trials = int(trials)
        self._seed = int(np.random.SeedSequence().entropy % 2**32) if seed is None else int(seed)  # type: ignore[operator]
        self._independent = independent_sampler or RandomSampler(seed=seed)
        self._constraints_func = constraints_func
        self._warns = warn_independent_sampling
        self._options = options
        self._intersection = IntersectionSearchSpace()
        self._searches: dict[Any, OptunaSearch] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made again from the study: so a sampler goes to other processes."""
        return {**self.__dict__, "_searches": {}, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def reseed_rng(self) -> None:
        """Give the independent sampler another seed; the levels go their way whatever runs beside."""
        self._independent.reseed_rng()

    def infer_relative_search_space(self, study: OptunaStudy, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the distributions of the space, or those that all finished trials share."""
        if self._space is not None:
            return distributions(self._space)
        shared = self._intersection.calculate(study)
        return {name: each for name, each in shared.items() if not each.single()}

    def sample_relative(
        self, study: OptunaStudy, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the next point of the search."""
        if not search_space:
            return {}
        with self._lock:
            key = (study.study_name, tuple(sorted((name, repr(each)) for name, each in search_space.items())))
            if key not in self._searches:
                self._searches[key] = OptunaSearch(
                    search_space,
                    self._space,
                    directions=[direction.name.lower() for direction in study.directions],
                    trials=self._trials,
                    seed=self._seed,
                    options=self._options,
                )
            return self._searches[key].next_params(study, trial)

    def sample_independent(
        self, study: OptunaStudy, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value of one parameter that is not searched with the others."""
        has_trials = any(t.state is TrialState.COMPLETE for t in study.get_trials(deepcopy=False))
        if self._warns and has_trials:
            _log.warning(
                "the parameter %r of trial %d is not one that all trials have, so MultiResSampler leaves it to %s",
                param_name, trial.number, type(self._independent).__name__,
            )  # fmt: skip
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: OptunaStudy, trial: FrozenTrial) -> None:
        """Let the independent sampler do what it does before a trial."""
        self._independent.before_trial(study, trial)

    def after_trial(
        self, study: OptunaStudy, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Keep what the constraints say of a finished trial, as Optuna's own samplers do."""
        if self._constraints_func is not None and state in (TrialState.COMPLETE, TrialState.PRUNED):
            found = tuple(float(value) for value in self._constraints_func(trial))
            if any(np.isnan(value) for value in found):
                raise ValueError("constraints_func gave NaN; a constraint is a number, 0 or less where a trial counts.")
            study._storage.set_trial_system_attr(trial._trial_id, CONSTRAINTS, found)  # noqa: SLF001
        self._independent.after_trial(study, trial, state, values)

    def __str__(self) -> str:
        """Return the name that Optuna shows."""
        return f"MultiResSampler(seed={self._seed}, optuna {optuna.__version__})"
