"""The view-model: its values are the study's, however it came to them, and however large the study is."""

import itertools
import sys
import time
import tracemalloc
from subprocess import run

import numpy as np
import pytest
from growing_studies import PLANE, SPACES, add, empty_study, end_level, fill, random_study, region, running
from hypothesis import given, settings
from hypothesis import strategies as st

import mrtoolkit as mrt
from mrtoolkit.errors import StudyError
from mrtoolkit.maps.heat import neighbour_distances
from mrtoolkit.maps.map_part import MapPart
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Space
from mrtoolkit.search.still import still
from mrtoolkit.widgets import model as module
from mrtoolkit.widgets.level_table import level_table
from mrtoolkit.widgets.model import SearchModel
from mrtoolkit.widgets.state import SearchState
from mrtoolkit.widgets.status_words import status_words


@pytest.fixture
def plane():
    return PLANE


def seen(model):
    """Everything a view draws, as plain values."""
    c, p, heat = model.convergence, model.points, model.cells
    return {
        "number": c.number.tolist(), "value": c.value.tolist(), "level": c.level.tolist(), "ok": c.feasible.tolist(),
        "steps": c.step_number.tolist(), "best": c.step_value.tolist(), "bands": c.bands, "n": c.n_trials,
        "trial": p.trial.tolist(), "x": p.x.tolist(), "y": np.nan_to_num(p.y, nan=-1e9).tolist(),
        "boxes": model.boxes, "window": model.window, "status": model.status, "mark": model.best,
        "heat": None if heat is None else np.nan_to_num(heat.values, nan=-1e9).tolist(),
        "opacity": None if heat is None else heat.opacity.tolist(),
    }  # fmt: skip


def held():
    """Bytes that the view's own files hold; the log grows by itself."""
    kept = [tracemalloc.Filter(True, f"*/mrtoolkit/{room}/*") for room in ("widgets", "maps")]
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(kept).traces)


def test_it_is_read_without_a_plot_or_a_widget():
    heavy = ("bokeh", "ipywidgets", "scipy.spatial")
    code = f"import mrtoolkit.widgets.model, sys; print(*[m for m in {heavy} if m in sys.modules])"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


@settings(max_examples=25, deadline=None)
@given(
    n=st.sampled_from([0, 1, 7, 300, 2_000, 2_001, 5_000]),
    cuts=st.lists(st.floats(0, 1), max_size=5),
    seed=st.integers(0, 5),
)
def test_what_is_read_in_steps_equals_what_is_read_at_once(n, cuts, seed):
    study, codes, values, levels, feasible = random_study(n, PLANE, seed=seed)
    whole, *_ = random_study(n, PLANE, seed=seed)
    fill(whole, codes, values, levels, feasible)
    source = running(study)
    model = SearchModel(source)
    places = sorted({0, n, *(int(cut * n) for cut in cuts)})
    for first, last in itertools.pairwise(places):
        fill(study, codes, values, levels, feasible, slice(first, last))
        model.refresh()
    for each in (study, whole):
        for level in range(3):
            each.regions.extend(region(PLANE, level, i, {"fast": (5, 9 + i), "slow": (20, 40)}) for i in range(60))
    source.said["state"] = "paused"  # the image is drawn at once, as nothing more follows
    model.refresh()
    fresh = SearchModel(running(whole, state="paused"))
    assert seen(model) == seen(fresh)


def test_small_studies_are_shown_whole(plane):
    study, codes, values, levels, feasible = random_study(500, plane)
    fill(study, codes, values, levels, feasible)
    model = SearchModel(study)
    with_value = np.flatnonzero(np.isfinite(values))
    assert model.convergence.number.tolist() == (with_value + 1).tolist()
    assert model.convergence.value.tolist() == values[with_value].tolist()
    assert model.points.trial.tolist() == list(range(500))
    assert model.points.x.tolist() == (5 + codes[:, 0]).tolist()
    assert model.points.y.tolist() == (20 + 5 * codes[:, 1]).tolist()
    assert np.isnan(model.points.value).tolist() == (~(np.isfinite(values) & feasible)).tolist()


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_best_so_far_is_exact_in_its_steps(plane, direction):
    study, codes, values, levels, feasible = random_study(9_000, plane, direction=direction)
    fill(study, codes, values, levels, feasible)
    model = SearchModel(running(study))
    expected, best = [], None
    for i, (value, counts) in enumerate(zip(values, feasible, strict=True)):
        better = best is None or (value > best if direction == "maximize" else value < best)
        if counts and np.isfinite(value) and better:
            best = value
            expected.append((i + 1, value))
    got = list(zip(model.convergence.step_number.tolist(), model.convergence.step_value.tolist(), strict=True))
    assert got == expected
    assert model.best.value == best == study.best.value
    assert dict(model.best.params) == dict(study.best.params)


