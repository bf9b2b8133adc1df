"""The time that a search works: what it waits for its user is not counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mrtoolkit._compiling import compiled_seconds


class WorkClock:
    """Seconds since some moment, less those waited: so a budget of seconds is the same for a search that was paused."""

    def __init__(self) -> None:
        # one value, so that who reads it in another thread never sees half a change
        self._state: tuple[float, float | None] = (0.0, None)  # seconds waited, and when it began to wait
        self._started: float | None = None
        self._compiled = 0.0  # seconds that this process had compiled until then
        self._compiled_at_stop: float | None = None  # and when it stopped: what is compiled later is not the search's

    def start(self) -> None:
        """Begin to count, unless that has begun."""
        if self._started is None:
            self._started, self._compiled = self.now(), compiled_seconds()

    def elapsed(self) -> float:
        """Return the seconds since the start, 0 before it."""
        return 0.0 if self._started is None else self.now() - self._started

    def evaluating(self) -> float:
        """Return the same without what was compiled since: how fast the next trials come is learnt from this."""
        return max(self.elapsed() - self.compiled(), 0.0)

    def compiled(self) -> float:
        """Return the seconds of compiling since the start, 0 before it."""
        until = self._compiled_at_stop
        return 0.0 if self._started is None else (compiled_seconds() if until is None else until) - self._compiled

    def now(self) -> float:
        """Return seconds that only differences of mean something."""
        waited, since = self._state
        return (time.perf_counter() if since is None else since) - waited

    def stop(self) -> None:
        """Count no further until `go`: the search has ended."""
        self._state = (self._state[0], time.perf_counter())
        self._compiled_at_stop = compiled_seconds()

    def go(self) -> None:
        """Count again after a `stop`."""
        waited, since = self._state
        if since is not None:
            self._state = (waited + time.perf_counter() - since, None)
        if self._compiled_at_stop is not None:
            self._compiled += compiled_seconds() - self._compiled_at_stop
            self._compiled_at_stop = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Leave out what passes meanwhile."""
        waited, since = self._state[0], time.perf_counter()
        self._state = (waited, since)
        try:
            yield
        finally:
            self._state = (waited + time.perf_counter() - since, None)
