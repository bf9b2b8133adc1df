"""Who watches a search does not slow it: a front or neighbourhoods of all trials are not looked at after each batch."""

from __future__ import annotations

import time

import pytest

import mrtoolkit as mrt
from mrtoolkit.search.events import BatchDone
from mrtoolkit.search.scoring import Scoring

SPACE = mrt.Space(x=mrt.Integer(0, 99), y=mrt.Integer(0, 99))
SEVERAL = [["a", "b"], mrt.robust.neighbourhood("a")]


def value(point):
    return {"a": float(point["x"]), "b": float(-point["y"])}


value.metrics = ("a", "b")


def searched(objective):
    return mrt.MultiResOptimizer(value, SPACE, objective=objective, trials=300)


@pytest.mark.parametrize("objective", SEVERAL)
def test_a_look_that_takes_long_is_followed_by_a_rest(objective, monkeypatch):
    scoring = searched(objective).start().wait(60).scoring
    looks = []
    best = Scoring.best

    def slow(self):
        looks.append(time.perf_counter())
        time.sleep(0.01)
        return best(self)

    monkeypatch.setattr(Scoring, "best", slow)
    begun = time.perf_counter()
    found = {scoring.best_so_far() for _ in range(100)}
    assert len(looks) == 1 or looks[1] - begun >= 0.25
    while len(looks) < 2:
        assert time.perf_counter() < begun + 20
        scoring.best_so_far()
    assert looks[1] - looks[0] >= 0.25
    assert found == {best(scoring)}


@pytest.mark.parametrize("objective", ["a", *SEVERAL])
def test_the_best_is_told_while_it_runs_and_the_best_of_all_at_its_end(objective):
    running, batches = searched(objective).start(), []
    running.subscribe(lambda event: batches.append(event) if isinstance(event, BatchDone) else None)
    study = running.wait(60)
    assert running.progress().best == study.best.value
    assert running.progress().best_params == study.best.params
    assert all(event.best <= 99 for event in batches)