def test_many_trials_are_thinned_and_keep_what_stands_out(plane):
    study, codes, values, levels, feasible = random_study(50_000, plane)
    fill(study, codes, values, levels, feasible)
    model = SearchModel(running(study))
    assert 1_000 < len(model.convergence.number) <= 2_000
    assert 1_000 <= len(model.points.trial) <= 2_000
    assert np.nanmax(values) in model.convergence.value
    assert np.nanmin(values) in model.convergence.value
    counted = np.where(feasible & np.isfinite(values), values, -np.inf)
    best = set(np.argsort(-counted, kind="stable")[:1_000].tolist())
    assert best <= set(model.points.trial.tolist())


def test_a_refresh_costs_what_is_new_and_memory_stays_flat(plane, monkeypatch):
    monkeypatch.setattr(module, "_HEAT_SECONDS", np.inf)  # one image: when the clock draws the next is no matter here
    study, codes, values, levels, feasible = random_study(104_000, plane)
    fill(study, codes, values, levels, feasible, slice(0, 100_000))
    source = running(study, level=2)
    model = SearchModel(source)
    times, sizes = [], []
    tracemalloc.start()
    for first in range(100_000, 104_000, 40):
        fill(study, codes, values, levels, feasible, slice(first, first + 40))
        before = time.thread_time()  # not the seconds that a busy machine keeps it waiting
        assert model.refresh()
        times.append(time.thread_time() - before)
        if first % 2_000 == 0:
            sizes.append(held())
    sizes.append(held())
    tracemalloc.stop()
    assert not model.refresh()
    assert np.median(times) < 0.025  # 0.002 measured alone, without tracing
    assert abs(sizes[-1] - sizes[1]) < 20_000  # bytes; 2,000 more trials as rows would be 80,000


def test_nothing_new_is_no_change(plane):
    study = empty_study(plane)
    source = running(study)
    model = SearchModel(source)
    assert not model.refresh()
    add(study, [[0, 0]], [1.0])
    assert model.refresh()
    assert not model.refresh()


def test_the_status_says_where_the_search_is(plane):
    study = empty_study(plane)
    source = running(study)
    model = SearchModel(source)
    assert model.status == "No trial yet"
    add(study, plane.encode([{"fast": 12, "slow": 80}]), [1.2134], level=1)
    source.said |= {"level": 1, "done": 34, "total": 120, "seconds_left": 6.2}
    model.refresh()
    words = "Level 2 of 3, medium: 34 of 120 trials; best sharpe 1.21 at fast 12, slow 80"
    assert model.status == f"{words}; about 6 s left for all levels"
    source.said["state"] = "paused"
    model.refresh()
    assert model.status == f"Paused. {words}"
    assert model.table[-1].is_running
    source.said["state"], source.error = "failed", ValueError("no such bar")
    model.refresh()
    assert model.status.startswith("Failed with ValueError: no such bar; 1 trial in 2 levels")
    assert not model.table[-1].is_running
    source.said |= {"state": "running", "notice": "the search before was stopped."}
    model.refresh()
    assert model.status.startswith("The search before was stopped. Level 2 of 3")


def test_the_status_names_six_parameters_and_counts_the_others():
    state = SearchState(state="running", level=0, n_levels=1, done=9, total=0, seconds=1.0, seconds_left=np.nan)
    for count, ending in ((6, "f 5"), (8, "f 5 and 2 more")):
        params = dict(zip("abcdefgh"[:count], range(count), strict=True))
        said = [
            status_words(state, level_name="only", n_trials=9, best=(objective, 2.0, params), stopped="")
            for objective in ("sharpe", "")  # without one there are several
        ]
        where = f"a 0, b 1, c 2, d 3, e 4, {ending}"
        level = "Level 1 of 1, only: 9 trials"
        assert said == [f"{level}; best sharpe 2 at {where}", f"{level}; a knee of the front at {where}"]


