"""What a search can do in the seconds that it was given, judged after its first level by what that cost."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from mrtoolkit.search.level import LARGEST_LEVEL, WHOLE, Level
from mrtoolkit.search.points import points_for
from mrtoolkit.search.study import Study

_SHARE_OF_TIME = 0.8  # of the seconds that are left: the clock of a busy machine runs unevenly
_EXHAUSTIVE_OVERHEAD = 2e-6  # seconds a trial outside the evaluator
_MOVING_OVERHEAD = 3e-5
_MOST = 20_000  # trials of moving regions, which find little more in more


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds that the evaluator takes.

    Attributes
    ----------
    trial : float
        A trial whose features are there.
    features : float
        All features that the trials of the whole space have not computed yet.
    """

    trial: float
    features: float = 0.0


def measured_cost(study: Study) -> Cost:
    """Measure what a trial costs, and what the features that are still to be computed will, from the trials so far.

    An evaluator that computes features, as a backtest does, is asked for the first level's points once more: what that
    takes is the trials alone, and what it took before beyond that are the features.
    """
    evaluator, space, log = study.evaluator, study.space, study.log
    computed, _ = study.spent.get(0, (0, 0.0))
    trial = study.trial_seconds if study.trial_seconds < float("inf") else 0.0
    if evaluator is None or computed == 0 or len(log) == 0:
        return Cost(trial=trial)
    started = time.perf_counter()
    evaluator.evaluate(points_for(evaluator, space, log.codes))
    alone = (time.perf_counter() - started) / len(log)
    longest = max(space.sizes)
    if longest > LARGEST_LEVEL:
        return Cost(trial=alone)
    every = np.arange(longest)[:, np.newaxis] % np.array(space.sizes)  # each label of each parameter
    missing = max(0, len(evaluator.features(points_for(evaluator, space, every))) - computed)
    return Cost(trial=alone, features=missing * max(0.0, trial - alone) * len(log) / computed)


def levels_in_time(study: Study, seconds: float, cost: Cost) -> list[Level]:
    """Return the levels after a coarse one that so many seconds allow.

    The whole lattice where it fits; else a medium and a fine level of 20,000 trials together at most.
    """
    space, n_done = study.space, len(study)
    n_points = space.count().n
    left = max(0.0, _SHARE_OF_TIME * seconds - cost.features)
    is_listed = max(n_points, *space.sizes) <= LARGEST_LEVEL
    if is_listed and (n_points - n_done) * (cost.trial + _EXHAUSTIVE_OVERHEAD) <= left:
        return [Level(WHOLE, grid={name: space[name].labels for name in space})]
    trials = int(left / (cost.trial + _MOVING_OVERHEAD))
    budget = max(1, min(trials, _MOST, n_points - n_done) // 2)
    return [Level("medium", budget=budget, regions=4), Level("fine", budget=budget, regions=4)]
