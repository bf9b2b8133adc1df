"""Parameters that matter only where another has a value: no figure places a trial where it has no place."""

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit.maps.axes import examples, map_params
from mrtoolkit.search.region import Region, whole_space
from mrtoolkit.search.study import Study
from mrtoolkit.search.trial_log import TrialRows
from mrtoolkit.views.canvas import Canvas
from mrtoolkit.views.picture import picture_png
from mrtoolkit.views.regions import points_data, regions, regions_data, zooms
from mrtoolkit.views.replay import replay
from mrtoolkit.views.replay_data import replay_data
from mrtoolkit.views.replay_stages import stages
from mrtoolkit.views.slices import slices
from mrtoolkit.views.story import search_story
from mrtoolkit.views.surface import heatmap, heatmap_data
from mrtoolkit.views.trial_table import two_axes
from mrtoolkit.widgets.map_chart import MapChart
from mrtoolkit.widgets.model import SearchModel

P = mrt.P
SPACE = mrt.Space(
    kind=mrt.Categorical(["a", "b"]),
    n=mrt.Integer(1, 60, only=P.kind == "a"),
    m=mrt.Integer(10, 90, only=P.kind == "b"),
    q=mrt.Integer(1, 50),
)
APART = "n and m matter together in none of 6 trials: choose another parameter for one of the axes."


def empty():
    keys = {"levels": [{"name": "coarse", "regions": 2}, {"name": "fine", "regions": 2}], "constraints": []}
    return Study(
        space=SPACE, goal=None, objective="value", direction="maximize", evaluator=None, seed=0, keys=keys,
        metrics=("value",),
    )  # fmt: skip


def told(points, levels, *, stopped="all levels were run"):
    """A study of points of SPACE, worth their number."""
    study = empty()
    values = np.arange(len(points), dtype=float)
    study.log.append(TrialRows(
        codes=SPACE.encode(points), level=np.array(levels), region=np.zeros(len(points), dtype=int), value=values,
        feasible=np.ones(len(points), dtype=bool), metrics={"value": values}, blocks={},
    ))  # fmt: skip
    study.stopped = stopped
    return study


@pytest.fixture
def study():
    """Level 0 over all of the space; level 1 looks round n=40 (kind a), and round a point of kind b."""
    kind_a = [{"kind": "a", "n": n, "q": q} for n, q in [(30, 10), (40, 20), (44, 20)]]
    kind_b = [{"kind": "b", "m": m, "q": q} for m, q in [(50, 30), (70, 40), (80, 45)]]
    study = told([kind_a[0], kind_b[0], *kind_a[1:], *kind_b[1:]], [0, 0, 1, 1, 1, 1])
    for index, (point, reach) in enumerate([(kind_a[1], 10), (kind_b[1], 10)]):
        centre = SPACE.encode([point])[0]
        lower, upper = np.maximum(centre - reach, 0), np.minimum(centre + reach, np.array(SPACE.sizes) - 1)
        study.regions.append(Region.from_codes(SPACE, lower, upper, level=1, index=index, centre=centre))
    study.regions.insert(0, whole_space(SPACE, 0))
    return study


@pytest.fixture(scope="module")
def searched():
    def value(p):
        return -((p["q"] - 20) ** 2) - (abs(p["n"] - 33) if p["kind"] == "a" else abs(p["m"] - 55) - 5)

    return mrt.optimize(value, SPACE, trials=200)


def test_axes_that_nobody_chose_matter_together(study):
    axes = two_axes(study, None, None)
    assert [axis.name for axis in axes] == ["q", "kind"]  # all trials have both
    assert two_axes(study, "n", None)[1].name == "q"  # numbers first: kind is "a" wherever n matters
    assert two_axes(study, None, "m")[0].name == "q"
    assert map_params(SPACE, examples(SPACE)) == ("q", "kind")
    assert (SearchModel(empty()).x, SearchModel(empty()).y) == ("q", "kind")  # before the first trial
    assert (SearchModel(study).x, SearchModel(study).y) == ("q", "kind")


def test_a_pair_that_never_matters_together_is_the_last_choice():
    space = mrt.Space(kind=mrt.Categorical(["a", "b"]), n=mrt.Integer(1, 9, only=P.kind == "a"),
                      m=mrt.Integer(1, 9, only=P.kind == "b"))  # fmt: skip
    assert map_params(space, examples(space)) == ("kind", "n")
    assert map_params(space, examples(space), "n") == ("n", "kind")
    assert map_params(space, examples(space), None, "m") == ("kind", "m")


