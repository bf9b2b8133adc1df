"""Families that go, and the bytes that this frees."""

from __future__ import annotations

import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mrtoolkit.features.disk.commit import RECORD
from mrtoolkit.features.disk.files import files_below


def remove_path(path: Path) -> None:
    """Remove a file or a folder, as far as that goes; of a symbolic link the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def n_bytes_below(folder: Path) -> int:
    """Return the bytes of all files below a folder, a file of several names once."""
    return sum({(s.st_dev, s.st_ino): s.st_size for s in files_below(str(folder))}.values())


def bytes_freed(folders: Iterable[Path]) -> int:
    """Return the bytes of the files that have no name outside these folders."""
    stats = [s for folder in folders for s in files_below(str(folder))]
    n_names = Counter((s.st_dev, s.st_ino) for s in stats)
    files = {(s.st_dev, s.st_ino): s for s in stats}
    return sum(s.st_size for inode, s in files.items() if n_names[inode] >= s.st_nlink)


def hide(folders: Iterable[Path]) -> list[Path]:
    """Rename folders to `*.partial`, which nobody opens, and return those that were there."""
    hidden: list[Path] = []
    for folder in folders:
        target = folder.with_name(f"{folder.name.removesuffix('.partial')[:50]}.{uuid.uuid4().hex}.partial")
        try:
            os.rename(folder, target)  # noqa: PTH104
        except FileNotFoundError:
            continue
        hidden.append(target)
    return hidden


def delete(hidden: Iterable[Path]) -> None:
    """Delete hidden families, and the data sets that have nothing left."""
    folders = list(hidden)
    for folder in folders:
        remove_path(folder)
    for generation in {folder.parent for folder in folders}:
        if all(p.name == RECORD for p in generation.iterdir()):
            shutil.rmtree(generation, ignore_errors=True)
