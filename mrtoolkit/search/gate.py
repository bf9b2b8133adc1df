"""What stands between two batches of a running search: there it waits, stops, and does what its user asks.

Every wish is a word that is left here by any thread, and read by the search's own: no lock is held while a batch is
evaluated, and none that a user waits for.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from mrtoolkit.search.pace import STEP, Pace
from mrtoolkit.search.work_clock import WorkClock

RUNNING, PAUSED, STOPPING, DONE, FAILED = "running", "paused", "stopping", "done", "failed"
_SLOW = 0.3  # seconds after which a batch that ends no sooner is worth a word
_LATE = 0.05  # seconds by which a piece may come sooner after one that came late


class Gate:
    """The wishes of a user and the state of a search; `changed` guards both, and wakes who waits for either.

    Parameters
    ----------
    clock : WorkClock
        Leaves out what is waited here.
    announce : callable
        Is told each state and why, in the search's own thread and without a lock.
    """

    def __init__(self, clock: WorkClock, announce: Callable[[str, str], None]) -> None:
        self.changed = threading.Condition()
        self.state = RUNNING
        self.stop_reason = ""
        self._announce = announce
        self._clock = clock
        self._pace: Pace | None = None
        self._due = 0.0
        self._is_paused = False
        self._asked_at = 0.0
        self._step = ""
        self._step_level: int | None = None
        self._step_left = 0
        self._orders: deque[Callable[[], None]] = deque()

    @property
    def pace(self) -> Pace | None:
        """How fast the search may go; None: as fast as it goes."""
        return self._pace

    @pace.setter
    def pace(self, pace: Pace | None) -> None:
        with self.changed:
            self._pace, self._due = pace, 0.0
            self.changed.notify_all()

    def pause(self) -> None:
        """Let no batch begin."""
        with self.changed:
            self._is_paused, self._step, self._asked_at = True, "", time.perf_counter()
            self.changed.notify_all()

    def awaited(self, *, at_once: bool = False) -> str:
        """Return what was asked for a while ago, or just now, and is not done: "pause", "batch", "level", "order".

        Nothing where there is no such thing: most batches end before a word is read.
        """
        if self.state != RUNNING or not (at_once or time.perf_counter() - self._asked_at > _SLOW):
            return ""
        if self._orders:
            return "order"
        return (self._step or "pause") if self._is_paused else ""

    def resume(self) -> None:
        """Let batches begin."""
        with self.changed:
            self._is_paused, self._step, self._due = False, "", 0.0
            self.changed.notify_all()

    def step(self, what: str) -> None:
        """Let one batch begin, or those until another level begins, and pause then."""
        with self.changed:
            self._is_paused, self._step, self._step_level, self._step_left = True, what, None, STEP
            self._asked_at = time.perf_counter()
            self.changed.notify_all()

    def stop(self, reason: str) -> None:
        """Let the search end before its next batch."""
        with self.changed:
            if self.state in (DONE, FAILED):
                return
            self.state, self.stop_reason = STOPPING, self.stop_reason or reason
            self.changed.notify_all()

    def order(self, do: Callable[[], None]) -> bool:
        """Have something done by the search's thread before its next batch, or once it has stopped.

        Return whether that thread has ended and is to be begun again.
        """
        with self.changed:
            has_ended = self.state in (DONE, FAILED)
            self._orders.append(do)
            self._asked_at = time.perf_counter()
            if has_ended:
                self._start_again()
            self.changed.notify_all()
            return has_ended

    def wait(self, size: int) -> int:
        """Return how many trials the next batch may make, up to `size`, once it may begin; 0 to end the search."""
        while True:
            with self.changed, self._clock.waiting():
                n = self._wait(size)
                state, has_orders = self.state, bool(self._orders)
            if n is not None:
                return n
            if has_orders:
                self._do_orders()
            else:
                self._announce(state, "")

    def lets(self, level: int) -> bool:
        """Say whether trials of this level may be made: a step ends before the next."""
        with self.changed:
            if not self._step:
                return True
            if self._step_level is None:
                self._step_level = level
            if self._step_level == level:
                return True
            self._step = ""
            return False

    def made(self, n: int) -> None:
        """Count trials that were made: the next may be after what they take at the pace; a step is spent by them."""
        with self.changed:
            if self._pace is not None:
                self._due = max(self._due, time.perf_counter() - _LATE) + n / self._pace.trials_a_second
            self._step_left -= n
            if self._step == "batch" and self._step_left <= 0:
                self._step = ""

    def end(self) -> bool:
        """Say that the search has ended; False where there is something to do still, and the search goes on."""
        with self.changed:
            if self._orders:
                return False
            self.state = DONE
            self._clock.stop()
            self.changed.notify_all()
            return True

    def fail(self) -> int:
        """Say that the search has failed, and return how much of what was asked for is left undone."""
        with self.changed:
            n_left = len(self._orders)
            self._orders.clear()
            self.state = FAILED
            self._clock.stop()
            self.changed.notify_all()
            return n_left

    def go_on(self) -> None:
        """Begin again after an end with what was asked for meanwhile."""
        with self.changed:
            self._start_again()
        self._do_orders()

    def _do_orders(self) -> None:
        while True:
            with self.changed:  # one by one: those after one that raises are still to be spoken of
                if not self._orders:
                    return
                do = self._orders.popleft()
            do()

    def _start_again(self) -> None:
        self._clock.go()
        self.state, self.stop_reason, self._is_paused, self._step, self._due = RUNNING, "", False, "", 0.0

    def _wait(self, size: int) -> int | None:
        """Wait; return None where there is something to do or to announce."""
        while True:
            if self.state == STOPPING:
                return 0
            if self._orders:
                return None
            state = PAUSED if self._is_paused and not self._step else RUNNING
            if state != self.state:
                self.state = state
                self.changed.notify_all()
                return None
            left = self._due - time.perf_counter() if self._pace is not None and self._step != "batch" else 0.0
            if state == PAUSED:
                self.changed.wait()
            elif left > 0:
                self.changed.wait(left)
            else:
                return self._size(size)

    def _size(self, size: int) -> int:
        if self._step == "batch":
            return min(size, self._step_left)
        return size if self._pace is None else min(size, self._pace.piece)