def test_the_status_says_how_many_trials_were_asked_for_beyond_all_levels():
    state = SearchState(state="running", level=0, n_levels=1, done=9, total=40, seconds=1.0, seconds_left=5, more=1200)
    said = status_words(state, level_name="only", n_trials=9, best=None, stopped="")
    assert said.startswith("Level 1 of 1, only: 9 of 40 trials, then 1,200 more; ")



def test_the_table_has_the_levels_that_ended_and_the_one_that_runs(plane):
    study = empty_study(plane)
    source = running(study, done=2, total=9, seconds=3.0)
    model = SearchModel(source)
    add(study, [[0, 0], [1, 1]], [0.5, 0.7])
    study.spent[0] = (6, 0.0)
    model.refresh()
    (row,) = model.table
    assert (row.name, row.is_running, row.trials, row.total) == ("coarse", True, 2, 9)
    assert (row.features_computed, row.best, row.seconds) == (6, 0.7, 3.0)
    end_level(study, "coarse", 2, used=10, reused=4, best=0.7)
    add(study, [[2, 2]], [0.4], level=1)
    source.said |= {"level": 1, "done": 1, "total": 5}
    model.refresh()
    assert [(r.name, r.is_running, r.trials) for r in model.table] == [("coarse", False, 2), ("medium", True, 1)]
    assert model.table[0].hit_rate == 0.4
    assert model.table[1].seconds == 2.5
    assert model.table[1].best == 0.4


def test_the_view_follows_the_levels_and_can_be_led_back(plane):
    study = empty_study(plane)
    study.regions.append(region(plane, 0, 0, {"fast": (5, 50), "slow": (20, 200)}))
    source = running(study)
    model = SearchModel(source)
    add(study, [[0, 0], [45, 36]], [0.5, 0.7])
    model.refresh()
    assert model.window[0] < 4.5
    assert model.window[1] > 50.5
    study.regions.append(region(plane, 1, 0, {"fast": (10, 20), "slow": (50, 80)}))
    add(study, [[10, 10]], [0.9], level=1)
    source.said["level"] = 1
    model.refresh()
    left, right, bottom, top = model.window
    assert 8 < left < 9.5 < 20.5 < right < 22
    assert 44 < bottom < 47.5 < 82.5 < top < 87
    assert (model.cells.left, model.cells.right) == (left, right)
    model.shown_level = 0
    assert model.refresh()
    assert model.window[0] < 4.5
    assert model.points.level.tolist() == [0, 0]
    assert [box.level for box in model.boxes] == [0]
    model.shown_level = None
    source.said["state"] = "done"
    model.refresh()
    assert model.window[1] > 50.5
    with pytest.raises(StudyError, match="level 3 was to be shown; show one from 0 to 2"):
        model.shown_level = 3


def test_of_many_rounds_the_last_is_marked(plane):
    study = empty_study(plane, regions=2)
    study.regions += [region(plane, 1, i, {"fast": (5, 10), "slow": (20, 40)}) for i in range(7)]
    add(study, [[0, 0]], [1.0], level=1)
    boxes = SearchModel(study).boxes
    assert [box.is_last for box in boxes] == [False] * 5 + [True] * 2
    study.regions += [region(plane, 1, i, {"fast": (5, 10), "slow": (20, 40)}) for i in range(7, 900)]
    boxes = SearchModel(study).boxes
    assert len(boxes) < 60
    assert [box.index for box in boxes][-2:] == [898, 899]


def test_a_box_round_strewn_points_is_no_place_to_zoom_to(plane):
    study = empty_study(plane, regions=3)
    near = {"fast": (10, 20), "slow": (50, 80)}
    study.regions += [region(plane, 1, 0, near), region(plane, 1, 1, {"fast": (5, 50), "slow": (20, 200)})]
    add(study, [[0, 0]], [1.0], level=1)
    model = SearchModel(running(study, level=1))
    assert [box.is_last for box in model.boxes] == [True, False]
    assert model.window[1] < 22


