"""The boxes of a search's regions on a map, by level and round, and where each level looks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.maps.scale import Scale
from mrtoolkit.search.region import Region, have_place
from mrtoolkit.search.space import Space

_Edges = tuple[float, float, float, float]
_MOST = 48  # boxes of a level's earlier rounds that are drawn
_FEW, _OUTER = 8, 0.15  # of more boxes this part lies outside a window on each side
_STOPS = 16  # places at which a window of many boxes may end: it shall not tremble with every round
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

    A region that has no place on the map, as a parameter does not matter in it, is left out.

    Parameters
    ----------
    space : Space
    x, y : Scale
        `y` None for one parameter.
    at_once : sequence of int
        How many regions a round of each level has at most; beyond its end one.
    """

    def __init__(self, space: Space, x: Scale, y: Scale | None, at_once: Sequence[int]) -> None:
        self._space, self._x, self._y, self._at_once = space, x, y, list(at_once)
        self._n = 0
        self._recent: dict[int, list[tuple[int, _Edges, bool]]] = {}
        self._counts: dict[int, int] = {}
        self._strides: dict[int, int] = {}
        self._even: dict[int, list[tuple[int, _Edges, bool]]] = {}

    def read(self, regions: Sequence[Region]) -> bool:
        """Read what is new of all regions; say whether there was anything."""
        new = regions[self._n :]
        self._n += len(new)
        names = [scale.name for scale in (self._x, self._y) if scale is not None]
        for region, has_place in zip(new, have_place(self._space, new, names).tolist(), strict=True):
            self._add(region, has_place=has_place)
        return bool(new)

    def boxes(self) -> list[Box]:
        """Return the boxes to draw, coarse levels first, each level's last round last."""
        found = []
        for level in sorted(self._counts):
            recent = self._recent[level]
            parts = [(i, edges, False) for i, edges, _ in self._even[level] if i < recent[0][0]]
            is_any = not all(is_strewn for _, _, is_strewn in recent)
            parts += [(i, edges, not (is_any and is_strewn)) for i, edges, is_strewn in recent]
            found += [_box(level, i, edges, is_last=is_last) for i, edges, is_last in parts]
        return found

    def window(self, level: int | None, best: tuple[float, float] | None = None) -> _Edges:
        """Return the left, right, bottom and top of what a level looks into closely, with some room.

        Of many boxes those that lie apart are left out. All of the space where the level is None, or has no region.

        Parameters
        ----------
        best : (x, y), optional
            A place that shall be seen.
        """
        hull = self._hull(level) if level is not None else (0.0, 1.0, 0.0, 1.0)
        if level is not None and best is not None and math.isfinite(best[0]):
            x = float(self._x.units(np.array(best[0])))
            y = 0.5 if self._y is None or not math.isfinite(best[1]) else float(self._y.units(np.array(best[1])))
            hull = min(hull[0], x), max(hull[1], x), min(hull[2], y), max(hull[3], y)
        left, right = _with_room(self._x, hull[0], hull[1])
        if self._y is None:
            return left, right, math.nan, math.nan
        return left, right, *_with_room(self._y, hull[2], hull[3])

    def _hull(self, level: int) -> _Edges:
        """Return what a level looks into closely, in fractions of the axes."""
        recent = self._recent.get(level, [])
        earlier = [box for box in self._even.get(level, ()) if box[0] < recent[0][0]]
        close = [edges for _, edges, is_strewn in earlier + recent if not is_strewn]
        if not close:
            return 0.0, 1.0, 0.0, 1.0
        edges, is_many = np.array(close), len(close) > _FEW
        outer = _OUTER if is_many else 0.0
        found = []
        for scale, at in ((self._x, 0), (self._y, 2)):
            if scale is None:
                found += [0.0, 1.0]
            else:
                start = float(np.quantile(scale.units(edges[:, at]), outer))
                end = float(np.quantile(scale.units(edges[:, at + 1]), 1.0 - outer))
                if is_many:
                    start, end = math.floor(start * _STOPS) / _STOPS, math.ceil(end * _STOPS) / _STOPS
                found += [start, end]
        return found[0], found[1], found[2], found[3]

    def _add(self, region: Region, *, has_place: bool) -> None:
        level = region.level
        at_once = self._at_once[level] if level < len(self._at_once) else 1
        recent = self._recent.get(level, [])
        recent = [box for box in recent if box[0] > region.index - at_once] or recent[-1:]
        if not has_place:
            if recent:
                self._recent[level] = recent
            return
        edges = _edges(region.bounds, self._x) + (
            (math.nan, math.nan) if self._y is None else _edges(region.bounds, self._y)
        )
        number = self._counts.get(level, 0)
        self._counts[level] = number + 1
        stride = self._strides.setdefault(level, 1)
        even = self._even.setdefault(level, [])
        box = (region.index, edges, self._is_strewn(region))
        if number % stride == 0:
            even.append(box)
        if len(even) > _MOST:
            self._even[level] = even[::2]
            self._strides[level] = 2 * stride
        self._recent[level] = [each for each in recent if each[0] > region.index - at_once] + [box]

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
