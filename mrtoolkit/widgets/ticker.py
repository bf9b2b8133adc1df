"""Work that is done again when something changed, but never so often that it slows what changes it.

A search makes thousands of trials a second; its picture is drawn at most eight times a second and takes at most a
twenty-fifth of one processor: after work of `t` seconds the ticker rests for `25 t`, up to a second. What the user
pressed ends that rest, so that the answer does not wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

REST = 25.0  # seconds of rest for a second of work: 4 percent
LONGEST_REST = 1.0  # seconds

_log = logging.getLogger(__name__)


class Ticker:
    """A daemon thread that calls `work` some time after `wake()`.

    Parameters
    ----------
    work : callable
        Called without arguments, in the ticker's thread, never twice at once. What it raises goes to `failed`, or to
        `logging` where there is none; the ticker goes on.
    hz : float
        Calls a second at most. May be changed meanwhile.
    every : float, optional
        Seconds after which the work is done even if nobody asked. May be changed meanwhile, by the work itself too.
    failed : callable, optional
        Takes the exception.

    Attributes
    ----------
    rest, longest_rest : float
        Seconds of rest for a second of work, and at most. May be changed meanwhile, by the work itself too.
    """

    def __init__(
        self,
        work: Callable[[], object],
        hz: float = 8,
        *,
        every: float | None = None,
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        self.hz = hz
        self.every = every
        self.rest, self.longest_rest = REST, LONGEST_REST
        self._work = work
        self._failed = failed or _write_down
        self._is_wanted = threading.Event()
        self._is_urgent = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="mrtoolkit-ticker", daemon=True)
        self._thread.start()

    def wake(self, *, at_once: bool = False) -> None:
        """Have the work done soon, or before the rest is over; costs nothing to call, from any thread."""
        self._is_wanted.set()
        if at_once:
            self._is_urgent.set()

    def close(self, timeout: float = 2.0) -> None:
        """End the thread, waiting for the work that is under way for at most `timeout` seconds."""
        self._is_closed = True
        self.wake(at_once=True)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            self._is_wanted.wait(self.every)
            self._is_wanted.clear()
            self._is_urgent.clear()
            if self._is_closed:  # looked at after the clearing, which might take `close`'s word away
                return
            begin = time.monotonic()
            try:
                self._work()
            except Exception as error:
                self._failed(error)
            spent = time.monotonic() - begin
            # the rest counts from the end of the work, the pace from its beginning
            self._is_urgent.wait(max(1.0 / self.hz - spent, min(self.rest * spent, self.longest_rest), 0.0))


def _write_down(error: Exception) -> None:
    _log.error("a view could not be drawn", exc_info=error)
