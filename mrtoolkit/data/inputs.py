"""Columns of bars as the plain arrays that kernels take."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mrtoolkit.data.stamps import check_zone, wall_clock
from mrtoolkit.errors import BarsError, nearest

CLOCK_INPUTS = ("hour", "weekday")
_HOUR = 3_600_000_000_000


def input_values(bars: xr.Dataset, name: str) -> np.ndarray:
    """Return one input of bars as a read-only C-contiguous float64 array, (asset, time).

    Parameters
    ----------
    bars : xr.Dataset
        Checked bars; without an asset dimension the asset axis has length 1.
    name : str
        A column, or "hour" (0 to 23) or "weekday" (Monday is 0) of the bar's opening time in the bars' own time zone.

    Raises
    ------
    BarsError
        If there is no such column.
    """
    if name in bars.data_vars:
        # The bare variable: building a DataArray of it costs five times what all else here does.
        variable = bars.variables[name]
        column = np.asarray(variable.values, dtype=np.float64)
        column = column.T if variable.dims == ("time", "asset") else column
        values = np.ascontiguousarray(column.reshape(-1, column.shape[-1])).view()
    elif name in CLOCK_INPUTS:
        values = _clock_values(bars, name)
    else:
        have = [str(column) for column in bars.data_vars]
        raise BarsError(
            f"the bars have no column {name!r}{nearest(name, [*have, *CLOCK_INPUTS])}; they have {', '.join(have)}, "
            "hour and weekday. "
            "Read the column in with columns=, or assign it: bars.assign(name=('time', values))."
        )
    values.flags.writeable = False
    return values


def _clock_values(bars: xr.Dataset, name: str) -> np.ndarray:
    wall = wall_clock(bars["time"].values, check_zone(bars.attrs.get("timezone")))
    hours = wall // _HOUR
    # 1970-01-01 was a Thursday
    clock = (hours % 24 if name == "hour" else (hours // 24 + 3) % 7).astype(np.float64)
    return np.repeat(clock[np.newaxis], bars.sizes.get("asset", 1), axis=0)
