"""The table of a Parquet file, stretch by stretch, so that it need not fit into memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from mrtoolkit.features.disk.chunks import time_chunk
from mrtoolkit.features.family import Axes
from mrtoolkit.features.labelled.lazy import Row, StoredRow
from mrtoolkit.features.labelled.parquet_schema import ASSET, TIME

_IN_HAND = 3 * 2**24  # bytes of stored features held in memory; more go through a file beside the target
_SCRATCH = 2**30  # bytes of that file, or one chunk of bars of all features
_READ_AGAIN = 4  # times that a chunk is read, of which parts are written, before the file is the quicker way


def index_fields(axes: Axes) -> list[pa.Field]:
    """Return the columns that say where a row of the table stands: `time`, and `asset` where there are assets."""
    time = pa.field(TIME, pa.timestamp("ns", str(axes.attrs.get("timezone", "UTC"))), nullable=False)
    asset = pa.field(ASSET, pa.dictionary(pa.int32(), pa.string()), nullable=False)
    return [time] if axes.assets is None else [time, asset]


def stretches(axes: Axes, rows: Sequence[Row]) -> Iterator[tuple[slice, slice]]:
    """Yield (assets, bars) of what is written at once, so that few chunks on disk are read more than once."""
    n_assets, n_bars = axes.shape
    bar = max(1, sum(row.dtype.itemsize for row in rows))
    together = max(1, min(n_assets, _SCRATCH // (bar * n_bars)))  # a chunk has several assets, so many at once
    span = _span(n_bars, _IN_HAND // bar) if n_assets == 1 or bar * n_bars > _SCRATCH else n_bars
    for first in range(0, n_assets, together):
        for start in range(0, n_bars, span):
            yield slice(first, min(first + together, n_assets)), slice(start, min(start + span, n_bars))


def _span(n_bars: int, in_hand: int) -> int:
    """Return how many bars to write at once where `in_hand` of them fit into memory."""
    chunk = time_chunk(n_bars)
    if in_hand >= chunk:
        return min(n_bars, in_hand // chunk * chunk)
    n_times = -(-chunk // max(1, in_hand))
    return -(-chunk // n_times) if n_times <= _READ_AGAIN else chunk


def index_columns(axes: Axes, assets: slice, bars: slice) -> list[pa.Array]:
    """Return `time`, and `asset` where there are assets, of a stretch: one asset's bars below the other's."""
    fields = index_fields(axes)
    numbers = np.arange(assets.start, assets.stop, dtype=np.int32)
    stamps = np.tile(np.ascontiguousarray(axes.time[bars]).view(np.int64), len(numbers))
    time = pa.array(stamps).cast(fields[0].type)
    if axes.assets is None:
        return [time]
    places = pa.array(np.repeat(numbers, bars.stop - bars.start))
    return [time, pa.DictionaryArray.from_arrays(places, pa.array(list(axes.assets), pa.string()))]


def times_of(table: pa.Table, n_bars: int, assets: Sequence[str] | None) -> np.ndarray | None:
    """Return the times, (time,) datetime64[ns], that `index_columns` wrote; None where the rows stand otherwise."""
    kind = table.schema.field(TIME).type
    if not pa.types.is_timestamp(kind) or table.column(TIME).null_count:
        return None
    stamps = table.column(TIME).cast(pa.timestamp("ns", kind.tz)).cast(pa.int64()).to_numpy()
    time = stamps.reshape(1 if assets is None else len(assets), n_bars)
    if (time != time[:1]).any():
        return None
    if assets is not None:
        column = table.column(ASSET)
        column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        for number, name in enumerate(assets):
            for chunk in column.slice(number * n_bars, n_bars).chunks:
                names = chunk.dictionary.to_pylist()
                known = names.index(name) if name in names else -1
                if chunk.null_count or (chunk.indices.to_numpy(zero_copy_only=False) != known).any():
                    return None
    return np.ascontiguousarray(time[0]).view("datetime64[ns]")


def value_columns(folder: Path, rows: Sequence[Row], assets: slice, bars: slice) -> list[pa.Array]:
    """Return the values of all rows in a stretch; `folder` is where many of them may lie meanwhile."""
    shape = (assets.stop - assets.start, bars.stop - bars.start)
    n_values = shape[0] * shape[1]
    buffer = _room(folder, n_values * sum(row.dtype.itemsize for row in rows if isinstance(row, StoredRow)))
    columns, used = [], 0
    for row in rows:
        if isinstance(row, StoredRow):
            n_bytes = n_values * row.dtype.itemsize
            values = buffer[used : used + n_bytes].view(row.dtype).reshape(shape)
            used += n_bytes
            _fill(values, row, assets, bars)
        else:
            values = np.ascontiguousarray(row[assets, bars])
        columns.append(pa.array(values.reshape(-1)))
    return columns


def _room(folder: Path, n_bytes: int) -> np.ndarray:
    """Return bytes to write into: memory, or a file without a name where they are many."""
    if n_bytes <= _IN_HAND:
        return np.empty(n_bytes, dtype="u1")
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(n_bytes)
        if hasattr(os, "posix_fallocate"):  # so that a full disk is an error here, and no crash later
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        return np.memmap(file, dtype="u1", mode="r+", shape=(n_bytes,))


def _fill(values: np.ndarray, row: StoredRow, assets: slice, bars: slice) -> None:
    step = max(1, _IN_HAND // (row.shape[0] * row.dtype.itemsize))
    for start in range(bars.start, bars.stop, step):
        stop = min(start + step, bars.stop)
        values[:, start - bars.start : stop - bars.start] = row.read(start, stop)[assets]
