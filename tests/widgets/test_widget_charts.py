"""The charts of a live search: figures that are made once, and hold what the model holds after every step."""

from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import Axis, BoxSelectTool, ColorBar, HoverTool, Legend, LogScale, Title
from growing_studies import PLANE, SPACES, add, empty_study, fill, random_study, region, running
from hypothesis import given, settings
from hypothesis import strategies as st

from mrtoolkit.maps.levels import level_entries
from mrtoolkit.maps.value_range import value_range
from mrtoolkit.search.dimensions import Integer
from mrtoolkit.search.space import Space
from mrtoolkit.views.theme import INK, TEXT, restyle, themed_figure
from mrtoolkit.widgets.changing_source import ChangingSource
from mrtoolkit.widgets.convergence_chart import ConvergenceChart
from mrtoolkit.widgets.level_rows import ShownLevel
from mrtoolkit.widgets.level_table import level_table
from mrtoolkit.widgets.map_chart import MapChart
from mrtoolkit.widgets.model import SearchModel


def columns(source):
    return {name: np.asarray(values).tolist() for name, values in source.source.data.items()}


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 130), st.lists(st.integers(0, 129), max_size=4), st.booleans()), min_size=1, max_size=6
    )
)
def test_a_source_holds_what_it_was_given_last(steps):
    """However rows grow, change, vanish: patches, streams and replacements come to the same columns."""
    source, rng = ChangingSource("a", "b"), np.random.default_rng(0)
    a, b = np.empty(0), np.empty(0, dtype=object)
    for size, changed, is_other in steps:
        old = 0 if is_other else min(size, len(a))
        a = np.concatenate([a[:old], rng.normal(size=size - old)])
        b = np.concatenate([b[:old], np.array([f"t{i}" for i in range(old, size)], dtype=object)])
        for i in changed:
            if i < size:
                a[i] = np.nan if i % 2 else i
        source.update(a=a.copy(), b=b.copy())
        np.testing.assert_array_equal(np.asarray(source.source.data["a"], dtype=float), a)
        assert list(source.source.data["b"]) == list(b)


def test_only_what_is_new_is_sent():
    source = ChangingSource("a")
    assert source.update(a=np.arange(3.0)) == "replace"
    assert source.update(a=np.arange(3.0)) == ""
    assert source.update(a=np.arange(5.0)) == "stream"
    assert source.update(a=np.array([0.0, 1, 2, 9, 4, 5])) == "patch and stream"
    assert source.update(a=np.arange(2.0)) == "replace"


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_charts_hold_what_the_model_holds_after_every_step(name, direction):
    study, codes, values, levels, feasible = random_study(240, SPACES[name], direction=direction)
    source = running(study)
    model = SearchModel(source)
    course, chart = ConvergenceChart(model), MapChart(model)
    figures = course.figure, chart.figure
    for part in range(6):
        fill(study, codes, values, levels, feasible, slice(40 * part, 40 * part + 40))
        source.said |= {"level": int(levels[40 * part + 39])}
        model.refresh()
        assert course.update()
        assert chart.update()
        data = model.convergence
        assert columns(course._trials)["value"] == data.value[data.feasible].tolist()
        assert columns(course._broken)["number"] == data.number[~data.feasible].tolist()
        assert columns(course._best)["best"][:-1] == data.step_value.tolist()
        assert columns(course._best)["until"][:-1] == [*data.step_number[1:].tolist(), data.n_trials]
        assert columns(chart._points)["trial"] == (model.points.trial + 1).tolist()
        assert columns(chart._points)["x"] == model.points.x.tolist()
        assert course.figure.x_range.end >= data.n_trials
    assert not course.update()
    assert not chart.update()
    assert (course.figure, chart.figure) == figures
    document = Document()
    for figure in figures:
        document.add_root(figure)
    assert document.to_json()


def test_a_batch_sends_little():
    study, codes, values, levels, feasible = random_study(700, PLANE)
    fill(study, codes, values, np.zeros_like(levels), feasible, slice(0, 660))
    source = running(study)
    model = SearchModel(source)
    chart = ConvergenceChart(model)
    document, sent = Document(), []
    document.add_root(chart.figure)
    document.on_change(sent.append)
    fill(study, codes, values, np.zeros_like(levels), feasible, slice(660, 700))
    model.refresh()
    chart.update()
    whole = [event for event in sent if type(event).__name__ == "ColumnDataChangedEvent"]
    assert whole == []
    assert 0 < len(sent) < 16


