"""The neighbourhood of a point on the lattice: all points within a part of the range, or some spread over them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from mrtoolkit.search.dimensions import Dimension, has_log_steps, is_ordered
from mrtoolkit.search.space import Space

RADIUS = 0.05  # of a dimension's range, by ratio on a log scale; at least one label
_LARGEST = 256  # points of a box that are all taken
_SPREAD = 128  # points of a larger one
_DIGITS = 9  # logarithms differ in their last bits between processors


def boxes(space: Space, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points around each point, itself the first: within 5 percent of the range, at least one label.

    Of the same categories, unless these are ordered. All points of a box of up to 256, else 128 that an additive
    sequence spreads over it, so that the work does not grow with the number of dimensions.

    Returns
    -------
    neighbours : (point, neighbour, dimension) int64
        Canonical codes.
    holds : (point, neighbour) bool
        Which of them are on the lattice and satisfy the constraints; an equal one counts once.
    """
    ends = [_ends(space[name], codes[:, j]) for j, name in enumerate(space)]
    lower, upper = np.stack([low for low, _ in ends], axis=1), np.stack([high for _, high in ends], axis=1)
    near, inside = _within(lower, upper - lower + 1)
    near = np.concatenate([codes[:, np.newaxis], near], axis=1)
    inside = np.concatenate([np.ones((len(codes), 1), dtype=bool), inside], axis=1).ravel()
    flat = near.reshape(-1, codes.shape[1])
    holds = np.zeros(len(flat), dtype=bool)
    holds[inside] = space.satisfies(flat[inside])
    flat = np.where(holds[:, np.newaxis], flat, 0)
    flat[holds] = space.canonical(flat[holds])
    return flat.reshape(near.shape), _once(space.keys(flat).reshape(near.shape[:2]), holds.reshape(near.shape[:2]))


def _within(lower: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of each box, (box, point, dimension), and which of them are so: each box by its own size."""
    sizes = np.multiply.reduce(widths.astype(np.float64), axis=1)  # those of twelve dimensions go beyond int64
    is_small = sizes <= _LARGEST
    most = int(max(sizes[is_small].max(initial=0), 0 if is_small.all() else _SPREAD))
    moves = np.zeros((len(widths), most, widths.shape[1]))
    inside = np.zeros(moves.shape[:2], dtype=bool)
    place = np.arange(moves.shape[1])
    inside[is_small] = place < sizes[is_small, np.newaxis]
    left = np.broadcast_to(place, (int(is_small.sum()), len(place)))
    for j in reversed(range(widths.shape[1])):
        left, moves[is_small, :, j] = np.divmod(left, widths[is_small, j, np.newaxis])
    if not is_small.all():
        inside[~is_small, :_SPREAD] = True
        moves[~is_small, :_SPREAD] = np.floor(_spread(widths.shape[1]) * widths[~is_small, np.newaxis])
    return lower[:, np.newaxis] + moves.astype(np.int64), inside


def _ends(dimension: Dimension, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last code within reach of each."""
    if not is_ordered(dimension) or dimension.size == 1:
        return codes, codes
    last = dimension.size - 1
    if not has_log_steps(dimension):
        reach = max(1, math.floor(round(RADIUS * last, _DIGITS)))
        return np.maximum(0, codes - reach), np.minimum(last, codes + reach)
    low, high = (float(value) for value in dimension.decode(np.array([0, last])))
    ratio, step = math.pow(high / low, RADIUS), (high - low) / last
    labels = dimension.decode(codes).astype(np.float64)
    below = np.ceil(np.round((labels / ratio - low) / step, _DIGITS)).astype(np.int64)
    above = np.floor(np.round((labels * ratio - low) / step, _DIGITS)).astype(np.int64)
    return np.maximum(0, np.minimum(below, codes - 1)), np.minimum(last, np.maximum(above, codes + 1))


@cache
def _spread(n_dimensions: int) -> np.ndarray:
    """Return points spread over the unit cube, (point, dimension): multiples of the powers of a root, without end.

    The root is that of x ** (d + 1) = x + 1 (Roberts, 2018: the golden ratio for one dimension).
    """
    root = 1.0
    for _ in range(60):
        root = math.pow(1.0 + root, 1.0 / (n_dimensions + 1))
    steps = np.array([round(root ** -(j + 1), _DIGITS) for j in range(n_dimensions)])
    return np.asarray(np.round((0.5 + np.arange(_SPREAD)[:, np.newaxis] * steps) % 1.0, _DIGITS) % 1.0)


def _once(keys: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """Return which neighbours hold and are the first of their row that are so."""
    order = np.argsort(np.where(holds, keys, -1), axis=1, kind="stable")
    rows = np.arange(len(keys))[:, np.newaxis]
    ordered, is_first = keys[rows, order], np.ones(keys.shape, dtype=bool)
    is_first[:, 1:] = (ordered[:, 1:] != ordered[:, :-1]) | ~holds[rows, order][:, :-1]
    result = np.empty_like(holds)
    result[rows, order] = is_first & holds[rows, order]
    return result
