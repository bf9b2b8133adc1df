"""The bars' own calendar: how many of them make a year."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mrtoolkit.data.checks import check_count

_YEAR_NS = 365.25 * 86_400e9


def bars_per_year(bars: xr.Dataset) -> float:
    """Return how many bars a year has, as observed: steps over years (of 365.25 days) from first bar to last.

    Examples
    --------
    >>> from mrtoolkit.data.samples import sample
    >>> round(bars_per_year(sample("AAPL")), 1)
    251.5
    """
    time = np.asarray(bars["time"].values, dtype="datetime64[ns]").view(np.int64)
    check_count(time.size)
    return float((time.size - 1) / ((time[-1] - time[0]) / _YEAR_NS))