def test_the_map_zooms_to_a_level_and_leaves_the_users_view_alone_between():
    study = empty_study(PLANE)
    study.regions.append(region(PLANE, 0, 0, {"fast": (5, 50), "slow": (20, 200)}))
    source = running(study)
    model = SearchModel(source)
    chart = MapChart(model)
    add(study, [[0, 0], [45, 36]], [0.5, 0.7])
    model.refresh()
    chart.update()
    assert chart.figure.x_range.start < 5
    chart.figure.x_range.update(start=20, end=30)  # as a wheel does
    add(study, [[10, 10]], [0.6])
    model.refresh()
    chart.update()
    assert (chart.figure.x_range.start, chart.figure.x_range.end) == (20, 30)
    study.regions.append(region(PLANE, 1, 0, {"fast": (10, 20), "slow": (50, 80)}))
    add(study, [[6, 7]], [0.9], level=1)
    source.said |= {"level": 1}
    model.refresh()
    chart.update()
    assert 8 < chart.figure.x_range.start < 9.5
    assert 20.5 < chart.figure.x_range.end < 22
    assert chart.figure.title.text == "sharpe over fast and slow: medium"
    chart.show_level(0)
    assert chart.figure.x_range.start < 5
    assert columns(chart._boxes[1])["left"] == []
    chart.show_level(None)
    assert columns(chart._boxes[1])["left"] == [9.5]


def drag(x0, x1, y0, y1, *, final=True, pixels=100):
    screen = {"sx0": 0, "sx1": pixels, "sy0": 0, "sy1": pixels}
    return SimpleNamespace(geometry={"type": "rect", "x0": x0, "x1": x1, "y0": y0, "y1": y1, **screen}, final=final)


def test_a_brush_gives_labels_once_a_drag_and_shows_its_box():
    chart, got = MapChart(SearchModel(empty_study(PLANE))), []
    chart.on_brush(got.append)
    assert isinstance(chart.figure.toolbar.active_drag, BoxSelectTool)
    chart._brushed(drag(20.2, 9.6, 81, 49, final=False))
    chart._brushed(drag(20.2, 9.6, 81, 49, pixels=3))
    assert got == []
    chart._brushed(drag(20.2, 9.6, 81, 49))
    assert got == [{"fast": (10, 20), "slow": (50, 80)}]
    box = chart._chosen_box
    assert (box.visible, box.left, box.right, box.bottom, box.top) == (True, 9.5, 20.5, 47.5, 82.5)
    chart.choose(None)
    assert not box.visible


def test_where_the_user_sent_the_search_is_drawn():
    study = empty_study(PLANE)
    model = SearchModel(running(study))
    course, chart = ConvergenceChart(model), MapChart(model)
    assert not course._seldom[1][0].visible
    add(study, [[0, 0], [1, 1], [2, 2]], [0.1, 0.2, 0.3])
    study.notes["steering"] = [
        {"after": 2, "trials": 8, "bounds": {"fast": [10, 20], "slow": [50, 80]}, "stopped": False},
        {"after": 3, "trials": 20, "bounds": None, "stopped": True},
    ]
    assert model.refresh()
    course.update()
    chart.update()
    assert columns(chart._looked) == {"left": [9.5], "right": [20.5], "bottom": [47.5], "top": [82.5]}
    assert columns(course._looks) == {"number": [2.5]}
    assert course._seldom[1][0].visible
    assert not model.refresh()


def test_a_click_gives_the_trial_next_to_it():
    study = empty_study(PLANE)
    add(study, PLANE.encode([{"fast": 10, "slow": 40}, {"fast": 30, "slow": 40}]), [1.0, 2.0])
    chart, got = MapChart(SearchModel(study)), []
    chart.on_click(got.append)
    chart._clicked(SimpleNamespace(x=29.6, y=41))
    chart._clicked(SimpleNamespace(x=20.0, y=100))
    assert got == [1]


def test_axes_change_without_another_figure():
    study, codes, values, levels, feasible = random_study(60, SPACES["kinds"])
    fill(study, codes, values, levels, feasible)
    model = SearchModel(study)
    chart = MapChart(model)
    figure = chart.figure
    model.choose(x="kind", y="gate")
    model.refresh()
    chart.update()
    assert chart.figure is figure
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("kind", "gate")
    assert figure.xaxis[0].major_label_overrides == {0.0: "ema", 1.0: "sma", 2.0: "None"}
    assert set(columns(chart._points)["x_text"]) == {"ema", "sma", "None"}
    logs = MapChart(SearchModel(empty_study(SPACES["log"])))
    assert isinstance(logs.figure.x_scale, LogScale)


