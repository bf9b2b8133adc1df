from __future__ import annotations
from typing import Any
import xarray as xr
from mrtoolkit.errors import BarsError


def from_pandas(frame: Any, *, missing: str = "raise") -> xr.Dataset:
    """Placeholder while the readers are written."""
    raise BarsError("frames are not read yet.")
