"""Moving regions: what they ask for, in any space, and how little depends on anything but the trials."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrtoolkit.expressions import P
from mrtoolkit.search import loop
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.level import Level, levels
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.mixture import AutomaticTransition
from mrtoolkit.search.transitions.moving import MovingTransition
from mrtoolkit.search.transitions.names import as_transition
from mrtoolkit.search.transitions.peak import PeakTransition

CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)


def rugged(p):
    """A wide hill with a small steep one beside it."""
    wide = -(((p["fast"] - 20) / 30) ** 2) - ((p["slow"] - 120) / 100) ** 2
    return wide + 0.8 * math.exp(-(((p["fast"] - 31) / 5) ** 2) - ((p["slow"] - 80) / 15) ** 2)


def codes_of(study):
    return [tuple(row) for row in study.log.codes.tolist()]


@pytest.mark.parametrize("seed", range(5))
def test_the_steep_hill_is_found_with_one_trial_in_fifty(seed):
    study = optimize(rugged, CROSS, trials=300, seed=seed)
    lattice = CROSS.decode(np.stack(np.unravel_index(np.arange(CROSS.size), CROSS.sizes), axis=1)).to_dict("records")
    assert study.best.value >= max(rugged(p) for p in lattice if p["fast"] < p["slow"]) - 0.01
    assert len(study) == 300


def test_levels_look_first_at_few_labels_and_then_at_more():
    study = optimize(rugged, CROSS, trials=400)
    table = study.to_pandas()
    counts = table.groupby("level")["slow"].nunique()
    assert counts[0] <= 24
    assert (table["level"].value_counts() == 0).sum() == 0
    assert set(table["region"]) > {0}


def test_the_budget_of_each_level_is_kept():
    study = optimize(rugged, CROSS, levels=levels(trials=200, count=4), transition="moving")
    assert study.levels["run"].tolist() == [60, 47, 47, 46]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_size_of_a_batch_changes_no_trial(monkeypatch, size):
    whole = optimize(rugged, CROSS, trials=150)
    monkeypatch.setattr(loop, "_FIRST_BATCH", size)
    monkeypatch.setattr(loop, "next_size", lambda *_: size)
    study = optimize(rugged, CROSS, trials=150)
    assert codes_of(study) == codes_of(whole)
    assert study.regions == whole.regions


def test_the_order_in_which_points_are_told_changes_none():
    whole = optimize(rugged, CROSS, trials=150)
    optimizer = MultiResOptimizer(None, CROSS, trials=150)
    rng = np.random.default_rng(0)
    while len(points := optimizer.ask(int(rng.integers(1, 12)))):
        shuffled = points.sample(frac=1.0, random_state=int(rng.integers(1000)))
        optimizer.tell(shuffled, [rugged(p) for p in shuffled.to_dict("records")])
    assert set(codes_of(optimizer.study)) == set(codes_of(whole))
    assert optimizer.study.regions == whole.regions


def test_the_same_seed_makes_the_same_trials_and_another_one_others():
    one, same, other = (codes_of(optimize(rugged, CROSS, trials=120, seed=seed)) for seed in (3, 3, 4))
    assert one == same
    assert one != other


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    seed=st.integers(0, 5),
    trials=st.integers(3, 120),
    noise=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_no_point_is_tried_twice_and_none_outside_the_space(sizes, seed, trials, noise):
    space = Space(**{f"p{i}": Integer(0, size - 1) for i, size in enumerate(sizes)})
    values = np.random.default_rng(noise).normal(size=997)
    seen = []

    def value(p):
        seen.append(tuple(p.values()))
        return float(values[hash(seen[-1]) % 997])

    study = optimize(value, space, trials=trials, seed=seed, transition="moving")
    assert len(seen) == len(set(seen)) == len(study)
    assert all(0 <= v < size for row in seen for v, size in zip(row, sizes, strict=True))
    assert len(study) == min(trials, space.size)


@given(limit=st.integers(3, 80), seed=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_constraints_hold_in_every_trial(limit, seed):
    space = Space(a=Integer(1, 60), b=Integer(1, 60), c=Integer(1, 20), where=[P.a < P.b, P.a + P.c <= limit])
    study = optimize(lambda p: p["a"] * p["c"] - p["b"], space, trials=60, seed=seed)
    table = study.to_pandas()
    assert ((table["a"] < table["b"]) & (table["a"] + table["c"] <= limit)).all()


@pytest.mark.parametrize("n_dimensions", range(1, 13))
def test_spaces_of_one_to_twelve_dimensions_are_searched(n_dimensions):
    space = Space(**{f"p{i}": Integer(0, 9) for i in range(n_dimensions)})
    study = optimize(lambda p: -sum((v - 7) ** 2 for v in p.values()), space, trials=240, seed=1)
    assert len(study) == min(240, 10**n_dimensions)
    if n_dimensions <= 4:
        assert study.best.value == 0
    else:
        assert study.best.value > np.quantile(study.log.value[study.log.level == 0], 0.99)


@pytest.mark.parametrize("n_dimensions", [2, 4, 12])
def test_a_lattice_of_a_million_million_points_is_not_enumerated(n_dimensions):
    n_labels = round(10 ** (12 / n_dimensions))
    space = Space(**{f"p{i}": Integer(0, n_labels - 1) for i in range(n_dimensions)})
    study = optimize(lambda p: -sum(abs(v / n_labels - 0.3) for v in p.values()), space, trials=200)
    assert len(study) == 200
    assert study.best.value > study.log.value[study.log.level == 0].max()


def test_regions_lie_apart_and_hold_the_points_that_were_asked_for_in_them():
    study = optimize(rugged, CROSS, trials=200)
    assert all(region.level > 0 for region in study.regions[1:])
    by_level = {level: [r for r in study.regions if r.level == level] for level in range(3)}
    for codes, level, region in zip(study.log.codes, study.log.level, study.log.region, strict=True):
        lower, upper = by_level[int(level)][int(region)].codes(CROSS)
        assert (lower <= codes).all()
        assert (codes <= upper).all()


def test_all_of_a_small_lattice_is_searched_when_the_budget_allows():
    space = Space(x=Integer(0, 19), y=Integer(0, 9))
    study = optimize(lambda p: p["x"] * p["y"], space, levels=levels(trials=500), transition="moving")
    assert len(study) == 200


def test_a_constant_objective_is_searched_over_the_whole_space():
    study = optimize(lambda p: 1.0, CROSS, trials=120, patience=9)
    assert len(study) == 120
    assert study.best.value == 1.0


def test_an_objective_without_any_value_is_looked_for_everywhere():
    study = optimize(lambda p: float("nan"), CROSS, trials=120, patience=9)
    assert len(study) == 120
    assert not study.has_best


def test_one_point_of_value_is_gone_on_from():
    first = codes_of(optimize(lambda p: float("nan"), CROSS, trials=120, patience=9))[40]
    lucky = CROSS.point(np.array(first))
    study = optimize(lambda p: 1.0 if p == lucky else float("nan"), CROSS, trials=120, patience=9)
    assert study.best.params == lucky
    assert len(study) == 120


def test_a_space_of_one_feasible_point_is_searched():
    space = Space(x=Integer(0, 99), y=Integer(0, 99), where=P.x + P.y == 198)
    assert codes_of(optimize(lambda p: 1.0, space, trials=50)) == [(99, 99)]


def test_categories_are_tried_apart_and_are_no_neighbours():
    kinds = ["a", "b", "c", "d", "e", "f"]
    space = Space(kind=Categorical(kinds), x=Integer(0, 199))
    peak = {"a": 10, "b": 150, "c": 80, "d": 40, "e": 120, "f": 180}
    study = optimize(lambda p: kinds.index(p["kind"]) % 4 - abs(p["x"] - peak[p["kind"]]) / 40, space, trials=120)
    assert study.best.params == {"kind": "d", "x": 40}
    assert set(study.to_pandas()["kind"]) == set(kinds)


def test_a_dimension_that_does_not_matter_needs_fewer_labels():
    space = Space(matters=Integer(1, 100), idle=Integer(1, 100))
    study = optimize(lambda p: -abs(p["matters"] - 37) - 0.1 * (p["matters"] % 3), space, trials=200)
    table = study.to_pandas().query("level > 0")
    assert study.best.params["matters"] in (36, 37, 38)
    assert table["matters"].nunique() > table["idle"].nunique()


def test_many_trials_still_find_what_few_would():
    space = Space(x=Integer(0, 999), y=Integer(0, 999))
    study = optimize(lambda p: -abs(p["x"] - 333) - abs(p["y"] - 777), space, trials=20_000)
    assert study.best.params == {"x": 333, "y": 777}
    assert len(study) == 20_000


def test_the_default_is_moving_regions_for_budgets_and_the_textbook_for_grids():
    assert as_transition(None, levels(trials=100)) == AutomaticTransition()
    assert as_transition(None, [Level("coarse", labels=4), Level("fine", step=1)]) == PeakTransition()
    assert as_transition("moving") == MovingTransition()


def test_a_grid_or_a_step_says_at_which_labels_regions_move():
    study = optimize(
        rugged,
        CROSS,
        levels=[Level("coarse", labels=6), Level("medium", step={"fast": 2, "slow": 5}, budget=40, regions=2)],
        transition="moving",
    )
    later = study.to_pandas().query("level == 1")
    first = study.to_pandas().query("level == 0")
    on_grid = ((later["slow"] - 20) % 5 == 0) | later["slow"].isin(first["slow"])
    assert len(later) == 40
    assert on_grid.all()


def test_a_step_for_all_numbers_says_nothing_of_ordered_categories():
    space = Space(x=Integer(0, 100), frame=Categorical(["1h", "4h", "1D"], ordered=True))
    study = optimize(
        lambda p: -abs(p["x"] - 40) - (p["frame"] == "1h"),
        space,
        levels=[Level("coarse", labels=3), Level("fine", step=10, budget=20, regions=2)],
        transition="moving",
    )
    later = study.to_pandas().query("level == 1")
    assert set(later["x"] % 10) <= {0}
    assert study.best.params["x"] == 40
    assert study.best.params["frame"] != "1h"
