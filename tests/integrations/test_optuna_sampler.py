"""Our search as an Optuna sampler: finds, goes on, shares, and falls back as Optuna's own samplers do."""

import copy

import numpy as np
import pytest

optuna = pytest.importorskip("optuna")
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

import mrtoolkit as mrt
from mrtoolkit.expressions import P
from mrtoolkit.integrations.optuna import MultiResSampler, distributions

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = mrt.Space(fast=mrt.Integer(5, 60), slow=mrt.Integer(20, 200), where=P.fast < P.slow)


def hill(trial):
    fast, slow = trial.suggest_int("fast", 5, 60), trial.suggest_int("slow", 20, 200)
    return -((fast - 17) ** 2) / 100 - (slow - 93) ** 2 / 1000


def study_of(sampler, **words):
    return optuna.create_study(sampler=sampler, direction="maximize", **words)


def test_it_finds_the_top_of_a_hill_and_repeats_nothing():
    study = study_of(MultiResSampler(SPACE, trials=150, seed=0))
    study.optimize(hill, n_trials=150)
    assert study.best_value > -0.02
    seen = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(seen)) == len(seen)
    assert all(trial.params["fast"] < trial.params["slow"] for trial in study.trials)


def test_it_makes_the_trials_of_our_own_search():
    ours = mrt.optimize(lambda p: -((p["fast"] - 17) ** 2) / 100 - (p["slow"] - 93) ** 2 / 1000, SPACE, trials=100)
    study = study_of(MultiResSampler(SPACE, trials=100, seed=0))
    study.optimize(hill, n_trials=len(ours))
    assert [t.params for t in study.trials] == ours.space.points(ours.log.codes)


def test_the_space_is_inferred_from_the_trials():
    study = study_of(MultiResSampler(trials=120, seed=3))
    study.optimize(hill, n_trials=120)
    assert study.best_value > -0.1


def test_a_study_from_a_storage_goes_on_as_if_it_had_not_stopped(tmp_path):
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    whole = study_of(MultiResSampler(SPACE, trials=80, seed=1))
    whole.optimize(hill, n_trials=60)
    for n_trials in (25, 20, 15):
        part = study_of(MultiResSampler(SPACE, trials=80, seed=1), storage=url, study_name="s", load_if_exists=True)
        part.optimize(hill, n_trials=n_trials)
    assert [t.params for t in part.trials] == [t.params for t in whole.trials]


def test_it_goes_on_beyond_its_levels_and_then_the_lattice():
    space = mrt.Space(x=mrt.Integer(0, 30))
    study = study_of(MultiResSampler(space, trials=10, seed=0))
    study.optimize(lambda t: float(t.suggest_int("x", 0, 30)), n_trials=40)
    assert len({t.params["x"] for t in study.trials}) == 31


def test_failed_and_pruned_trials_are_not_tried_again():
    def fragile(trial):
        fast, slow = trial.suggest_int("fast", 5, 60), trial.suggest_int("slow", 20, 200)
        if fast % 3 == 0:
            raise optuna.TrialPruned
        if fast % 3 == 1:
            raise ValueError("no prices")
        return -abs(fast - 17) - abs(slow - 93)

    study = study_of(MultiResSampler(SPACE, trials=100, seed=0))
    study.optimize(fragile, n_trials=100, catch=(ValueError,))
    states = [trial.state for trial in study.trials]
    assert {TrialState.PRUNED, TrialState.FAIL, TrialState.COMPLETE} == set(states)
    seen = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(seen)) == len(seen)


def test_enqueued_trials_count_as_their_nearest_point():
    space = mrt.Space(x=mrt.Real(0, 1), y=mrt.Real(1, 1000, log=True))
    study = study_of(MultiResSampler(space, trials=120, seed=0))
    study.enqueue_trial({"x": 0.123456789, "y": 55.4321})

    def near(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 1, 1000, log=True)
        return -abs(x - 0.3) - abs(np.log(y / 40))

    study.optimize(near, n_trials=120)
    assert study.trials[0].params == {"x": 0.123456789, "y": 55.4321}
    assert study.best_value > -0.2


