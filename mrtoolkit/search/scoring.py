"""By what the trials of a search are compared: their value, their neighbours' values, or a Pareto front."""

from __future__ import annotations

import time

import numpy as np

from mrtoolkit.search.objective import Goal, best_index
from mrtoolkit.search.pareto import compromise, pareto_front, search_order
from mrtoolkit.search.plateau import neighbourhood_order
from mrtoolkit.search.space import Space
from mrtoolkit.search.trial_log import TrialLog

_REST = 30.0  # seconds without another look for a second that one took
_FREE = 0.05  # seconds of that rest that are left out: a quick look is made each time


class Scoring:
    """Scores of all trials of a growing log, kept until it grows.

    Parameters
    ----------
    space : Space
    goal : Goal, optional
        None where it is not known: then trials are compared by their value.
    log : TrialLog
    """

    def __init__(self, space: Space, goal: Goal | None, log: TrialLog) -> None:
        self._space = space
        self._goal = goal
        self._log = log
        self._kept: tuple[int, np.ndarray] = (-1, np.empty(0))
        self._watched: tuple[int | None, float] = (None, 0.0)  # the best as last found, and when to look again

    @property
    def _is_plain(self) -> bool:
        return self._goal is None or self._goal.is_plain

    def scores(self) -> np.ndarray:
        """Return what the search goes by, (trial,) float64: higher is better, -inf for a trial that does not count."""
        if self._is_plain:
            return self._log.score
        if self._kept[0] != len(self._log):
            self._kept = (len(self._log), self._computed())
        return self._kept[1]

    def best(self) -> int | None:
        """Return the best trial, None where none counts; of a Pareto front the one nearest to the ideal point."""
        if self._goal is not None and self._goal.others:
            return compromise(self._goal.all_scores(self._log), self._log.keys)
        scores = self.scores()
        return best_index(scores, self._log.keys[: len(scores)])  # another thread may be adding trials

    def best_so_far(self) -> int | None:
        """Return the best trial for who watches a search: a front or neighbourhoods of many trials, only now and then.

        To look at all of them after each batch would take longer than the batches.
        """
        if self._is_plain:
            return self.best()
        trial, due = self._watched
        begun = time.perf_counter()
        if begun < due:
            return trial
        trial = self.best()
        end = time.perf_counter()
        self._watched = (trial, end + _REST * (end - begun) - _FREE)
        return trial

    def front(self) -> np.ndarray:
        """Return the trials that no other beats in every objective, in the order evaluated."""
        if self._goal is None or not self._goal.others:
            best = self.best()
            return np.array([] if best is None else [best], dtype=np.int64)
        return pareto_front(self._goal.all_scores(self._log))

    def progress(self) -> float:
        """Return a number that rises whenever the search has found something better, -inf while nothing counts."""
        if self._goal is not None and self._goal.others:
            front = self.front()
            return float(front[-1]) if len(front) else -np.inf  # the newest trial on the front
        if self._is_plain:
            return self._log.best_score()
        scores = self.scores()
        return float(scores.max()) if len(scores) else -np.inf

    def _computed(self) -> np.ndarray:
        goal = self._goal
        if goal is None or len(self._log) == 0:
            return self._log.score
        if goal.others:
            return search_order(goal.all_scores(self._log))
        return neighbourhood_order(self._space, self._log, goal.quantile or 0.0)
