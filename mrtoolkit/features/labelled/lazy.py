"""Rows that stay on disk until they are looked at, as arrays that xarray selects from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from mrtoolkit.errors import StoreError
from mrtoolkit.features.disk.chunks import DamagedChunkError, time_chunk
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.disk.rows import row_checksums
from mrtoolkit.features.family import Axes, Labels
from mrtoolkit.features.patterns import feature_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class StoredRow:
    """One output of one feature on disk; it holds no values.

    It is found again by its labels where its family grew, or was removed and computed again, since.

    Attributes
    ----------
    disk : Disk
    commit : Commit
        Of the feature's family.
    output : int
        Which of the family's outputs.
    slot : int
        The feature's row.
    """

    disk: Disk
    commit: Commit
    output: int
    slot: int

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (asset, time), one asset where there is no such dimension."""
        shape = self.commit.shape
        return (1, shape[0]) if len(shape) == 1 else (shape[0], shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self.commit.dtype)

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return bars `start` to `stop`, (asset, time), from the chunks that they need, each of them verified.

        Raises
        ------
        StoreError
            If the feature was damaged or removed since.
        """
        end = self.shape[1] if stop is None else stop
        return self._found(lambda commit, slot: self.disk.read_part(commit, self.output, slot, start, end))

    def checksums(self) -> bytes:
        """Return the checksums of its chunks, 4 bytes each, without a look at the values.

        Raises
        ------
        StoreError
            If the feature was damaged or removed since.
        """
        return self._found(lambda commit, slot: self.disk.checksums(commit, self.output, slot))

    def _found(self, look: Callable[[Commit, int], T]) -> T:
        """Look at the row; where that fails, look once more where the family has the feature now."""
        try:
            return look(self.commit, self.slot)
        except DamagedChunkError as error:
            now = self.disk.commit(self.commit.path.parent.name, self.commit.family)
            if now is None or self.labels not in now.slots:
                raise self._refusal("it was removed since") from error
            if now.signature == self.commit.signature:
                raise self._refusal(str(error)) from error
        try:
            return look(now, now.slots[self.labels])
        except DamagedChunkError as error:
            raise self._refusal(str(error)) from error

    @property
    def labels(self) -> Labels:
        """The feature's parameter values."""
        return next(labels for labels, slot in self.commit.slots.items() if slot == self.slot)

    def _refusal(self, why: str) -> StoreError:
        family = self.commit.family
        feature = feature_text(family.pattern, family.parameters, self.labels)
        if family.outputs:
            feature += f".{family.outputs[self.output]}"
        message = (
            f"the stored feature {feature} in {self.commit.path} cannot be read ({why}); compute it again by "
            f"store.array(bars, ...) or compute_batch(bars, [...]), then load or open it again."
        )
        return StoreError(message)


Row = np.ndarray | StoredRow
"""One feature, (asset, time): its values, or where they are."""


def checksums_of(axes: Axes, row: Row) -> bytes:
    """Return the checksums of a row's chunks, 4 bytes each, as they are or would be on disk."""
    if isinstance(row, StoredRow):
        return row.checksums()
    return row_checksums(row, axes.assets is not None, str(row.dtype))


