"""Zarr v3 arrays as files, written and read without zarr: uncompressed little-endian chunks with a crc32c each.

zarr-python costs 0.25-0.3 ms a read and 5 ms a commit more than these few lines, hides missing chunks behind the
fill value, and some of its versions and plug-ins write in place. Any Zarr reader reads what is written here.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from mrtoolkit.features.disk.files import bytes_of, crc32c, overwrite_page, read_into, write_new, write_whole

# Bars a chunk, four times as many from half a million bars on. 5 million bars were read in 7.7 ms from chunks of 50
# thousand, 3.2 of 250 thousand, 2.4 of 1 million and 9.4 of 5 million; their last 50 thousand in 0.4, 0.6, 1 to 2 and
# 22 to 30 ms.
TIME_CHUNK = 65_536
LABEL_CHUNK = 4_096
_DTYPES = {"float64": "<f8", "float32": "<f4", "int64": "<i8"}


class DamagedChunkError(Exception):
    """A chunk that is missing, cut short or fails its checksum; never leaves this part."""


def time_chunk(n_bars: int) -> int:
    """Return bars a chunk: never more than the data, as edge chunks take their full size on disk."""
    return max(1, min(n_bars, TIME_CHUNK if n_bars < 500_000 else 4 * TIME_CHUNK))


def row_chunks(n_bars: int, n_assets: int | None) -> tuple[int, ...]:
    """Return the chunk shape of one row, (time,) or (asset, time), of 4 MiB or less over assets."""
    bars = time_chunk(n_bars)
    if n_assets is None:
        return (bars,)
    return (max(1, min(n_assets, 8 * TIME_CHUNK // bars)), bars)


def array_metadata(
    shape: Sequence[int],
    chunks: Sequence[int],
    dims: Sequence[str],
    dtype: str,
    attributes: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the `zarr.json` of an array; `dtype` is "float64", "float32", "int64" or "string"."""
    little_endian = {"name": "bytes", "configuration": {"endian": "little"}}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": {"int64": 0, "string": ""}.get(dtype, "NaN"),
        "codecs": [{"name": "vlen-utf8"} if dtype == "string" else little_endian, {"name": "crc32c"}],
        "attributes": dict(attributes),
        "dimension_names": list(dims),
        "storage_transformers": [],
    }


def chunk_parts(values: np.ndarray, chunks: Sequence[int], dtype: str) -> list[Any]:
    """Return what a chunk's file consists of, one after the other: values, padding with the fill value, checksum."""
    block = np.ascontiguousarray(values, dtype=_DTYPES[dtype])
    parts = [bytes_of(block)]
    if block.shape != tuple(chunks):
        if block.shape[1:] == tuple(chunks[1:]) or math.prod(block.shape[:-1]) == math.prod(chunks[:-1]) == 1:
            parts.append(_padding(math.prod(chunks) - block.size, dtype))  # all of it lies behind the values
        else:
            padded = np.full(chunks, 0 if dtype == "int64" else np.nan, dtype=_DTYPES[dtype])
            padded[tuple(slice(n) for n in block.shape)] = block
            parts = [bytes_of(padded)]
    return [*parts, crc32c(parts)]


def write_chunk(path: str, values: np.ndarray, chunks: Sequence[int], dtype: str, *, known: bool) -> None:
    """Write one chunk of numbers, padded to its full shape; `known` ones, which a commit shows, in one step."""
    (write_whole if known else write_new)(path, *chunk_parts(values, chunks, dtype))


def read_chunk(path: str, chunks: Sequence[int], dtype: str) -> np.ndarray:
    """Return one chunk of numbers.

    Raises
    ------
    DamagedChunkError
        If the file is missing, of another size, or fails its checksum.
    """
    values = room(chunks, _DTYPES[dtype])
    read_checked(path, [bytes_of(values)])
    return values


