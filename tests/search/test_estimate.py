"""The estimate from near trials: which trials these are, whatever way they are found."""

import numpy as np
import pytest

from mrtoolkit.search._kernels.estimate import find_near
from mrtoolkit.search.transitions.model import Model


def nearest_of_all(point, known, n_usable, is_category, scales, n_near):
    """All of them by distance, of equal ones the first."""
    away = []
    for i in range(n_usable):
        total = 0.0
        for j in range(len(point)):
            if is_category[j]:
                total += scales[j] * (point[j] != known[i, j])
            else:
                total += abs(point[j] - known[i, j]) * scales[j]
        away.append((total, i))
    return sorted(away)[:n_near]


@pytest.mark.parametrize("seed", range(12))
def test_the_nearest_are_those_of_a_look_at_all_also_where_many_are_equally_near(seed):
    rng = np.random.default_rng(seed)
    n, dims = int(rng.integers(1, 400)), int(rng.integers(1, 5))
    steps = rng.integers(1, 9, dims)  # few labels: many ties
    is_category = rng.random(dims) < 0.3
    known = rng.integers(0, steps + 1, (n, dims)) / steps
    scales = rng.choice([0.15, 0.6, 2.4, 38.4], dims)
    near, far = np.empty(16, dtype=np.int64), np.empty(16)
    for axis in range(dims):
        order = np.argsort(known[:, axis], kind="stable")
        for point in rng.integers(0, steps + 1, (20, dims)) / steps:
            usable = int(rng.integers(0, n + 1))
            count = find_near(point, known, order, axis, usable, is_category, scales, near, far)
            wanted = nearest_of_all(point, known, usable, is_category, scales, 16)
            assert near[:count].tolist() == [i for _, i in wanted]
            np.testing.assert_allclose(far[:count], [away for away, _ in wanted], rtol=1e-14)


def test_a_trial_s_own_value_comes_back_and_far_from_all_the_middle():
    points = np.array([[0.0], [0.5], [1.0]])
    model = Model(points, np.array([-1.0, 0.0, 1.0]), np.array([False]), np.array([2.4]), 0.0)
    mean, deviation = model.predict(points)
    np.testing.assert_allclose(mean, model.values, atol=1e-9)
    assert (deviation < 1e-4).all()
    mean, deviation = model.predict(np.array([[0.25]]), usable=np.array([0]))
    assert mean.tolist() == [0.0]
    assert deviation.tolist() == [1.0]
