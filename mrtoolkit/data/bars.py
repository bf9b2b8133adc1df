"""The bars contract: what every part may trust about prices, checked once at the edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mrtoolkit.data.assemble import MISSING, RESERVED, build_bars
from mrtoolkit.data.checks import PRICES, Axes, check_count, check_gaps, check_prices, check_time
from mrtoolkit.data.frozen import is_checked, remember_checked
from mrtoolkit.data.pandas_frames import from_pandas
from mrtoolkit.data.stamps import as_nanoseconds, check_zone, wall_clock
from mrtoolkit.data.timeframe import infer_timeframe, parse_timeframe
from mrtoolkit.errors import BarsError, check_choice, nearest

_SIZE_FOR_TIMEFRAME = 10


def as_bars(obj: Any, *, missing: str | None = None) -> xr.Dataset:
    """Return bars that satisfy the contract, or say what is wrong with them.

    Parameters
    ----------
    obj : xr.Dataset, or what `from_pandas` takes
        open, high, low, close and, if there is any, volume and further inputs, over (time,) or (time, asset).
        Column names in any case. `time` is the bar's opening time: UTC where naive.
    missing : {"raise", "allow"}, optional
        What to do about NaN in the middle of prices and about missing bars. Default: what `obj` was read with, else
        "raise".

    Returns
    -------
    xr.Dataset
        float64 over (time,) or (time, asset), `time` datetime64[ns] and increasing, with the attributes `timeframe` and
        `timezone`. The same object where it was already so, else one with read-only arrays of its own.

    Raises
    ------
    BarsError
        Duplicated, unsorted or missing time stamps; fewer than two bars; a price that is negative, zero, infinite,
        NaN or text; a high below its low; an open or close outside of both by more than 1e-6 of the price (less is
        put right).

    Examples
    --------
    >>> from mrtoolkit.data.samples import sample
    >>> as_bars(sample("AAPL")).sizes["time"]
    3270
    """
    if missing is None and is_checked(obj):
        found: xr.Dataset = obj
        return found
    if not isinstance(obj, xr.Dataset):
        if isinstance(obj, xr.DataArray):
            raise BarsError(
                "bars are an xr.Dataset with a variable a column, got one DataArray; write prices.to_dataset('column')."
            )
        return from_pandas(obj, missing=missing or "raise")
    allowed = missing or obj.attrs.get("missing", "raise")
    check_choice("missing", allowed, MISSING, BarsError)
    named = _lower_case(obj)
    assets = _check_dimensions(named)
    zone = check_zone(obj.attrs.get("timezone"))
    time = _times(named)
    check_count(time.size)
    columns = {str(name): _values(named, str(name)) for name in named.data_vars}
    if _is_canonical(obj, named, columns):
        check_time(time, zone)
        axes = Axes(time=time, zone=zone, assets=assets)
        timeframe = _timeframe(obj, time, zone)
        checked = check_prices(columns, axes, missing=allowed)
        if allowed == "raise":
            check_gaps(axes, timeframe)
        attrs_stand = obj.attrs.get("timeframe") == timeframe and obj.attrs.get("missing", "raise") == allowed
        if (
            attrs_stand
            and obj.attrs.get("timezone") == zone
            and all(checked[name] is columns[name] for name in columns)
        ):
            remember_checked(obj)
            return obj
    return build_bars(time, columns, assets=assets, zone=zone, missing=allowed, attrs=_kept(obj))


def _kept(obj: xr.Dataset) -> dict[str, Any]:
    set_anew = {"timeframe", "timezone", "missing", "stamp"}
    kept = {key: value for key, value in obj.attrs.items() if key not in set_anew}
    return kept | {"stamp": obj.attrs.get("stamp", "open")}


def _lower_case(obj: xr.Dataset) -> xr.Dataset:
    names = [str(name) for name in [*obj.dims, *obj.data_vars]]
    lower = [name.lower() if name.lower() in {*PRICES, "volume", "time", "asset"} else name for name in names]
    if len(set(lower)) != len(lower):
        twice = sorted({name for name in lower if lower.count(name) > 1})
        raise BarsError(f"{', '.join(map(repr, twice))} stands twice among {names}; drop or rename one of them.")
    changed = {old: new for old, new in zip(names, lower, strict=True) if old != new}
    return obj.rename(changed) if changed else obj


def _check_dimensions(named: xr.Dataset) -> list[str] | None:
    absent = [name for name in PRICES if name not in named.data_vars]
    if absent:
        have = [str(name) for name in named.data_vars]
        raise BarsError(
            f"{', '.join(map(repr, absent))} {'is' if len(absent) == 1 else 'are'} not among the columns {have}"
            f"{nearest(absent[0], have)}; bars need open, high, low and close "
            "(where there is only a close, say so: bars.assign(open=bars['close'], high=bars['close'], "
            "low=bars['close']))."
        )
    dims = set(named["close"].dims)
    if "time" not in dims or not dims <= {"time", "asset"}:
        raise BarsError(
            f"'close' has the dimensions {tuple(named['close'].dims)}, and bars have ('time',) or ('time', 'asset'); "
            "select along the others, or rename them."
        )
    wrong = [str(name) for name in named.data_vars if not {"time"} <= set(named[name].dims) <= dims]
    wrong += [str(name) for name in named.data_vars if name in RESERVED]
    if wrong:
        raise BarsError(
            f"{wrong[0]!r} is not a column over {tuple(named['close'].dims)}, or has a reserved name; drop or rename "
            "it."
        )
    if "asset" not in dims:
        return None
    if "asset" not in named.coords:
        raise BarsError("the dimension 'asset' has no labels; write bars.assign_coords(asset=['AAPL', 'MSFT']).")
    labels = [str(label) for label in named["asset"].values]
    if len(set(labels)) != len(labels) or not labels:
        raise BarsError(f"the labels of 'asset' are {labels[:8]}; give each asset a label of its own.")
    return labels


def _times(named: xr.Dataset) -> np.ndarray:
    if "time" not in named.coords or named["time"].dtype.kind != "M":
        kind = named["time"].dtype if "time" in named.coords else "no coordinate"
        raise BarsError(
            f"'time' holds {kind}, and bars need time stamps; write bars.assign_coords(time=pd.to_datetime(...))."
        )
    return as_nanoseconds(named["time"].values)


def _values(named: xr.Dataset, name: str) -> np.ndarray:
    variable = named[name]
    if variable.dtype.kind not in "fiu":
        raise BarsError(f"'{name}' holds {variable.dtype} and not numbers; drop it or turn it into numbers.")
    order = ("time",) if "asset" not in named["close"].dims else ("asset", "time")
    if "asset" in order and "asset" not in variable.dims:
        variable = variable.broadcast_like(named["close"])
    return np.atleast_2d(np.asarray(variable.transpose(*order).values, dtype=np.float64))


def _is_canonical(obj: xr.Dataset, named: xr.Dataset, columns: dict[str, np.ndarray]) -> bool:
    dims = ("time",) if "asset" not in named["close"].dims else ("time", "asset")
    labels = named["asset"].dtype == object if "asset" in named.dims else True
    straight = all(named[n].dtype == np.float64 and named[n].dims == dims and named[n].chunks is None for n in columns)
    return named is obj and straight and named["time"].dtype == np.dtype("datetime64[ns]") and labels


def _timeframe(obj: xr.Dataset, time: np.ndarray, zone: str) -> str:
    """Return the timeframe that the bars name if some step has that length, else the inferred one."""
    wall = wall_clock(time, zone)
    text = obj.attrs.get("timeframe")
    if isinstance(text, str) and time.size <= _SIZE_FOR_TIMEFRAME:
        length = parse_timeframe(text).nanoseconds if text != "irregular" else 0
        if length and np.diff(wall).min() >= 0.9 * length:
            return text
    return infer_timeframe(time, wall)
