"""The folders of a store, the bytes that they take, and those that removing them would free."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from stat import S_ISDIR


def family_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield (fingerprint, folder) of every family below a store, by name, whether or not its record can be read."""
    for generation in _folders(root):
        yield from ((generation.name, folder) for folder in _folders(generation) if "@" in folder.name)


def files_below(path: Path, skip: frozenset[str] = frozenset()) -> Iterator[os.stat_result]:
    """Yield the stat of every file below a folder, or of the file itself; what vanishes meanwhile is passed over.

    Parameters
    ----------
    path : Path
    skip : frozenset of str
        Folders that are not looked into.
    """
    if path.is_file():
        yield path.stat()
        return
    try:
        found = [entry.path for entry in os.scandir(path) if entry.path not in skip]
    except OSError:
        return
    for name in found:
        try:
            stat = os.stat(name, follow_symlinks=False)  # noqa: PTH116 - millions of files: no object for each
        except OSError:
            continue
        if S_ISDIR(stat.st_mode):
            yield from files_below(Path(name), skip)
        else:
            yield stat


def usage(root: Path, folders: Sequence[Path]) -> tuple[int, list[int]]:
    """Return the bytes of all files below `root`, a file of several names once, and those of each folder in it."""
    inodes: dict[tuple[int, int], int] = {}
    sizes = []
    for folder in folders:
        stats = list(files_below(folder))
        sizes.append(sum(stat.st_size for stat in stats))
        inodes.update(((stat.st_dev, stat.st_ino), stat.st_size) for stat in stats)
    rest = files_below(root, frozenset(map(str, folders)))
    inodes.update(((stat.st_dev, stat.st_ino), stat.st_size) for stat in rest)
    return sum(inodes.values()), sizes


def freed_by(paths: Iterable[Path]) -> list[int]:
    """Return the bytes that removing each path frees, those before it being gone.

    A file that another folder links to is freed by whoever holds the last link.
    """
    gone: Counter[tuple[int, int]] = Counter()
    freed = []
    for path in paths:
        n_bytes = 0
        for stat in files_below(path):
            inode = stat.st_dev, stat.st_ino
            gone[inode] += 1
            if gone[inode] == stat.st_nlink:
                n_bytes += stat.st_size
        freed.append(n_bytes)
    return freed


def _folders(path: Path) -> Iterator[Path]:
    """Yield the folders in a folder, without hidden ones and those of interrupted writes."""
    try:
        found = sorted(path.iterdir())
    except OSError:
        return
    for folder in found:
        if folder.is_dir() and not folder.name.startswith(".") and not folder.name.endswith(".partial"):
            yield folder
