"""The heat of a map: each pixel has the value of the nearest trial, and the less of its colour the farther that is.

So a search that zooms is sharp where it looked closely, coarse where it looked coarsely, and blank where nobody was.
"""

from __future__ import annotations

import numpy as np

_CLOSEST, _FARTHEST = 0.03, 0.28  # of a side: what the reach of a trial is held to


def nearest_trials(x: np.ndarray, y: np.ndarray, score: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return for each pixel of the unit square the nearest trial, and how far away it is.

    Parameters
    ----------
    x, y : (trial,)
        In shares of the axes; y upwards.
    score : (trial,)
        Higher is better; of trials that share x and y the best stands for them. NaN where there is none.
    shape : (int, int)
        Rows and columns of pixels; the first row is the lowest.

    Returns
    -------
    trial : shape, int
    distance : shape, float
        In sides of the square.
    """
    from scipy.spatial import cKDTree  # 0.1 s to import, and only who draws a map needs it

    rows, columns = shape
    if x.size > rows * columns // 4:  # several a pixel: the best of them, not the one nearest to its middle
        x, y = ((np.floor(v * n) + 0.5) / n for v, n in ((x, columns), (y, rows)))
    places = _distinct(x, y, score)
    across, up = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    tree = cKDTree(np.column_stack([x, y])[places])
    distance, found = (np.asarray(v) for v in tree.query(np.column_stack([across.ravel(), up.ravel()])))
    return places[found].reshape(shape), distance.reshape(shape)


def reach(x: np.ndarray, y: np.ndarray) -> float:
    """Return how far a trial's colour carries, in sides of the square: about as far as the next trial is.

    Parameters
    ----------
    x, y : (trial,)
        Those of the coarsest level, in shares of the axes.
    """
    from scipy.spatial import cKDTree

    points = np.unique(np.column_stack([x, y]), axis=0)
    if len(points) < 2:
        return _FARTHEST
    nearest = cKDTree(points).query(points, k=[2])[0]
    return float(np.clip(1.1 * np.quantile(nearest, 0.75), _CLOSEST, _FARTHEST))


def opacity(distance: np.ndarray, reach: float) -> np.ndarray:
    """Return how much of its colour a pixel has: nearly all half a `reach` from a trial, a third at it, then none."""
    return np.exp(-((distance / reach) ** 4))


def _distinct(x: np.ndarray, y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the trials that stand for their x and y: of equal ones the best, then the first."""
    order = np.lexsort((np.arange(x.size), -np.where(np.isnan(score), -np.inf, score), y, x))
    first = np.ones(order.size, dtype=bool)
    first[1:] = (np.diff(x[order]) != 0) | (np.diff(y[order]) != 0)
    return order[first]
