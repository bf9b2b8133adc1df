"""The time that a search works: what it waits for its user is not counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class WorkClock:
    """Seconds since some moment, less those waited: so a budget of seconds is the same for a search that was paused."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._since: float | None = None  # when it began to wait

    def now(self) -> float:
        """Return seconds that only differences of mean something."""
        since = self._since
        return (time.perf_counter() if since is None else since) - self._waited

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Leave out what passes meanwhile."""
        self._since = since = time.perf_counter()
        try:
            yield
        finally:
            self._waited += time.perf_counter() - since
            self._since = None
