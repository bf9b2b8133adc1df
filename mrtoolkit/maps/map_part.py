"""The map of a search: two parameters as axes, the trials, the regions and the heat between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.maps.heat import SIDE, Heat, Raster
from mrtoolkit.maps.level_boxes import Box, LevelBoxes
from mrtoolkit.maps.levels import level_entries
from mrtoolkit.maps.scale import Scale
from mrtoolkit.search.study import Study
from mrtoolkit.words import counted

_FEW = 30  # labels: each is four pixels or more of the heat, and nothing lies between two

Window = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """At most 2,000 trials on the map, in the order in which they were made.

    Attributes
    ----------
    trial, level : (point,) int64
    x, y : (point,) float64
        Places on the axes; y is the value where there is one parameter.
    value : (point,) float64
        The objective; NaN where there is none, or a constraint is broken.
    """

    trial: np.ndarray
    level: np.ndarray
    x: np.ndarray
    y: np.ndarray
    value: np.ndarray


class MapPart:
    """One choice of axes over a growing study.

    Parameters
    ----------
    study : Study
    x : str
    y : str or None
        None for a space of one parameter.
    """

    def __init__(self, study: Study, x: str, y: str | None) -> None:
        self._study = study
        self.x = Scale.of(study.space, x)
        self.y = None if y is None else Scale.of(study.space, y)
        at_once = [int(entry.get("regions") or 1) for entry in level_entries(study)]
        self._boxes = LevelBoxes(study.space, self.x, self.y, at_once)
        self._raster: Raster | None = None
        self._seen: tuple[Window, int | None] | None = None  # what the raster covers, and up to which level
        self._n = 0
        self._n_met, self._has_met = 0, y is None or not study.space.has_conditions

    def read_regions(self) -> bool:
        """Read what is new of the study's regions; say whether there was anything."""
        return self._boxes.read(list(self._study.regions))

    def boxes(self, level: int | None) -> list[Box]:
        """Return the boxes to draw, up to a level, or all."""
        return [box for box in self._boxes.boxes() if level is None or box.level <= level]

    def window(self, level: int | None, best: int | None = None) -> Window:
        """Return what a level looks into and the best trial with it; the whole space where the level is None."""
        return self._boxes.window(level, None if best is None else self.place(best))

    def points(self, trials: np.ndarray, level: int | None) -> Points:
        """Return some trials as points, up to a level, or all; without those at which an axis does not matter."""
        x, y, values = self._placed(trials)
        levels = self._study.log.level[trials]
        shown = np.isfinite(x) & np.isfinite(y) & (True if level is None else levels <= level)
        return Points(trial=trials[shown], level=levels[shown], x=x[shown], y=y[shown], value=values[shown])

    def heat(self, n: int, window: Window, level: int | None) -> Heat | None:
        """Return the image over a window, of the first n trials up to a level; None for one parameter.

        Only what is new is read, as long as the window and the level stay.
        """
        if self.y is None:
            return None
        if self._raster is None or self._seen != (window, level):
            self._raster, self._seen, self._n = _raster(self.x, self.y), (window, level), 0
        left, right, bottom, top = _within(self.x, window[:2]) + _within(self.y, window[2:])
        for first in range(self._n, n, 20_000):  # so that the tables on the way stay small
            trials = np.arange(first, min(first + 20_000, n))
            if level is not None:
                trials = trials[self._study.log.level[trials] <= level]
            x, y, values = self._placed(trials)
            self._raster.add(
                _fractions(self.x, x, left, right),
                _fractions(self.y, y, bottom, top),
                scores=self._study.log.score[trials],
                values=values,
                levels=self._study.log.level[trials],
            )
        self._n = n
        shown, opacity = self._raster.image()
        return Heat(values=shown, opacity=opacity, left=left, right=right, bottom=bottom, top=top)

    def apart(self, n: int) -> str:
        """Return in a sentence that the two parameters matter together in none of the first n trials, or nothing.

        Only what is new is read.
        """
        if self.y is not None and not self._has_met:
            active = self._study.space.active(self._study.log.codes[self._n_met : n])
            self._has_met = bool((active[:, self.x.column] & active[:, self.y.column]).any())
            self._n_met = n
        if self.y is None or self._has_met or n == 0:
            return ""
        return (
            f"{self.x.name} and {self.y.name} matter together in none of {counted(n, 'trial')}: choose another "
            "parameter for one of the axes."
        )

    def edges(self, bounds: Mapping[str, tuple[Any, Any]]) -> Window:
        """Return the borders of bounds on this map; of a parameter that has none, its axis."""
        x = self.x.borders(*bounds[self.x.name]) if self.x.name in bounds else self.x.ends
        if self.y is None:
            return (*x, math.nan, math.nan)
        return (*x, *(self.y.borders(*bounds[self.y.name]) if self.y.name in bounds else self.y.ends))

    def bounds(self, window: Window) -> dict[str, tuple[Any, Any]]:
        """Return a rectangle as first and last label of its parameters, at least two labels each."""
        found = {self.x.name: self.x.stretch(*window[:2])}
        if self.y is not None:
            found[self.y.name] = self.y.stretch(*window[2:])
        return found

    def place(self, trial: int) -> tuple[float, float]:
        """Return where a trial stands."""
        x, y, _ = self._placed(np.array([trial]))
        return float(x[0]), float(y[0])

    def _placed(self, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return places and values, (trial,); the place is NaN where a parameter does not matter."""
        log, space = self._study.log, self._study.space
        codes, value = log.codes[trials], log.value[trials]
        values = np.where(log.feasible[trials] & np.isfinite(value), value, np.nan)
        x = self.x.places(codes)
        y = values.copy() if self.y is None else self.y.places(codes)
        if space.has_conditions and len(codes):
            active = space.active(codes)
            x = np.where(active[:, self.x.column], x, np.nan)
            y = y if self.y is None else np.where(active[:, self.y.column], y, np.nan)
        return x, y, values


def _raster(x: Scale, y: Scale) -> Raster:
    """Return an empty image of two axes: a pixel each of few categories, or few labels."""
    rows, columns = (
        scale.dimension.size if _has_few(scale) else min(len(scale.categories), SIDE) or SIDE for scale in (y, x)
    )
    return Raster(rows, columns, has_categories=(bool(y.categories), bool(x.categories)))


def _has_few(scale: Scale) -> bool:
    """Say whether an axis of numbers has few labels: trials close together on one would leave a gap before the next."""
    return not scale.categories and not scale.is_log and 1 < scale.dimension.size <= _FEW


def _within(scale: Scale, stretch: tuple[float, float]) -> tuple[float, float]:
    """Return the part of a stretch that lies on the axis; of categories and few labels all, as none is cut in two."""
    low, high = scale.ends
    if scale.categories or _has_few(scale):
        return low, high
    return max(stretch[0], low), min(stretch[1], high)


def _fractions(scale: Scale, places: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return places as fractions of a stretch of the axis."""
    low, high = scale.units(np.array([start, end]))
    return np.asarray((scale.units(places) - low) / ((high - low) or 1.0))