def test_best_and_plateau_are_marked_where_they_are():
    study = empty_study(PLANE)
    add(study, PLANE.encode([{"fast": 10, "slow": 40}, {"fast": 30, "slow": 45}]), [1.0, 2.0])
    study.stopped = "all 3 levels are done after 2 trials."
    chart = MapChart(SearchModel(study))
    assert columns(chart._marks["best"]) == {"x": [30.0], "y": [45.0]}
    assert columns(chart._marks["plateau"]) == {"x": [], "y": []}  # one star where they are one


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def text_colours(plot):
    """Every colour that a text of a figure has."""
    return {
        getattr(model, name)
        for model in plot.references()
        for name in model.properties()
        if name.endswith("text_color") and isinstance(model, Axis | Title | Legend | ColorBar)
    }


# white, JupyterLab's light and dark pages and panels, the darkest
@pytest.mark.parametrize(
    ("theme", "pages"), [("light", ("#ffffff", "#fafafa")), ("dark", ("#111111", "#1e1e1e", "#212121"))]
)
def test_text_can_be_read_on_either_page(theme, pages):
    study, codes, values, levels, feasible = random_study(60, SPACES["kinds"])
    fill(study, codes, values, levels, feasible)
    model = SearchModel(study)
    for chart in (ConvergenceChart(model), MapChart(model)):
        chart.update("dark")
        chart.update(theme)
        colours = text_colours(chart.figure)
        assert colours == {TEXT[theme], INK[theme]}
        for page in pages:
            assert min(contrast(colour, page) for colour in colours) >= 4.5


def test_an_unknown_theme_is_the_light_one():
    plot = themed_figure(title="", x_label="", y_label="")
    restyle(plot, "sepia")
    assert plot.title.text_color == INK["light"]


def test_an_outlier_does_not_flatten_the_picture():
    values = np.concatenate([np.linspace(0, 1, 99), [-1_000.0]])
    low, high = value_range(values, is_maximized=True)
    assert high == 1.0
    assert -4 < low <= 0
    assert value_range(-values, is_maximized=False) == (-1.0, -low)
    assert value_range(np.array([np.nan]), is_maximized=True) == (0.0, 1.0)
    assert value_range(np.array([2.0, 2.0]), is_maximized=True) == (1.5, 2.5)


def test_the_table_is_escaped_and_has_scopes():
    nan = float("nan")
    rows = [
        ShownLevel(name="<b>coarse", is_running=False, trials=1_200, total=1_200, reused=3, features_computed=6,
                   features_reused=4, hit_rate=0.4, memory=2_500_000, seconds=0.5, best=1.25),
        ShownLevel(name="fine", is_running=True, trials=3, total=9, reused=nan, features_computed=1,
                   features_reused=nan, hit_rate=nan, memory=nan, seconds=nan, best=nan),
    ]  # fmt: skip
    html = level_table(rows, "a & b")
    assert "&lt;b&gt;coarse" in html
    assert "Best a &amp; b" in html
    assert html.count('scope="row"') == 2
    assert html.count('scope="col"') == 9
    for text in ("1,200", "3 of 9", "40.0\u00a0%", "2.5 MB", "500 ms", "1.2500", "fine (running)"):
        assert text in html
    assert "No level has begun" in level_table([], "sharpe")


def listed(legend):
    return [item.label.value for item in legend.items if item.label.value]


def test_however_often_trials_are_added_the_legend_keeps_its_size_and_each_colour_its_meaning():
    study = empty_study(PLANE)
    for level in range(9):
        add(study, [[2 * level, 0], [2 * level + 1, 1]], [0.1, 0.2], level=level)
        study.regions.append(region(PLANE, level, 0, {"fast": (5, 10 + level), "slow": (20, 60)}))
    study.notes["added_levels"] = {str(i): f"more {i - 2}" for i in range(3, 9)}
    model = SearchModel(study)
    chart, course = MapChart(model), ConvergenceChart(model)
    assert listed(chart._boxes_legend) == ["coarse", "medium", "fine", "added"]
    assert chart._hover.formatters["@level"].args == {"names": model.level_names}  # beside the pointer each by its name
    assert chart.figure.renderers[-1].glyph.marker == "star"  # on top of all boxes
    assert [len(source) for source in chart._boxes] == [1, 1, 1, 0, 0, 6]
    assert list(course._names.major_label_overrides.values()) == ["coarse", "fine", "added"]  # what has room
    assert course._trials.source.data["level"].tolist() == np.repeat([0, 1, 2, *[5] * 6], 2).tolist()
    assert course._bands.source.data["level"].tolist() == [0, 1, 2, 5]
    assert chart._boxes_legend.ncols == 4  # one line, as before anything was added
    assert course.figure.legend[0].ncols == 3


