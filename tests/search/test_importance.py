"""Which parameters matter."""

import pytest

from mrtoolkit.errors import StudyError
from mrtoolkit.search.dimensions import Categorical, Integer
from mrtoolkit.search.importance import importance
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Space

SPACE = Space(x=Integer(0, 20), idle=Integer(0, 20), kind=Categorical(["a", "b"]))


def test_a_parameter_that_does_not_matter_has_next_to_no_share():
    found = importance(optimize(lambda p: -abs(p["x"] - 7), SPACE, trials=150))
    assert found.index[0] == "x"
    assert found["x"] > 0.8
    assert found["idle"] < 0.1
    assert found["kind"] < 0.1


def test_parameters_that_act_only_together_both_count():
    study = optimize(lambda p: (p["x"] - 10) * (1 if p["kind"] == "a" else -1), SPACE, trials=200)
    found = importance(study)
    assert min(found["x"], found["kind"]) > 0.5 > 0.1 > found["idle"]


def test_a_constant_objective_has_no_important_parameter():
    assert (importance(optimize(lambda p: 1.0, SPACE, trials=40)) == 0).all()


def test_the_same_seed_gives_the_same_shares():
    study = optimize(lambda p: -abs(p["x"] - 7), SPACE, trials=60)
    assert importance(study, seed=3).equals(importance(study, seed=3))


def test_too_few_trials_are_refused():
    with pytest.raises(StudyError, match="in which 5 trials count; it takes 10 or more"):
        importance(optimize(lambda p: p["x"], SPACE, trials=5))