class RowsArray(BackendArray):
    """Rows along dimensions of labels, (label..., time[, asset]); a selection reads the rows and chunks that it needs.

    Of bars with many assets, a row's chunks over all assets are read.

    Parameters
    ----------
    rows : sequence of Row
        In the order of the labels, the last dimension fastest.
    grid : tuple of int
        Lengths of the dimensions of labels.
    axes : Axes
        What the rows run along.
    """

    __slots__ = ("_grid", "_has_assets", "_rows", "dtype", "shape")

    def __init__(self, rows: Sequence[Row], grid: tuple[int, ...], axes: Axes) -> None:
        n_assets, n_bars = axes.shape
        self._rows = tuple(rows)
        self._grid = grid
        self._has_assets = axes.assets is not None
        self.dtype = np.result_type(*(row.dtype for row in self._rows))
        self.shape = (*grid, n_bars, n_assets) if self._has_assets else (*grid, n_bars)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        if isinstance(key, indexing.BasicIndexer | indexing.OuterIndexer):  # xarray's way breaks off at array[5:0:-1]
            return self._read(key.tuple)
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        """Return a selection by an integer, a slice or an array of integers along each dimension."""
        n_dims = len(self._grid)
        chosen = np.arange(len(self._rows)).reshape(self._grid)
        for axis in reversed(range(n_dims)):
            chosen = chosen[(slice(None),) * axis + (key[axis],)]
        n_bars = self.shape[n_dims]
        assets: Any = key[n_dims + 1] if self._has_assets else slice(None)
        taken: Any = [assets] if isinstance(assets, int | np.integer) else assets
        n_assets = len(np.arange(self.shape[-1] if self._has_assets else 1)[taken])
        parts = list(_parts(key[n_dims], n_bars))
        positions = chosen.reshape(-1).tolist()
        if len(positions) == len(parts) == 1 and isinstance(parts[0][3], slice):  # 30 ms less for 5 million bars
            start, stop, inside, _ = parts[0]
            out = _writable(self._part(positions[0], start, stop), self.dtype)[taken][None, :, inside]
        else:
            out = np.empty((len(positions), n_assets, _length(key[n_dims], n_bars)), dtype=self.dtype)
            for values, position in zip(out, positions, strict=True):
                for start, stop, inside, place in parts:
                    values[:, place] = self._part(position, start, stop)[taken][:, inside]
        laid: np.ndarray = out.transpose(0, 2, 1)
        if isinstance(key[n_dims], int | np.integer):
            laid = laid[:, 0]
        if not self._has_assets or isinstance(assets, int | np.integer):
            laid = laid[..., 0]
        return laid.reshape((*chosen.shape, *laid.shape[1:]))

    def _part(self, position: int, start: int, stop: int) -> np.ndarray:
        """Return bars of one row, (asset, time)."""
        row = self._rows[position]
        return row.read(start, stop) if isinstance(row, StoredRow) else row[:, start:stop]


def rows_variable(
    axes: Axes, rows: Sequence[Row], dims: tuple[str, ...], grid: tuple[int, ...], attrs: dict[str, Any]
) -> xr.Variable:
    """Return rows as a variable (dims..., time[, asset]): an array where all of them are, else read when looked at."""
    tail = ("time",) if axes.assets is None else ("time", "asset")
    if any(isinstance(row, StoredRow) for row in rows):
        lazy: Any = indexing.LazilyIndexedArray(RowsArray(rows, grid, axes))
        # as xr.open_dataset wraps its arrays: loaded once, and copied before anything is written to them
        data: Any = indexing.MemoryCachedArray(indexing.CopyOnWriteArray(lazy))  # type: ignore[no-untyped-call]
        return xr.Variable((*dims, *tail), data, attrs)
    values = np.stack([row for row in rows if isinstance(row, np.ndarray)]) if rows else np.empty((0, *axes.shape))
    laid = values[:, 0] if axes.assets is None else values.transpose(0, 2, 1)
    return xr.Variable((*dims, *tail), laid.reshape(*grid, *laid.shape[1:]), attrs)


def _length(key: Any, n: int) -> int:
    if isinstance(key, slice):
        return len(range(*key.indices(n)))
    return 1 if isinstance(key, int | np.integer) else len(key)


def _writable(part: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return what was read for one look as an array that its user may write to."""
    if part.dtype != dtype or not part.flags.owndata:
        return part.astype(dtype)
    part.flags.writeable = True
    return part


def _parts(key: Any, n_bars: int) -> Iterator[tuple[int, int, Any, Any]]:
    """Yield (start, stop, selection inside, place in the result) of the stretches of bars that a selection needs.

    Bars that lie more than a chunk apart are read apart.
    """
    chunk = time_chunk(n_bars)
    if isinstance(key, slice):
        bars = range(*key.indices(n_bars))
        if not bars:
            return
        if abs(bars.step) <= chunk:
            low, high = min(bars[0], bars[-1]), max(bars[0], bars[-1])
            yield low, high + 1, slice(None, None, bars.step), slice(None)
            return
        key = np.array(bars)
    at = np.atleast_1d(np.asarray(key))
    at = np.where(at < 0, at + n_bars, at)
    order = np.argsort(at, kind="stable")
    cuts = np.flatnonzero(np.diff(at[order] // chunk) > 1) + 1
    for place in np.split(order, cuts) if at.size else ():
        low, high = int(at[place[0]]), int(at[place[-1]])
        yield low, high + 1, at[place] - low, place


def full_grid(labels: Sequence[Labels]) -> list[list[float | int]] | None:
    """Return the values along each parameter where sorted labels are all of their combinations, else None."""
    steps = [sorted({row[k] for row in labels}) for k in range(len(labels[0]))] if labels else []
    return steps if list(labels) == list(itertools.product(*steps)) else None
