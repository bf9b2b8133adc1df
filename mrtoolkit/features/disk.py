"""The store's folder: generations of bars, families in them, rows appended whole or not at all.

::

    store/                       zarr.json says that this is a feature store
      .lock                      held while anything is written
      <fingerprint>/             one generation: one data set
        ema@1-3f0c.../           one family: an indicator's code and its input
          zarr.json              the commit record (see `commit`)
          lookback/c/0           labels in arrival order
          time/c/0
          ema/c/<row>/<chunk>    one feature a row
"""

from __future__ import annotations

import json
import shutil
import uuid
import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit.errors import StoreError
from mrtoolkit.features.chunks import LABEL_CHUNK, DamagedChunkError, read_chunk, row_chunks, write_chunk, write_json
from mrtoolkit.features.commit import (
    RECORD,
    Commit,
    commit_document,
    label_chunks,
    read_commit,
    signature_of,
)
from mrtoolkit.features.family import Axes, Family, Labels
from mrtoolkit.features.faults import DamagedFeatureWarning
from mrtoolkit.features.generation import Generation, axes_of, read_generation, write_generation
from mrtoolkit.features.lock import exclusive
from mrtoolkit.features.rows import pieces, row_checksums

_MARK = {"mrtoolkit": "feature store", "schema": 1}


