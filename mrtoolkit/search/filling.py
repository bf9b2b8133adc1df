"""From a level and its regions to the points that it asks for, as lattice codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mrtoolkit.search.dimensions import Categorical, is_ordered, nearest_codes
from mrtoolkit.search.level import Level, refuse_absurd, stride
from mrtoolkit.search.region import Region
from mrtoolkit.search.slots import first_places
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.protocol import Look

Known: TypeAlias = Callable[[np.ndarray], np.ndarray]
Drawing: TypeAlias = Callable[[], np.random.Generator]
"""Gives the one generator of a round: most rounds draw nothing, and to make one takes longer than to fill a grid."""

_DEFAULT_LABELS = 5
_SPARSE = 64  # a grid is tried up to so many times its budget, as constraints may leave that little of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """The points of one level.

    Attributes
    ----------
    codes : (point, dimension) int64
        Distinct, satisfying the constraints, in the order in which they are run: region by region, lower labels first.
    regions : (point,) int64
        The first region that a point lies in.
    axes : a tuple a region, of (label,) int64 a dimension
        The labels looked at: the resolution from which the next level takes its own.
    """

    codes: np.ndarray
    regions: np.ndarray
    axes: tuple[tuple[np.ndarray, ...], ...]


def fill(space: Space, level: Level, regions: Sequence[Region], rng: Drawing, is_known: Known | None = None) -> Filling:
    """Return the points that a level asks for in its regions.

    A budget is of new points: those whose keys `is_known` knows are not counted.
    """
    known: Known = is_known or (lambda keys: np.zeros(len(keys), dtype=bool))
    share = None if level.budget is None else max(1, level.budget // len(regions))
    all_codes, all_axes = [], []
    for region in regions:
        lower, upper = region.codes(space)
        axes = _axes(space, level, (lower, upper), share, known)
        if axes is None:
            codes, axes = _design(space, level, (lower, upper), share or 1, rng, known)
        else:
            refuse_absurd(level.name, math.prod(len(axis) for axis in axes) * len(regions))
            codes = _product(space, axes)
        all_codes.append(codes)
        all_axes.append(tuple(axes))
    if len(regions) == 1:  # whose points are distinct
        return Filling(codes=codes, regions=np.zeros(len(codes), dtype=np.int64), axes=tuple(all_axes))
    codes = np.concatenate(all_codes)
    index = np.repeat(np.arange(len(regions)), [len(part) for part in all_codes])
    first = first_places(space.keys(codes))
    return Filling(codes=codes[first], regions=index[first], axes=tuple(all_axes))


def filling_of(space: Space, looks: Sequence[Look]) -> Filling:
    """Return the points that a transition has chosen itself, each in the first region that has it."""
    codes = np.concatenate([look.codes for look in looks])
    index = np.repeat(np.arange(len(looks)), [len(look.codes) for look in looks])
    first = first_places(space.keys(codes))
    axes = tuple(tuple(np.unique(look.codes[:, j]) for j in range(len(space))) for look in looks)
    return Filling(codes=codes[first], regions=index[first], axes=axes)


def region_of_grid(space: Space, level: Level, index: int, best: np.ndarray | None) -> Region:
    """Return the box around a grid that names every parameter, centred on the best point where that lies within."""
    codes = [space.axis(name, tuple((level.grid or {})[name])) for name in space]
    lower, upper = np.array([c[0] for c in codes]), np.array([c[-1] for c in codes])
    is_inside = best is not None and bool((lower <= best).all() and (best <= upper).all())
    return Region.from_codes(space, lower, upper, level=index, index=0, centre=best if is_inside else None)


def _axes(
    space: Space, level: Level, box: tuple[np.ndarray, np.ndarray], budget: int | None, is_known: Known
) -> list[np.ndarray] | None:
    """Return the labels of each dimension; None where the budget is too small for a grid."""
    lower, upper = box
    found = {j: _fixed_axis(space, level, name, lower[j], upper[j]) for j, name in enumerate(space)}
    fixed = {j: axis for j, axis in found.items() if axis is not None}
    free = [j for j in range(len(space)) if j not in fixed]
    if not free:
        return [fixed[j] for j in range(len(space))]
    if budget is None:
        return [fixed[j] if j in fixed else _spread(space, j, lower, upper, _DEFAULT_LABELS) for j in range(len(space))]
    return _fit_budget(space, fixed, box, budget, is_known)


def _fixed_axis(space: Space, level: Level, name: str, lower: int, upper: int) -> np.ndarray | None:
    """Return the labels that `grid`, `step` or `labels` give a dimension between two codes, None where none does."""
    dimension = space[name]
    if level.grid is not None and name in level.grid:
        return space.axis(name, tuple(level.grid[name]))
    if not is_ordered(dimension):
        return np.arange(lower, upper + 1)
    step = level.step.get(name) if isinstance(level.step, Mapping) else level.step
    if step is not None and isinstance(dimension, Categorical):  # one step for all numbers: categories have none
        return np.arange(lower, upper + 1)
    if step is not None:
        every = stride(dimension, step)
        axis = np.arange(-(-lower // every) * every, upper + 1, every)
        return axis if len(axis) else np.array([(lower + upper) // 2])
    count = level.labels.get(name) if isinstance(level.labels, Mapping) else level.labels
    if count is None:
        return None
    refuse_absurd(level.name, int(count))
    return np.unique(nearest_codes(dimension, _fractions(int(count)), int(lower), int(upper)))


def _fit_budget(
    space: Space, fixed: Mapping[int, np.ndarray], box: tuple[np.ndarray, np.ndarray], budget: int, is_known: Known
) -> list[np.ndarray] | None:
    """Return the grid of most labels a dimension whose points fit the budget, None where three a dimension do not."""
    lower, upper = box
    widths = {j: int(upper[j] - lower[j] + 1) for j in range(len(space)) if j not in fixed}

    def grid(counts: Mapping[int, int]) -> list[np.ndarray]:
        return [fixed[j] if j in fixed else _spread(space, j, lower, upper, counts[j]) for j in range(len(space))]

    def fits(counts: Mapping[int, int]) -> bool:
        n_points = math.prod([len(axis) for axis in fixed.values()] + list(counts.values()))
        if n_points > _SPARSE * budget:
            return False
        codes = _product(space, grid(counts))
        return len(codes) > 0 and int(np.count_nonzero(~is_known(space.keys(codes)))) <= budget

    if fits(widths):
        return grid(widths)
    counts = {j: min(width, 3) for j, width in widths.items()}
    if not fits(counts):
        return None
    growing = [j for j in widths if counts[j] < widths[j]]
    while growing:
        j = min(growing, key=lambda k: counts[k])
        if counts[j] < widths[j] and fits({**counts, j: counts[j] + 1}):
            counts[j] += 1
        else:
            growing.remove(j)
    return grid(counts)


def _design(
    space: Space,
    level: Level,
    box: tuple[np.ndarray, np.ndarray],
    budget: int,
    rng: Drawing,
    is_known: Known,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return up to `budget` new points of a shifted Sobol sequence in a box, and a grid that is as fine as they are."""
    from scipy.stats import qmc  # heavy, and only large spaces need it

    lower, upper = box
    sobol = qmc.Sobol(len(space), scramble=False)
    shift = rng().random(len(space))
    found = np.empty((0, len(space)), dtype=np.int64)
    for power in range(math.ceil(math.log2(budget)) + 1, math.ceil(math.log2(budget)) + 8):
        sobol.reset()
        unit = (sobol.random_base2(power) + shift) % 1.0
        codes = np.stack(
            [_place(space, level, name, unit[:, j], (lower[j], upper[j])) for j, name in enumerate(space)], axis=1
        )
        codes = space.distinct(codes)
        found = codes[~is_known(space.keys(codes))][:budget]
        if len(found) == budget:
            break
    if len(found) < budget and _is_whole(space, level, box):  # the constraints leave too little to be met by chance
        placed = space.place(unit)
        if placed is not None:
            placed = space.distinct(placed)
            found = placed[~is_known(space.keys(placed))][:budget]
    found = found[np.argsort(space.keys(found), kind="stable")]
    per_dimension = max(2, round(budget ** (1 / len(space))))
    return found, [_spread(space, j, lower, upper, per_dimension) for j in range(len(space))]


