"""The plateau: who is whose neighbour, whatever the order in which the trials came."""

import numpy as np
import pytest

from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.plateau import neighbourhood_order, neighbourhood_scores, plateau_trial
from mrtoolkit.search.space import Space
from mrtoolkit.search.trial_log import TrialLog, TrialRows


def log_of(space, codes, values):
    log, n = TrialLog(space, "maximize", ()), len(codes)
    none, feasible = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    log.append(
        TrialRows(codes=codes, level=none, region=none, value=values, feasible=feasible, metrics={}, blocks={})
    )
    return log


def test_the_order_of_the_trials_changes_no_neighbourhood():
    # a dense cluster: each trial has far more than 25 neighbours, most of them equally near
    space, rng = Space(a=Integer(1, 200), b=Integer(1, 200), c=Real(1, 100, step=1, log=True)), np.random.default_rng(0)
    codes = np.unique(rng.integers((90, 90, 40), (108, 108, 50), (1500, 3)), axis=0)
    values, order = rng.normal(size=len(codes)), rng.permutation(len(codes))
    one, other = log_of(space, codes, values), log_of(space, codes[order], values[order])
    np.testing.assert_array_equal(neighbourhood_order(space, other, 0.25), neighbourhood_order(space, one, 0.25)[order])
    assert codes[plateau_trial(space, one)].tolist() == other.codes[plateau_trial(space, other)].tolist()


@pytest.mark.parametrize(("is_ordered", "n_neighbours"), [(False, [1] * 4), (True, [2, 3, 3, 2])])
def test_categories_are_neighbours_where_they_are_ordered(is_ordered, n_neighbours):
    space = Space(frame=Categorical(["1h", "2h", "4h", "1D"], ordered=is_ordered))
    log = log_of(space, np.arange(4)[:, np.newaxis], np.arange(4.0))
    assert neighbourhood_scores(space, log, np.arange(4))[1].tolist() == n_neighbours
