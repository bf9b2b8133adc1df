"""The plateau: the trial whose neighbourhood is good, not only itself."""

from __future__ import annotations

import numpy as np

from mrtoolkit.search.boxes import RADIUS
from mrtoolkit.search.dimensions import is_ordered, positions
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.hills import QUANTILE, Hills
from mrtoolkit.search.transitions.model import learnt_model
from mrtoolkit.search.transitions.pool import Pool
from mrtoolkit.search.transitions.protocol import History
from mrtoolkit.search.trial_log import TrialLog

_MIN_NEIGHBOURS = 5  # a quantile of fewer trials says little
_MAX_NEIGHBOURS = 25  # five by five in two dimensions; more would reach unevenly where a level was dense
_CANDIDATES = 1_000
_FEWEST_TO_ESTIMATE = 16
_ESTIMATED = 250  # best trials whose neighbourhoods are estimated
_HOPE = -0.3  # deviations: the best of many estimates is one that flatters, so what is not known counts for less
_DIGITS = 9  # logarithms differ in their last bits between processors, and so would what is equally near


def neighbourhood_scores(
    space: Space, log: TrialLog, candidates: np.ndarray, *, quantile: float = QUANTILE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the low quantile of the scores around candidates, and of how many trials it is.

    Neighbours are the evaluated trials within 5 percent of the range in every dimension (at least one label), of equal
    categories (unless these are ordered), the nearest 25 of them, the candidate among them. A trial that does not count
    (NaN, or a broken constraint) is a neighbour as bad as the worst trial that does.

    Parameters
    ----------
    candidates : (candidate,) int
        Trials to look around.
    quantile : float

    Returns
    -------
    quantile, n_neighbours : (candidate,)
    """
    from scipy.spatial import cKDTree  # 0.1 s to import, and only a study that is asked for its plateau needs it

    by_label = np.argsort(log.keys, kind="stable")  # of equally near trials the tree takes those it was given first
    coordinates = _in_radii(space, log.codes)
    tree = cKDTree(coordinates[by_label])
    count = min(_MAX_NEIGHBOURS, len(log))
    distance, neighbour = tree.query(
        coordinates[candidates], k=[*range(1, count + 1)], p=np.inf, distance_upper_bound=1.0 + 1e-8
    )
    near = np.isfinite(distance)
    counted = np.isfinite(log.score)
    floor = log.score[counted].min() if counted.any() else -np.inf
    score = np.append(np.where(counted, log.score, floor)[by_label], np.nan)
    found = np.where(near, score[np.where(near, neighbour, len(log))], np.nan)
    return np.nanquantile(found, quantile, axis=1, method="lower"), near.sum(axis=1)


def neighbours_of(space: Space, log: TrialLog, trial: int) -> np.ndarray:
    """Return all trials in the neighbourhood of one, itself among them, in the order evaluated.

    Those within 5 percent of the range in every dimension (at least one label) and of equal categories, unless these
    are ordered: what `neighbourhood_scores` looks at, however many.
    """
    coordinates = _in_radii(space, log.codes)
    return np.flatnonzero(np.abs(coordinates - coordinates[trial]).max(axis=1) <= 1.0 + 1e-8)


def plateau_trial(space: Space, log: TrialLog) -> int | None:
    """Return the trial of the best neighbourhood, of equal ones the better trial; None where no trial counts.

    A neighbourhood is all points of the lattice within 5 percent of the range in every dimension, at least one label,
    and of equal categories (see `boxes`): of those that have no trial, what the trials near them promise. What counts
    is the level under which a quarter of them are expected. With fewer than 16 trials no estimate is worth it: then it
    is the low quantile of the trials alone.
    """
    order = log.ranking(_CANDIDATES)
    if len(order) == 0:
        return None
    if len(order) >= _FEWEST_TO_ESTIMATE:
        scores, levels = np.asarray(log.score), np.asarray(log.level)
        history = History(space=space, codes=log.codes, scores=scores, levels=levels, looked=(), seed=0)
        pool = Pool.of(history)
        candidates = order[:_ESTIMATED]
        hills = Hills.around(space, pool, learnt_model(history, pool), log.codes[candidates])
        return int(candidates[int(np.argmax(hills.quantiles(hope=_HOPE)))])
    quantile, n_neighbours = neighbourhood_scores(space, log, order)
    enough = n_neighbours >= min(_MIN_NEIGHBOURS, n_neighbours.max())
    quantile = np.where(enough, quantile, -np.inf)
    return int(order[int(np.argmax(quantile))])  # argmax takes the first of equals, and order is best first


def neighbourhood_order(space: Space, log: TrialLog, quantile: float) -> np.ndarray:
    """Return the low quantile around every trial as its score, (trial,); -inf for a trial that does not count.

    Trials with fewer than five neighbours come behind all others, in the order of their own scores: so a search goes
    on to look around the best of them.
    """
    trials = np.flatnonzero(np.isfinite(log.score))
    result = np.full(len(log), -np.inf)
    if len(trials) == 0:
        return result
    found, n_neighbours = neighbourhood_scores(space, log, trials, quantile=quantile)
    enough = n_neighbours >= _MIN_NEIGHBOURS
    own = log.score[trials]
    behind = found[enough].min() if enough.any() else own.max()
    result[trials] = np.where(enough, found, behind - (own.max() - own) - 1.0)
    return result


def _in_radii(space: Space, codes: np.ndarray) -> np.ndarray:
    """Return points scaled so that neighbours are at most 1 apart in every dimension; unordered categories 2 apart."""
    columns = []
    for j, name in enumerate(space):
        dimension = space[name]
        if is_ordered(dimension):
            radius = max(RADIUS, 1.0 / max(1, dimension.size - 1))
            columns.append(positions(dimension, codes[:, j]) / radius)
        else:
            columns.append(codes[:, j] * 2.0)
    return np.round(np.stack(columns, axis=1), _DIGITS)
