"""Levels: which points they ask for, in which regions, and what they refuse."""

import itertools

import numpy as np
import pytest

from mrtoolkit.errors import SpaceError
from mrtoolkit.expressions import P
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.filling import fill
from mrtoolkit.search.level import Level, as_levels, levels
from mrtoolkit.search.region import Region, whole_space
from mrtoolkit.search.space import Space

SPACE = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)


def filled(space, level, regions=None, seed=0):
    regions = regions or [whole_space(space, 0)]
    rng = np.random.default_rng(seed)
    return fill(space, level, regions, lambda: rng)


def points_of(space, filling):
    return [tuple(row) for row in space.decode(filling.codes).itertuples(index=False)]


def test_an_explicit_grid_is_its_product_without_what_where_forbids():
    level = Level("coarse", grid={"fast": [20, 5, 30], "slow": np.array([25, 40])})
    assert points_of(SPACE, filled(SPACE, level)) == [(5, 25), (5, 40), (20, 25), (20, 40), (30, 40)]


def test_a_label_written_twice_is_one_label():
    level = Level("coarse", grid={"fast": [5, 5.0], "slow": [40]})
    assert points_of(SPACE, filled(SPACE, level)) == [(5, 40)]


def test_a_step_is_counted_from_the_low_end_of_the_dimension():
    region = Region(level=1, index=0, bounds={"fast": (9.5, 12.5), "slow": (38, 47)}, centre={"fast": 11, "slow": 42})
    points = points_of(SPACE, filled(SPACE, Level("medium", step={"fast": 1, "slow": 5}), [region]))
    assert points == list(itertools.product([10, 11, 12], [40, 45]))


def test_one_step_counts_for_every_dimension_with_numbers():
    space = Space(x=Integer(0, 10), y=Real(0, 1, step=0.5), kind=Categorical(["a", "b"]))
    assert len(filled(space, Level("all", step=1)).codes) == 11 * 2 * 2


@pytest.mark.parametrize(("is_ordered", "kinds"), [(True, {0, 4, 7}), (False, set(range(8)))])
def test_labels_are_spread_over_ordered_categories_too(is_ordered, kinds):
    space = Space(x=Integer(0, 10), kind=Categorical(list("abcdefgh"), ordered=is_ordered))
    assert set(filled(space, Level("coarse", labels=3)).codes[:, 1].tolist()) == kinds
    budgeted = filled(space, Level("coarse", budget=9 if is_ordered else 24)).codes
    assert set(budgeted[:, 1].tolist()) == kinds
    region = Region(level=1, index=0, bounds={"x": (0, 10), "kind": ("c", "e")}, centre={"x": 5, "kind": "d"})
    assert set(filled(space, Level("m", labels=5), [region]).codes[:, 1].tolist()) == {2, 3, 4}
    assert len(filled(space, Level("all", step=5)).codes) == 3 * 8


def test_labels_are_spread_over_a_region_ends_included():
    region = Region(level=1, index=0, bounds={"fast": (10, 20), "slow": (40, 60)}, centre={"fast": 15, "slow": 50})
    points = points_of(SPACE, filled(SPACE, Level("fine", labels={"fast": 3, "slow": 5}), [region]))
    assert points == list(itertools.product([10, 15, 20], [40, 45, 50, 55, 60]))


def test_a_partial_grid_leaves_the_other_dimensions_to_the_region():
    region = Region(level=1, index=0, bounds={"fast": (10, 20), "slow": (40, 60)}, centre={"fast": 15, "slow": 50})
    points = points_of(SPACE, filled(SPACE, Level("mixed", grid={"fast": [5, 30]}, labels=2), [region]))
    assert points == [(5, 40), (5, 60), (30, 40), (30, 60)]


def test_a_level_that_says_nothing_looks_at_five_labels():
    space = Space(x=Integer(0, 100), kind=Categorical(["a", "b", None]))
    assert len(filled(space, Level("plain")).codes) == 15


