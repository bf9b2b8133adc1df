"""Says where kernels are compiled: the first call of all is not stuck, but for half a minute nothing else happens."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from numba.core import event

_SECONDS = 2.0  # of compiling, after which a terminal is told
_SHORT = 0.5  # seconds of it that are not worth a word, all in all


class _Notice(event.Listener):
    """Hears of each kernel that numba compiles (not of those it loads), and says once that this takes a while.

    numba compiles one function at a time, and those that it calls within it.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.is_said = False
        self.is_kept: Callable[[], bool] = lambda: True
        self._clock = clock
        self._depth = 0
        self._since = self._spent = 0.0

    def on_start(self, event: Any) -> None:
        if _is_ours(event):
            if self._depth == 0:
                self._since = self._clock()
            self._depth += 1
            self._look()

    def on_end(self, event: Any) -> None:
        if _is_ours(event):
            self._look()
            self._depth -= 1
            if self._depth == 0:
                self._spent += self._clock() - self._since

    def _look(self) -> None:
        if self.is_said or self._spent + self._clock() - self._since < _SECONDS:
            return
        self.is_said = True
        if _is_watched():
            sys.stderr.write(f"mrtoolkit: compiling its kernels, {self._how()}; about half a minute ...\n")
            sys.stderr.flush()

    def words(self) -> str:
        """Return what is to be said now, from any thread: nothing where nothing is compiled."""
        if self._depth == 0 or self._spent + self._clock() - self._since < _SHORT:
            return ""
        return f"Compiling ({self._how()}; takes about half a minute)"

    def seconds(self) -> float:
        """Return the seconds of compiling so far, from any thread."""
        return self._spent + (self._clock() - self._since if self._depth else 0.0)

    def _how(self) -> str:
        return "once on this machine" if self.is_kept() else "in each process, as no folder to keep it is writable"


_NOTICE = _Notice()


def watch_compiling(is_kept: Callable[[], bool]) -> None:
    """Begin to listen; `is_kept` says whether what is compiled is kept for the next process."""
    _NOTICE.is_kept = is_kept
    event.register("numba:compile", _NOTICE)  # type: ignore[no-untyped-call]


def compiling_words() -> str:
    """Return that kernels are compiled at this moment, as a status line says it; nothing where none are."""
    return _NOTICE.words()


def compiled_seconds() -> float:
    """Return how long this process has compiled kernels so far."""
    return _NOTICE.seconds()


def hush() -> None:
    """Say nothing in this process: somebody else did."""
    _NOTICE.is_said = True


def _is_ours(event: Any) -> bool:
    return str(event.data["dispatcher"].py_func.__module__).startswith("mrtoolkit.")


def _is_watched() -> bool:
    """Whether somebody sees the line: a terminal, or a notebook; not one that is tested, whose output is compared."""
    if sys.stderr is None:
        return False
    shell = sys.modules.get("IPython")
    is_notebook = shell is not None and shell.get_ipython() is not None and "PYTEST_VERSION" not in os.environ
    return sys.stderr.isatty() or is_notebook