@pytest.mark.parametrize("name", ["one", "two", "log", "kinds", "twelve"])
def test_every_kind_of_space_is_shown(name):
    space = SPACES[name]
    study, codes, values, levels, feasible = random_study(60, space)
    for n in range(3):
        fill(study, codes, values, levels, feasible, slice(20 * n, 20 * n + 20))
        model = SearchModel(study)
        assert len(model.convergence.number) == np.isfinite(values[: len(study)]).sum()
        assert (model.y is None) == (name == "one")
        assert (model.cells is None) == (name == "one")
        assert np.isfinite(model.points.x).all()


def test_without_a_best_there_is_a_picture_and_a_word(plane):
    study = empty_study(plane)
    assert SearchModel(study).status == "No trial yet"
    add(study, [[0, 0], [1, 1]], [np.nan, np.inf])
    model = SearchModel(study)
    assert model.best is None
    assert "none of them has a value that counts" in model.status
    assert model.convergence.number.tolist() == []
    study.stopped = "all 3 levels are done after 2 trials."
    assert SearchModel(study).plateau is None


def test_a_parameter_that_does_not_matter_leaves_the_map():
    space = Space(
        kind=Categorical(["ema", "macd"]), fast=Integer(2, 9), signal=Integer(2, 9, only='P.kind == "macd"')
    )
    study = empty_study(space)
    add(study, space.canonical(np.array([[0, 3, 5], [1, 3, 5]])), [1.0, 2.0])
    assert SearchModel(study, "fast", "signal").points.trial.tolist() == [1]
    assert SearchModel(study, "fast", "kind").points.trial.tolist() == [0, 1]


def test_axes_are_chosen_and_change_places():
    study, codes, values, levels, feasible = random_study(60, SPACES["kinds"])
    fill(study, codes, values, levels, feasible)
    model = SearchModel(study)
    assert (model.x, model.y) == ("n", "gate")  # numbers in a list are numbers
    model.x = "gate"
    model.refresh()
    assert (model.x, model.y) == ("gate", "n")
    assert set(model.points.x.tolist()) == {0.0, 1.0, 2.0}
    with pytest.raises(StudyError, match="'knd' was asked for.*did you mean 'kind'"):
        model.y = "knd"


@pytest.mark.parametrize(
    ("window", "bounds"),
    [
        ((9.6, 20.2, 49, 81), {"fast": (10, 20), "slow": (50, 80)}),
        ((20.2, 9.6, 81, 49), {"fast": (10, 20), "slow": (50, 80)}),  # drawn leftwards
        ((-30, 500, -30, 500), {"fast": (5, 50), "slow": (20, 200)}),
        ((12.2, 12.3, 51, 52), {"fast": (12, 13), "slow": (50, 55)}),
        ((-9, -8, 300, 400), {"fast": (5, 6), "slow": (195, 200)}),
    ],
)
def test_a_brushed_box_is_labels_of_the_lattice(plane, window, bounds):
    assert SearchModel(empty_study(plane)).bounds(*window) == bounds


def test_a_brushed_box_over_categories_and_a_log_scale():
    space = Space(kind=Categorical(["a", "b", "c"]), rate=Real(0.001, 1.0, log=True))
    model = SearchModel(empty_study(space), "kind", "rate")
    kinds, rates = model.bounds(0.6, 2.4, 0.01, 0.1).values()
    assert kinds == ("b", "c")
    assert rates[0] == pytest.approx(0.01, rel=0.01)
    assert rates[1] == pytest.approx(0.1, rel=0.01)


def test_the_heat_is_the_nearest_trial_and_blank_where_nobody_tried(plane):
    study = empty_study(plane)
    add(study, plane.encode([{"fast": 6, "slow": 25}, {"fast": 7, "slow": 25}]), [1.0, 3.0])
    heat = SearchModel(study).cells
    assert heat.values[5, 0] == 1.0
    assert heat.values[5, 40] == 3.0
    assert heat.opacity[-1, -1] == 0.0
    assert heat.opacity.max() == 1.0
    assert (heat.left, heat.right, heat.bottom, heat.top) == (4.5, 50.5, 17.5, 202.5)


