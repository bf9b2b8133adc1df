import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit.errors import StudyError
from mrtoolkit.views.convergence import convergence, convergence_data, level_bands
from mrtoolkit.views.regions import regions_data
from mrtoolkit.views.report_text import header_part, top_part


def test_best_so_far_is_the_running_maximum_of_a_plain_loop(study_of):
    values = [0.2, np.nan, 0.5, 0.4, 0.5, 0.9, -1.0]
    data = convergence_data(study_of({"n": range(7)}, values, [0, 0, 0, 1, 1, 1, 1]))
    expected, best = [], -np.inf
    for value in values:
        best = max(best, value) if np.isfinite(value) else best
        expected.append(best)
    assert data["best"].to_numpy().tolist() == expected
    assert data["improved"].to_numpy().tolist() == [True, False, True, False, False, True, False]
    assert data["number"].to_numpy().tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_a_minimised_objective_runs_down(study_of):
    data = convergence_data(study_of({"n": [1, 2, 3]}, [3.0, 5.0, 2.0], [0, 0, 0], direction="minimize"))
    assert data["best"].to_numpy().tolist() == [3.0, 3.0, 2.0]
    assert data["improved"].to_numpy().tolist() == [True, False, True]


def test_a_trial_that_breaks_a_constraint_is_never_the_best(study_of):
    study = study_of({"n": [1, 2, 3]}, [0.1, 9.0, 0.2], [0, 0, 0], feasible=[True, False, True])
    data = convergence_data(study)
    assert data["best"].to_numpy().tolist() == [0.1, 0.1, 0.2]
    assert data["value"].to_numpy()[1] == 9.0


def test_levels_are_bands_of_consecutive_trials(study):
    bands = level_bands(study)
    assert bands["name"].tolist() == ["coarse", "medium", "fine"]
    assert list(zip(bands["first"], bands["last"], strict=True)) == [(1, 16), (17, 102), (103, 110)]


def test_a_study_without_trials_is_refused(study_of):
    with pytest.raises(StudyError, match="holds 0 trials; run its search first"):
        convergence(study_of({"n": []}, [], []))


def test_a_study_of_missing_values_draws_axes_and_says_so(study_of):
    plot = convergence(study_of({"n": [1, 2]}, [np.nan, np.nan], [0, 0]))
    assert plot.title.text == "2 trials, none with a value that counts"
    assert (plot.y_range.start, plot.y_range.end) == (0.0, 1.0)


def test_one_trial_is_a_picture(study_of):
    assert convergence(study_of({"n": [1]}, [0.3], [0])).title.text == "Best sharpe 0.3 after 1 trial"


def test_many_trials_are_thinned_and_keep_their_extremes(study_of):
    values = np.random.default_rng(0).normal(size=20_000)
    values[[137, 15_001]] = [9.0, -9.0]
    plot = convergence(study_of({"n": np.arange(20_000)}, values, np.zeros(20_000)))
    drawn = np.concatenate([r.data_source.data["value"] for r in plot.renderers if "value" in r.data_source.data])
    assert drawn.size <= 5_002
    assert {9.0, -9.0} <= set(drawn)


def test_a_search_under_way_is_drawn_with_the_name_of_the_level_that_runs():
    space = mrt.Space(n=mrt.Integer(1, 30), m=mrt.Integer(1, 30))
    search = mrt.MultiResOptimizer(None, space, levels=[mrt.Level("wide", labels=3), mrt.Level("near", labels=3)])
    told = pd.DataFrame({"n": [4, 5], "m": [6, 9]})  # before the search asked for anything, so in none of its regions
    search.tell(told, [0.5, 0.25])
    assert level_bands(search.study)["name"].tolist() == ["wide"]
    assert regions_data(search.study)[["left", "right", "bottom", "top"]].to_numpy().tolist() == [[3.5, 5.5, 4.5, 10.5]]
    points = search.ask()
    search.tell(points, points["n"].to_numpy(dtype=float))
    search.tell(search.ask(2), [1.0, 2.0])
    assert level_bands(search.study)["name"].tolist() == ["wide", "near"]
    assert '<td class="word">near</td>' in top_part(search.study)
    assert "in 2 levels" in header_part(search.study, "under way")
