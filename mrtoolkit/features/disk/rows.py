"""One row on disk: one output of one feature, cut into chunks over time and assets.

A row is (asset, time) here, one asset where there is no such dimension; `folder` is `ema/c/<slot>`, below which the
chunks lie as `<time>` or `<asset>/<time>`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from mrtoolkit.features.disk.chunks import DamagedChunkError, chunk_parts, read_checked, row_chunks, stored_checksum
from mrtoolkit.features.disk.files import bytes_of, link, write_new, write_whole

_MAX_BUFFERS = 256  # of a read; Linux allows 1,024


class Grid:
    """How the rows of one family are cut.

    Parameters
    ----------
    shape : tuple of int
        (time,) or (asset, time).
    dtype : str
        "float64" or "float32".
    """

    __slots__ = ("_has_assets", "bars", "chunks", "dtype", "n_assets", "n_bars", "n_together")

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        self._has_assets = len(shape) == 2
        self.dtype = dtype
        self.n_bars = shape[-1]
        self.n_assets = shape[0] if self._has_assets else 1
        self.chunks = row_chunks(self.n_bars, self.n_assets if self._has_assets else None)
        self.bars = self.chunks[-1]
        self.n_together = self.chunks[0] if self._has_assets else 1

    def places(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[str, slice, int]]:
        """Yield each chunk that has some of the bars `start` to `stop`: path, assets, number of the chunk in time."""
        stop = self.n_bars if stop is None else stop
        for a, first in enumerate(range(0, self.n_assets, self.n_together)):
            assets = slice(first, min(first + self.n_together, self.n_assets))
            for k in range(start // self.bars, -(-stop // self.bars)):
                yield f"{a}/{k}" if self._has_assets else str(k), assets, k


def row_checksums(values: np.ndarray, has_assets: bool, dtype: str) -> bytes:  # noqa: FBT001
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
    grid = Grid(values.shape if has_assets else values.shape[1:], dtype)
    return b"".join(_parts(grid, values, assets, k)[-1] for _, assets, k in grid.places())


def stored_checksums(folder: str, grid: Grid) -> bytes:
    """Return the checksums that end the chunks of a row on disk.

    Raises
    ------
    DamagedChunkError
        If a chunk is missing or of another size.
    """
    n_values = grid.n_together * grid.bars
    return b"".join(stored_checksum(f"{folder}/{name}", n_values, grid.dtype) for name, _, _ in grid.places())


def read_row(folder: str, grid: Grid, start: int, stop: int, out: np.ndarray) -> None:
    """Read bars `start` to `stop` into `out` (asset, stop - start), contiguous in time; chunks are verified whole.

    Raises
    ------
    DamagedChunkError
        If a chunk is missing, cut short or changed; what `out` holds then is not to be used.
    """
    for name, assets, k in grid.places(start, stop):
        first = k * grid.bars
        low, high = max(start, first), min(stop, first + grid.bars)
        target = out[assets, low - start : high - start]
        skipped = slice(low - first, high - first)
        if not _read_straight(f"{folder}/{name}", grid, target, skipped):
            block = np.empty((grid.n_together, grid.bars), dtype=out.dtype)
            read_checked(f"{folder}/{name}", [bytes_of(block)])
            target[:] = block[: len(target), skipped]


def _read_straight(path: str, grid: Grid, target: np.ndarray, within: slice) -> bool:
    """Read a chunk, bars `within` of it into `target` and the rest into a scratch; False for too many pieces."""
    n_rows, size = len(target), target.dtype.itemsize
    behind = (grid.n_together - n_rows) * grid.bars * size
    if target.flags.c_contiguous and target.shape[1] == grid.bars:
        read_checked(path, [bytes_of(target), np.empty(behind, dtype="u1")] if behind else [bytes_of(target)])
        return True
    if 3 * n_rows + 2 > _MAX_BUFFERS:
        return False
    n_before, n_after = within.start * size, (grid.bars - within.stop) * size
    scratch = np.empty(n_rows * (n_before + n_after) + behind, dtype="u1")
    buffers: list[np.ndarray] = []
    used = 0
    for row in target:
        before, after = scratch[used : used + n_before], scratch[used + n_before : used + n_before + n_after]
        buffers += [before, bytes_of(row), after]
        used += n_before + n_after
    read_checked(path, [buffer for buffer in (*buffers, scratch[used:]) if len(buffer)])
    return True


def write_row(folder: str, grid: Grid, values: np.ndarray, *, known: bool = False) -> None:
    """Write a row (asset, time); `known` where a commit shows it already, so that chunks are replaced in one step."""
    _write_from(folder, grid, values, 0, known=known)


def grow_row(old_folder: str, old: Grid, folder: str, grid: Grid, tail: np.ndarray) -> None:
    """Write the row in `old_folder` with the bars `tail` (asset, bar) after it; whole chunks get a second name alone.

    Raises
    ------
    DamagedChunkError
        If the old row is missing, or what was read of it is changed.
    """
    kept = old.n_bars // grid.bars if old.chunks == grid.chunks else 0  # chunks that the tail does not touch
    start = kept * grid.bars
    values = np.empty((grid.n_assets, grid.n_bars - start), dtype=grid.dtype)
    if old.n_bars > start:
        read_row(old_folder, old, start, old.n_bars, values[:, : old.n_bars - start])
    values[:, old.n_bars - start :] = tail
    for name, _, _ in grid.places(0, start):
        _link(f"{old_folder}/{name}", f"{folder}/{name}")
    _write_from(folder, grid, values, kept, known=False)


def _write_from(folder: str, grid: Grid, values: np.ndarray, first_chunk: int, *, known: bool) -> None:
    """Write values (asset, time from chunk `first_chunk` on)."""
    write = write_whole if known else write_new
    if os.path.islink(folder):  # noqa: PTH114 - a row is written where it is, and nowhere else
        os.unlink(folder)  # noqa: PTH108
    for name, assets, k in grid.places(first_chunk * grid.bars):
        write(f"{folder}/{name}", *_parts(grid, values, assets, k - first_chunk))


def _parts(grid: Grid, values: np.ndarray, assets: slice, k: int) -> list[bytes]:
    piece = values[assets, k * grid.bars : (k + 1) * grid.bars]
    return chunk_parts(piece, (grid.n_together, grid.bars), grid.dtype)


def _link(source: str, target: str) -> None:
    try:
        try:
            link(source, target)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.makedirs(os.path.dirname(target))  # noqa: PTH103, PTH120
            link(source, target)
    except FileNotFoundError as error:
        raise DamagedChunkError(f"its chunk {source} is missing") from error