def test_points_in_two_regions_belong_to_the_first():
    first = Region(level=1, index=0, bounds={"x": (0, 5)}, centre={"x": 2})
    second = Region(level=1, index=1, bounds={"x": (4, 8)}, centre={"x": 6})
    filling = filled(Space(x=Integer(0, 10)), Level("all", step=1, regions=2), [first, second])
    assert filling.codes[:, 0].tolist() == list(range(9))
    assert filling.regions.tolist() == [0] * 6 + [1] * 3


@pytest.mark.parametrize("budget", [9, 16, 25, 50, 100, 160, 400, 1000])
def test_a_budget_is_kept_and_nearly_used(budget):
    n_points = len(filled(SPACE, Level("coarse", budget=budget)).codes)
    assert n_points <= budget
    assert n_points >= 0.6 * budget


def test_a_budget_that_holds_the_whole_region_takes_all_of_it():
    region = Region(level=1, index=0, bounds={"fast": (10, 12), "slow": (40, 44)}, centre={"fast": 11, "slow": 42})
    assert len(filled(SPACE, Level("fine", budget=25), [region]).codes) == 25
    assert len(filled(SPACE, Level("fine", budget=24), [region]).codes) < 25


def test_a_budget_is_shared_by_the_regions():
    regions = [
        Region(
            level=1,
            index=i,
            bounds={"fast": (low, low + 10), "slow": (100, 140)},
            centre={"fast": low + 5, "slow": 120},
        )
        for i, low in enumerate((5, 20, 35))
    ]
    filling = filled(SPACE, Level("medium", budget=60, regions=3), regions)
    counts = np.bincount(filling.regions)
    assert counts.tolist() == [counts[0]] * 3
    assert 12 <= counts[0] <= 20


