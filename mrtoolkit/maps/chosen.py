"""Which trials of many are drawn as points: the best, and an even choice of all; found batch by batch."""

from __future__ import annotations

import numpy as np

_LIMIT = 2_000


class ChosenTrials:
    """At most `limit` trials of a growing log: all while they fit, then half of them the best, half an even choice.

    The choice depends on the trials alone, not on the batches they came in. Memory does not grow.

    Parameters
    ----------
    limit : int
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._half = limit // 2
        self._n = 0
        self._best = np.empty(0, dtype=np.int64)

    def read(self, scores: np.ndarray) -> None:
        """Read what is new of the scores of all trials, (trial,); -inf for one that does not count."""
        new = np.arange(self._n, len(scores))
        self._n = len(scores)
        found = np.concatenate([self._best, new[scores[new] > -np.inf]])
        if len(found) > self._half:
            order = np.lexsort((found, -scores[found]))  # of equal ones the earlier
            found = np.sort(found[order[: self._half]])
        self._best = found

    @property
    def trials(self) -> np.ndarray:
        """The chosen trials in the order in which they were made, (point,) int64."""
        if self._n <= 2 * self._half:
            return np.arange(self._n)
        stride = 1  # doubles, so that what was chosen before is seldom let go
        while -(-self._n // stride) > self._half:
            stride *= 2
        return np.union1d(self._best, np.arange(0, self._n, stride))
