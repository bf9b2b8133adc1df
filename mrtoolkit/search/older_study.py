"""Studies of the format before this one, which are read and then written as this one."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.storage import LocalStore, ZipStore

_KINDS = ("params", "columns", "metrics", "blocks")
_GROUP = re.compile(r"(trials-[0-9a-f]{32})|(bars-\w+)")


def read_version_2(
    path: Path, attributes: Mapping[str, Any], bars_of: Callable[[Any, Mapping[str, np.ndarray]], xr.Dataset]
) -> dict[str, Any]:
    """Return the parts of a study of version 2 by their names: a group a kind of column, and a digest of them all.

    Raises
    ------
    KeyError, ValueError, OSError
        If it is damaged.
    """
    for name in (attributes["trials"], attributes["bars"]):
        if name is not None and not _GROUP.fullmatch(name):
            raise ValueError(f"a group named {str(name)[:40]!r}")
    store = ZipStore(path, mode="r") if path.suffix == ".zip" else LocalStore(path, read_only=True)
    try:
        root: Any = zarr.open_group(store, mode="r")
        trials = root[attributes["trials"]]
        kinds = {kind: {name: np.asarray(array[...]) for name, array in trials[kind].arrays()} for kind in _KINDS}
        if _digest(kinds) != attributes["digest"]:
            raise ValueError("its trials are not those that were written")  # a missing chunk reads as zeros
        bars = None
        if attributes["bars"] is not None:
            group = root[attributes["bars"]]
            bars = bars_of(dict(group.attrs), {name: np.asarray(array[...]) for name, array in group.arrays()})
        return {"described": attributes["study"], **kinds, "bars": bars}
    finally:
        store.close()


def remove_version_2(folder: Path, attributes: Mapping[str, Any]) -> None:
    """Remove the trials of a record of an older version that has been replaced."""
    name = attributes.get("trials")
    if isinstance(name, str) and _GROUP.fullmatch(name):
        shutil.rmtree(folder / name, ignore_errors=True)


def _digest(kinds: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for kind in _KINDS:
        for name in sorted(kinds[kind]):
            values = np.ascontiguousarray(kinds[kind][name])
            state.update(f"{kind}/{name} {values.dtype.str} {values.shape}".encode())
            state.update(values.tobytes())
    return state.hexdigest()
