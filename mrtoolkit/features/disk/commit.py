"""The commit record of a family on disk: the group's consolidated `zarr.json`, read and written.

Data chunks are written first, label chunks next, then this one file is replaced: plain `xr.open_zarr` and this package
see whole commits alone. The record carries a checksum of itself.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrtoolkit.features.disk.chunks import LABEL_CHUNK, DamagedChunkError, array_metadata, row_chunks
from mrtoolkit.features.disk.files import crc32c
from mrtoolkit.features.disk.labels import read_labels
from mrtoolkit.features.disk.rows import Grid
from mrtoolkit.features.family import Axes, Family, Labels

RECORD = "zarr.json"
STATE = "state"
STATE_CHUNK = 64
_TIME_ATTRS = {"units": "nanoseconds since 1970-01-01", "calendar": "proleptic_gregorian"}
_MOST_STATES = 10_000
_LONGEST = 2**40
_STATE_ATTRS = {"long_name": "to go on from when bars are appended; not a feature"}

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What is committed of one family.

    Attributes
    ----------
    path : Path
        The family's folder.
    signature : tuple of int
        Inode, time and size of the record; another one means another commit.
    build : str
        Name of this folder's content: a commit adds rows to a build, and a family removed and made anew is another.
    family : Family
        What the rows are.
    slots : mapping of labels to int
        The row of each feature, in arrival order.
    shape : tuple of int
        Shape of one row of one variable, (time,) or (asset, time).
    ns_per_bar : float
        Least time that computing one value took, NaN where it was never measured.
    state_size : int
        Numbers a feature and asset to go on from when bars are appended, 0 for none.
    """

    path: Path
    signature: Signature
    build: str
    family: Family
    slots: Mapping[Labels, int]
    shape: tuple[int, ...]
    ns_per_bar: float
    state_size: int = 0

    @property
    def dtype(self) -> str:
        """Type of the values, "float64" or "float32"."""
        return self.family.dtype

    @property
    def grid(self) -> Grid:
        """How its rows are cut into chunks."""
        return Grid(self.shape, self.family.dtype)


def signature_of(path: Path) -> Signature | None:
    """Return what tells one commit of a folder from the next (a `stat`, about 2 us); None where there is none."""
    try:
        found = os.stat(f"{path}/{RECORD}")  # noqa: PTH116 - half the cost of Path.stat
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):  # a device or a pipe, which has no end
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_commit(path: Path, signature: Signature) -> Commit:
    """Return the record of the family in the folder `path`.

    Raises
    ------
    DamagedChunkError
        If the record or the labels are torn, changed or missing.
    """
    try:
        document = json.loads((path / RECORD).read_bytes())
        attributes = document["attributes"]
        if attributes["record_crc32c"] != _checksum(document):
            raise DamagedChunkError("the commit record fails its checksum")
        family = Family.from_dict(attributes)
        n_rows, *shape = document["consolidated_metadata"]["metadata"][family.variables[0]]["shape"]
        cost = attributes["ns_per_bar"]
        cost = math.nan if cost is None else float(cost)
        build, state_size = str(attributes.get("build", "")), int(attributes.get("state_size", 0))
        _check_place(path, family, attributes["fingerprint"])
        _check_counts(n_rows, shape, state_size)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DamagedChunkError(f"the commit record cannot be read: {error!r:.200}") from error
    return Commit(
        path=path,
        signature=signature,
        build=build,
        family=family,
        slots=read_labels(str(path), family, n_rows),
        shape=tuple(shape),
        ns_per_bar=cost if 0 <= cost < math.inf else math.nan,
        state_size=state_size,
    )


def _check_place(path: Path, family: Family, data: object) -> None:
    """Raise ValueError for a record that is not at home in its folder, or leads out of it."""
    family.check_names()
    names = (*family.variables, *family.parameters)
    if (data, family.folder) != (path.parent.name, path.name):
        raise ValueError("it is that of another folder")
    arrays = [f"{path}/{name}" for name in (*names, "time", "asset", STATE)]
    for place in (str(path.parent), str(path), *arrays, *(f"{array}/c" for array in arrays)):
        if os.path.islink(place):  # noqa: PTH114 - texts all the way
            raise ValueError(f"{place} is a symbolic link")


def _check_counts(n_rows: object, shape: list[object], state_size: int) -> None:
    """Raise ValueError for a shape that no bars have."""
    counts = [n for n in (n_rows, *shape) if type(n) is int and n > 0]
    if (
        not 0 <= state_size <= _MOST_STATES
        or len(counts) < 1 + len(shape)
        or len(shape) not in (1, 2)
        or max(counts) > _LONGEST
    ):
        raise ValueError(f"features of the shape {str([n_rows, *shape])[:100]} cannot be")


def commit_document(
    axes: Axes, family: Family, n_rows: int, ns_per_bar: float, *, build: str, state_size: int
) -> dict[str, Any]:
    """Return the record for `n_rows` features: attributes, and the metadata of every array."""
    document: dict[str, Any] = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {
            **family.to_dict(),
            "schema": 1,
            "build": build,
            "fingerprint": axes.fingerprint,
            "block_digests": list(axes.block_digests),
            "n_bars": len(axes.time),
            "ns_per_bar": None if ns_per_bar != ns_per_bar else ns_per_bar,
            "state_size": state_size,
            **axes.attrs,
        },
        "consolidated_metadata": {
            "kind": "inline",
            "must_understand": False,
            "metadata": _arrays(axes, family, n_rows, state_size),
        },
    }
    document["attributes"]["record_crc32c"] = _checksum(document)
    return document


def _arrays(axes: Axes, family: Family, n_rows: int, state_size: int) -> dict[str, Any]:
    n_assets = None if axes.assets is None else len(axes.assets)
    bars = (len(axes.time),) if n_assets is None else (n_assets, len(axes.time))
    dims = ("time",) if n_assets is None else ("asset", "time")
    chunks = row_chunks(len(axes.time), n_assets)
    arrays = {
        name: array_metadata((n_rows,), (LABEL_CHUNK,), (family.dim,), "float64", {}) for name in family.parameters
    }
    arrays["time"] = array_metadata((len(axes.time),), chunks[-1:], ("time",), "int64", _TIME_ATTRS)
    if n_assets is not None:
        arrays["asset"] = array_metadata((n_assets,), (n_assets,), ("asset",), "string", {})
    if state_size:
        shape, state_dims = (*bars[:-1], state_size), (family.dim, *dims[:-1], STATE)
        arrays[STATE] = array_metadata((n_rows, *shape), (STATE_CHUNK, *shape), state_dims, "float64", _STATE_ATTRS)
    coordinates = " ".join(family.parameters) if len(family.parameters) > 1 else None
    for variable in family.variables:
        attributes = {"long_name": family.pattern, "units": family.units}
        if coordinates:
            attributes["coordinates"] = coordinates
        if family.outputs:
            attributes["long_name"] += f".{variable}"
        arrays[variable] = array_metadata((n_rows, *bars), (1, *chunks), (family.dim, *dims), family.dtype, attributes)
    return arrays


def _checksum(document: Mapping[str, Any]) -> int:
    attributes = {k: v for k, v in document["attributes"].items() if k != "record_crc32c"}
    text = json.dumps({**document, "attributes": attributes}, sort_keys=True)
    return int.from_bytes(crc32c([text.encode()]), "little")