def test_many_dimensions_are_sampled_where_a_grid_would_not_fit():
    space = Space(**{f"p{i}": Integer(0, 99) for i in range(8)}, kind=Categorical(["a", "b"]), where=P.p0 < P.p1)
    level = Level("coarse", budget=100)
    codes = filled(space, level).codes
    assert len(codes) == len(np.unique(space.keys(codes))) == 100
    assert space.satisfies(codes).all()
    assert set(codes[:, 8]) == {0, 1}
    for j in range(2, 8):  # space-filling: each quarter of each dimension has about a quarter of the points
        assert np.bincount(codes[:, j] // 25, minlength=4).min() >= 15
    assert (filled(space, level).codes == codes).all()
    assert (filled(space, level, seed=1).codes != codes).any()


def test_a_budget_is_of_new_points():
    line = Space(x=Integer(0, 100))
    known = line.keys(np.arange(0, 101, 10)[:, None])
    level = Level("fine", budget=10)
    grid = fill(line, level, [whole_space(line, 0)], lambda: None, lambda keys: np.isin(keys, known))
    assert np.count_nonzero(~np.isin(grid.codes[:, 0], known)) == 10
    cube = Space(**{f"p{i}": Integer(0, 3) for i in range(6)})
    seen = cube.keys(filled(cube, Level("first", budget=100)).codes)
    more = fill(
        cube,
        Level("x", budget=100),
        [whole_space(cube, 0)],
        lambda: np.random.default_rng(0),
        lambda k: np.isin(k, seen),
    )
    assert len(more.codes) == 100
    assert not np.isin(cube.keys(more.codes), seen).any()


def test_a_space_of_a_trillion_points_is_planned_without_listing_it():
    space = Space(x=Integer(1, 10**6), y=Integer(1, 10**6))
    assert 60 <= len(filled(space, Level("coarse", budget=100)).codes) <= 100


def test_a_log_dimension_is_looked_at_by_ratio():
    space = Space(n=Integer(1, 1000, log=True))
    assert [n for (n,) in points_of(space, filled(space, Level("coarse", labels=4)))] == [1, 10, 100, 1000]


def test_the_textbook_levels_have_16_90_and_9_points():
    grids = [
        ([5, 10, 15, 20], [30, 40, 50, 60]),
        (range(8, 18), [35, 37, 40, 42, 45, 47, 50, 52, 55]),
        ([11.5, 12, 12.5], [41, 42, 43]),
    ]
    counts = [len(filled(SPACE, Level("x", grid={"fast": fast, "slow": slow})).codes) for fast, slow in grids]
    assert counts == [16, 90, 9]


@pytest.mark.parametrize(("trials", "count"), [(400, 3), (400, 1), (100, 2), (1000, 6), (3, 3), (7, 4)])
def test_preset_levels_share_the_trials(trials, count):
    preset = levels(trials=trials, count=count)
    assert sum(level.budget for level in preset) <= trials
    assert sum(level.budget for level in preset) >= trials - count
    assert len({level.name for level in preset}) == len(preset) <= count


def test_a_level_comes_back_from_its_dict():
    level = Level("medium", grid={"fast": range(8, 12)}, step={"slow": 2}, labels=3, regions=2, pad=2, budget=50)
    assert Level.from_dict(level.to_dict()) == level


def test_a_region_comes_back_from_its_dict():
    region = whole_space(Space(x=Integer(0, 4), k=Categorical(["a", None])), 0)
    assert region.bounds == {"x": (0, 4), "k": ("a", None)}
    assert region.centre == {"x": 2, "k": "a"}
    assert Region.from_dict(region.to_dict()) == region


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (lambda: Level("x", grid={"fast": [5, 60], "slow": [60]}), "fast=60, but the space has it from 5 to 50"),
        (lambda: Level("x", grid={"fast": [5.25]}), "its lattice has labels every 0.5 from 5"),
        (lambda: Level("x", grid={"slow": ["a"]}), "its labels are numbers from 20 to 200"),
        (lambda: Level("x", grid={"fats": [5]}), r"grid for 'fats', which the space lacks \(did you mean 'fast'"),
        (lambda: Level("x", step={"fats": 5}), "step for 'fats'"),
        (lambda: Level("x", labels={"n": 5}), "labels for 'n'"),
        (lambda: Level("x", grid={"fast": []}), "empty grid for 'fast'"),
        (lambda: Level("x", grid=[5, 10]), "write a dict"),
        (lambda: Level("x", step={"fast": 0.7}), "lattice has steps of 0.5; use a multiple"),
        (lambda: Level("x", step=0), "step=0; it must be above 0"),
        (lambda: Level("x", labels=0), "labels=0"),
        (lambda: Level("x", regions=0), "level 'x': regions is 0, but must be a whole number of 1 or more"),
        (lambda: Level("x", budget=-5), "budget is -5"),
        (lambda: Level("x", pad=1.5), "pad is 1.5"),
        (lambda: Level(""), "give it a name"),
        (lambda: [Level("x"), Level("x")], "two levels are named 'x'"),
        (list, "leaves nothing to search"),
        (lambda: ["coarse"], "which is no Level"),
        (lambda: 7, "which is no Level"),
    ],
)
def test_a_level_that_does_not_fit_the_space_is_refused(level, message):
    with pytest.raises(SpaceError, match=message):
        as_levels(level(), SPACE)


def test_a_grid_of_a_thousand_million_points_is_refused_with_the_count():
    space = Space(a=Integer(1, 10**6), b=Integer(1, 10**6))
    with pytest.raises(SpaceError, match=r"1,000,000,000 points \(at most 10,000,000.*budget=1_000"):
        as_levels(Level("all", grid={"a": range(1, 100_001), "b": range(1, 10_001)}), space)
    with pytest.raises(SpaceError, match=r"1,000,000,000,000 points"):
        Level("all", grid={"a": range(10**12)})
    with pytest.raises(SpaceError, match="points"):
        filled(space, Level("all", step=1))
    with pytest.raises(SpaceError, match="points"):
        filled(space, Level("all", labels=10**6))


@pytest.mark.parametrize(("trials", "count"), [(0, 3), (400, 0), (2, 3), (1.5, 1), (True, 1)])
def test_preset_levels_of_nothing_are_refused(trials, count):
    with pytest.raises(SpaceError):
        levels(trials=trials, count=count)


def test_a_region_off_the_lattice_is_refused():
    region = Region(level=0, index=0, bounds={"fast": (5.2, 6), "slow": (30, 40)}, centre={})
    with pytest.raises(SpaceError, match="no labels of the space"):
        region.codes(SPACE)
    with pytest.raises(SpaceError, match="bound every parameter"):
        Region(level=0, index=0, bounds={"fast": (5, 6)}, centre={}).codes(SPACE)
