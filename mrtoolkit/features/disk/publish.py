"""How features become visible: data, then labels and states, then one replace of the family's record."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit.features.disk.chunks import DamagedChunkError, write_json, write_strings
from mrtoolkit.features.disk.commit import RECORD, Commit, commit_document, signature_of
from mrtoolkit.features.disk.files import write_whole
from mrtoolkit.features.disk.labels import write_labels
from mrtoolkit.features.disk.removal import remove_path
from mrtoolkit.features.disk.rows import Grid, grow_row, read_row, write_row
from mrtoolkit.features.disk.states import write_states
from mrtoolkit.features.family import Axes, Family, Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Features to be committed.

    Attributes
    ----------
    axes, family : Axes, Family
        What the rows run along and are.
    rows : mapping of labels to (output, asset, time)
        Whole rows, or with `old` the bars after those of its rows.
    write : callable
        `write(folder of each variable's row, labels, row)`; False for a feature that has to be left out.
    ns_per_bar : float
        Measured cost, NaN for unknown.
    states : mapping of labels to (asset, state)
    old : Commit or None
        A family of fewer bars, whose whole chunks of time are linked instead of written.
    """

    axes: Axes
    family: Family
    rows: Mapping[Labels, np.ndarray]
    write: Callable[[Sequence[str], Labels, np.ndarray], bool]
    ns_per_bar: float
    states: Mapping[Labels, np.ndarray] = field(default_factory=dict)
    old: Commit | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row of one variable."""
        return _shape(self.axes)

    def without(self, known: Mapping[Labels, int]) -> Addition:
        """Return what of it is not among the features `known`."""
        return replace(self, rows={labels: row for labels, row in self.rows.items() if labels not in known})


def grid_of(axes: Axes, family: Family) -> Grid:
    """Return how the rows of a family over some bars are cut into chunks."""
    return Grid(_shape(axes), family.dtype)


def _shape(axes: Axes) -> tuple[int, ...]:
    return axes.shape if axes.assets is not None else axes.shape[1:]


def publish(folder: Path, new: Addition, known: Commit | None, sibling: Commit | None) -> Commit | None:
    """Commit features after those of `known`, all or none but those that `write` refuses; None if there are none.

    `sibling` is another family of the same bars, whose times are shared.

    Raises
    ------
    OSError
        If the folder cannot be written; what is committed is as it was.
    """
    if known is not None:
        return _add(folder, new, known)
    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
    try:
        _write_axes(str(partial), new, sibling)
        commit = _add(partial, new, None)
        if commit is not None:
            with contextlib.suppress(FileNotFoundError):  # damaged, or else it would have been known
                folder.rename(folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial"))
            partial.rename(folder)
    finally:
        sweep(folder.parent)
    return None if commit is None else _moved(commit, folder)


def sweep(generation: Path) -> None:
    """Remove what writers that were killed have left; to be called under the lock, when nobody is writing."""
    for leftover in generation.glob("*.partial"):
        remove_path(leftover)


def _add(folder: Path, new: Addition, known: Commit | None) -> Commit | None:
    place = str(folder)
    present = [] if known is None else list(known.slots)
    labels = list(present)
    try:
        for row_labels, row in new.rows.items():
            if new.write(_slot_folders(place, new.family, len(labels)), row_labels, row):
                labels.append(row_labels)
        _remove_slots(place, new.family, len(labels), len(present) + len(new.rows) - len(labels))  # left out
        if len(labels) == len(present):
            return None
        state_size = 0 if known is None else known.state_size
        state_size = max([state_size, *(np.shape(s)[-1] for s in new.states.values())])
        write_states(place, new.shape, state_size, labels, new.states, known)
        write_labels(place, new.family, labels, len(present))
    except BaseException:  # also Ctrl-C: no half of it stays
        _remove_slots(place, new.family, len(present), len(new.rows))
        raise
    costs = [c for c in (new.ns_per_bar, math.nan if known is None else known.ns_per_bar) if c == c]
    commit = Commit(
        path=folder,
        signature=(0, 0, 0),
        build=uuid.uuid4().hex if known is None else known.build,
        family=new.family,
        slots={row_labels: slot for slot, row_labels in enumerate(labels)},
        shape=new.shape,
        ns_per_bar=min(costs, default=math.nan),
        state_size=state_size,
    )
    _write_record(place, new, commit, is_new=known is None)
    return _moved(commit, folder)


def _write_record(folder: str, new: Addition, commit: Commit, *, is_new: bool) -> None:
    document = commit_document(
        new.axes,
        new.family,
        len(commit.slots),
        commit.ns_per_bar,
        build=commit.build,
        state_size=commit.state_size,
    )
    arrays: dict[str, Any] = document["consolidated_metadata"]["metadata"]
    for name, metadata in arrays.items():
        if is_new or name not in ("time", "asset"):  # the others have grown
            write_json(f"{folder}/{name}/{RECORD}", metadata, in_place=not is_new)
    write_whole(f"{folder}/{RECORD}", json.dumps(document, allow_nan=False).encode(), stamp=True)


def _write_axes(folder: str, new: Addition, sibling: Commit | None) -> None:
    stamps = np.asarray(new.axes.time, dtype="datetime64[ns]").view("i8")[None]
    grid = Grid((len(new.axes.time),), "int64")
    if not _share_times(folder, new.old or sibling, grid, stamps):
        write_row(f"{folder}/time/c", grid, stamps)
    if new.axes.assets is not None:
        write_strings(f"{folder}/asset/c/0", new.axes.assets)


def _share_times(folder: str, source: Commit | None, grid: Grid, stamps: np.ndarray) -> bool:
    """Give the times of another family, as far as they are these, a second name; False where they are not whole."""
    if source is None:
        return False
    known = Grid(source.shape[-1:], "int64")
    times = np.empty((1, known.n_bars), dtype="i8")
    try:
        read_row(f"{source.path}/time/c", known, 0, known.n_bars, times)
        if not np.array_equal(times, stamps[:, : known.n_bars]):
            return False
        grow_row(f"{source.path}/time/c", known, f"{folder}/time/c", grid, stamps[:, known.n_bars :])
    except DamagedChunkError:
        return False
    return True


def _moved(commit: Commit, folder: Path) -> Commit:
    """Return the commit as it is found in `folder`."""
    return replace(commit, path=folder, signature=signature_of(folder) or (0, 0, 0))


def _slot_folders(folder: str, family: Family, slot: int) -> list[str]:
    return [f"{folder}/{variable}/c/{slot}" for variable in family.variables]


def _remove_slots(folder: str, family: Family, first: int, n: int) -> None:
    """Give the bytes of rows back that were not committed, as far as that goes."""
    for slot in range(first, first + n):
        for path in _slot_folders(folder, family, slot):
            shutil.rmtree(path, ignore_errors=True)
