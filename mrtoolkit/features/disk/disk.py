"""The store's folder: generations of bars, families in them, rows appended whole or not at all.

::

    store/                       zarr.json says that this is a feature store, and what is in it (see `tree`)
      .lock                      held while anything is written
      <fingerprint>/             one generation: one data set
        ema@1-3f0c.../           one family: an indicator's code and its input
          zarr.json              the commit record (see `commit`)
          lookback/c/0           labels in arrival order
          time/c/0
          state/c/0/0            to go on from when bars are appended, where the indicator has it
          ema/c/<row>/<chunk>    one feature a row

A chunk of a row may have several names: a data set that extends another shares the chunks that did not change. No
file is written into once it has its name.
"""

from __future__ import annotations

import errno
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mrtoolkit.errors import StoreError
from mrtoolkit.features.disk.chunks import DamagedChunkError, room
from mrtoolkit.features.disk.commit import RECORD, Commit, Signature, signature_of
from mrtoolkit.features.disk.generation import Generation, axes_of, rewrite, write_generation
from mrtoolkit.features.disk.lock import exclusive
from mrtoolkit.features.disk.publish import Addition, grid_of, publish, sweep
from mrtoolkit.features.disk.records import Records
from mrtoolkit.features.disk.removal import bytes_freed, delete, hide, n_bytes_below
from mrtoolkit.features.disk.rows import grow_row, read_row, stored_checksums, write_row
from mrtoolkit.features.disk.states import States, read_states
from mrtoolkit.features.disk.tree import Tree, check_is_store
from mrtoolkit.features.family import Axes, Family, Labels


