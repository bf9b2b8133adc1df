"""Bars that nobody can change: read-only arrays of their own, so that looking at which they are is enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr


@dataclass(frozen=True, slots=True)
class Held:
    """The arrays of frozen bars, to be compared with those that the bars have later.

    Attributes
    ----------
    timezone : object
        Of the attributes.
    variables : tuple of (name, variable, its data)
        Columns and coordinates.
    columns : tuple of ndarray
        The data of the columns, which may have been made writable since.
    """

    timezone: object
    variables: tuple[tuple[Any, xr.Variable, Any], ...]
    columns: tuple[Any, ...]


def held_by(bars: xr.Dataset) -> Held | None:
    """Return what frozen bars hold, None where an array may be written, or is a view of one that may be."""
    names = set(bars.data_vars)
    variables = tuple((name, variable, variable._data) for name, variable in bars.variables.items())  # noqa: SLF001
    columns = tuple(data for name, _, data in variables if name in names)
    if any(_is_open(data) for data in columns):
        return None
    return Held(bars.attrs.get("timezone"), variables, columns)


def still_holds(bars: xr.Dataset, held: Held) -> bool:
    """Whether the bars have the very arrays that they had, and none was made writable; under 1 us.

    xarray's own fields are looked at, as its properties wrap them in a new object each time: ten times the cost.
    """
    now, attrs = bars._variables, bars._attrs  # noqa: SLF001
    if len(now) != len(held.variables) or (None if attrs is None else attrs.get("timezone")) != held.timezone:
        return False
    for name, variable, data in held.variables:
        if now.get(name) is not variable or variable._data is not data:  # noqa: SLF001
            return False
    for data in held.columns:  # noqa: SIM110 -- a generator in any() would cost as much as all else here
        if data.flags.writeable:
            return False
    return True


def frozen_copy(values: np.ndarray) -> np.ndarray:
    """Return a read-only copy that owns its memory, of (time, asset) one asset after the other."""
    copy = np.array(values, order="F")
    copy.flags.writeable = False
    return copy


def freeze(bars: xr.Dataset) -> xr.Dataset:
    """Return bars that nobody else holds with read-only arrays: their own made so, views replaced by copies."""
    views = {}
    for name in bars.data_vars:
        values = bars.variables[name].values
        if values.flags.owndata:
            values.flags.writeable = False
        else:
            views[name] = (bars.variables[name].dims, frozen_copy(values))
    return bars.assign(views) if views else bars


def _is_open(data: Any) -> bool:
    flags = getattr(data, "flags", None)
    return flags is None or flags.writeable or not flags.owndata
