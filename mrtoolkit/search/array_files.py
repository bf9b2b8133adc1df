"""Arrays as Zarr writes them: metadata as JSON, chunks as checked bytes; read back without trusting either.

One codec, that of the feature store: little-endian bytes and their CRC32C. Chunks cut the first axis alone. Every size
is held against that of the file before memory is taken for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mrtoolkit.features.disk.files import bytes_of, crc32c

_LONGEST_CHUNK = 65_536  # rows
_CRC = 4
_TYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")


def group_metadata(attributes: Mapping[str, Any], children: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the metadata of a group; with those of all below it by their path, where it is the root."""
    found: dict[str, Any] = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}
    if children is not None:
        found["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": dict(children)}
    return found


def array_metadata(
    values: np.ndarray, dims: tuple[str, ...], separator: str, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the metadata of an array whose chunks are named with `separator`: c/0 or c.0."""
    kind = values.dtype.kind
    codec: dict[str, Any] = {"name": "bytes"}
    if values.dtype.itemsize > 1:
        codec["configuration"] = {"endian": "little"}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(values.shape),
        "data_type": values.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": _chunk_shape(values.shape)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": separator}},
        "fill_value": "NaN" if kind == "f" else False if kind == "b" else 0,
        "codecs": [codec, {"name": "crc32c"}],
        "attributes": dict(attributes),
        "dimension_names": list(dims),
        "storage_transformers": [],
    }


def is_plain(values: np.ndarray) -> bool:
    """Say whether an array's type is one that is written."""
    return values.dtype.name in _TYPES


def chunk_files(values: np.ndarray, separator: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield the name of each chunk and the parts of its file; the last chunk is filled up with zeros."""
    if values.size == 0:
        return
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    rows = _chunk_shape(values.shape)[0]
    for i, start in enumerate(range(0, len(values), rows)):
        part = bytes_of(values[start : start + rows])
        filling = bytes(rows * values[:1].nbytes - len(part))
        yield _key(i, values.ndim, separator), [part, filling, crc32c([part, filling])]


def read_array(metadata: Any, fetch: Callable[[str, int], bytes]) -> np.ndarray:
    """Return an array that `array_metadata` describes.

    Parameters
    ----------
    metadata : JSON
    fetch : callable of name and size
        Gives the bytes of a chunk's file, or raises where it has not that size.

    Raises
    ------
    KeyError, TypeError, ValueError, OSError
        If it is not such an array, or a chunk is missing or damaged.
    """
    shape, name = metadata["shape"], metadata["data_type"]
    if name not in _TYPES or metadata["node_type"] != "array":
        raise ValueError(f"an array of {str(name)[:40]!r}")
    if not 0 < len(shape) < 4 or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"an array of shape {str(shape)[:40]}")
    separator = metadata["chunk_key_encoding"]["configuration"]["separator"]
    codecs = [codec["name"] for codec in metadata["codecs"]]
    if separator not in ("/", ".") or codecs != ["bytes", "crc32c"]:
        raise ValueError(f"chunks of {str(codecs)[:40]}")
    chunk = _chunk_shape(shape)
    if metadata["chunk_grid"]["configuration"]["chunk_shape"] != chunk:
        raise ValueError("chunks of another shape")
    dtype = np.dtype(name).newbyteorder("<")
    if math.prod(shape) == 0:
        return np.empty(shape, dtype=name)
    n_bytes = math.prod(chunk) * dtype.itemsize
    parts = []
    for i in range(-(-shape[0] // chunk[0])):
        key = _key(i, len(shape), separator)
        data = np.frombuffer(fetch(key, n_bytes + _CRC), dtype=np.uint8)
        if len(data) != n_bytes + _CRC or crc32c([data[:-_CRC]]) != data[-_CRC:].tobytes():
            raise ValueError(f"chunk {key} is not what was written")
        parts.append(data[:-_CRC].view(dtype).reshape(chunk))
    whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return whole[: shape[0]].astype(name)


def _chunk_shape(shape: Any) -> list[int]:
    """Return chunks of equal length, so that the last is filled up by less than a row a chunk."""
    rows = max(1, shape[0])
    return [-(-rows // -(-rows // _LONGEST_CHUNK)), *(max(1, size) for size in shape[1:])]


def _key(i: int, n_dims: int, separator: str) -> str:
    return separator.join(["c", str(i), *["0"] * (n_dims - 1)])
