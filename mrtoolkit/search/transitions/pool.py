"""The trials that a transition looks at: all of them while they are few, then the best and a sample of the others."""

from __future__ import annotations

import numpy as np

from mrtoolkit.search.coordinates import coordinates
from mrtoolkit.search.objective import ranking
from mrtoolkit.search.transitions.protocol import History, Kept

_BEST = 2_000
_OTHERS = 2_000
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], dtype=np.uint64)


class Pool:
    """Trials in the order of their labels, whatever the order in which they came; a round costs what is new in it.

    Attributes
    ----------
    codes : (trial, dimension) int64
    scores : (trial,) float64
    points : (trial, dimension) float64
        Coordinates.
    order : (n,) int64
        Those that count, best first.
    labels : a list of (label,) int64 a dimension
        The codes that any trial has had, ascending.
    """

    def __init__(self, history: History) -> None:
        n_dimensions = len(history.space)
        self.codes = np.empty((0, n_dimensions), dtype=np.int64)
        self.scores = np.empty(0)
        self.points = np.empty((0, n_dimensions))
        self.order = np.empty(0, dtype=np.int64)
        self.labels = [np.empty(0, dtype=np.int64) for _ in range(n_dimensions)]
        self._n_seen = 0

    @classmethod
    def of(cls, history: History) -> Pool:
        """Return the pool of a search, up to date."""
        pool: Pool = _POOL.get_or_put(history, lambda: cls(history))
        if pool._n_seen < len(history.codes):
            pool._add(history)
        return pool

    def _add(self, history: History) -> None:
        codes, scores = history.codes[self._n_seen :], history.scores[self._n_seen :]
        self._n_seen = len(history.codes)
        self.labels = [np.union1d(known, codes[:, j]) for j, known in enumerate(self.labels)]
        codes, scores = np.concatenate([self.codes, codes]), np.concatenate([self.scores, scores])
        points = np.concatenate([self.points, coordinates(history.space, codes[len(self.codes) :])])
        keys = history.space.keys(codes)
        if len(codes) > _BEST + _OTHERS:
            kept = _kept(codes, scores, keys)
            codes, scores, points, keys = codes[kept], scores[kept], points[kept], keys[kept]
        by_label = np.argsort(keys, kind="stable")
        self.codes, self.scores, self.points = codes[by_label], scores[by_label], points[by_label]
        self.order = ranking(self.scores, keys[by_label])


_POOL: Kept[Pool] = Kept("pool")


def _kept(codes: np.ndarray, scores: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the best trials, and of the others those of the lowest hash, which are the same ones in any order."""
    best = ranking(scores, keys, _BEST)
    is_other = np.ones(len(codes), dtype=bool)
    is_other[best] = False
    others = np.flatnonzero(is_other)
    return np.concatenate([best, others[mixed_order(codes[others])[:_OTHERS]]])


def mixed_order(numbers: np.ndarray) -> np.ndarray:
    """Return an order of rows of whole numbers that is as good as random, and the same for the same rows."""
    mixed = np.zeros(len(numbers), dtype=np.uint64)
    for j in range(numbers.shape[1]):
        mixed = (mixed ^ numbers[:, j].astype(np.uint64)) * _FACTORS[j % len(_FACTORS)]
        mixed ^= mixed >> np.uint64(29)
    return np.argsort(mixed, kind="stable")
