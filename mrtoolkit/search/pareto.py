"""Several objectives at once: the Pareto front, and an order of all trials by which a search can go.

References
----------
Deb, Pratap, Agarwal and Meyarivan (2002), A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, IEEE
Transactions on Evolutionary Computation 6(2): fronts and crowding distance.
Zitzler, Thiele, Laumanns, Fonseca and da Fonseca (2003), Performance Assessment of Multiobjective Optimizers, IEEE
Transactions on Evolutionary Computation 7(2): the epsilon indicator.
"""

from __future__ import annotations

import numpy as np

_BEHIND = 1e-3  # of the range: between a trial on the front and one that is beaten by nothing but a hair
_LONELY = 0.05


def pareto_front(scores: np.ndarray) -> np.ndarray:
    """Return the trials that no other beats in every objective, ascending.

    Parameters
    ----------
    scores : (trial, objective) float64
        Higher is better; a trial with a score of -inf is on no front. Of equal trials all are on it.
    """
    waiting = np.flatnonzero(np.isfinite(scores).all(axis=1))
    waiting = waiting[np.lexsort(-scores[waiting].T[::-1])]  # the best of the first objective first: it is on the front
    front: list[np.ndarray] = []
    while len(waiting):
        first = scores[waiting[0]]
        is_equal = (scores[waiting] == first).all(axis=1)
        front.append(waiting[is_equal])
        waiting = waiting[(scores[waiting] > first).any(axis=1)]
    return np.sort(np.concatenate(front)) if front else np.empty(0, dtype=np.int64)


def search_order(scores: np.ndarray) -> np.ndarray:
    """Return one score a trial, (trial,) float64: how far it is behind the front, on the front how lonely it is.

    Behind the front it is less than 0, by what the trial would have to gain in every objective to lie on it (the
    additive epsilon indicator), in units of the trials' ranges: so it rises towards the front from anywhere. On the
    front it is 0 (crowded) to 0.05 (an end). -inf for a trial that does not count.
    """
    result = np.full(len(scores), -np.inf)
    counts = np.flatnonzero(np.isfinite(scores).all(axis=1))
    if len(counts) == 0:
        return result
    known = scores[counts]
    width = known.max(axis=0) - known.min(axis=0)
    scaled = known / np.where(width > 0, width, 1.0)
    front = pareto_front(known)
    behind = np.zeros(len(known))
    for best in scaled[front]:
        np.maximum(behind, (best - scaled).min(axis=1), out=behind)
    result[counts] = -_BEHIND - behind
    result[counts[front]] = _LONELY * _loneliness(known[front])
    return np.round(result, 9)  # one order on every processor


def compromise(scores: np.ndarray, keys: np.ndarray) -> int | None:
    """Return the trial of the front nearest to the ideal point, with every objective scaled to the front's range.

    Of equal ones that of the lowest key; None where no trial counts.
    """
    front = pareto_front(scores)
    if len(front) == 0:
        return None
    distance = np.round(_distance(scores[front], scores[front]), 9)
    ties = front[distance == distance.min()]
    return int(ties[np.argmin(keys[ties])])


def _loneliness(scores: np.ndarray) -> np.ndarray:
    """Return the crowding distance of the trials of one front, scaled to 0 (crowded) to 1 (an end of the front)."""
    total = np.zeros(len(scores))
    for column in scores.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        width = ordered[-1] - ordered[0]
        gap = np.full(len(column), np.inf)
        if width > 0:
            gap[1:-1] = (ordered[2:] - ordered[:-2]) / width
        total[order] += gap
    return 1.0 - 1.0 / (1.0 + total)


def _distance(scores: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return how far trials are from the best of every objective, each in units of its range, 0 to 1."""
    best, worst = among.max(axis=0), among.min(axis=0)
    width = np.where(best > worst, best - worst, 1.0)
    return np.asarray(np.sqrt((((best - scores) / width) ** 2).mean(axis=1)))
