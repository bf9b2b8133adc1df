"""Families, axes and rows without a store, and what plain Zarr makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes, Family


def make_family(name: str = "ema", **changes: object) -> Family:
    about = {
        "name": name,
        "pattern": f"{name}(P.lookback)",
        "parameters": ("lookback",),
        "code": ((name, 1, "ab" * 8),),
        "units": "price",
        **changes,
    }
    return Family(**about)  # type: ignore[arg-type]


def make_axes(n_bars: int, *, n_assets: int | None = None, data: str = "a" * 32, **attrs: str) -> Axes:
    return Axes(
        fingerprint=data,
        time=np.datetime64("2020-01-01", "ns") + np.arange(n_bars) * np.timedelta64(1, "m"),
        assets=None if n_assets is None else tuple(f"A{k}" for k in range(n_assets)),
        block_digests=("cd" * 16,),
        attrs=attrs,
    )


def make_rows(axes: Axes, family: Family, labels: object, seed: int = 0) -> dict[tuple[float, ...], np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (len(family.variables), *axes.shape)
    rows = {(label,): rng.normal(size=shape).astype(family.dtype) for label in labels}  # type: ignore[attr-defined]
    for row in rows.values():
        row[..., :3] = np.nan
    return rows


def committed(disk: Disk, axes: Axes, family: Family) -> Commit:
    commit = disk.commit(axes.fingerprint, family)
    assert commit is not None
    return commit


def plain(commit: Commit) -> xr.Dataset:
    """What any Zarr reader sees, every checksum looked at."""
    return xr.open_zarr(commit.path, chunks=None).load()


def inodes(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_ino for p in sorted(folder.rglob("*")) if p.is_file()}
