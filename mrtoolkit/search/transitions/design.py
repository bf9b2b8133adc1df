"""A first look over the whole space: a Sobol sequence on few labels a dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mrtoolkit.search.coordinates import spread
from mrtoolkit.search.dimensions import is_ordered
from mrtoolkit.search.level import Level
from mrtoolkit.search.region import whole_space
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.protocol import History, Look, Looking

_LABELS = 12  # a dimension at least
_ROOM = 3.0  # points that the labels of the first level should have, to those that it looks at
_LARGEST_POWER = 20


def n_labels(space: Space, count: int) -> int:
    """Return at how many labels of each dimension `count` points are spread: few, so that few features are computed."""
    return max(_LABELS, math.ceil(round(math.pow(_ROOM * count, 1.0 / len(space)), 6)))


def first_look(history: History, level: Level, rng: np.random.Generator) -> Sequence[Looking]:
    """Return what the first level looks at: its own grid, the whole lattice where its budget allows, or a design."""
    space = history.space
    if level.budget is None or level.grid or level.step or level.labels or space.count().n <= level.budget:
        return [whole_space(space, 0)]
    codes = sobol_points(history, level.budget, rng)
    return [Look(region=whole_space(space, 0), codes=codes)] if len(codes) else []


def sobol_points(history: History, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return up to `count` new points spread over the space, at few labels a dimension.

    A Sobol sequence, shifted by the seed. Where so few labels have too few points, they are doubled.
    """
    from scipy.stats import qmc  # heavy, and a search of a listed grid needs none

    space = history.space
    sequence, shift = qmc.Sobol(len(space), scramble=False), rng.random(len(space))
    found = np.empty((0, len(space)), dtype=np.int64)
    power = max(2, math.ceil(math.log2(max(count, 2))) + (1 if space.where else 0))
    labels = n_labels(space, count)
    while True:
        axes = [spread(space[name], labels if is_ordered(space[name]) else space[name].size) for name in space]
        sequence.reset()
        unit = (sequence.random_base2(power) + shift) % 1.0
        codes = np.stack(
            [a[np.minimum((unit[:, j] * len(a)).astype(np.int64), len(a) - 1)] for j, a in enumerate(axes)], axis=1
        )
        codes = space.distinct(codes)
        found = codes[~history.is_known(codes)][:count] if len(codes) else codes
        is_whole = all(len(axis) == size for axis, size in zip(axes, space.sizes, strict=True))
        if len(found) >= count:
            return found
        if is_whole and power >= _last_power(space, count):
            placed = space.place(unit)  # the constraints leave too little to be met by chance
            if placed is None:
                return found
            placed = space.distinct(np.concatenate([found, placed]))
            return np.asarray(placed[~history.is_known(placed)][:count])
        power, labels = min(power + 1, _LARGEST_POWER), labels * 2


def _last_power(space: Space, count: int) -> int:
    return min(_LARGEST_POWER, math.ceil(math.log2(max(2, min(64 * count, 64 * space.size)))))