class Disk:
    """Rows of features in a folder. Opening one reads the beginning of one small file and writes nothing.

    Raises
    ------
    StoreError
        If `path` is a file, or a folder with something else in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = Records(path)
        self._tree = Tree(path)
        check_is_store(path)

    @property
    def exists(self) -> bool:
        """Whether anything was ever committed to the folder."""
        return (self.path / RECORD).exists()

    def commit(self, data: str, family: Family) -> Commit | None:
        """Return what is committed of a family for these bars and this code, None for nothing."""
        return self._records.commit(data, family)

    def commits(self, data: str | None = None) -> list[tuple[str, Commit]]:
        """Return (fingerprint, commit) of every family, of one data set or of all."""
        return self._records.commits(data)

    def generations(self) -> list[Generation]:
        """Return the data sets that the store has features of, in no order that means anything."""
        return self._records.generations()

    def is_current(self, commit: Commit) -> bool:
        """Whether what is committed is still this; a chunk that vanished with its family is no damage."""
        return signature_of(commit.path) == commit.signature

    def tell_damage(self, what: Hashable, message: str) -> None:
        """Warn of a damaged feature or family, once for each `what`."""
        self._records.tell_damage(what, message)

    def axes(self, data: str) -> Axes | None:
        """Return the bars of a data set as one of its families has them, None where there is none that is whole."""
        for _, commit in self.commits(data):
            try:
                return axes_of(commit)
            except DamagedChunkError:
                continue
        return None

    def read(self, commit: Commit, slot: int) -> np.ndarray:
        """Return one feature, (output, asset, time), read-only; every byte of it has passed its checksum.

        Raises
        ------
        DamagedChunkError
            If a chunk is missing, cut short or changed.
        """
        grid = commit.grid
        values = room((len(commit.family.variables), grid.n_assets, grid.n_bars), grid.dtype)
        for variable, row in zip(commit.family.variables, values, strict=True):
            read_row(_place(commit, variable, slot), grid, 0, grid.n_bars, row)
        self._check_same_build(commit)
        values.flags.writeable = False
        return values

    def read_part(self, commit: Commit, output: int, slot: int, start: int, stop: int) -> np.ndarray:
        """Return bars `start` to `stop` of one output of one feature, (asset, time), from the chunks that they need.

        Raises
        ------
        DamagedChunkError
            If one of those is missing, cut short or changed.
        """
        grid = commit.grid
        values = room((grid.n_assets, max(0, stop - start)), grid.dtype)
        if values.size:
            read_row(_place(commit, commit.family.variables[output], slot), grid, start, stop, values)
        self._check_same_build(commit)
        values.flags.writeable = False
        return values

    def read_states(self, commit: Commit, slots: Sequence[int]) -> np.ndarray | None:
        """Return what to go on from after the last bar, (len(slots), asset, state), NaN where it is not known.

        None where the family has none, or a chunk of them is damaged.
        """
        found = read_states(commit, slots)
        try:
            self._check_same_build(commit)
        except DamagedChunkError:
            return None
        return found

    def checksums(self, commit: Commit, output: int, slot: int) -> bytes:
        """Return the 4 bytes that end each chunk of one output of one feature, without a look at the values.

        Raises
        ------
        DamagedChunkError
            If a chunk is missing or of another size.
        """
        found = stored_checksums(_place(commit, commit.family.variables[output], slot), commit.grid)
        self._check_same_build(commit)
        return found

    def append(
        self,
        axes: Axes,
        family: Family,
        rows: Mapping[Labels, np.ndarray],
        ns_per_bar: float,
        *,
        states: States | None = None,
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
        states : mapping of labels to (asset, state)
            What to go on from after the last bar, of those features that have it.

        Raises
        ------
        OSError
            If the folder cannot be written; the store is as it was.
        """
        grid = grid_of(axes, family)  # a look at `new` in `write` would keep its rows until cycles are collected

        def write(folders: Sequence[str], _: Labels, row: np.ndarray) -> bool:
            for folder, values in zip(folders, row, strict=True):
                write_row(folder, grid, values)
            return True

        new = Addition(axes=axes, family=family, rows=rows, write=write, ns_per_bar=ns_per_bar, states=states or {})
        return self._publish(new)

    def extend(
        self,
        old: Commit,
        axes: Axes,
        family: Family,
        tails: Mapping[Labels, np.ndarray],
        ns_per_bar: float,
        *,
        states: States | None = None,
    ) -> int:
        """Commit features of `old` with more bars in the data set `axes`, and return how many were not there yet.

        Chunks that the new bars do not touch get a second name instead of being written. A feature whose old row is
        missing or damaged is left out, with a warning.

        Parameters
        ----------
        old : Commit
            The family over the bars that `axes` begins with.
        axes, family : Axes, Family
            What the longer rows run along and are.
        tails : mapping of labels to (output, asset, bar)
            Values at the bars after those of `old`.
        ns_per_bar : float
            Measured cost, NaN for unknown.
        states : mapping of labels to (asset, state)
            What to go on from after the last bar of `axes`.

        Raises
        ------
        OSError
            If the folder cannot be written; the store is as it was.
        """
        old_grid, grid = old.grid, grid_of(axes, family)

        def write(folders: Sequence[str], labels: Labels, tail: np.ndarray) -> bool:
            try:
                for variable, folder, values in zip(family.variables, folders, tail, strict=True):
                    grow_row(_place(old, variable, old.slots[labels]), old_grid, folder, grid, values)
            except DamagedChunkError as error:
                message = f"a feature of {old.path} is damaged ({error}); it was not extended: compute it again."
                self.tell_damage((old.path, old.signature, labels), message)
                return False
            return True

        rows = {labels: tail for labels, tail in tails.items() if labels in old.slots}
        new = Addition(
            axes=axes, family=family, rows=rows, write=write, ns_per_bar=ns_per_bar, states=states or {}, old=old
        )
        return self._publish(new)

    def repair(self, axes: Axes, commit: Commit, labels: Labels, row: np.ndarray) -> None:
        """Write one feature's chunks again over damaged ones, each of them in one step."""
        with exclusive(self.path / ".lock"):
            now = self.commit(axes.fingerprint, commit.family)
            if now is not None and labels in now.slots:
                for variable, values in zip(now.family.variables, row, strict=True):
                    write_row(_place(now, variable, now.slots[labels]), now.grid, values, known=True)

    def remove(self, folders: Iterable[Path], *, as_seen: Mapping[Path, Signature | None] | None = None) -> int:
        """Remove families, and data sets that have none left, and return the bytes that this freed.

        Parameters
        ----------
        folders : iterable of Path
        as_seen : mapping of Path to the signature of its record, optional
            Families that have another one now were written since somebody decided on this, and stay.

        Raises
        ------
        StoreError
            If a folder is not a family's of this store; nothing is removed.
        """
        doomed = sorted(set(folders))
        for folder in doomed:
            if folder.parent.parent != self.path or "@" not in folder.name:
                message = f"{folder} is not the folder of a family in {self.path}, so nothing was removed."
                raise StoreError(f"{message[:-1]}; give the paths that commits() has.")
        if not doomed:
            return 0
        with exclusive(self.path / ".lock"):
            doomed = [f for f in doomed if as_seen is None or signature_of(f) == as_seen[f]]
            hidden = hide(doomed)
            for folder in doomed:
                self._records.forget(folder)
            self._refresh()  # before the files go: a reader of the old record would take them for missing values
            n_freed = bytes_freed(hidden)
            delete(hidden)
            self._refresh()
        return n_freed

    def n_bytes(self) -> int:
        """Return the bytes of all files below the folder, a file of several names once."""
        return n_bytes_below(self.path)

    def refresh_tree(self) -> None:
        """Bring the store's own record up to date, so that `xr.open_datatree(path, engine="zarr")` finds everything.

        Beyond 500 families the record has no list of them (see `tree`).

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        if self.path.is_dir():
            with exclusive(self.path / ".lock"):
                self._refresh()

    def _publish(self, new: Addition) -> int:
        self.path.mkdir(parents=True, exist_ok=True)
        data = new.axes.fingerprint
        if (self.path / data).is_symlink():  # nothing is written outside of the store
            raise OSError(errno.ELOOP, "it is a symbolic link", str(self.path / data))
        with exclusive(self.path / ".lock"):
            known = self.commit(data, new.family)
            missing = new if known is None else new.without(known.slots)
            if not missing.rows or (new.old is not None and not self._records.is_same_build(new.old)):
                return 0
            self._tree.mark()
            folder = self._records.folder(data, new.family)
            if known is None and folder.exists():  # damaged: the store's record would promise what is not there anew
                self._refresh()
            write_generation(self.path / data, new.axes, anew=new.old is not None)
            sweep(self.path / data)
            siblings = [] if known is not None else self.commits(data)
            sibling = siblings[0][1] if siblings else None
            commit = publish(folder, missing, known, sibling)
            if commit is None:
                return 0
            self._records.keep(commit)
        return len(commit.slots) - (0 if known is None else len(known.slots))

    def _refresh(self) -> None:
        generations = self.generations()
        for generation in generations:
            if not self._records.is_known(generation):  # its record is damaged
                rewrite(self.path / generation.fingerprint, generation)
        self._tree.refresh(generations, self.commits())

    def _check_same_build(self, commit: Commit) -> None:
        """Raise DamagedChunkError if the family was removed and made anew: its slots have other features now."""
        if not self._records.is_same_build(commit):
            raise DamagedChunkError("it was removed meanwhile")


def _place(commit: Commit, variable: str, slot: int) -> str:
    return f"{commit.path}/{variable}/c/{slot}"
