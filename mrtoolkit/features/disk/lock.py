"""One writer at a time, over processes and threads."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from mrtoolkit.features.disk.files import NO_FOLLOW

_fcntl: Any = None
try:
    import fcntl

    _fcntl = fcntl
except ImportError:  # Windows
    pass


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` (made where missing, never deleted) until the block ends.

    A kernel lock vanishes with its process, so there are no stale locks. `flock` blocks fairly; filelock polls, and
    with its default of 0.05 s starved two of three writers in a trial, hence the short poll where there is no `flock`.
    """
    if _fcntl is None:
        from filelock import FileLock

        with FileLock(path, poll_interval=0.002):
            yield
        return
    with _opened(path) as file:
        _fcntl.flock(file, _fcntl.LOCK_EX)
        try:
            yield
        finally:
            _fcntl.flock(file, _fcntl.LOCK_UN)


@contextmanager
def try_exclusive(path: Path) -> Iterator[bool]:
    """Hold the lock file at `path` if nobody else does, and say whether it is held."""
    if _fcntl is None:
        from filelock import FileLock, Timeout

        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
        return
    with _opened(path) as file:
        try:
            _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            _fcntl.flock(file, _fcntl.LOCK_UN)


def _opened(path: Path) -> BinaryIO:
    """Open a lock file, made where missing; a symbolic link in its place is removed and not followed."""
    flags = os.O_RDWR | os.O_CREAT | NO_FOLLOW
    try:
        return open(os.open(path, flags, 0o666), "ab")  # noqa: PTH123
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    path.unlink(missing_ok=True)
    return open(os.open(path, flags, 0o666), "ab")  # noqa: PTH123