def test_threads_are_given_different_points():
    study = study_of(MultiResSampler(SPACE, trials=80, seed=0))
    study.optimize(hill, n_trials=80, n_jobs=4)
    seen = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(seen)) >= 78


def test_conditional_parameters_fall_back_to_the_independent_sampler(caplog):
    def objective(trial):
        x = trial.suggest_float("x", -5, 5)
        if x > 0:
            return x**2 + trial.suggest_int("only", 0, 9)
        return x**2 + (trial.suggest_categorical("other", ["a", "b"]) == "a")

    study = study_of(MultiResSampler(seed=0))
    study.optimize(objective, n_trials=30)
    assert {"only", "other"} <= {name for trial in study.trials for name in trial.params}
    assert "leaves it to RandomSampler" in caplog.text


def test_a_condition_of_the_space_is_kept():
    space = mrt.Space(
        kind=mrt.Categorical(["sma", "macd"]), n=mrt.Integer(5, 30), signal=mrt.Integer(3, 20, only=P.kind == "macd")
    )

    def objective(trial):
        kind, n = trial.suggest_categorical("kind", ["sma", "macd"]), trial.suggest_int("n", 5, 30)
        return n + (trial.suggest_int("signal", 3, 20) if kind == "macd" else 0)

    study = study_of(MultiResSampler(space, trials=120, seed=0))
    study.optimize(objective, n_trials=120)
    assert study.best_value == 50
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 120


def test_a_range_that_changes_falls_back():
    study = study_of(MultiResSampler(seed=0))
    study.optimize(lambda t: t.suggest_int("x", 0, 10 + t.number), n_trials=20)
    assert len(study.trials) == 20


def test_constraints_keep_trials_from_being_the_centre():
    study = study_of(MultiResSampler(SPACE, trials=150, seed=0, constraints_func=lambda t: [t.params["slow"] - 60.0]))
    study.optimize(hill, n_trials=150)
    fine = [trial for trial in study.trials if trial.params["slow"] <= 60]
    assert max(trial.value for trial in fine) > -1.2
    assert len(fine) > 75
    with pytest.raises(ValueError, match="constraints_func gave NaN"):
        study_of(MultiResSampler(SPACE, constraints_func=lambda t: [np.nan])).optimize(hill, n_trials=1)


def test_several_objectives():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=MultiResSampler(SPACE, trials=120, seed=0))
    study.optimize(lambda t: (t.suggest_int("fast", 5, 60), t.suggest_int("slow", 20, 200)), n_trials=120)
    assert any(trial.params["fast"] <= 7 and trial.params["slow"] >= 195 for trial in study.best_trials)


def test_categories_keep_their_objects():
    study = study_of(MultiResSampler(trials=20, seed=0))


    def objective(trial):
        return float(trial.suggest_categorical("x", [None, True, 1, 1.5, "a"]) == "a") + trial.suggest_int("y", 0, 3)

    study.optimize(objective, n_trials=20)
    assert study.best_params == {"x": "a", "y": 3}
    assert {str(t.params["x"]) for t in study.trials} == {"None", "True", "1.5", "a"}  # to Optuna 1 is True


def test_it_is_copied_without_its_lock():
    sampler = MultiResSampler(SPACE, seed=4)
    study_of(sampler).optimize(hill, n_trials=3)
    for twin in (copy.deepcopy(sampler), copy.copy(sampler)):
        study = study_of(twin)
        study.optimize(hill, n_trials=5)
        assert len(study.trials) == 5


def test_distributions_say_what_the_space_is():
    space = mrt.Space(
        a=mrt.Integer(5, 31, 10), b=mrt.Real(0, 1, 0.25), c=mrt.Real(0, 1), d=mrt.Real(0.1, 10, log=True),
        e=mrt.Categorical(["x", None]), f=mrt.Integer(1, 64, log=True),
    )
    found = distributions(space)
    assert found["a"] == IntDistribution(5, 25, step=10)
    assert found["b"] == FloatDistribution(0, 1, step=0.25)
    assert found["c"] == FloatDistribution(0, 1)
    assert found["d"] == FloatDistribution(0.1, 10, log=True)
    assert found["e"].choices == ("x", None)
    assert found["f"] == IntDistribution(1, 64, log=True)
