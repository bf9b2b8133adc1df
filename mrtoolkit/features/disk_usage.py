"""Bytes that folders take, and those that removing them would free."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path


def files_below(path: Path) -> Iterator[os.stat_result]:
    """Yield the stat of every file below a folder, or of the file itself; what vanishes meanwhile is passed over."""
    if path.is_file():
        yield path.stat()
        return
    try:
        with os.scandir(path) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from files_below(Path(entry.path))
            else:
                yield entry.stat(follow_symlinks=False)
        except OSError:
            continue


def size_of(path: Path) -> int:
    """Return the bytes of all files below a folder, those that it shares with others counted too."""
    return sum(stat.st_size for stat in files_below(path))


def freed_by(paths: Iterable[Path]) -> list[int]:
    """Return the bytes that removing each path frees, the paths before it being gone.

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
