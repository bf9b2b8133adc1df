"""Reads the trials of a growing log, once each: what the pictures keep of them does not grow with the log."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mrtoolkit.maps.chosen import ChosenTrials
from mrtoolkit.maps.course import Course
from mrtoolkit.search.trial_log import TrialLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """The course of a search in at most 2,000 points, and the best so far in its steps.

    Attributes
    ----------
    number, value, level, feasible : (point,)
        Trials counted from 1, ascending; all have a finite value.
    step_number, step_value : (step,)
        The best so far, from each of these trials on.
    n_trials : int
    bands : tuple of (level, first, last)
        Stretches of trials of one level, numbers from 1.
    """

    number: np.ndarray
    value: np.ndarray
    level: np.ndarray
    feasible: np.ndarray
    step_number: np.ndarray
    step_value: np.ndarray
    n_trials: int
    bands: tuple[tuple[int, int, int], ...]


class TrialReading:
    """What has been read of a log: which trials are drawn, the best, the stretches of levels.

    Parameters
    ----------
    log : TrialLog
    sign : {1.0, -1.0}
        1 where higher is better.

    Attributes
    ----------
    n : int
        Trials read.
    best : int or None
        The best trial by its value, of equal ones that of the lowest labels.
    """

    def __init__(self, log: TrialLog, sign: float) -> None:
        self._log = log
        self._course = Course(sign)
        self._chosen = ChosenTrials()
        self._bands: list[tuple[int, int, int]] = []
        self._level_best: dict[int, int] = {}
        self.n = 0
        self.best: int | None = None

    def read(self, n: int) -> None:
        """Read the trials up to number n: rows that are in the log do not change, even while it grows."""
        log, first = self._log, self.n
        values, scores, levels, keys = log.value[:n], log.score[:n], log.level[:n], log.keys[:n]
        self._course.read(values, log.feasible[:n])
        self._chosen.read(scores)
        self._bands = _with_runs(self._bands, levels[first:], first)
        new = np.arange(first, n)
        for level in np.unique(levels[first:]).tolist():
            found = _best_of(self._level_best.get(level), new[levels[first:] == level], scores, keys)
            if found is not None:
                self._level_best[level] = found
        self.best = _best_of(self.best, new, scores, keys)
        self.n = n

    @property
    def chosen(self) -> np.ndarray:
        """The trials to draw on a map."""
        return self._chosen.trials

    def level_best(self, level: int) -> float:
        """Return the value of the best trial made at a level, NaN where none counts."""
        found = self._level_best.get(level)
        return math.nan if found is None else float(self._log.value[found])

    def convergence(self) -> Convergence:
        """Return the course of the trials read."""
        log, drawn, steps = self._log, self._course.trials, self._course.steps
        return Convergence(
            number=drawn + 1,
            value=log.value[drawn],
            level=log.level[drawn],
            feasible=log.feasible[drawn],
            step_number=steps + 1,
            step_value=log.value[steps],
            n_trials=self.n,
            bands=tuple(self._bands),
        )


def _best_of(kept: int | None, new: np.ndarray, scores: np.ndarray, keys: np.ndarray) -> int | None:
    """Return the best of a trial and of newer ones; of equal ones that of the lowest labels."""
    candidates = new if kept is None else np.append(new, kept)
    highest = scores[candidates].max(initial=-np.inf)
    if highest == -np.inf:
        return None
    ties = candidates[scores[candidates] == highest]
    return int(ties[int(np.argmin(keys[ties]))])


def _with_runs(bands: list[tuple[int, int, int]], levels: np.ndarray, first: int) -> list[tuple[int, int, int]]:
    """Return the stretches of one level, with those of more trials joined on."""
    found = list(bands)
    starts = np.flatnonzero(np.diff(levels, prepend=levels[:1] - 1))
    for start, end in zip(starts, np.append(starts, len(levels))[1:], strict=True):
        level, last = int(levels[start]), first + int(end)
        if found and found[-1][0] == level:
            found[-1] = (level, found[-1][1], last)
        else:
            found.append((level, first + int(start) + 1, last))
    return found
