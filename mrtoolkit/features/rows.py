"""One row on disk: the chunks that it is cut into, and their checksums."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import google_crc32c
import numpy as np

from mrtoolkit.features.chunks import row_chunks


def pieces(shape: Sequence[int], chunks: Sequence[int]) -> Iterator[tuple[str, tuple[slice, ...]]]:
    """Yield the path of each chunk of a row below its slot, and where in the row it lies."""
    for index in itertools.product(*(range(-(-n // c)) for n, c in zip(shape, chunks, strict=True))):
        where = tuple(slice(i * c, min((i + 1) * c, n)) for i, n, c in zip(index, shape, chunks, strict=True))
        yield "/".join(map(str, index)), where


def row_checksums(values: np.ndarray, has_assets: bool, dtype: str) -> bytes:  # noqa: FBT001 - the name says it at the call
    """Return the checksums that a row has once it is written: 4 bytes a chunk, in the order of the chunks.

    Parameters
    ----------
    values : (asset, time)
        One output of one feature; one asset where there is no such dimension.
    has_assets : bool
        Whether the bars have a dimension of assets.
    dtype : str
        "float64" or "float32", as it is stored.
    """
    row = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    flat = row if has_assets else row[0]
    chunks = row_chunks(flat.shape[-1], len(row) if has_assets else None)
    return b"".join(_checksum(flat[where], chunks) for _, where in pieces(flat.shape, chunks))


def _checksum(values: np.ndarray, chunks: Sequence[int]) -> bytes:
    """Return the 4 bytes that follow a chunk on disk, its padding with NaN counted."""
    block = np.ascontiguousarray(values)
    if block.shape != tuple(chunks):
        padded = np.full(chunks, np.nan, dtype=block.dtype)
        padded[tuple(slice(n) for n in block.shape)] = block
        block = padded
    return int(google_crc32c.value(block.reshape(-1).view("u1"))).to_bytes(4, "little")
