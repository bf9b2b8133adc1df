"""Which values a picture of a search spans: the good ones and most of the others, not the worst outlier."""

from __future__ import annotations

import numpy as np

_WORST = 0.05  # of the values that may lie beyond the picture on the bad side
_REACH = 3.0  # times the spread of the others beyond which a bad value is an outlier


def value_range(values: np.ndarray, *, is_maximized: bool) -> tuple[float, float]:
    """Return the lowest and the highest value to show; (0, 1) where there is none.

    The best is always inside. On the bad side at most 5 percent of the values are left out, and only those that lie
    far from the rest: one trial of -1000 would make a flat line of all the others.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return 0.0, 1.0
    sign = 1.0 if is_maximized else -1.0
    goodness = np.sort(sign * known)
    kept = goodness[int(_WORST * goodness.size)]
    bad = max(goodness[0], kept - _REACH * (goodness[-1] - kept)) if kept < goodness[-1] else goodness[0]
    low, high = sorted((sign * float(bad), sign * float(goodness[-1])))
    return (low, high) if low < high else (low - 0.5, high + 0.5)
