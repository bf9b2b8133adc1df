"""The Gaussian process as a transition, with moving regions after it, and the choice between them."""

import time

import numpy as np
import pytest

from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import P
from mrtoolkit.search import loop
from mrtoolkit.search.dimensions import Categorical, Integer
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.gp import GaussianProcessTransition
from mrtoolkit.search.transitions.mixture import MixedTransition, choice
from mrtoolkit.search.transitions.names import as_transition

SPACE = Space(a=Integer(1, 60), b=Integer(1, 60), where=P.a < P.b)
LARGE = Space(a=Integer(1, 999), b=Integer(1, 999), kind=Categorical(["x", "y", "z"]))


def hill(p):
    return -abs(p["a"] - 17) / 10 - abs(p["b"] - 44) / 10


def codes_of(study):
    return [tuple(row) for row in study.log.codes.tolist()]


@pytest.mark.parametrize("name", ["gp", "gp+moving"])
def test_the_hill_is_found_with_few_trials(name):
    study = optimize(hill, SPACE, trials=60, transition=name)
    assert study.best.value >= -0.1
    assert len(study) == len(set(codes_of(study))) == 60
    assert (study.to_pandas()["a"] < study.to_pandas()["b"]).all()


def test_a_large_lattice_with_categories_is_searched_by_samples():
    study = optimize(
        lambda p: hill({"a": p["a"] / 15, "b": p["b"] / 15}) - (p["kind"] != "y"), LARGE, trials=60, transition="gp"
    )
    assert len(study) == 60
    assert study.best.params["kind"] == "y"
    assert study.best.value > study.log.value[study.log.level == 0].max()


@pytest.mark.parametrize("name", ["gp", "gp+moving"])
def test_the_size_of_a_batch_changes_no_trial(monkeypatch, name):
    whole = optimize(hill, SPACE, trials=40, transition=name)
    monkeypatch.setattr(loop, "_FIRST_BATCH", 3)
    monkeypatch.setattr(loop, "next_size", lambda *_: 3)
    assert codes_of(optimize(hill, SPACE, trials=40, transition=name)) == codes_of(whole)


@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_an_objective_that_says_nothing_is_searched_to_the_end(value):
    study = optimize(lambda p: value, SPACE, trials=40, transition="gp", patience=9)
    assert len(study) == 40


def test_the_mixture_lets_the_process_choose_first_and_regions_move_then(monkeypatch):
    asked = []

    def note(self, history, level, *, index, round):
        asked.append((type(self).__name__, index))
        return []

    monkeypatch.setattr("mrtoolkit.search.transitions.gp.GaussianProcessTransition.regions", note)
    optimize(hill, SPACE, trials=60, transition="gp+moving", patience=9)
    assert {index for _, index in asked} == {1}


def test_a_process_is_chosen_where_a_trial_takes_milliseconds():
    assert choice(20e-6) == choice(1e-3) == choice(float("inf")) == "moving"
    assert choice(5e-3) == choice(60.0) == "gp+moving"


def slow(p):
    time.sleep(0.003)
    return hill(p)


def test_the_choice_is_kept_with_the_study_and_taken_from_there(tmp_path, monkeypatch):
    fast = optimize(hill, SPACE, trials=40, study=tmp_path / "fast.zarr")
    assert fast.notes["transition"] == "moving"
    MultiResOptimizer(slow, SPACE, trials=40, study=tmp_path / "slow.zarr").optimize()
    saved = load_study(tmp_path / "slow.zarr")
    assert saved.notes["transition"] == "gp+moving"
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # as on a faster machine
    again = optimize(slow, SPACE, trials=40, study=tmp_path / "slow.zarr")
    assert again.notes["transition"] == "gp+moving"
    assert codes_of(again) == codes_of(saved)


def test_transitions_are_known_by_their_names():
    assert as_transition("gp") == GaussianProcessTransition()
    assert as_transition("gp+moving") == MixedTransition()
    with pytest.raises(StudyError, match="there is 'moving', 'peak', 'gp', 'gp.moving'"):
        as_transition("annealing")


def test_scores_of_any_size_give_the_same_trials():
    one = optimize(hill, SPACE, trials=40, transition="gp")
    scaled = optimize(lambda p: 1024.0 * hill(p), SPACE, trials=40, transition="gp")
    assert codes_of(one) == codes_of(scaled)
    assert np.allclose(scaled.log.value, 1024.0 * one.log.value)
