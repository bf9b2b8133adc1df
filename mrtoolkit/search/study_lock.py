"""One writer of a study at a time: a lock beside it, which vanishes with its process."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mrtoolkit.errors import StudyError
from mrtoolkit.features.disk.files import NO_FOLLOW

_fcntl: Any = None
try:
    import fcntl

    _fcntl = fcntl
except ImportError:  # Windows
    pass

WRITER = "mrtoolkit-study"
"""How the threads are named that write studies."""
_POLL = 0.01  # seconds
_PATIENCE = 60.0  # seconds that one save waits for another
_UNKNOWN_PATIENCE = 2.0  # likewise where the lock does not say yet what holds it
_guard = threading.RLock()


class StudyLock:
    """The right to write a study, held until `release`, until it is forgotten, or until the process ends.

    A search holds it from its making to its end. Another search of the same process takes it over unless this one is
    running: in a notebook a cell is run again while the optimizer of its last run is still there.

    Parameters
    ----------
    path : Path
        Of the study; the lock is a file beside it, which is removed on release.
    is_search : bool
        Whether it is held for long; else for one save, for which another save waits.
    before_release : callable, optional
        Ends what is being written.
    """

    def __init__(self, path: Path, *, is_search: bool, before_release: Callable[[], Any] | None = None) -> None:
        self.path = path
        self.is_search = is_search
        self.is_running = False
        self.give_way: Callable[[], None] | None = None  # ends the search that is running
        self._before_release = before_release
        self._name = str(path.resolve())
        self._file = path.with_name(f".{path.name}.lock")
        self._made: list[Path] = []
        self._handle: Any = None

    @property
    def is_held(self) -> bool:
        """Whether the study may be written."""
        return self._handle is not None

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        StudyError
            If a search of this or another process is writing the study.
        """
        started = time.monotonic()
        while not self._try():
            holder = _holders.get(self._name)
            says = {"search": holder.is_search, "pid": os.getpid()} if holder is not None else _read(self._file)
            patience = _UNKNOWN_PATIENCE if "search" not in says else 0.0 if says["search"] else _PATIENCE
            if time.monotonic() - started > patience:
                raise StudyError(self._why_not(says))
            time.sleep(_POLL)

    def release(self) -> None:
        """Give the lock back, after what is being written; a folder made for it that is still empty is removed."""
        if self._before_release is not None and self.is_held:
            self._before_release()
        with _guard:
            handle, self._handle = self._handle, None
            if handle is None:
                return
            if _holders.get(self._name) is self:
                del _holders[self._name]
            _give_back(handle, self._file)
            for folder in reversed(self._made):
                with suppress(OSError):
                    folder.rmdir()

    def __del__(self) -> None:
        if self._handle is not None:
            if threading.current_thread().name.startswith(WRITER):  # which cannot wait for itself
                self._before_release = None
            self.release()

    def _try(self) -> bool:
        with _guard:
            holder = _holders.get(self._name)
        if holder is not None and self.is_search and (give_way := holder.give_way) is not None:
            give_way()  # without the guard: the thread that writes needs it to let go
        with _guard:
            holder = _holders.get(self._name)
            if holder is not None and (holder.is_running or not holder.is_search or not self.is_search):
                return False
        if holder is not None:
            holder.release()
        with _guard:
            if self._name in _holders:
                return False
            self._make_folder()
            self._handle = _take(self._file)
            if self._handle is not None:
                _holders[self._name] = self
                says = {"search": self.is_search, "pid": os.getpid(), "host": socket.gethostname()}
                _write(self._handle, json.dumps(says))
            return self._handle is not None

    def _make_folder(self) -> None:
        folder, missing = self._file.parent, []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        try:
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                self._made.append(folder)
        except OSError as error:
            raise StudyError(f"no study can be written at {self.path}: {folder} cannot be made ({error}).") from error

    def _why_not(self, says: dict[str, Any]) -> str:
        pid, host = says.get("pid", "unknown"), says.get("host", socket.gethostname())
        where = "this process" if pid == os.getpid() else f"process {pid}"
        where += "" if host == socket.gethostname() else f" on {host}"
        doing = "being searched" if says.get("search", True) else "being saved"
        return (
            f"the study at {self.path} is {doing} by {where}; wait until that has ended, stop it, or give another path."
        )


_holders: weakref.WeakValueDictionary[str, StudyLock] = weakref.WeakValueDictionary()


def _take(path: Path) -> Any:
    """Return a handle of the locked file, None where another process has it.

    The file is removed by whoever gives it back, so what was locked may be a file that is no longer there: then again.
    """
    if _fcntl is None:
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)
        try:
            _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except OSError:
            return file  # a file system without locks: one writer is then the user's affair
        with suppress(OSError):
            if os.path.samestat(os.fstat(file), os.stat(path)):  # noqa: PTH116
                return file
        os.close(file)


def _give_back(handle: Any, path: Path) -> None:
    if _fcntl is None:
        handle.release()
        with suppress(OSError):
            path.unlink()
        return
    with suppress(OSError):
        path.unlink()  # while it is locked, so that nobody locks what is being removed
    os.close(handle)


def _write(handle: Any, text: str) -> None:
    with suppress(OSError):  # a full disk: who holds it is then not known to others
        if isinstance(handle, int):
            os.ftruncate(handle, 0)
            os.write(handle, text.encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        says = json.loads(path.read_text(encoding="utf-8")[:4096])
    except (OSError, ValueError):
        return {}
    return says if isinstance(says, dict) else {}