def test_of_many_planned_levels_the_later_ones_are_one():
    study = empty_study(PLANE, levels=[f"level {i + 1}" for i in range(9)])
    for level in range(9):
        add(study, [[level, 0]], [0.1], level=level)
    groups = SearchModel(study).level_groups
    assert groups.names == ("level 1", "level 2", "level 3", "level 4", "level 5 and later", "")
    assert groups.of(np.arange(9)).tolist() == [0, 1, 2, 3, 4, 4, 4, 4, 4]


def test_marks_have_a_legend_of_their_own_in_which_they_can_be_seen():
    chart = MapChart(SearchModel(random_study(24, PLANE)[0]))
    marks, boxes = sorted(chart.figure.legend, key=lambda legend: legend.name != "marks")
    assert [item.label.value for item in marks.items] == ["best", "plateau", "your look"]
    assert 0.4 * marks.glyph_height >= 14  # pixels: bokeh draws a marker in a legend at 0.4 of the sign
    assert boxes.glyph_height < marks.glyph_height
    assert listed(boxes) == chart._model.level_names


def test_a_study_without_levels_has_a_map():
    chart = MapChart(SearchModel(empty_study(PLANE, levels=())))
    assert chart._model.level_names == []
    assert listed(chart._boxes_legend) == []


def test_a_legend_takes_as_many_lines_as_a_telephone_needs():
    columns_of = {}
    for n in (1, 3, 12):
        study = empty_study(PLANE, levels=[f"level {i + 1}" for i in range(n)])
        columns_of[n] = MapChart(SearchModel(study))._boxes_legend.ncols
    assert columns_of[1] == 1
    assert columns_of[3] == 3
    assert 2 <= columns_of[12] <= 4


def test_a_level_that_the_user_adds_in_place_of_a_planned_one_has_one_name_everywhere():
    study = empty_study(PLANE)
    source = running(study, level=1)
    model = SearchModel(source)
    chart, course = MapChart(model), ConvergenceChart(model)
    add(study, [[0, 0], [1, 1]], [0.1, 0.2])
    add(study, [[2, 2], [3, 3]], [0.3, 0.4], level=1)  # where it is stopped
    add(study, [[4, 4], [5, 5]], [0.5, 0.6], level=2)
    source.said |= {"level": 2}
    model.refresh()
    course.update()
    assert "fine" in course._names.major_label_overrides.values()
    study.notes["added_levels"] = {"2": "more 1"}
    source.said |= {"done": 2}
    model.refresh()
    chart.update()
    course.update()
    assert listed(chart._boxes_legend) == ["coarse", "medium", "added"]
    assert list(course._names.major_label_overrides.values()) == ["coarse", "medium", "added"]
    assert model.level_names == ["coarse", "medium", "more 1"]
    assert model.table[-1].name == "more 1"


def test_planned_levels_after_one_that_the_user_adds_are_planned_no_more():
    study = empty_study(PLANE)
    add(study, [[0, 0], [1, 1]], [0.1, 0.2])
    study.notes["added_levels"] = {"1": "look 1"}
    add(study, [[2, 2], [3, 3]], [0.3, 0.4], level=1)
    assert SearchModel(running(study, level=1, n_levels=2)).level_names == ["coarse", "look 1"]


def test_a_title_is_folded_before_a_narrow_page_cuts_it_off():
    study = empty_study(Space(a_very_long_lookback=Integer(1, 9), another_long_lookback=Integer(1, 9)))
    add(study, [[0, 0], [4, 4]], [1.0, 2.0])
    model = SearchModel(study)
    model.shown_level = 0
    model.refresh()
    lines = [line for chart in (MapChart, ConvergenceChart) for line in chart(model).figure.title.text.splitlines()]
    assert len(lines) == 3
    assert max(map(len, lines)) <= 37


def test_a_hundred_thousand_trials_are_counted_in_plain_numbers():
    axis = ConvergenceChart(SearchModel(empty_study(PLANE))).figure.below[0]
    assert axis.formatter.format == "0,0"
    assert axis.ticker.desired_num_ticks <= 5


def test_of_several_levels_that_the_user_adds_the_first_ends_what_was_planned():
    study = empty_study(PLANE, levels=("coarse", "medium", "fine", "finer"))
    study.notes["added_levels"] = {"1": "look 1", "2": "more 2"}
    assert [entry["name"] for entry in level_entries(study)] == ["coarse"]


@pytest.mark.skipif("limit" not in HoverTool.properties(), reason="bokeh before 3.8 knows no order of boxes")
def test_the_box_beside_the_pointer_is_of_what_is_drawn_on_top():
    chart = MapChart(SearchModel(running(empty_study(PLANE))))
    (hover,) = (tool for tool in chart.figure.tools if isinstance(tool, HoverTool))
    assert (hover.limit, hover.sort_by) == (1, [("$index", "descending")])
