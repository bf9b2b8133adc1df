"""Removing what is of no more use on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mrtoolkit.errors import StoreError, nearest
from mrtoolkit.features.disk.chunks import DamagedChunkError
from mrtoolkit.features.disk.commit import Commit, Signature, read_commit, signature_of
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.disk.lock import exclusive
from mrtoolkit.features.disk.removal import remove_path
from mrtoolkit.features.stock.disk_usage import family_folders, freed_by
from mrtoolkit.features.stock.obsolete import Reason, obsolete
from mrtoolkit.features.stock.prune_report import Doomed, PruneReport

_OF_USE = Reason(3, "")


def prune_plan(
    disk: Disk,
    *,
    names: str | Collection[str] | None = None,
    everything: bool = False,
) -> tuple[Doomed, ...]:
    """Return what `prune` would remove, and why; nothing is touched.

    That are families of old code (of an indicator that is not registered here: all but those written last), families
    of data that longer data in the store extends and has too, families whose record cannot be read, and what
    interrupted writes left over.

    Parameters
    ----------
    disk : Disk
    names : str or collection of str, optional
        Of families, "ema"; others stay, and so do leftovers.
    everything : bool
        Every family, of whatever code and data.

    Raises
    ------
    StoreError
        If there is no family of one of the names.
    """
    commits = disk.commits()
    damaged = list(_unreadable(disk.path, {commit.path for _, commit in commits}))
    known = {commit.family.name for _, commit in commits} | {one.expression for one in damaged}
    wanted = _checked_names(names, known, disk.path)
    reasons = obsolete(commits, disk.generations())
    doomed = []
    for data, commit in commits:
        why = reasons.get(commit.path, _OF_USE).text or ("asked for" if everything else "")
        if why and (wanted is None or commit.family.name in wanted):
            doomed.append(_doomed(data, commit, why))
    doomed += [one for one in damaged if wanted is None or one.expression in wanted]
    if wanted is None:
        doomed += _leftovers(disk.path, {one.folder for one in doomed})
    freed = freed_by([one.folder for one in doomed])
    return tuple(replace(one, n_bytes=n_bytes) for one, n_bytes in zip(doomed, freed, strict=True))


def prune(disk: Disk, plan: Iterable[Doomed]) -> PruneReport:
    """Remove what a plan says, but for families that were written since, and return what that was.

    Raises
    ------
    StoreError
        If the disk refuses; what is removed by then is gone, the rest is as it was.
    """
    planned, start = tuple(plan), time.perf_counter()
    try:
        removed, n_bytes = _remove(disk, planned)
    except OSError as error:
        message = f"features cannot be removed from {disk.path} ({error}); ask for the right to write there"
        raise StoreError(f"{message}, or where the disk is full free some space elsewhere.") from error
    seconds = time.perf_counter() - start
    return PruneReport(path=str(disk.path), removed=removed, n_bytes=n_bytes, seconds=seconds)


def _remove(disk: Disk, planned: Sequence[Doomed]) -> tuple[tuple[Doomed, ...], int]:
    others = [one for one in planned if not _is_family_folder(disk.path, one.folder) and one.folder.exists()]
    if others:
        with exclusive(disk.path / ".lock"):  # nobody writes now, so what is still there was left over
            for one in others:
                remove_path(one.folder)
    families = {one.folder: one.signature for one in planned if _is_family_folder(disk.path, one.folder)}
    n_bytes = sum(one.n_bytes for one in others) + disk.remove(families, as_seen=families)
    removed = tuple(one for one in planned if not (one.folder in families and one.folder.exists()))
    return removed, n_bytes


def _is_family_folder(root: Path, path: Path) -> bool:
    return path.parent.parent == root and "@" in path.name and path.is_dir()


def _doomed(data: str, commit: Commit, why: str) -> Doomed:
    return Doomed(
        folder=commit.path,
        expression=commit.family.pattern,
        data=data,
        features=len(commit.slots),
        n_bytes=0,
        why=why,
        signature=commit.signature,
    )


def _unreadable(root: Path, known: Collection[Path]) -> Iterator[Doomed]:
    """Yield the families of which nothing is known, as their record is damaged; they are never used."""
    why = "its record is damaged"
    for data, folder in family_folders(root):
        signature = signature_of(folder)
        if folder in known or _is_readable(folder, signature):
            continue
        name = folder.name.partition("@")[0]
        yield Doomed(folder=folder, expression=name, data=data, features=0, n_bytes=0, why=why, signature=signature)


def _is_readable(folder: Path, signature: Signature | None) -> bool:
    """Whether a family is whole, such as one that was committed after the others were looked at."""
    try:
        return signature is not None and bool(read_commit(folder, signature))
    except DamagedChunkError:
        return False


def _leftovers(root: Path, doomed: Collection[Path]) -> Iterator[Doomed]:
    """Yield the `.partial` files and folders that are not in a folder that goes anyway."""
    for folder, names, files in os.walk(root):
        place = Path(folder)
        for name in sorted([*names, *files]):
            if name.endswith(".partial"):
                path = place / name
                data = path.relative_to(root).parts[0] if place != root else ""
                why = "left over by an interrupted write"
                yield Doomed(folder=path, expression="", data=data, features=0, n_bytes=0, why=why)
        names[:] = [name for name in names if not name.endswith(".partial") and place / name not in doomed]


def _checked_names(names: str | Collection[str] | None, known: Collection[str], path: Path) -> set[str] | None:
    if names is None:
        return None
    listed = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    for name in listed:
        if name not in known:
            have = ", ".join(sorted(known)) or "none"
            message = (
                f"prune was asked for {name!r}, but the store {path} has no family of that name"
                f"{nearest(name, sorted(known))}; it has {have}; leave the names out for all."
            )
            raise StoreError(message)
    return set(listed)
