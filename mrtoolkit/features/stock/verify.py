"""Reading every committed byte of a store, to say whether it is whole."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit.features.disk.chunks import DamagedChunkError
from mrtoolkit.features.disk.commit import RECORD, Commit, Signature, read_commit, signature_of
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.disk.generation import axes_of, read_generation
from mrtoolkit.features.disk.tree import is_whole
from mrtoolkit.features.family import Axes, Labels
from mrtoolkit.features.stock.disk_usage import family_folders
from mrtoolkit.features.stock.verify_report import Damage, VerifyReport

_ATTEMPTS = 3


def verify(disk: Disk) -> VerifyReport:
    """Read and check every committed chunk of every family, and return what was found; nothing is changed.

    Of each family the record and its checksum, the metadata of each array beside it, unique labels, increasing times
    and the assets, both the same in all families of a data set, every value and every state. What is written or
    removed meanwhile is no damage.
    """
    start = time.perf_counter()
    n_families = n_features = n_bytes = 0
    damage: list[Damage] = []
    bars: dict[str, Axes] = {}
    for data, folder in family_folders(disk.path):
        found = _Checked(disk, folder)
        axes, n_read = found.run(bars.get(data))
        if axes is not None:
            bars.setdefault(data, axes)
        damage += found.damage
        n_families += found.commit is not None or bool(found.damage)
        n_features += 0 if found.commit is None else len(found.commit.slots)
        n_bytes += n_read
    damage += _damaged_records(disk)
    return VerifyReport(
        path=str(disk.path),
        families=n_families,
        features=n_features,
        n_bytes=n_bytes,
        seconds=time.perf_counter() - start,
        damage=tuple(damage),
    )


def _damaged_records(disk: Disk) -> Iterator[Damage]:
    """Yield the records of data sets and of the store itself that are not as they were written."""
    message = "the record zarr.json of {} is missing or damaged; the next write makes it anew"
    folders = sorted({folder.parent for _, folder in family_folders(disk.path)})
    for folder in folders:
        if read_generation(folder) is None and any(signature_of(path) for path in folder.glob("*@*")):
            reason = message.format("its data set")
            yield Damage(data=folder.name, feature="no feature", folder=folder, reason=reason, of_all=True)
    if folders and not is_whole(disk.path):
        yield Damage(data="", feature="no feature", folder=disk.path, reason=message.format("the store"), of_all=True)


def _json(folder: Path) -> dict[str, Any] | None:
    """Return what the `zarr.json` in a folder says, None where it is missing or no object."""
    try:
        found = json.loads((folder / RECORD).read_bytes()) if signature_of(folder) else None
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_recorded(folder: Path, recorded: dict[str, Any]) -> bool:
    """Whether an array's own metadata are those of the family's record.

    It may have more rows than the record: it grows first, and a write may be going on or have been interrupted.
    """
    found = _json(folder)
    if found is None or found == recorded:
        return found is not None
    match found.get("shape"), recorded:
        case [int(n_rows), *row], {"shape": [int(n_known), *_], "dimension_names": [dim, *_]}:
            is_ahead = dim not in ("time", "asset") and n_rows > n_known
            return is_ahead and {**found, "shape": [n_known, *row]} == recorded
    return False


class _Checked:
    """The check of one family, made again where it was written or removed meanwhile."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self.commit: Commit | None = None
        self.damage: list[Damage] = []
        self._disk = disk
        self._folder = folder

    def run(self, first: Axes | None) -> tuple[Axes | None, int]:
        """Check the family, beside the bars of another of the same data, and return its bars and the bytes read."""
        for _ in range(_ATTEMPTS):
            signature = signature_of(self._folder)
            axes, n_bytes = self._check(signature, first)
            if not self.damage or signature_of(self._folder) == signature:
                break
        return axes, n_bytes

    def _check(self, signature: Signature | None, first: Axes | None) -> tuple[Axes | None, int]:
        self.commit, self.damage = None, []
        if signature is None:
            if self._folder.is_dir():
                self._tell("its record zarr.json is missing")
            return None, 0
        try:
            self.commit = read_commit(self._folder, signature)
        except DamagedChunkError as error:
            self._tell(str(error))
            return None, 0
        self._check_arrays(self.commit)
        return self._check_axes(self.commit, first), self._check_rows(self.commit)

    def _check_arrays(self, commit: Commit) -> None:
        document = _json(commit.path)
        if document is None:  # written or removed since it was read
            return
        for name, recorded in document["consolidated_metadata"]["metadata"].items():
            folder = commit.path / name
            if not any(_is_recorded(folder, recorded) for _ in range(_ATTEMPTS)):  # it is written over in place
                state = "is not as in its record" if signature_of(folder) else "is missing"
                self._tell(f"{name}/{RECORD} {state}; readers without consolidated metadata cannot use it")

    def _check_axes(self, commit: Commit, first: Axes | None) -> Axes | None:
        try:
            axes = axes_of(commit)
        except DamagedChunkError as error:
            self._tell(str(error))
            return None
        if not (np.diff(axes.time) > np.timedelta64(0)).all():
            self._tell("its times do not increase")
        elif first is not None and not np.array_equal(axes.time, first.time):
            self._tell("its times are not those of the other families of its data")
        elif first is not None and axes.assets != first.assets:
            self._tell("its assets are not those of the other families of its data")
        else:
            return axes
        return None

    def _check_rows(self, commit: Commit) -> int:
        n_bytes = 0
        for labels, slot in commit.slots.items():
            try:
                n_bytes += self._disk.read(commit, slot).nbytes
            except DamagedChunkError as error:
                self._tell(str(error), labels)
        if commit.state_size and self._disk.read_states(commit, list(commit.slots.values())) is None:
            self._tell("the states from which they go on when bars are appended cannot be read")
        return n_bytes

    def _tell(self, reason: str, labels: Labels | None = None) -> None:
        name = self._folder.name.partition("@")[0]
        feature = f"all features {name!r}"
        if self.commit is not None:
            family = self.commit.family
            feature = f"all of {family.pattern}"
            if labels is not None:
                values = ", ".join(f"{p}={v:g}" for p, v in zip(family.parameters, labels, strict=True))
                feature = f"{family.pattern} at {values}" if values else family.pattern
        self.damage.append(
            Damage(
                data=self._folder.parent.name,
                feature=feature,
                folder=self._folder,
                reason=reason,
                of_all=labels is None,
            )
        )