class Disk:
    """Rows of features in a folder. Opening one reads at most one small file and writes nothing.

    Raises
    ------
    StoreError
        If `path` is a file, or a folder with something else in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits: dict[Path, Commit] = {}
        self._told: set[Hashable] = set()
        _check_is_store(path)

    def commit(self, data: str, family: Family) -> Commit | None:
        """Return what is committed of a family for these bars and this code, None for nothing."""
        found = self._commit_in(self.path / data / family.folder)
        return found if found is not None and found.family == family else None

    def commits(self, data: str | None = None) -> list[tuple[str, Commit]]:
        """Return (fingerprint, commit) of every family, of one data set or of all."""
        try:
            folders = [self.path / data] if data is not None else sorted(p for p in self.path.iterdir() if p.is_dir())
            paths = [(f.name, p) for f in folders if f.is_dir() for p in sorted(f.iterdir()) if "@" in p.name]
        except OSError:
            return []
        found = [(name, self._commit_in(path)) for name, path in paths if not path.name.endswith(".partial")]
        return [(name, commit) for name, commit in found if commit is not None]

    def read(self, commit: Commit, slot: int) -> np.ndarray:
        """Return one feature, (output, asset, time), read-only; every byte of it has passed its checksum.

        Raises
        ------
        DamagedChunkError
            If a chunk is missing, cut short or changed.
        """
        rows = [_read_row(commit, variable, slot) for variable in commit.family.variables]
        values = rows[0][None] if len(rows) == 1 else np.stack(rows)
        values = values.reshape(len(rows), -1, values.shape[-1])
        values.flags.writeable = False
        return values

    def is_current(self, commit: Commit) -> bool:
        """Whether what is committed is still this; a chunk that vanished with its family is no damage."""
        return signature_of(commit.path) == commit.signature

    def generations(self) -> list[Generation]:
        """Return the data sets that the store has features of, in no order that means anything."""
        try:
            folders = sorted(p for p in self.path.iterdir() if p.is_dir())
        except OSError:
            return []
        return [found for folder in folders if (found := read_generation(folder)) is not None]

    def axes(self, data: str) -> Axes | None:
        """Return the bars of a data set as one of its families has them, None where there is none that is whole."""
        for _, commit in self.commits(data):
            try:
                return axes_of(commit)
            except DamagedChunkError:
                continue
        return None

    def read_part(self, commit: Commit, output: int, slot: int, start: int, stop: int) -> np.ndarray:
        """Return bars `start` to `stop` of one output of one feature, (asset, time), from the chunks that they need.

        Raises
        ------
        DamagedChunkError
            If one of those is missing, cut short or changed.
        """
        return self.read(commit, slot)[output, :, start:stop]

    def read_states(self, commit: Commit, slots: Sequence[int]) -> np.ndarray | None:
        """Return what to go on from after the last bar, (len(slots), asset, state), NaN where it is not known.

        None where the family has none, or it is damaged.
        """
        return None

    def checksums(self, commit: Commit, output: int, slot: int) -> bytes:
        """Return the 4 bytes that end each chunk of one output of one feature, without a look at the values.

        Raises
        ------
        DamagedChunkError
            If a chunk is missing or cut short.
        """
        values = self.read(commit, slot)[output]
        return row_checksums(values, len(commit.shape) > 1, commit.dtype)

    def extend(
        self,
        old: Commit,
        axes: Axes,
        family: Family,
        tails: Mapping[Labels, np.ndarray],
        ns_per_bar: float,
        *,
        states: Mapping[Labels, np.ndarray] | None = None,
    ) -> int:
        """Commit features of `old` with the bars after it, `tails` (output, asset, bar), in the data set of `axes`."""
        whole: dict[Labels, np.ndarray] = {}
        for labels, tail in tails.items():
            try:
                whole[labels] = np.concatenate([self.read(old, old.slots[labels]), tail], axis=-1)
            except DamagedChunkError as error:
                self.tell_damage((old.path, old.signature, labels), f"{labels}: {error}", stacklevel=3)
        return self.append(axes, family, whole, ns_per_bar, states=states)

    def remove(self, folders: Iterable[Path]) -> int:
        """Remove families and return the bytes that this freed."""
        before = self.n_bytes()
        with exclusive(self.path / ".lock"):
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)
        return before - self.n_bytes()

    def n_bytes(self) -> int:
        """Return the bytes of all files below the folder, a file of several names once."""
        stats = [p.stat() for p in self.path.rglob("*") if p.is_file()]
        return sum({(s.st_dev, s.st_ino): s.st_size for s in stats}.values())

    def refresh_tree(self) -> None:
        """Bring the store's own record up to date, so that `xr.open_datatree(path, engine="zarr")` sees everything."""

    def append(
        self,
        axes: Axes,
        family: Family,
        rows: Mapping[Labels, np.ndarray],
        ns_per_bar: float,
        *,
        states: Mapping[Labels, np.ndarray] | None = None,
    ) -> int:
        """Commit the features that are not there yet, all or none of them, and return how many those were.

        Parameters
        ----------
        axes, family : Axes, Family
            What the rows run along and are.
        rows : mapping of labels to (output, asset, time)
            First writer wins: a feature is deterministic.
        ns_per_bar : float
            Measured cost, NaN for unknown.

        Raises
        ------
        OSError
            If the folder cannot be written; the store is as it was.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with exclusive(self.path / ".lock"):
            self._prepare(axes)
            folder = self.path / axes.fingerprint / family.folder
            commit = self.commit(axes.fingerprint, family)
            present = {} if commit is None else commit.slots
            missing = {labels: row for labels, row in rows.items() if labels not in present}
            if not missing:
                return 0
            costs = [c for c in (ns_per_bar, np.nan if commit is None else commit.ns_per_bar) if c == c]
            document = commit_document(axes, family, len(present) + len(missing), min(costs, default=np.nan))
            if commit is None:
                self._create(folder, document, axes, family, missing)
            else:
                self._extend(folder, document, axes, family, present, missing)
        return len(missing)

    def repair(self, axes: Axes, commit: Commit, labels: Labels, row: np.ndarray) -> None:
        """Write one feature's chunks again over damaged ones."""
        with exclusive(self.path / ".lock"):
            now = self.commit(axes.fingerprint, commit.family)
            if now is not None and labels in now.slots:
                _write_row(now.path, axes, commit.family, now.slots[labels], row)

    def tell_damage(self, what: Hashable, message: str, *, stacklevel: int) -> None:
        """Warn of a damaged feature or family, once for each `what`."""
        if what not in self._told:
            self._told.add(what)
            warnings.warn(message, DamagedFeatureWarning, stacklevel=stacklevel)

    def _commit_in(self, folder: Path) -> Commit | None:
        signature = signature_of(folder)
        if signature is None:
            return None
        known = self._commits.get(folder)
        if known is not None and known.signature == signature:
            return known
        try:
            commit = read_commit(folder, signature)
        except DamagedChunkError as error:
            name = folder.name.partition("@")[0]
            message = (
                f"the features {name!r} in {folder} are damaged ({error}); they are not used, and computed again where "
                "they are asked for."
            )
            self.tell_damage((folder, signature), message, stacklevel=6)
            return None
        self._commits[folder] = commit
        return commit

    def _prepare(self, axes: Axes) -> None:
        if not (self.path / RECORD).exists():
            write_json(self.path / RECORD, {"zarr_format": 3, "node_type": "group", "attributes": _MARK})
        write_generation(self.path / axes.fingerprint, axes)

    def _create(
        self, folder: Path, document: dict[str, Any], axes: Axes, family: Family, rows: Mapping[Labels, np.ndarray]
    ) -> None:
        """Build a new family beside its place and rename it there, whole."""
        for leftover in folder.parent.glob("*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
        try:
            chunks = row_chunks(len(axes.time), None)
            stamps = axes.time.astype("datetime64[ns]").astype("i8")
            for k, start in enumerate(range(0, len(stamps), chunks[0])):
                write_chunk(partial / "time" / "c" / str(k), stamps[start : start + chunks[0]], chunks, "int64")
            if axes.assets is not None:
                names = np.array(axes.assets, dtype=object)
                write_chunk(partial / "asset" / "c" / "0", names, names.shape, "string")
            self._extend(partial, document, axes, family, {}, rows)
            if folder.exists():  # damaged, or else it would have been extended
                shutil.rmtree(folder)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def _extend(
        self,
        folder: Path,
        document: dict[str, Any],
        axes: Axes,
        family: Family,
        present: Mapping[Labels, int],
        rows: Mapping[Labels, np.ndarray],
    ) -> None:
        """Write data, then labels, then the record."""
        for slot, row in enumerate(rows.values(), start=len(present)):
            _write_row(folder, axes, family, slot, row)
        labels = [*present, *rows]
        for position, name in enumerate(family.parameters):
            for k, values in enumerate(label_chunks(labels, position)):
                if (k + 1) * LABEL_CHUNK > len(present):
                    write_chunk(folder / name / "c" / str(k), np.array(values), (LABEL_CHUNK,), "float64")
        for name, metadata in document["consolidated_metadata"]["metadata"].items():
            write_json(folder / name / RECORD, metadata)
        write_json(folder / RECORD, document)


def _read_row(commit: Commit, variable: str, slot: int) -> np.ndarray:
    folder = commit.path / variable / "c" / str(slot)
    shape = commit.shape
    chunks = row_chunks(shape[-1], None if len(shape) == 1 else shape[0])
    if chunks == shape:
        return read_chunk(folder.joinpath(*("0",) * len(shape)), shape, commit.dtype)
    values = np.empty(shape, dtype=commit.dtype)
    for name, where in pieces(shape, chunks):
        chunk = read_chunk(folder / name, chunks, commit.dtype)
        values[where] = chunk[tuple(slice(s.stop - s.start) for s in where)]
    return values


def _write_row(folder: Path, axes: Axes, family: Family, slot: int, row: np.ndarray) -> None:
    n_assets = None if axes.assets is None else len(axes.assets)
    chunks = row_chunks(len(axes.time), n_assets)
    for variable, values in zip(family.variables, row, strict=True):
        flat = values[0] if n_assets is None else values
        for name, where in pieces(flat.shape, chunks):
            path = folder / variable / "c" / str(slot) / name
            write_chunk(path, flat[where][None], (1, *chunks), family.dtype)


def _check_is_store(path: Path) -> None:
    """Raise StoreError unless `path` is a feature store, or could become one."""
    cure = "give the folder of a store, or a new path such as 'features.zarr'"
    try:
        if path.exists() and not path.is_dir():
            raise StoreError(f"{path} is a file, but a feature store is a folder; {cure}.")
        if not path.is_dir() or not any(path.iterdir()):
            return
        attributes = json.loads((path / RECORD).read_bytes())["attributes"]
        is_store = attributes["mrtoolkit"] == _MARK["mrtoolkit"]
        schema = int(attributes["schema"])
    except StoreError:
        raise
    except FileNotFoundError:
        is_store = _holds_only_a_lock(path)
        schema = 1
    except PermissionError as error:
        raise StoreError(
            f"{path} cannot be opened as a feature store ({error}); ask for the right to read it."
        ) from error
    except (OSError, ValueError, KeyError, TypeError):
        is_store = False
        schema = 1
    if not is_store:
        raise StoreError(f"{path} holds something else than a feature store, and nothing was written to it; {cure}.")
    if schema > 1:
        raise StoreError(f"{path} is a feature store of schema {schema}, and this version reads 1; update mrtoolkit.")


def _holds_only_a_lock(path: Path) -> bool:
    """Whether a first write ended (killed, disk full) before the folder was marked as a store."""
    return all(p.name == ".lock" or p.name.endswith(".partial") for p in path.iterdir())
