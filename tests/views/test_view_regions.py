import numpy as np
import pytest

from mrtoolkit.errors import StudyError
from mrtoolkit.search.region import Region
from mrtoolkit.views.regions import points_data, regions, regions_data, zooms


def test_boxes_of_the_textbook_reach_half_a_step_beyond_the_outer_labels_and_never_outside_the_space(study):
    boxes = regions_data(study)
    assert boxes["name"].tolist() == ["coarse", "medium", "fine"]
    # the space is fast 5 to 20 in thousandths, slow 30 to 60: half of a step of it is the most that lies beyond
    np.testing.assert_allclose(boxes[["left", "right"]], [[4.9995, 20.0005], [7.5, 17.5], [11.25, 12.75]])
    assert boxes[["bottom", "top"]].to_numpy().tolist() == [[29.5, 60.5], [34.0, 56.5], [40.5, 43.5]]


def test_of_many_rounds_the_last_is_drawn_strong_and_the_others_faint(study_of):
    bounds = {"a": (2, 3), "b": (5, 6)}
    found = [Region(centre={"a": 2, "b": 5}, level=1, index=i, bounds=bounds) for i in range(40)]
    study = study_of({"a": [1, 9, 2], "b": [1, 9, 5]}, np.arange(3.0), [0, 0, 1], regions=found)
    study.keys["levels"][1]["regions"] = 4
    boxes = regions_data(study, "a", "b")
    assert boxes[boxes["level"] == 1]["is_last"].tolist() == [False] * 36 + [True] * 4
    drawn = [r.data_source.data for r in regions(study).renderers if "alpha" in r.data_source.data]
    fine = next(data for data in drawn if len(data["alpha"]) == 40)
    assert sorted(fine["alpha"])[-5:] == [0.18, 1.0, 1.0, 1.0, 1.0]


def test_the_studys_own_regions_are_drawn_where_it_has_them(study_of):
    found = [
        Region(centre={}, level=1, index=0, bounds={"a": (2, 3), "b": (5, 6)}),
        Region(centre={}, level=1, index=1, bounds={"a": (8, 9), "b": (1, 2)}),
    ]
    a, b = [1, 9, 2, 3, 8, 9], [1, 9, 5, 6, 1, 2]
    study = study_of({"a": a, "b": b}, np.arange(6.0), [0, 0, 1, 1, 1, 1], regions=found)
    boxes = regions_data(study, "a", "b")
    fine = boxes[boxes["level"] == 1]
    assert fine["region"].tolist() == [0, 1]
    assert fine[["left", "right"]].to_numpy().tolist() == [[1.5, 3.5], [7.5, 9.5]]


def test_every_trial_is_a_point_at_its_parameters(study):
    points = points_data(study, "slow", "fast")
    assert len(points) == 110
    assert points["x"].tolist() == study.trials["slow"].to_numpy().tolist()
    assert points["level"].value_counts().to_dict() == {0: 16, 1: 86, 2: 8}


def test_a_category_gives_a_box_round_its_place(study_of):
    region = Region(centre={}, level=0, index=0, bounds={"kind": ("sma", "sma"), "n": (1, 2)})
    study = study_of({"kind": ["ema", "sma"], "n": [1, 2]}, [1, 2], [0, 0], regions=[region])
    box = regions_data(study, "kind", "n").iloc[0]
    assert (box["left"], box["right"]) == (0.6, 1.4)


def test_there_is_a_panel_a_level_inside_its_box(study):
    panels = zooms(study).children
    assert [p.title.text for p in panels] == ["coarse", "medium", "fine"]
    # the first has room for the marks at the ends of the space
    expected = [(4.4, 20.6), (7.5, 17.5), (11.25, 12.75)]
    np.testing.assert_allclose([(p.x_range.start, p.x_range.end) for p in panels], expected, atol=1e-3)


def test_one_parameter_is_refused_with_what_to_draw_instead(study_of):
    with pytest.raises(StudyError, match="needs two parameters.*'n'; draw mrt.views.heatmap"):
        regions(study_of({"n": [1, 2]}, [1, 2], [0, 0]))


def test_many_trials_are_thinned_and_the_title_says_so(study_of):
    rng = np.random.default_rng(0)
    count = 8_000
    study = study_of(
        {"a": rng.random(count).round(3), "b": rng.random(count).round(3)}, rng.random(count), np.zeros(count)
    )
    plot = regions(study)
    assert plot.title.text.replace("\n", " ") == "8,000 trials, 5,000 of them drawn, coloured by sharpe"
    drawn = next(r for r in plot.renderers if "others" in r.data_source.data)
    assert len(drawn.data_source.data["x"]) == 5_000
    assert max(drawn.data_source.data["value"]) == study.trials["value"].to_numpy().max()


@pytest.mark.parametrize("values", [[np.nan, np.nan], [0.1, 0.1]])
def test_missing_and_equal_values_are_pictures(study_of, values):
    study = study_of({"a": [1, 2], "b": [1, 2]}, values, [0, 0])
    assert regions(study).renderers
    assert len(zooms(study).children) == 1