def _is_whole(space: Space, level: Level, box: tuple[np.ndarray, np.ndarray]) -> bool:
    """Say whether a level looks at the whole space with no labels of its own."""
    is_free = level.grid is None and level.step is None and level.labels is None
    return is_free and not box[0].any() and bool((box[1] == np.array(space.sizes) - 1).all())


def _place(space: Space, level: Level, name: str, unit: np.ndarray, ends: tuple[int, int]) -> np.ndarray:
    """Return codes for fractions of the way through a dimension: of its fixed labels, or of the region's."""
    axis = _fixed_axis(space, level, name, *ends)
    if axis is not None:
        return np.asarray(axis[np.minimum((unit * len(axis)).astype(np.int64), len(axis) - 1)])
    return nearest_codes(space[name], unit, int(ends[0]), int(ends[1]))


def _spread(space: Space, j: int, lower: np.ndarray, upper: np.ndarray, count: int) -> np.ndarray:
    dimension = space[space.params[j]]
    if not is_ordered(dimension):
        return np.arange(lower[j], upper[j] + 1)
    count = min(count, int(upper[j] - lower[j] + 1))
    return np.unique(nearest_codes(dimension, _fractions(count), int(lower[j]), int(upper[j])))


def _fractions(count: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, count) if count > 1 else np.array([0.5])


def _product(space: Space, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the combinations of labels that satisfy the constraints, lower labels first."""
    grid = np.empty((*map(len, axes), len(axes)), dtype=np.int64)
    for j, axis in enumerate(axes):
        grid[..., j] = axis.reshape([-1 if k == j else 1 for k in range(len(axes))])
    codes = grid.reshape(-1, len(axes))
    if space.has_conditions:
        return space.distinct(codes)
    return np.asarray(codes[space.satisfies(codes)]) if space.where else codes
