"""Operands that are compared with each other, joined into groups: against scipy's components."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mrtoolkit.strategy._kernels.codes import join_compared
from mrtoolkit.strategy._kernels.conditions import AND
from mrtoolkit.strategy._kernels.words import EQUAL, GREATER


@pytest.mark.parametrize("seed", range(40))
def test_groups_are_the_components_of_what_is_compared(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    rows = np.zeros((int(rng.integers(0, 40)), 5), dtype=np.int64)
    rows[:, 0] = rng.choice([GREATER, GREATER, EQUAL, AND], len(rows))
    rows[:, 1:3] = rng.integers(0, n, (len(rows), 2))
    steps = rng.choice(np.array([512, 512, 512, 0], dtype=np.uint64), n)
    groups = np.empty(n, dtype=np.int64)
    n_rows, n_coded = join_compared(rows, steps, groups)

    chosen = rows[(rows[:, 0] == GREATER) & (steps[rows[:, 1]] > 0) & (steps[rows[:, 2]] > 0)]
    coded = np.unique(chosen[:, 1:3])
    graph = coo_array((np.ones(len(chosen)), (chosen[:, 1], chosen[:, 2])), shape=(n, n))
    component = connected_components(graph, directed=False)[1][coded]
    first = [component.tolist().index(c) for c in component]  # numbered as they come
    expected = np.full(n, -1)
    expected[coded] = np.unique(first, return_inverse=True)[1]
    assert (n_rows, n_coded) == (len(chosen), len(coded))
    assert groups.tolist() == expected.tolist()
