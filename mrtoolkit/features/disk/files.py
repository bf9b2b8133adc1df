"""Bytes to files and back: written whole or not at all, read straight into the memory that they are for."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import google_crc32c
import numpy as np

NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows would translate line ends without it
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
_preadv: Callable[..., int] | None = getattr(os, "preadv", None)
_writev: Callable[..., int] | None = getattr(os, "writev", None)


def crc32c(parts: Iterable[Any]) -> bytes:
    """Return the checksum of some bytes or arrays of bytes, one after the other, as Zarr writes it."""
    checksum = 0
    for part in parts:
        checksum = google_crc32c.extend(checksum, part)
    return checksum.to_bytes(4, "little")


def bytes_of(values: np.ndarray) -> np.ndarray:
    """Return the bytes of contiguous values, without a copy."""
    return values.reshape(-1).view("u1")


def write_new(path: str, *parts: Any) -> None:
    """Write a file that no commit knows of; what a write that was cut short left there is unlinked, not written into.

    Two names may share one file (`link`), and a write into it would go to both.
    """
    try:
        file = os.open(path, _NEW, 0o666)
    except FileExistsError:
        os.unlink(path)  # noqa: PTH108 - texts all the way: a Path costs more than the call
        file = os.open(path, _NEW, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        file = os.open(path, _NEW, 0o666)
    try:
        try:
            write_parts(file, parts)
        finally:
            os.close(file)
    except BaseException:  # also Ctrl-C: no half of it stays
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108
        raise


def write_whole(path: str, *parts: Any, stamp: bool = False) -> None:
    """Write beside the file, then rename over it: a reader sees the old or the new, a kill leaves a `.partial`.

    With `stamp`, the file's time is that of a clock that ticks every nanosecond (the file system's own ticks every
    4 ms or so), so that no two commits look the same to `stat`.
    """
    partial = f"{path}.partial"
    write_new(partial, *parts)
    try:
        if stamp:
            now = time.time_ns()
            os.utime(partial, ns=(now, now))
        os.replace(partial, path)  # noqa: PTH105 - named for what it is: atomic
    except BaseException:  # also Ctrl-C: no half of it stays
        with contextlib.suppress(OSError):
            os.unlink(partial)  # noqa: PTH108
        raise


def overwrite_page(path: str, text: bytes) -> bool:
    """Write over a file of the same size, a page of memory at most, and return False where it is not like that.

    For the metadata of single arrays, which only readers without consolidated metadata look at. One write within a
    page is not cut in two by a kill; replacing a file frees one, which took 0.1 to 4 ms on ext4.
    """
    try:
        file = os.open(path, os.O_WRONLY | _BINARY | NO_FOLLOW)
    except OSError:
        return False
    try:
        stat = os.fstat(file)
        if stat.st_size != len(text) or len(text) > 4096 or stat.st_nlink != 1:
            return False
        write_parts(file, [text])
        return True
    finally:
        os.close(file)


def write_parts(file: int, parts: Sequence[Any]) -> None:
    """Write all parts to an open file; every byte that this package puts on disk goes through here."""
    if _writev is not None:
        n_bytes = sum(len(part) for part in parts)
        written = _writev(file, parts)
        if written == n_bytes:
            return
        parts = [b"".join(bytes(part) for part in parts)[written:]]  # a disk almost full, or a huge part
    for part in parts:
        rest = memoryview(part)
        while len(rest):
            rest = rest[os.write(file, rest) :]


def read_into(path: str, buffers: Sequence[np.ndarray]) -> int:
    """Fill arrays of bytes from the start of a file and return how many bytes it had for them.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    file = os.open(path, os.O_RDONLY | _BINARY)
    try:
        if _preadv is not None:
            n_bytes: int = _preadv(file, buffers, 0)
            return n_bytes
        n_bytes = 0
        for buffer in buffers:
            data = os.read(file, len(buffer))
            buffer[: len(data)] = np.frombuffer(data, "u1")
            n_bytes += len(data)
        return n_bytes
    finally:
        os.close(file)


def link(source: str, target: str) -> None:
    """Give a file a second name; a copy where the file system has no links, or no more of them.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no folder for the new name.
    """
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except FileExistsError:
        os.unlink(target)  # noqa: PTH108
        link(source, target)
    except OSError:
        partial = f"{target}.partial"
        shutil.copyfile(source, partial)
        os.replace(partial, target)  # noqa: PTH105


def files_below(folder: str) -> list[os.stat_result]:
    """Return what the system says of each file below a folder; what vanishes meanwhile is left out."""
    found: list[os.stat_result] = []
    folders = [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        found.append(os.lstat(entry.path))  # an entry's own stat has no inode on Windows
        except OSError:
            continue
    return found