def test_trials_close_together_on_few_labels_leave_no_gap_between_these():
    """Two labels of x, every one of y tried on both: nothing lies between that could have been tried."""
    space = mrt.Space(x=mrt.Integer(1, 4), y=mrt.Integer(1, 100))
    level = mrt.Level("all", grid={"x": [1, 2], "y": range(1, 101)})
    study = mrt.optimize(lambda p: p["x"] + p["y"], space, levels=[level])
    part = MapPart(study, "x", "y")
    for window in (part.window(None), (1.2, 2.1, 40.0, 60.0)):
        heat = part.heat(len(study), window, None)
        assert (heat.left, heat.right) == (0.5, 4.5)  # a pixel a label, wherever one looks
        assert heat.values.shape[1] == 4
        assert (heat.opacity[:, :2] == 1.0).all()
        assert (heat.opacity[:, 3] == 0.0).all()


def test_how_far_the_neighbours_are_is_the_mean_of_four_others():
    corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [1.0, 1.0], [9.0, 1.0]])
    near = (np.sqrt(2.0) + 2.0 + 2.0 + 2.0 * np.sqrt(2.0)) / 4  # the middle, two corners, the opposite one
    np.testing.assert_allclose(neighbour_distances(corners)[:5], [near] * 4 + [np.sqrt(2.0)])
    assert neighbour_distances(corners[:2]).tolist() == [2.0, 2.0]


def test_a_category_tells_nothing_of_the_next():
    study = empty_study(SPACES["kinds"])
    add(study, SPACES["kinds"].encode([{"kind": "sma", "n": n, "gate": 10} for n in (2, 20, 40)]), [1.0, 2.0, 3.0])
    heat = SearchModel(study, "n", "kind").cells
    assert heat.values.shape == (3, 120)
    assert heat.opacity[1].min() > 0
    assert heat.opacity[0].max() == heat.opacity[2].max() == 0.0
    assert heat.values[1, [0, -1]].tolist() == [1.0, 3.0]


def test_a_real_search_is_shown_as_its_study_has_it():
    study = optimize(lambda p: -((p["a"] - 0.3) ** 2) - p["b"] ** 2, Space(a=Real(0, 1), b=Real(-1, 1)), trials=200)
    model = SearchModel(study)
    assert model.best.params == study.best.params
    assert model.plateau.params == study.plateau.params
    assert [row.name for row in model.table] == study.levels["level"].tolist()
    assert [row.trials for row in model.table] == study.levels["run"].tolist()
    assert model.status.startswith(f"Done. {len(study)} trials in 3 levels")


def test_a_wish_of_a_search_that_stands_still_is_shown_at_once():
    study = optimize(lambda p: -abs(p["x"] - 7), Space(x=Integer(0, 50)), trials=10)
    model = SearchModel(study)
    model.refresh()
    assert not model.refresh()
    study.notes["steering"] = [{"after": 10, "trials": 5, "bounds": {"x": [5, 9]}, "stopped": False}]
    assert model.refresh()
    assert [looked.after for looked in model.looked] == [10]


def test_a_view_opened_late_shows_the_memory_of_each_level_as_one_opened_at_once(tmp_path):
    rule = mrt.Strategy(entry=mrt.ema(mrt.P.fast) > mrt.ema(mrt.P.slow))
    backtest = mrt.Backtest(mrt.data.simulate(bars=400, seed=4), rule)
    space = Space(fast=Integer(5, 50), slow=Integer(20, 90))
    search = mrt.MultiResOptimizer(backtest, space, trials=40, seed=0).start()
    early = SearchModel(search)
    study = search.wait()
    early.refresh()
    memory = [row.memory for row in early.table]
    assert memory == sorted(memory)  # features stay, so that each level holds more
    assert 0 < memory[0] < memory[-1]
    assert [row.memory for row in SearchModel(search).table] == memory
    assert [row.memory for row in SearchModel(study).table] == memory
    assert [row.memory for row in SearchModel(still(study)).table] == memory
    study.save(tmp_path / "study")
    loaded = SearchModel(mrt.load_study(tmp_path / "study")).table
    assert np.isnan([row.memory for row in loaded]).all()
    assert level_table(loaded, "sharpe").count('title="Not known: it is noted as a level ends') == len(loaded)
    assert "Not known" not in level_table(early.table, "sharpe")
