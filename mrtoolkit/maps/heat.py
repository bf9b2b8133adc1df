"""The heat of a map: each pixel has the value of the nearest trial, and fades where nobody has tried anything near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SIDE = 120  # pixels; at eight pictures a second more would flood a notebook
REACH = 1.25  # of the distance to a trial's neighbours: cells of an even grid just close
WIDEST = 0.30  # of the map: how far a trial reaches at most
LONE = 0.12  # a trial without neighbours
_NEIGHBOURS = 4
_NARROWEST = 1.6  # pixels
_MANY = 4_000  # pixels with a trial: more lie so close that each reaches one pixel
_CLEAR = 0.65  # of its reach up to which a trial's colour is whole
_FAR = 1_000.0  # pixels between two categories
_LAST = 3  # levels told apart: later ones lie within what these have covered


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """An image over a part of a map.

    Attributes
    ----------
    values : (row, column) float64
        The objective, from the lowest row; NaN where the nearest trial has none.
    opacity : (row, column) float64
        In [0, 1]: 0 where nobody has tried anything near.
    left, right, bottom, top : float
        What it covers, in places of the axes.
    """

    values: np.ndarray
    opacity: np.ndarray
    left: float
    right: float
    bottom: float
    top: float


class Raster:
    """The best trial of each pixel of a map, filled batch by batch; its memory is its pixels.

    Parameters
    ----------
    rows, columns : int
        Pixels; of an axis of categories one each.
    has_categories : (bool, bool)
        Whether the rows, and the columns, are categories: then a trial tells nothing of the next one.
    """

    def __init__(
        self, rows: int = SIDE, columns: int = SIDE, *, has_categories: tuple[bool, bool] = (False, False)
    ) -> None:
        self._shape = (rows, columns)
        self._steps = tuple(_FAR if each else SIDE / n for each, n in zip(has_categories, self._shape, strict=True))
        self._score = np.full(rows * columns, -np.inf)
        self._value = np.full(rows * columns, np.nan)
        self._level = np.full(rows * columns, _LAST + 1)  # the first that tried a pixel; one more where none did

    def add(
        self, x: np.ndarray, y: np.ndarray, *, scores: np.ndarray, values: np.ndarray, levels: np.ndarray
    ) -> None:
        """Add trials at fractions of the two sides, (trial,); those outside 0 to 1, or NaN, are left out.

        `scores` say which of a pixel's trials is shown, the highest; -inf for one that does not count.
        """
        with np.errstate(invalid="ignore"):
            inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        row, column = (
            np.minimum((at[inside] * n).astype(np.int64), n - 1) for at, n in zip((y, x), self._shape, strict=True)
        )
        pixels, own = row * self._shape[1] + column, scores[inside]
        np.minimum.at(self._level, pixels, np.clip(levels[inside], 0, _LAST))
        np.maximum.at(self._score, pixels, own)
        won = (own == self._score[pixels]) & (own > -np.inf)
        self._value[pixels[won]] = values[inside][won]

    def image(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the values and the opacity of every pixel, both (row, column), the lowest row first."""
        values, opacity = np.full(self._shape, np.nan), np.zeros(self._shape)
        reaches = np.zeros(len(self._level))
        for level in sorted(set(self._level.tolist()) - {_LAST + 1}):
            # a level's trials are as far apart as it is coarse, however close later ones lie
            is_tried = self._level <= level
            reaches = np.where(self._level == level, self._reaches(np.flatnonzero(is_tried)), reaches)
            distance, (row, column) = _nearest(~is_tried.reshape(self._shape), self._steps)
            nearest = row * self._shape[1] + column
            reach = reaches[nearest]
            left = np.clip((reach - distance) / (reach * (1.0 - _CLEAR)), 0.0, 1.0)
            opacity = np.maximum(opacity, left * left * (3.0 - 2.0 * left))
            values = self._value[nearest]  # of the last level: the nearest of all
        return values, opacity

    def _reaches(self, at: np.ndarray) -> np.ndarray:
        """Return how far the trials of some pixels reach: about as far as their neighbours are away."""
        reaches = np.full(len(self._level), _NARROWEST)
        if len(at) > _MANY:
            return reaches
        if len(at) == 1:
            reaches[at] = LONE * SIDE
            return reaches
        points = np.stack(np.divmod(at, self._shape[1]), axis=1) * self._steps
        reaches[at] = np.clip(REACH * neighbour_distances(points), _NARROWEST, WIDEST * SIDE)
        return reaches


def neighbour_distances(points: np.ndarray) -> np.ndarray:
    """Return how far the nearest four others are from each of several places, in the mean, (place,).

    Parameters
    ----------
    points : (place, 2)
        At least two, all different.
    """
    from scipy.spatial import cKDTree  # 0.1 s to import, and only a map needs it

    found: Any = cKDTree(points).query(points, k=min(_NEIGHBOURS + 1, len(points)))
    return np.asarray(found[0][:, 1:].mean(axis=1))


def _nearest(is_empty: np.ndarray, steps: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the nearest pixel that is not empty is, (row, column), and where, (2, row, column)."""
    from scipy.ndimage import distance_transform_edt  # likewise

    found: Any = distance_transform_edt(is_empty, sampling=steps, return_indices=True)
    return found[0], found[1]