def test_flags_are_categories_and_numbers_in_a_list_are_not():
    space = mrt.Space(flag=mrt.Categorical([True, False]), gate=mrt.Categorical([10, 20]), n=mrt.Integer(1, 9))
    assert map_params(space, examples(space)) == ("gate", "n")


def test_axes_that_never_matter_together_are_said_so_everywhere(study, monkeypatch):
    for figure in (regions(study, "n", "m"), heatmap(study, "n", "m"), zooms(study, "n", "m").children[0]):
        assert figure.title.text.replace("\n", " ") == APART
        assert not figure.renderers
        assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("n", "m")
    words = []
    write = Canvas.text
    monkeypatch.setattr(
        Canvas, "text", lambda self, at, line, *a, **b: words.append(line) or write(self, at, line, *a, **b)
    )
    picture_png(study, x="n", y="m")
    assert APART in " ".join(words)
    assert replay_data(search_story(study, "n", "m"))["apart"] == APART
    model = SearchModel(study, "n", "m")
    chart = MapChart(model)
    assert model.apart == chart.description == APART
    assert model.boxes == []  # a place that is none
    assert search_story(study, "n", "m").boxes.empty
    assert chart.figure.title.text.replace("\n", " ") == APART
    assert replay_data(search_story(study, "n", "q"))["apart"] == ""
    assert SearchModel(study, "n", "q").apart == ""


def test_what_is_said_goes_when_a_trial_has_both():
    study = told([{"kind": "b", "m": 20, "q": 1}], [0], stopped="")
    model = SearchModel(study, "n", "q")
    assert "none of 1 trial:" in model.apart
    study.log.append(told([{"kind": "a", "n": 20, "q": 1}], [0]).log.rows)
    model.refresh()
    assert model.apart == ""
    assert SearchModel(empty(), "n", "m").apart == ""  # of no trials nothing is said


def test_no_trial_is_placed_by_a_value_that_does_not_matter(study):
    places = points_data(study, "n", "q")
    assert np.isfinite(places["x"]).tolist() == [True, False, True, True, False, False]
    cells = heatmap_data(study, "n", "q")
    assert int(cells["trials"].sum()) == 3
    assert heatmap_data(study, "n", "m").empty
    dots = regions(study, "n", "q").renderers[0].data_source.data
    assert sorted(dots["x"]) == [30, 40, 44]
    assert sorted(dots["others"]) == ["kind a, m -"] * 3


def test_no_box_is_stretched_by_a_value_that_does_not_matter(study):
    boxes = regions_data(study, "n", "q")
    assert boxes["level"].tolist() == [0, 1]  # the region round a point of kind b has no place over n
    inner = boxes[boxes["level"] == 1].iloc[0]
    assert (inner["left"], inner["right"]) == (28.0, 52.0)  # 30 to 50, and half of 40 to 44: not of 1 to 40
    assert inner["is_last"]
    live = SearchModel(study, "n", "q").boxes
    assert [(box.level, box.index, box.is_last) for box in live] == [(0, 0, True), (1, 0, True)]
    assert [(box.level, box.index) for box in SearchModel(study, "q", "kind").boxes] == [(0, 0), (1, 0), (1, 1)]


def test_a_box_round_told_trials_holds_those_that_have_a_place(study):
    del study.regions[:]
    boxes = regions_data(study, "n", "q").set_index("level")
    assert boxes.loc[1, ["left", "right"]].tolist() == [38.0, 46.0]
    assert regions_data(study, "n", "m").empty


def test_a_story_spans_what_matters(study):
    del study.regions[:]
    story = search_story(study, "m", "q")
    assert 40 < story.x.low < 50
    assert 80 < story.x.high < 90


def test_a_search_with_conditions_is_played_and_drawn(searched, tmp_path):
    for x, y in [(None, None), ("n", "q"), ("m", "q"), ("n", "m")]:
        assert replay(searched, tmp_path / "r.html", x=x, y=y).stat().st_size > 10_000
        for figure in (regions, zooms, heatmap):
            figure(searched, x, y)
        told_stages = stages(search_story(searched, x, y))
        assert all(np.isfinite(stage.view).all() for stage in told_stages)
        assert not any("kind a" in stage.outcome and ", m " in stage.outcome for stage in told_stages)
    slices(searched)


def test_a_stage_names_no_middle_that_does_not_matter(study):
    words = stages(search_story(study, "n", "q"))[1].words
    assert "around n 40, q 20; q 40" in words
