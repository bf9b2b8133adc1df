"""Points that a search could try next: around a centre, anywhere, and beside the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from mrtoolkit.search.dimensions import Categorical, is_ordered
from mrtoolkit.search.level import Level
from mrtoolkit.search.space import Space

_STAY = 0.5  # of a centre's labels are left as they are
_CHANGE = 0.3  # of its categories are changed
_WHOLE_BOX = 4  # dimensions up to which all neighbours of a point are 80 or fewer


def axes_of(space: Space, level: Level) -> list[np.ndarray | None]:
    """Return the labels that a level looks at in each dimension, of its grid or step, as codes; None for all."""
    axes: list[np.ndarray | None] = []
    for name in space:
        dimension = space[name]
        step = level.step.get(name) if isinstance(level.step, Mapping) else level.step
        if level.grid is not None and name in level.grid:
            axes.append(space.axis(name, tuple(level.grid[name])))
        elif isinstance(dimension, Categorical) or step is None:
            axes.append(None)
        else:
            first, second = dimension.decode(np.array([0, min(1, dimension.size - 1)])).astype(float)
            stride = max(1, round(float(step) / (second - first))) if second > first else 1
            axes.append(np.arange(0, dimension.size, stride))
    return axes


def around(
    space: Space,
    centre: np.ndarray,
    reach: np.ndarray,
    axes: Sequence[np.ndarray | None],
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return points around a centre: up to `reach` labels of the axes away, more of them near it than far."""
    points = np.empty((count, len(centre)), dtype=np.int64)
    stays = rng.random((count, len(centre)))
    for j, name in enumerate(space):
        size, axis = space[name].size, axes[j]
        if not is_ordered(space[name]):
            points[:, j] = np.where(stays[:, j] < _CHANGE, rng.integers(0, size, count), centre[j])
            continue
        steps = _steps(int(reach[j]))
        moves = steps[rng.integers(0, len(steps), count)]
        if axis is None:
            there = centre[j] + moves
            is_there = (there >= 0) & (there < size)
        else:
            place = _nearest(axis, int(centre[j])) + moves
            is_there = (place >= 0) & (place < len(axis))
            there = axis[np.clip(place, 0, len(axis) - 1)]
        points[:, j] = np.where(is_there & (stays[:, j] >= _STAY), there, centre[j])
    return points


def anywhere(space: Space, axes: Sequence[np.ndarray | None], count: int, rng: np.random.Generator) -> np.ndarray:
    """Return points drawn from the axes."""
    columns = []
    for name, axis in zip(space, axes, strict=True):
        if axis is None:
            columns.append(rng.integers(0, space[name].size, count))
        else:
            columns.append(axis[rng.integers(0, len(axis), count)])
    return np.stack(columns, axis=1)


def beside(space: Space, centres: np.ndarray, rng: np.random.Generator, stride: np.ndarray | int = 1) -> np.ndarray:
    """Return the neighbours of centres (centre, dimension): `stride` labels away in each dimension, corners included.

    In more than four dimensions those along an axis and 64 corners, for there are too many. Any other category is a
    neighbour. Points outside the space are left out; they come centre by centre.
    """
    n_dimensions = centres.shape[1]
    moves = np.array(list(product((-1, 0, 1), repeat=min(n_dimensions, _WHOLE_BOX))), dtype=np.int64)
    if n_dimensions > _WHOLE_BOX:
        one = np.eye(n_dimensions, dtype=np.int64)
        moves = np.concatenate([one, -one, rng.integers(-1, 2, (64, n_dimensions))])
    moves = moves[moves.any(axis=1)]
    points = centres[:, np.newaxis, :] + moves * stride
    for j, name in enumerate(space):
        if not is_ordered(space[name]):
            points[..., j] = (centres[:, np.newaxis, j] + moves[:, j]) % space[name].size
    flat = points.reshape(-1, n_dimensions)
    sizes = np.array(space.sizes)
    return np.asarray(flat[((flat >= 0) & (flat < sizes)).all(axis=1)])


def _steps(reach: int) -> np.ndarray:
    """Return the moves along a dimension: 1, 2, 3, 4, 6, 9, ... labels up to `reach` to each side."""
    steps, step = [0], 1
    while step <= max(1, reach):
        steps += [step, -step]
        step = step + 1 if step < 4 else step * 3 // 2
    return np.array(steps)


def _nearest(axis: np.ndarray, code: int) -> int:
    above = int(np.searchsorted(axis, code))
    if above == len(axis) or (above > 0 and code - axis[above - 1] <= axis[above] - code):
        return above - 1
    return above
