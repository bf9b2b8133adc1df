"""One asset's bars and trades as a figure draws them: chosen, cut to a window, thinned where they are too many."""

from __future__ import annotations

from typing import Any, TypeVar

import pandas as pd
import xarray as xr

from mrtoolkit.backtest.trial import Trial
from mrtoolkit.errors import StudyError, nearest

FULL = 10_000  # bars up to which every one is drawn
THIN = 4_000  # points that stand for more

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


def one_asset(data: Labelled, asset: str | None) -> Labelled:
    """Return the data of one asset: the one named, else the first; data without assets as it is.

    Raises
    ------
    StudyError
        If the asset is not there.
    """
    if "asset" not in data.dims:
        return data
    assets = [str(a) for a in data["asset"].to_numpy()]
    name = assets[0] if asset is None else str(asset)
    if name not in assets:
        shown = ", ".join(assets[:8]) + (f" and {len(assets) - 8:,} more" if len(assets) > 8 else "")
        msg = f"the asset {asset!r} was asked for, but there are {shown}{nearest(name, assets)}; name one of them."
        raise StudyError(msg)
    return data.isel(asset=assets.index(name))


def asset_name(data: xr.Dataset, asset: str | None) -> str:
    """Return the name of the asset that `one_asset` takes, "" for bars without a name."""
    if "asset" in data.dims:
        return str(one_asset(data, asset)["asset"].item())
    return str(data["asset"].item()) if "asset" in data.coords else str(data.attrs.get("name", ""))


def in_window(bars: xr.Dataset, start: Any, end: Any) -> xr.Dataset:
    """Return the bars from `start` to `end`, both included.

    Raises
    ------
    StudyError
        If no bar lies between them.
    """
    if bars.sizes["time"] == 0:
        msg = "a price chart was asked for, but there are 0 bars; give bars with at least one."
        raise StudyError(msg)
    part = bars.sel(time=slice(start, end)) if start is not None or end is not None else bars
    if part.sizes["time"] == 0:
        first, last = (pd.Timestamp(t) for t in bars["time"].to_numpy()[[0, -1]])
        asked = f"bars from {start} to {end} were asked for"
        msg = f"{asked}, but the bars run from {first} to {last}; choose a window inside."
        raise StudyError(msg)
    return part


def trades_of(trial: Trial, asset: str) -> pd.DataFrame:
    """Return a trial's trades in one asset."""
    trades = trial.trades
    return trades[trades["asset"].astype(str) == asset] if "asset" in trades and asset else trades
