"""Levels that follow from the seconds alone."""

import time

import numpy as np

import mrtoolkit as mrt
from mrtoolkit.expressions import P
from mrtoolkit.search import level_walk
from mrtoolkit.search.in_time import Cost, levels_in_time, measured_cost
from mrtoolkit.search.level import WHOLE
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Integer, Space

SPACE = Space(fast=Integer(1, 100), slow=Integer(1, 150), where=P.fast < P.slow)


class Quick:
    def batch(self, points):
        return -((points["fast"] - 33) ** 2 + (points["slow"] - 97) ** 2).to_numpy(float)


def test_the_whole_lattice_is_taken_where_it_fits_and_that_is_said(tmp_path):
    study = optimize(Quick(), SPACE, seconds=30, study=tmp_path / "s.zarr")
    assert len(study) == SPACE.count().n
    assert study.stopped == f"all {len(study):,} points of the lattice are evaluated, as the seconds allowed."
    assert study.levels["level"].tolist() == ["coarse", WHOLE]
    again = optimize(Quick(), SPACE, seconds=60, study=tmp_path / "s.zarr")
    assert np.array_equal(again.log.codes, study.log.codes)


def test_a_large_lattice_gets_levels_of_what_the_seconds_allow():
    large = optimize(lambda p: 0.0, Space(**{name: Integer(1, 100) for name in "abcdef"}), trials=20)
    medium, fine = levels_in_time(large, 1.0, Cost(trial=1e-4))
    assert medium.budget == fine.budget == int(0.8 / 1.3e-4) // 2
    assert levels_in_time(large, 100.0, Cost(trial=1e-6))[0].budget == 10_000
    assert levels_in_time(large, 0.0, Cost(trial=1.0))[0].budget == 1
    small = optimize(Quick(), SPACE, trials=20)
    assert [level.name for level in levels_in_time(small, 1.0, Cost(trial=1e-5))] == [WHOLE]
    assert len(levels_in_time(small, 1.0, Cost(trial=1e-5, features=0.75))) == 2


def test_features_are_counted_apart_from_trials():
    bars = mrt.data.simulate(bars=20_000, freq="1h", seed=0)
    dear = mrt.rolling_median(P.fast) > mrt.rolling_median(P.slow)  # far above a clock's noise
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=dear), store=mrt.FeatureStore())
    study = optimize(backtest, SPACE, trials=40)
    computed = backtest.store.counters.computed
    cost = measured_cost(study)
    assert backtest.store.counters.computed == computed  # asked again, nothing is computed
    assert cost.trial > 0
    assert cost.features > 0


def test_a_search_that_was_cut_short_goes_on_to_the_levels_it_had_chosen(tmp_path):
    space = Space(**{name: Integer(1, 60) for name in "abcd"})

    def value(points):
        return -sum((points[name] - 20.0 * i) ** 2 for i, name in enumerate("abcd")).to_numpy(float)

    class Hill:
        batch = staticmethod(value)

    optimizer = mrt.MultiResOptimizer(Hill(), space, seconds=2, study=tmp_path / "s.zarr", transition="moving")
    while len(optimizer.study) < 150:
        points = optimizer.ask(50)
        optimizer.tell(points, value(points))
    optimizer.stop("enough")
    chosen = optimizer.study.notes["levels"]
    study = optimize(Hill(), space, seconds=2, study=tmp_path / "s.zarr", transition="moving")
    assert study.notes["levels"] == chosen
    assert np.array_equal(study.log.codes[:150], optimizer.study.log.codes[:150])


def slow_to_find(monkeypatch, seconds):
    """Have the first points found late, as where kernels are compiled for them."""
    make = level_walk.LevelRun

    def late(index, *parts):
        if index == 0:
            time.sleep(seconds)
        return make(index, *parts)

    monkeypatch.setattr(level_walk, "LevelRun", late)


def test_what_is_compiled_for_the_first_points_is_no_time_of_the_search(monkeypatch):
    soon = optimize(Quick(), SPACE, seconds=30)
    slow_to_find(monkeypatch, 0.5)
    study = optimize(Quick(), SPACE, seconds=30)
    assert np.array_equal(study.log.codes, soon.log.codes)
    optimizer = mrt.MultiResOptimizer(Quick(), SPACE, seconds=0.4, trials=40)
    assert optimizer.elapsed() == 0.0
    begin = time.perf_counter()
    assert len(optimizer.next_codes(8)) == 8
    assert time.perf_counter() - begin >= 0.5
    assert optimizer.elapsed() < 0.4
    optimizer.walk.close()
    assert optimizer.study.seconds < 0.4


def test_the_first_batch_of_a_run_is_made_however_short_the_time(tmp_path):
    study = optimize(Quick(), SPACE, seconds=1e-9, trials=300, study=tmp_path / "s.zarr")
    n = len(study)
    assert 0 < n < 100
    assert study.stopped == f"the 1e-09 seconds are over after {n} trials."
    again = optimize(Quick(), SPACE, seconds=1e-9, trials=300, study=tmp_path / "s.zarr")
    assert n < len(again) < 200
    optimizer = mrt.MultiResOptimizer(lambda p: 0.0, SPACE, seconds=1e-9)
    points = optimizer.ask(8)
    assert optimizer.ask(8).equals(points)
    optimizer.tell(points, [0.0] * 8)
    assert len(optimizer.ask(8)) == 0
