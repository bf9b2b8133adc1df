"""Levels that follow from the seconds alone."""

import numpy as np

import mrtoolkit as mrt
from mrtoolkit.expressions import P
from mrtoolkit.search.level import WHOLE, levels_in_time
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
    space = Space(**{name: Integer(1, 100) for name in "abcdef"})
    medium, fine = levels_in_time(space, 120, seconds=1.0, trial_seconds=1e-4)
    assert medium.budget == fine.budget == int(0.8 / 1.3e-4) // 2
    assert levels_in_time(space, 120, seconds=100.0, trial_seconds=1e-6)[0].budget == 10_000
    assert levels_in_time(space, 120, seconds=0.0, trial_seconds=1.0)[0].budget == 1
    small = levels_in_time(SPACE, 120, seconds=1.0, trial_seconds=1e-5)
    assert [level.name for level in small] == [WHOLE]


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
