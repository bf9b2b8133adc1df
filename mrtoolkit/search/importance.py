"""How much each parameter matters to the objective, from the trials of a study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.search.coordinates import coordinates
from mrtoolkit.search.study import Study

FEWEST = 10
"""Trials that count from which on something can be said."""
_LAST_SEED = 2**32 - 1  # of scikit-learn's
_MOST = 5_000  # trials that the forest is fitted to: 3 s; 100,000 take 70
_TREES = 64
_DRAWN = 2_048  # points at which the forest is asked


def importance(study: Study, *, seed: int = 0) -> pd.Series:
    """Return the share of the objective's variance over the space that goes with each parameter, largest first.

    A forest is fitted to the trials that count, and asked at points all over the space: a parameter's share is the
    part of the forest's variance that is lost when it alone is not known, interactions with the others included (the
    total effect of functional ANOVA). So the shares add up to 1 or more, and a parameter that does not matter has one
    near 0. Constraints of the space are left aside.

    Of more than 5,000 such trials that many are taken, evenly spread over the search.

    Parameters
    ----------
    study : Study
        With at least 10 trials that count.
    seed : int
        For the forest and the points.

    Raises
    ------
    StudyError
        If fewer trials count, or the seed is no whole number from 0 to 4,294,967,295.

    References
    ----------
    .. [1] Hutter, Hoos, Leyton-Brown (2014), "An efficient approach for assessing hyperparameter importance", ICML.
    .. [2] Jansen (1999), "Analysis of variance designs for model output", Computer Physics Communications 117.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> space = mrt.Space(x=mrt.Integer(0, 20), idle=mrt.Integer(0, 20))
    >>> study = mrt.optimize(lambda p: -abs(p["x"] - 7), space, trials=100)
    >>> importance(study).index[0]
    'x'
    """
    check_count("seed", seed, StudyError, minimum=0)
    if seed > _LAST_SEED:
        raise StudyError(f"seed is {seed:,}, but must be at most {_LAST_SEED:,}; change it.")
    from sklearn.ensemble import RandomForestRegressor  # a second to import, and no search needs it

    space, counts = study.space, study.log.score > -np.inf
    if np.count_nonzero(counts) < FEWEST:
        raise StudyError(
            f"importance was asked of a study in which {np.count_nonzero(counts)} trials count; it takes {FEWEST} or "
            "more."
        )
    trials = np.flatnonzero(counts)
    if len(trials) > _MOST:
        trials = trials[np.linspace(0, len(trials) - 1, _MOST).astype(np.int64)]
    forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=seed)
    forest.fit(coordinates(space, study.log.codes[trials]), study.log.score[trials])
    rng = np.random.default_rng(seed)
    sizes = np.array(space.sizes)
    one, other = rng.integers(0, sizes, (_DRAWN, len(sizes))), rng.integers(0, sizes, (_DRAWN, len(sizes)))
    values = forest.predict(coordinates(space, one))
    variance = float(np.var(values))
    shares = []
    for j in range(len(sizes)):
        changed = one.copy()
        changed[:, j] = other[:, j]
        lost = values - forest.predict(coordinates(space, changed))
        shares.append(0.5 * float(np.mean(lost * lost)) / variance if variance > 0 else 0.0)
    order = sorted(range(len(sizes)), key=lambda j: -shares[j])
    return pd.Series({space.params[j]: shares[j] for j in order}, name="importance", dtype=np.float64)
