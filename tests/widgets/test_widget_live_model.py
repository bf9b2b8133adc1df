"""A view-model beside a real search that runs at full speed in its own thread: nothing is missed, nothing is torn."""

import threading
import time

import numpy as np
from growing_studies import PLANE, add, empty_study, region, running

from mrtoolkit.search.dimensions import Integer
from mrtoolkit.search.optimizer import MultiResOptimizer
from mrtoolkit.search.space import Space
from mrtoolkit.widgets.convergence_chart import ConvergenceChart
from mrtoolkit.widgets.map_chart import MapChart
from mrtoolkit.widgets.model import SearchModel

SPACE = Space(fast=Integer(5, 50), slow=Integer(20, 200))


def hill(point):
    return 0.0 if point["fast"] == 7 else -((point["fast"] - 20) ** 2) / 100 - ((point["slow"] - 90) ** 2) / 1e4


def test_a_model_read_meanwhile_ends_as_one_that_is_made_afterwards():
    search = MultiResOptimizer(hill, SPACE, trials=3_000).start(alongside=True)
    model = SearchModel(search)
    charts = ConvergenceChart(model), MapChart(model)
    seen = []
    while search.state not in ("done", "failed"):
        if model.refresh(has_figures=len(seen) % 3 == 0):
            seen.append(model.convergence.n_trials)
            for chart in charts:
                chart.update()
    search.wait(60)
    model.refresh()
    for chart in charts:
        chart.update()
    fresh = SearchModel(search.study)
    assert seen == sorted(seen)
    assert model.convergence.n_trials == len(search.study) == fresh.convergence.n_trials
    assert model.points.trial.tolist() == fresh.points.trial.tolist()
    assert model.convergence.value.tolist() == fresh.convergence.value.tolist()
    assert model.boxes == fresh.boxes
    assert model.best == fresh.best
    assert model.plateau == fresh.plateau
    np.testing.assert_array_equal(model.cells.opacity, fresh.cells.opacity)
    assert np.asarray(charts[1]._points.source.data["trial"]).tolist() == (fresh.points.trial + 1).tolist()
    assert model.status.startswith("Done. 3,000 trials in 3 levels")


def test_axes_and_levels_may_be_chosen_from_another_thread():
    search = MultiResOptimizer(hill, SPACE, trials=1_500).start(alongside=True)
    model, errors = SearchModel(search), []

    def choose():
        try:
            for i in range(40):
                model.choose(x=("fast", "slow")[i % 2])
                model.shown_level = (None, 0, 1)[i % 3]
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=choose)
    thread.start()
    while thread.is_alive() or search.state not in ("done", "failed"):
        model.refresh()
    thread.join()
    assert errors == []
    assert {model.x, model.y} == {"fast", "slow"}


def test_without_figures_words_and_the_best_go_on_and_the_map_follows_when_it_is_asked_for():
    search = MultiResOptimizer(hill, SPACE, trials=1_500).start(alongside=True)
    search.pause()
    model = SearchModel(search)
    before, points, status = len(search.study), model.points, model.status
    search.step("level")
    while not (search.state == "paused" and len(search.study) > before):
        time.sleep(0.01)
    assert model.refresh(has_figures=False)
    assert model.points is points
    assert model.status != status
    assert model.convergence.n_trials == len(search.study)
    assert model.refresh()  # nothing has happened since, but the map is behind
    assert len(model.points.trial) > len(points.trial)
    assert not model.refresh()
    search.stop()
    search.join(20)


def test_the_map_follows_a_state_that_changes_without_a_trial():
    study = empty_study(PLANE)
    study.regions.append(region(PLANE, 1, 0, {"fast": (10, 20), "slow": (50, 80)}))
    add(study, [[10, 10]], [0.9], level=1)
    source = running(study, level=1)
    model = SearchModel(source)
    assert model.window[1] < 22
    source.said["state"] = "done"
    assert model.refresh()
    assert model.window[1] > 50.5  # the whole space in the end
