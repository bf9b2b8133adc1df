"""The folders of a store, the bytes that they take, and those that removing them would free."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mrtoolkit.features.disk.files import files_below


def family_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield (fingerprint, folder) of every family below a store, by name, whether or not its record can be read."""
    for generation in _folders(root):
        yield from ((generation.name, folder) for folder in _folders(generation) if "@" in folder.name)


def usage(root: Path, folders: Sequence[Path]) -> tuple[int, list[int]]:
    """Return the bytes of all files below `root`, a file of several names once, and those of each folder in it."""
    inodes: dict[tuple[int, int], int] = {}
    sizes = []
    for folder in folders:
        stats = files_below(str(folder))
        sizes.append(sum(stat.st_size for stat in stats))
        inodes.update(((stat.st_dev, stat.st_ino), stat.st_size) for stat in stats)
    counted = set(map(str, folders))
    for place, names, files in os.walk(root):
        names[:] = [name for name in names if os.path.join(place, name) not in counted]  # noqa: PTH118
        for stat in _stats(Path(place) / name for name in files):
            inodes[stat.st_dev, stat.st_ino] = stat.st_size
    return sum(inodes.values()), sizes


def freed_by(paths: Iterable[Path]) -> list[int]:
    """Return the bytes that removing each path frees, those before it being gone.

    A file that another folder links to is freed by whoever holds the last link.
    """
    gone: Counter[tuple[int, int]] = Counter()
    freed = []
    for path in paths:
        n_bytes = 0
        for stat in files_below(str(path)) if path.is_dir() else _stats([path]):
            inode = stat.st_dev, stat.st_ino
            gone[inode] += 1
            if gone[inode] == stat.st_nlink:
                n_bytes += stat.st_size
        freed.append(n_bytes)
    return freed


def _stats(files: Iterable[Path]) -> Iterator[os.stat_result]:
    for file in files:
        with contextlib.suppress(OSError):  # gone meanwhile
            yield file.lstat()


def _folders(path: Path) -> Iterator[Path]:
    """Yield the folders in a folder, without hidden ones and those of interrupted writes."""
    try:
        found = sorted(path.iterdir())
    except OSError:
        return
    for folder in found:
        if (
            folder.is_dir()
            and not folder.is_symlink()
            and not folder.name.startswith(".")
            and not folder.name.endswith(".partial")
        ):
            yield folder
