"""The regions of a search that moves: where they are, how far they reach, and which of their points are to be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mrtoolkit.search._kernels.estimate import choose_separated
from mrtoolkit.search.dimensions import is_ordered
from mrtoolkit.search.region import Region
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.model import Model
from mrtoolkit.search.transitions.pool import Pool
from mrtoolkit.search.transitions.protocol import History, Kept, Look

_APART = 0.5  # of a correlation length between two centres
_TRIES = 4  # points a dimension that a region may take without improving, before it reaches half as far


_Tried: TypeAlias = dict[tuple[int, ...], int]


@dataclass(frozen=True, slots=True, eq=False)
class Centre:
    """A region: the best point that it is around, and how far it reaches.

    Attributes
    ----------
    codes : (dimension,) int64
    reach : (dimension,) int64
        In labels of the level's axes.
    lower, upper : (dimension,) int64
        Corners, as codes.
    """

    codes: np.ndarray
    reach: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


_CENTRES: Kept[list[Centre]] = Kept("centres")  # of the last round
_TRIED: Kept[_Tried] = Kept("tried")  # points of a region that has not moved, by its centre
_NUMBERS: Kept[dict[int, int]] = Kept("regions")  # regions so far, by level


def separated(
    history: History, pool: Pool, count: int, model: Model, axes: Sequence[np.ndarray | None]
) -> list[Centre]:
    """Return regions around the `count` best trials that lie apart, best first.

    A region whose centre stays where it is though many points of it were tried reaches half as far; one that has moved
    as far as the region in which its new centre was found.
    """
    best = pool.order[: max(256, 8 * count)]
    chosen = np.empty(count, dtype=np.int64)
    n_chosen = choose_separated(pool.points[best], model.is_category, model.scales, _APART, chosen)
    found = chosen[:n_chosen]
    past, tried = _CENTRES.get(history) or [], _TRIED.get_or_put(history, dict)
    first = first_reach(history, axes)
    return _CENTRES.put(
        history, [_centre(history.space, pool.codes[best[i]], past, first, axes, tried) for i in found]
    )


def as_looks(history: History, level: int, centres: Sequence[Centre], codes: np.ndarray) -> list[Look]:
    """Return points in the regions that hold them, each with its centre; those in none as a region of their own."""
    space = history.space
    looks: list[tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]] = []
    numbers, tried = _NUMBERS.get_or_put(history, dict), _TRIED.get_or_put(history, dict)
    left = np.ones(len(codes), dtype=bool)
    for centre in centres:
        inside = left & (centre.lower <= codes).all(axis=1) & (codes <= centre.upper).all(axis=1)
        if not inside.any():
            continue
        left &= ~inside
        points = np.concatenate([centre.codes[np.newaxis], codes[inside]])
        tried[tuple(centre.codes.tolist())] = tried.get(tuple(centre.codes.tolist()), 0) + len(points) - 1
        looks.append((centre.lower, centre.upper, centre.codes, points))
    if left.any():
        looks.append((codes[left].min(axis=0), codes[left].max(axis=0), None, codes[left]))
    first = numbers.get(level, 0)
    numbers[level] = first + len(looks)
    return [
        Look(region=Region.from_codes(space, lower, upper, level=level, index=first + i, centre=middle), codes=points)
        for i, (lower, upper, middle, points) in enumerate(looks)
    ]


def _centre(
    space: Space,
    codes: np.ndarray,
    past: Sequence[Centre],
    first: np.ndarray,
    axes: Sequence[np.ndarray | None],
    tried: _Tried,
) -> Centre:
    reach, place = first, tuple(codes.tolist())
    for region in past:
        if (region.codes == codes).all():
            is_stuck = tried.get(place, 0) >= _TRIES * len(space)
            tried[place] = 0 if is_stuck else tried.get(place, 0)
            reach = np.minimum(first, np.maximum(1, region.reach // (2 if is_stuck else 1)))
            break
        if (region.lower <= codes).all() and (codes <= region.upper).all():
            reach = np.minimum(first, region.reach)
            break
    lower, upper = codes.copy(), codes.copy()
    for j, (name, axis) in enumerate(zip(space, axes, strict=True)):
        last = space[name].size - 1
        if not is_ordered(space[name]):
            lower[j], upper[j] = 0, last
        elif axis is None:
            lower[j], upper[j] = max(0, codes[j] - reach[j]), min(last, codes[j] + reach[j])
        else:
            below, above = np.searchsorted(axis, codes[j]), np.searchsorted(axis, codes[j], side="right") - 1
            lower[j] = min(codes[j], axis[max(0, below - reach[j])])
            upper[j] = max(codes[j], axis[min(len(axis) - 1, above + reach[j])])
    return Centre(codes, reach, lower, upper)


def first_reach(history: History, axes: Sequence[np.ndarray | None]) -> np.ndarray:
    """Return how far a new region reaches: to about the next points of the first level, in labels of the axes."""
    space = history.space
    n_first = max(1, int(np.count_nonzero(history.levels == 0)))
    apart = 1.0 / max(2.0, round(n_first ** (1.0 / len(space)), 6))
    counts = [space[name].size if axis is None else len(axis) for name, axis in zip(space, axes, strict=True)]
    return np.array([max(1, int(np.ceil(count * apart))) for count in counts])
