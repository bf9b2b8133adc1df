"""Sums over time to numbers: what metrics of any window are made of. Arrays and results are (...)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDING = 1e-12
"""A return is a ratio of equities less one: what is smaller than this is the rounding of numbers near one."""


def deviation(n: Array | float, total: Array, total_sq: Array) -> Array:
    """Sample standard deviation (one degree of freedom less) from a count, a sum and a sum of squares.

    NaN for fewer than two values, and where it is under 1e-7 of the root mean square or under `ROUNDING`: there the
    digits are gone.
    """
    n = np.asarray(n, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (total_sq - total * total / n) / (n - 1.0)
        result = np.sqrt(np.where(variance > 0.0, variance, 0.0))
        known = (n > 1) & (result > 1e-7 * np.sqrt(total_sq / n)) & (result > ROUNDING)
    return np.where(known, result, np.nan)
