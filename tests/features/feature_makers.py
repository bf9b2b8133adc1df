"""Bars, plain loops to compare with, and ways to damage a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from mrtoolkit.data.bars import as_bars


def make_bars(n_bars: int = 300, *, assets: int | None = None, seed: int = 0, zone: str = "UTC") -> xr.Dataset:
    """Random walks that have nothing to do with the package's own simulation."""
    rng = np.random.default_rng(seed)
    shape = (n_bars,) if assets is None else (n_bars, assets)
    dims = ("time",) if assets is None else ("time", "asset")
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, shape), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.003, shape))
    spread = 1 + np.abs(rng.normal(0, 0.003, shape))
    coords = {"time": np.datetime64("2020-01-01", "ns") + np.arange(n_bars) * np.timedelta64(1, "h")}
    if assets is not None:
        coords["asset"] = np.array([f"A{k}/.." for k in range(assets)], dtype=object)
    columns = {
        "open": (dims, open_),
        "high": (dims, np.maximum(open_, close) * spread),
        "low": (dims, np.minimum(open_, close) / spread),
        "close": (dims, close),
        "volume": (dims, rng.integers(1, 1000, shape).astype(float)),
    }
    return as_bars(xr.Dataset(columns, coords=coords, attrs={"timezone": zone}))


def naive_sma(values: np.ndarray, lookback: int) -> np.ndarray:
    out = np.full(len(values), np.nan)
    for t in range(lookback - 1, len(values)):
        out[t] = sum(values[t - lookback + 1 : t + 1]) / lookback
    return out


def flip_bit(file: Path, byte: int, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[byte] ^= 1 << bit
    file.write_bytes(bytes(data))


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
