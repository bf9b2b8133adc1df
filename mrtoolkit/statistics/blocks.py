"""Sums over blocks of time to numbers over their union: what every metric of every window is made of.

Arrays are (..., block); results are (...). A window is any run of neighbouring blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def deviation(n: Array | float, total: Array, total_sq: Array) -> Array:
    """Sample standard deviation (one degree of freedom less) from a count, a sum and a sum of squares.

    NaN for fewer than two values, and where it is under 1e-7 of the root mean square: there the digits are gone.
    """
    n = np.asarray(n, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (total_sq - total * total / n) / (n - 1.0)
        result = np.sqrt(np.where(variance > 0.0, variance, 0.0))
        known = (n > 1) & (result > 1e-7 * np.sqrt(total_sq / n))
    return np.where(known, result, np.nan)


def drawdown(growth: Array, highest: Array, lowest: Array, worst: Array) -> Array:
    """Largest fall from an earlier high over the union of the blocks, in [0, 1].

    Parameters
    ----------
    growth, highest, lowest : (..., block)
        Equity at a block's end, its highest and its lowest, as multiples of equity at the block's begin (which counts).
    worst : (..., block)
        Largest fall inside the block.

    Returns
    -------
    (...)
        Exact: the lowest point of a later block under the highest of all earlier ones, or a fall inside one block.
    """
    before = np.concatenate([np.ones_like(growth[..., :1]), np.cumprod(growth, axis=-1)[..., :-1]], axis=-1)
    highs = np.maximum.accumulate(highest * before, axis=-1)
    peak = np.concatenate([np.ones_like(growth[..., :1]), np.maximum(highs[..., :-1], 1.0)], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        below = 1.0 - lowest * before / peak
    return np.asarray(np.maximum(np.maximum(worst, below).max(axis=-1), 0.0))
