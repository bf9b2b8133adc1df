"""Stores written feature by feature, with any code, costs and data sets that a test wants."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes, Family
from mrtoolkit.indicators import registry

HOUR = np.timedelta64(3600 * 10**9, "ns")


def make_axes(name: str = "a", n_bars: int = 50, *, assets=None, blocks=(), **attrs) -> Axes:
    time = np.datetime64("2024-01-01T00", "ns") + np.arange(n_bars) * HOUR
    return Axes(fingerprint=name * 32, time=time, assets=assets, block_digests=tuple(blocks), attrs=attrs)


def make_family(name: str = "ema", *, version: int = 0, hash_: str = "", dtype: str = "float64") -> Family:
    """One of today's code, unless a version or a hash is given."""
    if not version:
        spec = registry.get(name)
        version, hash_ = spec.version, hash_ or spec.source_hash
    code = ((name, version, hash_),)
    return Family(name=name, pattern=f"{name}(P.lookback)", parameters=("lookback",), code=code, dtype=dtype)


def put(disk: Disk, axes: Axes, family: Family, lookbacks=(5, 12), ns: float = math.nan) -> Path:
    """Write features of random values and return the family's folder."""
    rng = np.random.default_rng(7)
    shape = (len(family.variables), *axes.shape)
    disk.append(axes, family, {(n,): rng.normal(size=shape).astype(family.dtype) for n in lookbacks}, ns)
    return disk.path / axes.fingerprint / family.folder


def bytes_on_disk(folder: Path) -> int:
    """All files, each once however many names it has."""
    stats = [(Path(place) / name).stat() for place, _, names in os.walk(folder) for name in names]
    return sum({s.st_ino: s.st_size for s in stats}.values())
