"""One writer at a time, over processes and threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

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
        with FileLock(path, poll_interval=0.002):
            yield
        return
    with path.open("ab") as file:
        _fcntl.flock(file, _fcntl.LOCK_EX)
        try:
            yield
        finally:
            _fcntl.flock(file, _fcntl.LOCK_UN)


@contextmanager
def try_exclusive(path: Path) -> Iterator[bool]:
    """Hold the lock file at `path` if nobody else does, and say whether it is held."""
    if _fcntl is None:
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
    with path.open("ab") as file:
        try:
            _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            _fcntl.flock(file, _fcntl.LOCK_UN)
