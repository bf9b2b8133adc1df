"""The textbook's zoom: boxes around the best separated trials."""

import numpy as np
import pytest

from mrtoolkit.errors import StudyError
from mrtoolkit.search.dimensions import Categorical, Integer
from mrtoolkit.search.level import Level
from mrtoolkit.search.region import Region, whole_space
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.names import as_transition
from mrtoolkit.search.transitions.peak import PeakTransition
from mrtoolkit.search.transitions.protocol import History, Looked

SPACE = Space(x=Integer(0, 100), y=Integer(0, 100))
TENS = np.arange(0, 101, 10)


def history(points, scores, space=SPACE, axes=(TENS, TENS)):
    looked = Looked(region=whole_space(space, 0), axes=axes)
    codes = np.array(points).reshape(len(points), len(space))
    return History(
        space=space,
        codes=codes,
        scores=np.array(scores, dtype=float),
        levels=np.zeros(len(codes), dtype=int),
        looked=(looked,),
        seed=0,
    )


def bounds(points, scores, level, **more):
    found = PeakTransition().regions(history(points, scores, **more), level, index=1, round=0)
    return [tuple(region.bounds.values()) for region in found]


def test_the_first_level_looks_at_the_whole_space():
    found = PeakTransition().regions(history(np.empty((0, 2), dtype=int), []), Level("coarse"), index=0, round=0)
    assert [region.bounds for region in found] == [{"x": (0, 100), "y": (0, 100)}]


def test_a_box_reaches_the_next_labels_around_the_best():
    assert bounds([[50, 30], [10, 90]], [2, 1], Level("m")) == [((40, 60), (20, 40))]
    assert bounds([[50, 30], [10, 90]], [2, 1], Level("m", pad=2)) == [((30, 70), (10, 50))]


def test_a_box_is_cut_at_the_border_of_the_space():
    assert bounds([[0, 100]], [1], Level("m")) == [((0, 10), (90, 100))]


def test_a_best_trial_at_the_edge_of_its_region_widens_beyond_it():
    region = Region(level=0, index=0, bounds={"x": (20, 40), "y": (20, 40)}, centre={"x": 30, "y": 30})
    axes = (np.array([20, 30, 40]), np.array([20, 30, 40]))
    past = History(
        space=SPACE,
        codes=np.array([[40, 30]]),
        scores=np.array([1.0]),
        levels=np.array([0]),
        looked=(Looked(region=region, axes=axes),),
        seed=0,
    )
    (found,) = PeakTransition().regions(past, Level("m"), index=1, round=0)
    assert found.bounds == {"x": (30, 50), "y": (20, 40)}
    assert found.centre == {"x": 40, "y": 30}


def test_several_regions_lie_apart_best_first():
    points = [[50, 50], [60, 50], [10, 90], [90, 10], [50, 60]]
    scores = [5, 4.9, 3, 4, 4.8]
    assert bounds(points, scores, Level("m", regions=3)) == [
        ((40, 60), (40, 60)),
        ((80, 100), (0, 20)),
        ((0, 20), (80, 100)),
    ]


def test_boxes_that_overlap_become_one():
    assert bounds([[50, 50], [70, 50]], [2, 1], Level("m", regions=2)) == [((40, 80), (40, 60))]


def test_a_box_that_joins_two_others_makes_one_of_the_three():
    points = [[30, 50], [70, 50], [50, 50]]
    (found,) = PeakTransition().regions(history(points, [3, 2, 1]), Level("m", regions=3), index=1, round=0)
    assert found.bounds == {"x": (20, 80), "y": (40, 60)}
    assert found.centre == {"x": 30, "y": 50}


def test_categories_are_no_neighbours():
    space = Space(x=Integer(0, 100), kind=Categorical(["a", "b", "c"]))
    points = [[50, 0], [50, 2], [60, 0]]
    found = bounds(points, [3, 2, 2.5], Level("m", regions=3), space=space, axes=(TENS, np.arange(3)))
    assert found == [((40, 60), ("a", "a")), ((40, 60), ("c", "c"))]


def test_ordered_categories_are_neighbours_as_numbers_are():
    space = Space(x=Integer(0, 100), frame=Categorical(["1h", "2h", "4h", "8h", "1D", "1W"], ordered=True))
    axes = (TENS, np.array([0, 2, 5]))
    assert bounds([[50, 2]], [1], Level("m"), space=space, axes=axes) == [((40, 60), ("1h", "1W"))]
    axes = (TENS, np.arange(6))
    assert bounds([[50, 2]], [1], Level("m"), space=space, axes=axes) == [((40, 60), ("2h", "8h"))]
    assert bounds([[50, 5]], [1], Level("m", pad=2), space=space, axes=axes) == [((30, 70), ("8h", "1W"))]


@pytest.mark.parametrize(("is_ordered", "n_regions"), [(True, 2), (False, 3)])
def test_a_budget_counts_the_values_of_ordered_categories_that_a_region_holds(is_ordered, n_regions):
    space = Space(x=Integer(0, 100), frame=Categorical(["1h", "4h", "1D"], ordered=is_ordered))
    points = [[10, 0], [50, 0], [90, 0]]
    level = Level("m", budget=30, regions=3)
    assert len(bounds(points, [3, 2, 1], level, space=space, axes=(TENS, np.arange(3)))) == n_regions


def test_trials_that_do_not_count_are_no_centre():
    assert bounds([[50, 50], [10, 10]], [-np.inf, 1], Level("m", regions=2)) == [((0, 20), (0, 20))]
    assert bounds([[50, 50]], [-np.inf], Level("m")) == [((0, 100), (0, 100))]


def test_equal_trials_give_the_region_of_the_lower_labels():
    assert bounds([[80, 20], [20, 80]], [1, 1], Level("m")) == [((10, 30), (70, 90))]


def test_there_is_one_round_a_level():
    assert PeakTransition().regions(history([[50, 50]], [1]), Level("m"), index=1, round=1) == []


def test_a_transition_is_known_by_its_name_or_its_method():
    class Mine:
        def regions(self, history, level, *, index, round):
            return []

    mine = Mine()
    assert as_transition(mine) is mine
    assert as_transition("peak") == PeakTransition()
    for wrong in ("paek", Mine, 7):
        with pytest.raises(StudyError, match="transition="):
            as_transition(wrong)
