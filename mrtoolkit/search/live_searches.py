"""The searches that run in this process: another one stops them, and so does the end of the process."""

from __future__ import annotations

import atexit
import threading
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakSet

from mrtoolkit.errors import StudyError, warn_caller
from mrtoolkit.words import counted

_PATIENCE = 1.0  # seconds that a search which begins waits for the one before it
_LAST_PATIENCE = 5.0  # likewise a process that ends


class LiveSearchWarning(UserWarning):
    """A search was stopped, as another one began."""


class _Search(Protocol):
    @property
    def optimizer(self) -> Any: ...

    @property
    def study(self) -> Any: ...

    @property
    def has_ended(self) -> bool: ...

    def stop_for(self, reason: str) -> None: ...

    def join(self, timeout: float) -> bool: ...


_live: WeakSet[Any] = WeakSet()
_guard = threading.Lock()


def enter(search: _Search, *, alongside: bool, warns: bool = True) -> str:
    """Count a search among those that run, stop the others, and return what its user should know of that.

    In a notebook a cell is run again while the search of its last run goes on: two would share the processors, and
    nobody would watch the former.

    Raises
    ------
    StudyError
        If another search of the same optimizer has not ended: two would write one study.
    LiveSearchWarning
        Where warnings are errors; the others are stopped, and the search is not counted.
    """
    with _guard:
        if any(other.optimizer is search.optimizer for other in _live if other is not search and not other.has_ended):
            raise StudyError(
                "start() was called of an optimizer whose search runs already; go on with the one that it returned, or "
                "stop it, or make another optimizer."
            )
        others = [] if alongside else [other for other in _live if other is not search and not other.has_ended]
        _live.add(search)
    for other in others:
        other.stop_for("stopped after {n}, as another search was started.")
    for other in others:
        with suppress(Exception):  # one whose own listener begins another search
            other.join(_PATIENCE)
    if not others:
        return ""
    trials = ", ".join(counted(len(other.study), "trial") for other in others)
    notice = (
        f"the search that was running was stopped after {trials}, as this one was started; "
        "start(alongside=True) lets both run."
    )
    if warns:
        try:
            warn_caller(notice, LiveSearchWarning)
        except Warning:  # where warnings are errors it does not begin
            with _guard:
                _live.discard(search)
            raise
    return notice


def leave(search: _Search) -> None:
    """Count a search no more, unless it has been begun again meanwhile."""
    with _guard:
        if search.has_ended:
            _live.discard(search)


def _stop_all() -> None:
    with _guard:
        left = list(_live)
    for search in left:
        search.stop_for("stopped after {n}, as the program ended.")
    for search in left:
        search.join(_LAST_PATIENCE)


# before the pools of threads end, of which one writes the study; Python has no public name for that moment
getattr(threading, "_register_atexit", atexit.register)(_stop_all)
