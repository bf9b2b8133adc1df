import numpy as np
import pytest

from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import P
from mrtoolkit.search.dimensions import Categorical, Integer
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Space
from mrtoolkit.views.cells import heatmap_data
from mrtoolkit.views.regions import regions_data
from mrtoolkit.views.surface import heatmap
from mrtoolkit.views.trial_table import two_axes

SPACE = Space(fast=Integer(5, 50), slow=Integer(20, 200))


def test_cells_reach_half_way_to_the_next_labels_of_an_irregular_grid_within_the_space(study_of):
    fast, slow = np.meshgrid([1.0, 2.0, 5.0], [10.0, 20.0])  # of a space of 1 to 5 and 10 to 20, whole numbers
    cells = heatmap_data(study_of({"fast": fast.ravel(), "slow": slow.ravel()}, np.arange(6.0), np.zeros(6)))
    borders = {at: (left, right) for at, left, right in zip(cells["x"], cells["left"], cells["right"], strict=True)}
    assert borders == {1.0: (0.5, 1.5), 2.0: (1.5, 3.5), 5.0: (3.5, 5.5)}
    assert set(zip(cells["bottom"], cells["top"], strict=True)) == {(9.5, 15.0), (15.0, 20.5)}


def test_a_cell_shows_the_best_or_the_mean_over_the_other_parameters(study_of):
    points = {"a": [1, 1, 1, 2], "b": [5, 5, 5, 5], "c": [1, 2, 3, 1]}
    study = study_of(points, [0.1, 0.7, np.nan, 0.2], np.zeros(4))
    best, mean = heatmap_data(study, "a", "b"), heatmap_data(study, "a", "b", reduce="mean")
    assert best["value"].tolist() == [0.7, 0.2]
    assert mean["value"].tolist() == pytest.approx([0.4, 0.2])
    assert best["trials"].tolist() == [3, 1]


def test_the_best_of_a_minimised_objective_is_the_lowest(study_of):
    study = study_of({"a": [1, 1], "b": [5, 5]}, [0.1, 0.7], [0, 0], direction="minimize")
    assert heatmap_data(study)["value"].tolist() == [0.1]


def test_the_textbook_gives_a_cell_a_trial_coarse_levels_first(study):
    cells = heatmap_data(study)
    assert cells["level"].tolist() == [0] * 16 + [1] * 86 + [2] * 8
    assert cells["value"].notna().all()
    widths = (cells["right"] - cells["left"]).groupby(cells["level"]).median()
    assert widths.tolist()[1:] == [1.0, 0.5]
    coarse = cells[cells["level"] == 0]
    inner = coarse[(coarse["x"] > 5) & (coarse["x"] < 20)]  # the outer ones end with the space
    assert set((inner["right"] - inner["left"]).tolist()) == {5.0}


def test_trials_that_break_a_constraint_have_no_colour(study_of):
    cells = heatmap_data(study_of({"a": [1, 2], "b": [5, 5]}, [9.0, 0.2], [0, 0], feasible=[False, True]))
    assert np.isnan(cells["value"].to_numpy()[0])


def test_scattered_points_are_gathered_into_about_as_many_cells(study_of):
    rng = np.random.default_rng(0)
    x, y = rng.random(200).round(3), rng.random(200).round(3)
    cells = heatmap_data(study_of({"x": x, "y": y}, x + y, np.zeros(200)))
    assert 80 < len(cells) <= 15 * 15
    assert cells["trials"].sum() == 200
    assert cells["value"].max() == (x + y).max()
    inside = (cells["x"] > cells["left"]) & (cells["x"] < cells["right"])
    assert inside.all()


def test_scattered_points_are_drawn_as_heat_that_leaves_blank_what_nobody_tried(study_of):
    rng = np.random.default_rng(0)
    x, y = (5 + 10 * rng.random(200)).round(3), (5 + 10 * rng.random(200)).round(3)
    points = {"x": np.append(x, 50.0), "y": np.append(y, 50.0)}  # and one far away, where the space ends
    plot = heatmap(study_of(points, np.append(x + y, 0.0), np.zeros(201)))
    image = next(r for r in plot.renderers if type(r.glyph).__name__ == "ImageRGBA").data_source.data["image"][0]
    opacity = image.view(np.uint8).reshape(*image.shape, 4)[..., 3]
    assert opacity[5, 5] > 150
    assert opacity[80, 20] == 0
    dots = next(r for r in plot.renderers if type(r.glyph).__name__ == "Scatter")
    assert len(dots.data_source.data["x"]) == 201
    mean = heatmap(study_of(points, np.append(x + y, 0.0), np.zeros(201)), reduce="mean")
    assert [r for r in mean.renderers if type(r.glyph).__name__ == "ImageRGBA"] == []


