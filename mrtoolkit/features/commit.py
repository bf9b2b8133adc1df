"""The commit record of a family on disk: the group's consolidated `zarr.json`, read and written.

Data chunks are written first, label chunks next, then this one file is replaced: plain `xr.open_zarr` and this package
see whole commits alone. The record carries a checksum of itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c

from mrtoolkit.features.chunks import LABEL_CHUNK, DamagedChunkError, array_metadata, read_chunk, row_chunks
from mrtoolkit.features.family import Axes, Family, Labels

RECORD = "zarr.json"
_TIME_ATTRS = {"units": "nanoseconds since 1970-01-01", "calendar": "proleptic_gregorian"}

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
    family: Family
    slots: Mapping[Labels, int]
    shape: tuple[int, ...]
    ns_per_bar: float
    state_size: int = 0

    @property
    def dtype(self) -> str:
        """Type of the values, "float64" or "float32"."""
        return self.family.dtype


def signature_of(path: Path) -> Signature | None:
    """Return what tells one commit of a folder from the next (a `stat`, about 2 us); None where there is none."""
    try:
        stat = os.stat(path / RECORD)  # noqa: PTH116 - half the cost of Path.stat
    except (OSError, ValueError):
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


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
        arrays = document["consolidated_metadata"]["metadata"]
        n_rows, *shape = arrays[family.variables[0]]["shape"]
        cost = attributes["ns_per_bar"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DamagedChunkError(f"the commit record cannot be read: {error!r}") from error
    return Commit(
        path=path,
        signature=signature,
        family=family,
        slots=_read_labels(path, family, n_rows),
        shape=tuple(shape),
        ns_per_bar=float("nan") if cost is None else float(cost),
    )


def commit_document(axes: Axes, family: Family, n_rows: int, ns_per_bar: float) -> dict[str, Any]:
    """Return the record for `n_rows` features: attributes, and the metadata of every array."""
    document: dict[str, Any] = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {
            **family.to_dict(),
            "schema": 1,
            "fingerprint": axes.fingerprint,
            "block_digests": list(axes.block_digests),
            "n_bars": len(axes.time),
            "ns_per_bar": None if ns_per_bar != ns_per_bar else ns_per_bar,
            **axes.attrs,
        },
        "consolidated_metadata": {
            "kind": "inline",
            "must_understand": False,
            "metadata": _arrays(axes, family, n_rows),
        },
    }
    document["attributes"]["record_crc32c"] = _checksum(document)
    return document


def label_chunks(labels: Iterable[Labels], position: int) -> list[list[float]]:
    """Return one parameter's values cut into label chunks."""
    column = [float(row[position]) for row in labels]
    return [column[start : start + LABEL_CHUNK] for start in range(0, len(column), LABEL_CHUNK)]


def _arrays(axes: Axes, family: Family, n_rows: int) -> dict[str, Any]:
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
    coordinates = " ".join(family.parameters) if len(family.parameters) > 1 else None
    for variable in family.variables:
        attributes = {"long_name": family.pattern, "units": family.units}
        if coordinates:
            attributes["coordinates"] = coordinates
        if family.outputs:
            attributes["long_name"] += f".{variable}"
        arrays[variable] = array_metadata((n_rows, *bars), (1, *chunks), (family.dim, *dims), family.dtype, attributes)
    return arrays


def _read_labels(path: Path, family: Family, n_rows: int) -> dict[Labels, int]:
    if not family.parameters:
        return {(): 0} if n_rows else {}
    columns: list[list[float | int]] = []
    for name in family.parameters:
        column: list[float | int] = []
        for chunk in range(-(-n_rows // LABEL_CHUNK)):
            values = read_chunk(path / name / "c" / str(chunk), (LABEL_CHUNK,), "float64")
            column += [int(v) if v.is_integer() else v for v in values[: n_rows - len(column)].tolist()]
        columns.append(column)
    slots = {labels: slot for slot, labels in enumerate(zip(*columns, strict=True))}
    if len(slots) != n_rows:
        raise DamagedChunkError("labels are not unique")
    return slots


def _checksum(document: Mapping[str, Any]) -> int:
    attributes = {k: v for k, v in document["attributes"].items() if k != "record_crc32c"}
    text = json.dumps({**document, "attributes": attributes}, sort_keys=True)
    return int(google_crc32c.value(text.encode()))
