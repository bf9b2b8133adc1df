"""From checked arrays to the labelled bars that every other part takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mrtoolkit.data.checks import PRICES, Axes, check_gaps, check_prices, check_time
from mrtoolkit.data.frozen import frozen_copy
from mrtoolkit.data.stamps import opening_times, wall_clock
from mrtoolkit.data.timeframe import infer_timeframe
from mrtoolkit.errors import BarsError, check_choice

MISSING = ("raise", "allow")
STAMPS = ("open", "close")
RESERVED = ("time", "asset", "hour", "weekday")


def build_bars(
    time: np.ndarray,
    columns: Mapping[str, np.ndarray],
    *,
    assets: Sequence[str] | None,
    zone: str,
    stamp: str = "open",
    missing: str = "raise",
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Return bars from UTC time stamps and columns, after every check of the contract; their arrays are read-only.

    Parameters
    ----------
    time : (time,) datetime64[ns]
        UTC instants, stamped as `stamp` says.
    columns : mapping of name to (asset, time) float64
        One row where there is no asset dimension.
    assets : sequence of str, or None
        Labels of the asset axis; None makes bars of dimension (time,).
    attrs : mapping
        JSON scalars to keep beside those that are set here.
    """
    check_choice("missing", missing, MISSING, BarsError)
    check_choice("stamp", stamp, STAMPS, BarsError)
    if assets is not None and (not assets or len(set(assets)) < len(assets)):
        raise BarsError(f"the assets are {list(assets)[:8]}; give at least one, and each a label of its own.")
    check_time(time, zone)
    timeframe = infer_timeframe(time, wall_clock(time, zone))
    if stamp == "close":
        time = opening_times(time, zone, timeframe)
        check_time(time, zone)
        timeframe = infer_timeframe(time, wall_clock(time, zone))
    axes = Axes(time=time, zone=zone, assets=assets)
    absent = [name for name in PRICES if name not in columns]
    if absent:
        raise BarsError(
            f"{', '.join(repr(name) for name in absent)} {'is' if len(absent) == 1 else 'are'} missing among the "
            "columns; "
            "give them, or say that a bar is its close alone with "
            "columns={'open': 'close', 'high': 'close', 'low': 'close'}."
        )
    checked = check_prices(columns, axes, missing=missing)
    if missing == "raise":
        check_gaps(axes, timeframe)
    dims = ("time",) if assets is None else ("time", "asset")
    coords: dict[str, Any] = {"time": frozen_copy(time)}
    if assets is not None:
        coords["asset"] = np.array(assets, dtype=object)
    order = [*PRICES, *(["volume"] if "volume" in checked else [])]
    order += [name for name in checked if name not in order]
    # Kept an asset after the other in memory and shown as (time, asset): an asset's history is then one contiguous row.
    columns = {name: frozen_copy(checked[name][0] if assets is None else checked[name].T) for name in order}
    variables = {name: (dims, values) for name, values in columns.items()}
    about = {"timeframe": timeframe, "timezone": zone, "stamp": stamp, **(attrs or {})}
    if missing == "allow":
        about["missing"] = "allow"
    return xr.Dataset(variables, coords=coords, attrs=about)
