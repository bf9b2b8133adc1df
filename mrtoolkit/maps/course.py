"""The course of a search: each trial's value and the best so far, in few points however many trials there are."""

from __future__ import annotations

import numpy as np

_LIMIT = 2_000


class Course:
    """Values of a growing log, thinned to the lowest and highest of each stretch; the best so far in its steps.

    What is kept depends on the trials alone, not on the batches they came in. Memory does not grow.

    Parameters
    ----------
    sign : {1.0, -1.0}
        1 where higher is better.
    limit : int
        At most so many points, and so many steps.

    Attributes
    ----------
    trials : (point,) int64
        The trials to draw, ascending; those without a finite value are none of them.
    steps : (step,) int64
        Trials that were better than all before them.
    """

    def __init__(self, sign: float, limit: int = _LIMIT) -> None:
        self._sign = sign
        self._limit = limit
        self._n = 0
        self._best = -np.inf
        self._n_steps = 0
        self._step_stride = 1
        self._last_step = -1
        self._even_steps = np.empty(0, dtype=np.int64)
        self.trials = np.empty(0, dtype=np.int64)

    @property
    def steps(self) -> np.ndarray:
        """Trials that were better than all before; of more than the limit an even choice, the last among them."""
        if self._last_step < 0 or (len(self._even_steps) and self._even_steps[-1] == self._last_step):
            return self._even_steps
        return np.append(self._even_steps, self._last_step)

    def read(self, values: np.ndarray, feasible: np.ndarray) -> None:
        """Read what is new of all trials' values and of which satisfy the constraints, both (trial,)."""
        new = np.arange(self._n, len(values))
        self._n = len(values)
        if len(new) == 0:
            return
        fresh = values[new]
        self._read_points(np.concatenate([self.trials, new[np.isfinite(fresh)]]), values)
        counted = np.where(feasible[new] & np.isfinite(fresh), self._sign * fresh, -np.inf)
        before = np.maximum.accumulate(np.concatenate([[self._best], counted]))
        self._read_steps(new[counted > before[:-1]])
        self._best = float(before[-1])

    def _read_points(self, trials: np.ndarray, values: np.ndarray) -> None:
        width = 1
        if self._n > self._limit:
            while -(-self._n // width) > self._limit // 2:
                width *= 2  # by doubling, the extremes of two stretches hold those of the joined one
        if width > 1 and len(trials):
            stretch, own = trials // width, values[trials]
            kept = []
            for sign in (1.0, -1.0):
                order = np.lexsort((trials, sign * own, stretch))
                first = np.flatnonzero(np.diff(stretch[order], prepend=-1))
                kept.append(trials[order[first]])
            trials = np.union1d(*kept)
        self.trials = trials

    def _read_steps(self, steps: np.ndarray) -> None:
        if len(steps) == 0:
            return
        numbers = np.arange(self._n_steps, self._n_steps + len(steps))
        self._even_steps = np.concatenate([self._even_steps, steps[numbers % self._step_stride == 0]])
        self._n_steps += len(steps)
        self._last_step = int(steps[-1])
        while len(self._even_steps) >= self._limit:
            self._even_steps = self._even_steps[::2]
            self._step_stride *= 2
