"""The boxes of a search's regions on a map, by level and round, and where each level looks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.maps.scale import Scale
from mrtoolkit.search.region import Region

_Edges = tuple[float, float, float, float]
_MOST = 48  # boxes of a level's earlier rounds that are drawn
_ROOM = 0.06  # of a window, round the boxes it shows
_STREWN = 0.15  # of the map: a larger box round no trial in particular holds points strewn over it
_SMALLEST = 0.04  # of an axis: a window is at least so wide


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A region as a rectangle of a map.

    Attributes
    ----------
    level, index : int
        Which level it belongs to, and its place among that level's regions.
    left, right, bottom, top : float
        Borders, in places of the axes; NaN at the bottom and the top where there is one axis.
    is_last : bool
        Whether it belongs to the last round of its level, and is more than the box round strewn points.
    """

    level: int
    index: int
    left: float
    right: float
    bottom: float
    top: float
    is_last: bool


class LevelBoxes:
    """Regions of a growing study as boxes of one map.

    A level's earlier rounds are thinned to an even choice, so that what is drawn does not grow.

    Parameters
    ----------
    x, y : Scale
        `y` None for one parameter.
    at_once : sequence of int
        How many regions a round of each level has at most; beyond its end one.
    """

    def __init__(self, x: Scale, y: Scale | None, at_once: Sequence[int]) -> None:
        self._x, self._y, self._at_once = x, y, list(at_once)
        self._n = 0
        self._edges: dict[int, list[tuple[_Edges, bool]]] = {}
        self._counts: dict[int, int] = {}
        self._strides: dict[int, int] = {}
        self._even: dict[int, list[tuple[int, _Edges]]] = {}
        self._hulls: dict[int, _Edges] = {}

    def read(self, regions: Sequence[Region]) -> bool:
        """Read what is new of all regions; say whether there was anything."""
        new = regions[self._n :]
        self._n += len(new)
        for region in new:
            self._add(region)
        return bool(new)

    def boxes(self) -> list[Box]:
        """Return the boxes to draw, coarse levels first, each level's last round last."""
        found = []
        for level in sorted(self._counts):
            recent, first = self._edges[level], self._counts[level] - len(self._edges[level])
            parts = [(i, edges, False) for i, edges in self._even[level] if i < first]
            is_any = not all(is_strewn for _, is_strewn in recent)
            parts += [(first + j, edges, not (is_any and is_strewn)) for j, (edges, is_strewn) in enumerate(recent)]
            found += [_box(level, i, edges, is_last=is_last) for i, edges, is_last in parts]
        return found

    def window(self, level: int | None) -> _Edges:
        """Return the left, right, bottom and top of what a level looks into closely, with some room.

        All of the space where the level is None, or has no region.
        """
        whole = (0.0, 1.0, 0.0, 1.0)
        hull = whole if level is None else self._hulls.get(level, whole)
        left, right = _with_room(self._x, hull[0], hull[1])
        if self._y is None:
            return left, right, math.nan, math.nan
        return left, right, *_with_room(self._y, hull[2], hull[3])

    def _add(self, region: Region) -> None:
        level = region.level
        edges = _edges(region.bounds, self._x) + (
            (math.nan, math.nan) if self._y is None else _edges(region.bounds, self._y)
        )
        number = self._counts.get(level, 0)
        self._counts[level] = number + 1
        stride = self._strides.setdefault(level, 1)
        even, recent = self._even.setdefault(level, []), self._edges.setdefault(level, [])
        if number % stride == 0:
            even.append((number, edges))
        if len(even) > _MOST:
            self._even[level] = even[::2]
            self._strides[level] = 2 * stride
        is_strewn = self._is_strewn(region)
        recent.append((edges, is_strewn))
        del recent[: -(self._at_once[level] if level < len(self._at_once) else 1)]
        if is_strewn:  # it is everywhere: the level's other regions are where it looks closely
            return
        x = self._x.units(np.array(edges[:2]))
        y = np.array([0.0, 1.0]) if self._y is None else self._y.units(np.array(edges[2:]))
        mine = (float(x[0]), float(x[1]), float(y[0]), float(y[1]))
        old = self._hulls.get(level, mine)
        self._hulls[level] = min(old[0], mine[0]), max(old[1], mine[1]), min(old[2], mine[2]), max(old[3], mine[3])


    def _is_strewn(self, region: Region) -> bool:
        """Say whether a round's region is only the box round points that lie in none of its other regions."""
        scales = [scale for scale in (self._x, self._y) if scale is not None and scale.name in region.bounds]
        if region.level == 0 or self._at_once[region.level : region.level + 1] in ([], [1]):
            return False
        share = 1.0
        for scale in scales:
            first, last, middle = scale.dimension.encode([*region.bounds[scale.name], region.centre.get(scale.name)])
            if middle != (first + last) // 2:
                return False
            share *= (last - first + 1) / scale.dimension.size
        return share > _STREWN


def _edges(bounds: Mapping[str, tuple[Any, Any]], scale: Scale) -> tuple[float, float]:
    return scale.borders(*bounds[scale.name]) if scale.name in bounds else scale.ends


def _box(level: int, index: int, edges: _Edges, *, is_last: bool) -> Box:
    left, right, bottom, top = edges
    return Box(level=level, index=index, left=left, right=right, bottom=bottom, top=top, is_last=is_last)


def _with_room(scale: Scale, start: float, end: float) -> tuple[float, float]:
    """Return a stretch of fractions of an axis as places, widened a little, never far outside the axis."""
    room = max(_ROOM * (end - start), (_SMALLEST - (end - start)) / 2)
    low, high = scale.at(np.array([max(start - room, -0.02), min(end + room, 1.02)]))
    return float(low), float(high)
