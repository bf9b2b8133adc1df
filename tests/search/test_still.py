"""A study held still: the same trials in every column, while another thread adds to it."""

import threading

import numpy as np

import mrtoolkit as mrt
from mrtoolkit.search.still import still
from mrtoolkit.search.trial_log import TrialRows


def test_it_says_what_the_study_says():
    space = mrt.Space(a=mrt.Integer(0, 50), kind=mrt.Categorical(["x", "y"]))

    def measure(point):
        if point["a"] == 13:
            raise ValueError("unlucky")
        return -abs(point["a"] - 20)

    study = mrt.optimize(measure, space, trials=60, seed=0)
    copy = still(study)
    assert copy.trials.equals(study.trials)
    assert copy.best == study.best
    assert copy.plateau == study.plateau
    assert copy.failures == study.failures
    assert copy.levels.equals(study.levels)
    assert copy.log is not study.log


def test_every_column_is_of_the_same_trials_while_another_thread_adds_some():
    space = mrt.Space(a=mrt.Integer(0, 200_000))
    study = mrt.optimize(lambda p: p["a"], space, trials=20, seed=0)
    tried = set(study.trials["a"].to_numpy().tolist())
    is_over = threading.Event()

    def add():
        for start in range(0, 100_000, 7):
            codes = np.array([[a] for a in range(start, start + 7) if a not in tried])
            if len(codes):
                value = codes[:, 0].astype(float)
                none, feasible = np.zeros(len(codes), dtype=int), np.ones(len(codes), dtype=bool)
                study.log.append(TrialRows(
                    codes=codes, level=none, region=none, value=value, feasible=feasible, metrics={"value": value},
                    blocks={},
                ))  # fmt: skip
        is_over.set()

    thread = threading.Thread(target=add)
    thread.start()
    sizes = []
    while not is_over.is_set():
        copy = still(study)
        sizes.append(len(copy))
        assert len(copy.log.value) == len(copy.log.codes) == len(copy.log.metrics["value"])
        np.testing.assert_array_equal(copy.log.value, copy.log.codes[:, 0])
        assert copy.best.value == copy.log.value.max()
    thread.join()
    assert sizes == sorted(sizes)
    assert len(still(study)) == len(study)


def test_a_wish_that_is_added_later_is_none_of_its():
    study = mrt.optimize(lambda p: p["a"], mrt.Space(a=mrt.Integer(0, 50)), trials=20, seed=0)
    study.notes["steering"] = [{"after": 20, "trials": 5, "bounds": None, "stopped": False}]
    copy = still(study)
    study.notes["steering"].append({"after": 25, "trials": 5, "bounds": None, "stopped": False})
    assert len(copy.steering) == 1
