"""Workers: processes that call a function for the points of a batch, and change no trial."""

import os
import sys

import pytest
import slow_functions

from mrtoolkit.errors import StudyError
from mrtoolkit.search.dimensions import Integer
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.space import Space
from mrtoolkit.search.workers import WorkersWarning

SPACE = Space(x=Integer(0, 40), y=Integer(0, 20))
MOVING = {"transition": "moving"}  # the default looks at the clock


def test_any_number_of_workers_makes_the_same_trials_with_the_same_failures(tmp_path):
    alone = optimize(slow_functions.paraboloid, SPACE, trials=150, **MOVING)
    study = optimize(slow_functions.paraboloid, SPACE, trials=150, workers=2, study=tmp_path / "2", **MOVING)
    assert study.trials.identical(alone.trials)
    assert study.failures == alone.failures
    assert study.regions == alone.regions
    assert set(alone.failures.values()) == {"ZeroDivisionError: seven", "OddError: 1 and 2"}
    assert load_study(tmp_path / "2").trials.identical(alone.trials)
    again = optimize(slow_functions.paraboloid, SPACE, trials=150, workers=5, study=tmp_path / "2", **MOVING)
    assert again.trials.identical(alone.trials)


def test_points_are_evaluated_in_other_processes():
    study = optimize(slow_functions.process, SPACE, trials=60, workers=2)
    assert os.getpid() not in set(study.trials["value"].values.tolist())
    after = study.evaluator.evaluate(study.to_pandas()[["x", "y"]].head(3))
    assert after.metrics["value"].tolist() == [os.getpid()] * 3


def test_a_batch_is_cut_into_runs_and_joined():
    study = optimize(slow_functions.Batched(), SPACE, trials=60, workers=2, objective="height", **MOVING)
    alone = optimize(slow_functions.Batched(), SPACE, trials=60, objective="height", **MOVING)
    assert study.trials.drop_vars("pid").identical(alone.trials.drop_vars("pid"))
    assert study.failures == alone.failures
    assert os.getpid() not in set(study.trials["pid"].dropna("trial").values.tolist())


def test_a_function_that_no_process_can_have_is_called_by_threads_and_said_so():
    def value(p):
        return slow_functions.thread(p)

    with pytest.warns(WorkersWarning, match="workers=2 are threads, not processes, as the function cannot be handed"):
        study = optimize(value, SPACE, trials=60, workers=2)
    assert len(set(study.trials["value"].values.tolist())) == 2
    with pytest.warns(WorkersWarning):
        study = optimize(lambda p: slow_functions.paraboloid(p), SPACE, trials=100, workers=2, **MOVING)
    assert study.failures == optimize(slow_functions.paraboloid, SPACE, trials=100, **MOVING).failures


def test_a_function_of_a_notebook_is_called_by_threads(monkeypatch):
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.setattr(slow_functions.paraboloid, "__module__", "__main__")
    with pytest.warns(WorkersWarning, match="written in a notebook or at a prompt"):
        optimize(slow_functions.paraboloid, SPACE, trials=60, workers=2)


def test_a_worker_that_dies_ends_the_search_with_its_study(tmp_path):
    with pytest.raises(StudyError, match="a worker process ended in the middle of a point"):
        optimize(slow_functions.die, SPACE, trials=200, workers=2, study=tmp_path / "s.zarr", **MOVING)
    assert "StudyError" in load_study(tmp_path / "s.zarr").stopped


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two", True])
def test_a_number_of_workers_that_is_none_is_refused(workers):
    with pytest.raises(StudyError, match="workers is .* whole number of 1 or more"):
        MultiResOptimizer(slow_functions.paraboloid, SPACE, workers=workers)


def test_other_evaluators_have_threads_of_their_own(cross):
    space = Space(fast=Integer(5, 50), slow=Integer(60, 200))
    assert optimize(cross, space, trials=40, workers=2).trials.sizes["trial"] == 40
