"""Fewer points for a picture that would have too many, without losing what stands out."""

from __future__ import annotations

import numpy as np


def thinned_places(values: np.ndarray, limit: int, *, full: int | None = None) -> np.ndarray:
    """Return the places of a series to draw: all up to `full`, else each stretch's lowest and highest.

    Parameters
    ----------
    values : (n,)
        NaN is drawn only where a stretch has nothing else.
    limit : int
        About how many places stand for more than `full` values.
    full : int, optional
        Default: `limit`.
    """
    if values.size <= (limit if full is None else full):
        return np.arange(values.size)
    stretches = np.array_split(np.arange(values.size), max(limit // 2, 1))
    known = np.isfinite(values)
    low = [int(s[np.argmin(np.where(known[s], values[s], np.inf))]) for s in stretches]
    high = [int(s[np.argmax(np.where(known[s], values[s], -np.inf))]) for s in stretches]
    return np.unique([0, *low, *high, values.size - 1])