def read_checked(path: str, buffers: list[np.ndarray]) -> None:
    """Fill arrays of bytes, which together make up a chunk, from its file.

    Raises
    ------
    DamagedChunkError
        If the file is missing, of another size, or fails its checksum.
    """
    end = np.empty(5, dtype="u1")  # one byte more than there should be
    try:
        n_read = read_into(path, [*buffers, end])
    except OSError as error:
        raise _unreadable(path, error) from error
    n_bytes = sum(map(len, buffers)) + 4
    if n_read != n_bytes:
        found = f"{n_read:,} bytes" if n_read < n_bytes else "more bytes"
        raise DamagedChunkError(f"its chunk {_place(path)} has {found}, not {n_bytes:,}")
    if crc32c(buffers) != end[:4].tobytes():
        raise DamagedChunkError(f"its chunk {_place(path)} fails its checksum")


def room(shape: Sequence[int], dtype: str) -> np.ndarray:
    """Return an array to read chunks into.

    Raises
    ------
    DamagedChunkError
        If there is no memory for so much, as of a record that asks for petabytes.
    """
    try:
        return np.empty(tuple(shape), dtype=dtype)
    except (MemoryError, ValueError, OverflowError) as error:
        raise DamagedChunkError(f"its values cannot be held in memory: {error}") from error


def stored_checksum(path: str, n_values: int, dtype: str) -> bytes:
    """Return the 4 bytes at the end of a chunk, without a look at the rest.

    Raises
    ------
    DamagedChunkError
        If the file is missing or of another size.
    """
    n_bytes = n_values * np.dtype(_DTYPES[dtype]).itemsize + 4
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs as much as the read
            size = file.seek(0, os.SEEK_END)
            if size != n_bytes:
                raise DamagedChunkError(f"its chunk {_place(path)} has {size:,} bytes, not {n_bytes:,}")
            file.seek(-4, os.SEEK_END)
            return file.read(4)
    except OSError as error:
        raise _unreadable(path, error) from error


def write_strings(path: str, texts: Sequence[str]) -> None:
    """Write a chunk of texts."""
    encoded = [text.encode() for text in texts]
    items = b"".join(len(e).to_bytes(4, "little") + e for e in encoded)
    payload = len(texts).to_bytes(4, "little") + items
    write_new(path, payload, crc32c([payload]))


def read_strings(path: str) -> tuple[str, ...]:
    """Return the texts of a chunk.

    Raises
    ------
    DamagedChunkError
        If the file is missing or fails its checksum.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) < 8 or crc32c([data[:-4]]) != data[-4:]:
        raise DamagedChunkError(f"its chunk {_place(path)} fails its checksum")
    texts: list[str] = []
    place = 4
    for _ in range(int.from_bytes(data[:4], "little")):
        n_bytes = int.from_bytes(data[place : place + 4], "little")
        if place + 4 + n_bytes > len(data) - 4:
            raise DamagedChunkError(f"its chunk {_place(path)} has fewer texts than it says")
        try:
            texts.append(data[place + 4 : place + 4 + n_bytes].decode())
        except UnicodeDecodeError as error:
            raise DamagedChunkError(f"its chunk {_place(path)} has a text that is none: {error}") from error
        place += 4 + n_bytes
    return tuple(texts)


def write_json(path: str, content: Mapping[str, Any], *, in_place: bool = False) -> None:
    """Replace a JSON file in one step; `in_place` for what a commit does not depend on (see `overwrite_page`)."""
    text = json.dumps(content, allow_nan=False).encode()
    if in_place:
        text = text.ljust(-(-len(text) // 1024) * 1024)
    if not (in_place and overwrite_page(path, text)):
        write_whole(path, text)


def _unreadable(path: str, error: OSError) -> DamagedChunkError:
    return DamagedChunkError(f"its chunk {_place(path)} cannot be read: {error.strerror or error}")


@lru_cache(maxsize=4)
def _padding(n_values: int, dtype: str) -> np.ndarray:
    values = np.full(n_values, 0 if dtype == "int64" else np.nan, dtype=_DTYPES[dtype])
    return bytes_of(values)


def _place(path: str) -> str:
    """`ema/c/0/0`: an array's name and what follows."""
    parts = path.replace(os.sep, "/").split("/")
    start = max((k for k, part in enumerate(parts) if part == "c"), default=1) - 1
    return "/".join(parts[max(0, start) :])