def test_no_cell_and_no_box_lies_outside_the_space():
    study = optimize(lambda p: -(p["fast"] - 20) ** 2 - p["slow"], SPACE, trials=150)
    cells, boxes = heatmap_data(study), regions_data(study)
    for found in (cells, boxes):
        assert found["left"].min() >= 4.5
        assert found["right"].max() <= 50.5
        assert found["bottom"].min() >= 19.5
        assert found["top"].max() <= 200.5


def test_categories_stand_at_whole_places_one_wide(study_of):
    kinds = ["ema", "sma", None, "ema"]
    cells = heatmap_data(study_of({"kind": kinds, "n": [5, 5, 5, 6]}, [1, 2, 3, 4], np.zeros(4)), "kind", "n")
    assert sorted(set(zip(cells["x"], cells["left"], cells["right"], strict=True))) == [
        (0.0, -0.5, 0.5),
        (1.0, 0.5, 1.5),
        (2.0, 1.5, 2.5),
    ]
    axis = heatmap(study_of({"kind": kinds, "n": [5, 5, 5, 6]}, [1, 2, 3, 4], np.zeros(4)), "kind", "n").xaxis[0]
    assert axis.major_label_overrides == {0.0: "ema", 1.0: "sma", 2.0: "None"}


def test_numbers_are_drawn_before_categories_where_no_axis_is_named(study_of):
    study = study_of({"kind": ["a", "b"], "n": [1, 2], "m": [3, 4]}, [1, 2], [0, 0])
    plot = heatmap(study)
    assert (plot.xaxis[0].axis_label, plot.yaxis[0].axis_label) == ("n", "m")


def test_one_parameter_is_a_line(study_of):
    plot = heatmap(study_of({"n": [3, 1, 2]}, [0.3, 0.1, 0.2], [0, 0, 0]))
    line = next(r for r in plot.renderers if type(r.glyph).__name__ == "Line")
    assert list(line.data_source.data["x"]) == [1, 2, 3]
    assert list(line.data_source.data["y"]) == [0.1, 0.2, 0.3]


def test_an_unknown_parameter_is_named_with_the_nearest(study):
    with pytest.raises(StudyError, match=r"'fats' was asked for.*fast, slow \(did you mean 'fast'"):
        heatmap(study, "fats")


def test_one_parameter_twice_and_an_unknown_word_are_refused(study):
    with pytest.raises(StudyError, match="x and y are both 'fast'"):
        heatmap(study, "fast", "fast")
    with pytest.raises(StudyError, match="reduce='avg'"):
        heatmap(study, reduce="avg")


def test_missing_values_and_one_trial_are_pictures(study_of):
    assert heatmap(study_of({"a": [1, 2], "b": [1, 2]}, [np.nan, np.nan], [0, 0])).renderers
    assert heatmap(study_of({"a": [1], "b": [2]}, [0.5], [0])).renderers


def marks(plot):
    """What each mark is called in its legend, and where it stands."""
    named = [(item.label.value, item.renderers[0].data_source.data) for one in plot.legend for item in one.items]
    return {name: (list(data["x"]), list(data["y"])) for name, data in named}


def test_best_and_plateau_that_are_one_trial_are_one_star(study_of):
    one = heatmap(study_of({"a": [1, 1, 2, 2], "b": [5, 6, 5, 6]}, [0.1, 0.2, 0.3, 0.9], np.zeros(4)))
    assert list(marks(one)) == ["best and plateau"]


def test_a_trial_is_not_marked_on_an_axis_that_does_not_matter_there():
    space = Space(kind=Categorical(["a", "b"]), n=Integer(1, 9, only=P.kind == "a"), m=Integer(1, 9))
    study = optimize(lambda p: p["m"] + (p["kind"] == "b"), space, trials=60)
    assert study.best.params["kind"] == "b"
    assert not any("best" in name for name in marks(heatmap(study, "n", "m")))
    assert any("best" in name for name in marks(heatmap(study, "kind", "m")))


def test_the_first_two_parameters_that_vary_are_drawn_numbers_before_categories(study_of):
    points = {"still": [1, 1, 1], "kind": ["a", "b", "a"], "p": [1, 2, 3], "q": [4, 4, 5]}
    study = study_of(points, [0.1, 0.2, 0.3], np.zeros(3))
    assert [axis.name for axis in two_axes(study, None, None)] == ["p", "q"]
    assert [axis.name for axis in two_axes(study, "still", None)] == ["still", "p"]
    assert [axis.name for axis in two_axes(study, "q", "kind")] == ["q", "kind"]
