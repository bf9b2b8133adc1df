"""Neighbourhoods on the lattice, and what they are worth where most of their points have no trial."""

import numpy as np
import pytest

from mrtoolkit import P
from mrtoolkit.search import Categorical, Integer, Level, Real, Space, optimize
from mrtoolkit.search.boxes import boxes
from mrtoolkit.search.plateau import plateau_trial
from mrtoolkit.search.transitions.hills import Hills
from mrtoolkit.search.transitions.model import learnt_model
from mrtoolkit.search.transitions.pool import Pool
from mrtoolkit.search.transitions.protocol import History
from mrtoolkit.search.trial_log import TrialLog, TrialRows

SQUARE = Space(x=Integer(0, 100), y=Integer(0, 100))


def history_of(space, codes, scores):
    levels = np.zeros(len(codes), dtype=np.int64)
    return History(space=space, codes=codes, scores=scores, levels=levels, looked=(), seed=0)


def hills_of(space, codes, scores, centres):
    history = history_of(space, codes, scores)
    pool = Pool.of(history)
    return Hills.around(space, pool, learnt_model(history, pool), centres)


def log_of(space, codes, values):
    log, n = TrialLog(space, "maximize", ()), len(codes)
    none, feasible = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    log.append(
        TrialRows(codes=codes, level=none, region=none, value=values, feasible=feasible, metrics={}, blocks={})
    )
    return log


def hill(codes):
    lone = 9.0 * (codes == 90).all(axis=1)
    return np.maximum(lone, 3.0 - (((codes - [30, 40]) / 20.0) ** 2).sum(axis=1))


def test_a_hill_wins_over_a_lonely_peak_of_which_no_neighbour_was_tried():
    codes = np.unique(np.random.default_rng(0).integers(0, 101, (200, 2)), axis=0)
    codes = np.concatenate([codes[~(np.abs(codes - 90) <= 5).all(axis=1)], [[90, 90], [30, 40]]])
    trial = plateau_trial(SQUARE, log_of(SQUARE, codes, hill(codes)))
    assert np.abs(codes[trial] - [30, 40]).max() <= 10
    assert hill(codes).argmax() != trial


def test_of_a_whole_lattice_the_quantile_is_that_of_a_plain_loop():
    space, rng = Space(x=Integer(0, 20), y=Integer(0, 12)), np.random.default_rng(1)
    codes = np.stack(np.unravel_index(np.arange(space.size), space.sizes), axis=1)
    values = rng.normal(size=len(codes))
    history = history_of(space, codes, values)
    pool = Pool.of(history)
    model = learnt_model(history, pool)
    found = Hills.around(space, pool, model, codes).quantiles()
    for centre, quantile in zip(codes, found, strict=True):
        near = np.abs(codes - centre).max(axis=1) <= 1  # 5 percent of either range is one label
        expected = np.sort(model.values[near])[int(np.ceil(0.25 * near.sum())) - 1]
        assert quantile == pytest.approx(expected, abs=1e-7)


def test_trials_in_any_order_recommend_the_same_point():
    codes = np.unique(np.random.default_rng(2).integers(0, 101, (150, 2)), axis=0)
    values, order = hill(codes), np.random.default_rng(3).permutation(len(codes))
    one, other = log_of(SQUARE, codes, values), log_of(SQUARE, codes[order], values[order])
    assert codes[plateau_trial(SQUARE, one)].tolist() == other.codes[plateau_trial(SQUARE, other)].tolist()


def test_a_neighbourhood_keeps_to_its_category_and_its_log_scale():
    space = Space(kind=Categorical(["a", "b", "c"]), x=Integer(0, 40), n=Integer(10, 1000, log=True))
    near, holds = boxes(space, np.array([[1, 20, 90]]))  # n = 100: a ratio of 100 ** 0.05 to each side is 80 to 125
    near = near[holds]
    assert set(near[:, 0]) == {1}
    assert (near[:, 1].min(), near[:, 1].max()) == (18, 22)
    assert (near[:, 2].min(), near[:, 2].max()) == (70, 115)
    assert near[0].tolist() == [1, 20, 90]


def test_points_outside_the_constraints_are_no_neighbours_and_equal_ones_are_one():
    space = Space(
        kind=Categorical(["cross", "macd"]), fast=Integer(1, 20), slow=Integer(1, 20),
        signal=Integer(1, 20, only=P.kind == "macd"), where=P.fast < P.slow,
    )  # fmt: skip
    near, holds = boxes(space, np.array([[0, 9, 10, 0], [1, 9, 10, 5]]))
    assert all(space.satisfies(near[i][holds[i]]).all() for i in range(2))
    assert holds.sum(axis=1).tolist() == [6, 18]  # of nine pairs those with fast < slow, times three signals
    assert len(set(space.keys(near[1][holds[1]]).tolist())) == 18


def test_twelve_dimensions_cost_no_more_points_than_two():
    space = Space(**{f"x{i}": Real(0, 1, step=0.02) for i in range(12)})
    codes = np.random.default_rng(4).integers(0, 51, (300, 12))
    near, holds = boxes(space, codes)
    assert near.shape[1] <= 257
    assert (np.abs(near - codes[:, np.newaxis]).max(axis=2) <= 2).all()
    assert holds.sum(axis=1).min() > 100
    values = -((codes / 50.0 - 0.3) ** 2).sum(axis=1)
    hills = hills_of(space, codes, values, codes[:20])
    assert np.isfinite(hills.quantiles()).all()
    assert len(hills.codes) <= 20 * 257


def test_the_last_trials_of_a_search_lie_in_good_neighbourhoods():
    # the peak is worth more than the hill, but it is alone: what is left of the budget goes to the hill
    study = optimize(lambda p: float(hill(np.array([[p["x"], p["y"]]]))[0]), SQUARE, trials=200, transition="moving")
    last = study.log.codes[-20:]
    assert (np.abs(last - [30, 40]).max(axis=1) <= 20).mean() >= 0.8
    assert np.abs(np.array([study.plateau.params[n] for n in "xy"]) - [30, 40]).max() <= 2


def test_a_search_of_constant_values_still_makes_all_its_trials():
    study = optimize(lambda p: 1.0, SQUARE, trials=120, transition="moving", patience=5)
    assert len(study) == 120
    assert study.plateau.value == 1.0


def test_levels_with_a_step_are_not_left_at_the_end():
    levels = [Level("coarse", budget=30), Level("fine", budget=60, step=5)]
    study = optimize(lambda p: -abs(p["x"] - 33.0), SQUARE, levels=levels, transition="moving")
    assert (study.log.codes[study.log.level == 1] % 5 == 0).mean() > 0.5


def test_of_many_trials_the_pool_holds_the_best_and_others_each_once():
    codes = np.stack(np.unravel_index(np.random.default_rng(3).permutation(6_000), (101, 101)), axis=1)
    scores = np.arange(6_000, dtype=float)
    pool = Pool.of(history_of(SQUARE, codes, scores))
    assert len(pool.codes) == len(np.unique(pool.codes, axis=0)) == 4_000
    assert set(np.sort(scores)[-2_000:]) <= set(pool.scores)
