"""The textbook's zoom: boxes around the best separated trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.search.dimensions import Categorical, Dimension, is_ordered
from mrtoolkit.search.level import Level
from mrtoolkit.search.objective import ranking
from mrtoolkit.search.region import Region, whole_space
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.protocol import History

_LABELS_TO_SEE_NEW = 5  # a box of one label to each side has three old ones, and five with those between


@dataclass(frozen=True, slots=True)
class PeakTransition:
    """The textbook's zoom: boxes around the best trials that lie apart.

    A box reaches `pad` labels of the level before it to each side of its centre, also past the edge of the region in
    which the centre was found, but not past the space. Of categories without an order it keeps its centre's. Boxes that
    overlap become one.
    """

    def regions(self, history: History, level: Level, *, index: int, round: int) -> Sequence[Region]:
        """Return the whole space for the first level, then boxes around the best separated trials."""
        if round > 0:
            return []
        order = ranking(history.scores, history.space.keys(history.codes))
        if index == 0 or len(order) == 0:
            return [whole_space(history.space, index)]
        n_regions = _affordable(history.space, level)
        boxes: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for trial in order:
            centre = history.codes[trial]
            if any((lower <= centre).all() and (centre <= upper).all() for _, lower, upper in boxes):
                continue
            boxes.append((centre, *_box(history, centre, level.pad)))
            if len(boxes) == n_regions:
                break
        merged = _merge(boxes)
        return [
            Region.from_codes(history.space, lower, upper, level=index, index=i, centre=centre)
            for i, (centre, lower, upper) in enumerate(merged)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that says which transition this is."""
        return {"transition": "peak"}


def _affordable(space: Space, level: Level) -> int:
    """Return how many regions a level's budget can look into at five labels a dimension: fewer would see little new."""
    if level.budget is None:
        return level.regions
    n_points = math.prod(_n_looked_at(space[name]) for name in space)
    return max(1, min(level.regions, level.budget // n_points))


def _n_looked_at(dimension: Dimension) -> int:
    if isinstance(dimension, Categorical):
        return min(_LABELS_TO_SEE_NEW, dimension.size) if dimension.ordered else 1
    return _LABELS_TO_SEE_NEW if dimension.size > 1 else 1


def _box(history: History, centre: np.ndarray, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the box that reaches `pad` labels of the last resolution around a centre."""
    axes = _resolution(history, centre)
    lower, upper = centre.copy(), centre.copy()
    for j, (name, axis) in enumerate(zip(history.space, axes, strict=True)):
        dimension = history.space[name]
        if not is_ordered(dimension):
            continue
        below, above = _gaps(axis, int(centre[j]))
        lower[j] = max(0, centre[j] - pad * below)
        upper[j] = min(dimension.size - 1, centre[j] + pad * above)
    return lower, upper


def _resolution(history: History, centre: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the labels of the last region that holds a point."""
    for looked in reversed(history.looked):
        lower, upper = looked.region.codes(history.space)
        if (lower <= centre).all() and (centre <= upper).all():
            return looked.axes
    return tuple(np.array([0, size - 1]) for size in history.space.sizes)


def _gaps(axis: np.ndarray, code: int) -> tuple[int, int]:
    """Return how far the next labels of an axis are below and above a code; at an edge, as far as to the other side."""
    below, above = axis[axis < code], axis[axis > code]
    gap_below = code - int(below[-1]) if len(below) else 0
    gap_above = int(above[0]) - code if len(above) else 0
    return gap_below or gap_above or 1, gap_above or gap_below or 1


def _merge(boxes: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return boxes (centre, lower, upper) of which no two overlap, each merged one around the better centre."""
    merged: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for box in boxes:
        centre, lower, upper = box
        place = len(merged)
        while True:
            hits = [i for i, (_, low, high) in enumerate(merged) if (low <= upper).all() and (lower <= high).all()]
            if not hits:
                break
            place = min(place, hits[0])
            centre = merged[hits[0]][0]
            lower = np.min([lower, *(merged[i][1] for i in hits)], axis=0)
            upper = np.max([upper, *(merged[i][2] for i in hits)], axis=0)
            merged = [other for i, other in enumerate(merged) if i not in hits]
        merged.insert(place, (centre, lower, upper))
    return merged
