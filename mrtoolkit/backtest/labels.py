"""The metrics of a request's points as a labelled Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mrtoolkit.backtest.points import RequestedPoints
from mrtoolkit.backtest.windows import unit_of


def labelled(
    request: RequestedPoints, values: Mapping[str, np.ndarray], bars: xr.Dataset, attrs: Mapping[str, Any]
) -> xr.Dataset:
    """Return metrics, each (point, asset), over the grid's dimensions or trial, and over assets if there are some."""
    assets = {"asset": bars["asset"].values} if "asset" in bars.dims else {}
    if request.dims is None:
        dims: tuple[str, ...] = ("trial",)
        shape: tuple[int, ...] = (len(request.frame),)
        coords: dict[str, Any] = {name: ("trial", request.frame[name].to_numpy()) for name in request.frame.columns}
    else:
        dims = tuple(request.dims)
        shape = tuple(len(labels) for labels in request.dims.values())
        coords = {name: list(labels) for name, labels in request.dims.items()} | dict(request.scalars)
    data = {}
    for name, array in values.items():
        shaped = array.reshape(*shape, *array.shape[1:]) if assets else array[:, 0].reshape(shape)
        data[name] = ((*dims, *assets), shaped, {"units": unit_of(name)})
    return xr.Dataset(data, coords=coords | assets, attrs=dict(attrs))
