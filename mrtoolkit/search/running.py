"""A search in a thread of its own: watched, slowed down, paused, stopped while the notebook or program goes on."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mrtoolkit._compiling import compiling_words
from mrtoolkit.errors import StudyError
from mrtoolkit.search.events import Event, Listener, StateChanged, as_listeners
from mrtoolkit.search.gate import DONE, FAILED, RUNNING, Gate
from mrtoolkit.search.live_progress import Progress
from mrtoolkit.search.live_searches import enter, leave
from mrtoolkit.search.looking import TRIALS, as_bounds, refuse_seen
from mrtoolkit.search.pace import as_pace
from mrtoolkit.search.steering import check_trials
from mrtoolkit.search.study import Study
from mrtoolkit.words import counted

if TYPE_CHECKING:
    from mrtoolkit.search.optimizer import MultiResOptimizer

_log = logging.getLogger(__name__)
_PATIENCE = 5.0  # seconds for one batch to end
_AWAITED = {
    "pause": "Pausing after this batch",
    "batch": "Pausing after this batch",
    "level": "Pausing after this level",
    "order": "What was asked for comes after this batch",
}
_HOLD = 1.0  # seconds for which what was compiled is said on, until the next kernel or the next trial
_LOOK = 0.5  # seconds after which a wait looks for Ctrl-C, where a lock does not let it through


class RunningSearch:
    """A search that runs in a thread of its own; `MultiResOptimizer.start` begins it.

    Any thread may call anything here, and each call returns at once (but `wait`): what is asked is done between two
    batches, of 0.05 s of work or of one point that takes longer. The trials are the same at any pace and with any
    pauses. Ctrl-C in `wait` ends the waiting alone: the search goes on until it is stopped, or the program ends.

    Attributes
    ----------
    optimizer : MultiResOptimizer
    study : Study
        Grows meanwhile: take ``n = len(study)`` first, and the first n of each column.
    error : Exception or None
        What the evaluator raised, where that ended the search.
    notice : str
        One sentence that the user should know, or nothing.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> square = mrt.MultiResOptimizer(lambda p: -((p["x"] - 0.3) ** 2), mrt.Space(x=mrt.Real(0, 1)), trials=40)
    >>> search = square.start()
    >>> search.wait().best.params
    {'x': 0.3}
    >>> search.state
    'done'
    """

    def __init__(self, optimizer: MultiResOptimizer) -> None:
        self.optimizer = optimizer
        self.error: BaseException | None = None
        self.notice = ""
        self._gate = Gate(optimizer.clock, self._announce)
        self._alongside = False
        # the one that works, and before it the one of an earlier end, which may still tell of that
        self._threads: tuple[threading.Thread, ...] = ()
        self._compiling = ("", -1, -math.inf)  # what was said of it last, after how many trials, and when
        self._known_best: tuple[Any, float, dict[str, Any] | None] = (None, float("nan"), None)

    @classmethod
    def begun(cls, optimizer: MultiResOptimizer, *, pace: Any = None, alongside: bool = False) -> RunningSearch:
        """Begin a search; see `MultiResOptimizer.start`."""
        search = cls(optimizer)
        search._gate.pace = as_pace(pace)
        search._alongside = alongside
        search.notice = enter(search, alongside=alongside)
        search._begin()
        return search

    def __repr__(self) -> str:
        now = self.progress()
        return f"RunningSearch({now.state}, {counted(now.trials, 'trial')}, level {now.level_name!r})"

    @property
    def study(self) -> Study:
        """The study, which grows while the search runs."""
        return self.optimizer.study

    @property
    def state(self) -> str:
        """What the search does: "running", "paused", "stopping", "done" or "failed"."""
        return self._gate.state

    @property
    def has_ended(self) -> bool:
        """Whether no thread works at it any more."""
        return self._gate.state in (DONE, FAILED)

    @property
    def pace(self) -> str | None:
        """How fast the search may go, as "5 trials/s"; None: as fast as it goes. It can be set while it runs."""
        return None if self._gate.pace is None else str(self._gate.pace)

    @pace.setter
    def pace(self, pace: str | float | None) -> None:
        self._gate.pace = as_pace(pace)

    def pause(self) -> None:
        """Let no further batch begin."""
        self._gate.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self._gate.resume()

    def stop(self) -> None:
        """End the search before its next batch, with the study so far."""
        self._gate.stop("stopped by the user after {n}.")

    def stop_for(self, reason: str) -> None:
        """End the search as `stop` does, for a reason of one sentence, in which {n} becomes "12 trials"."""
        self._gate.stop(reason)

    def step(self, what: str = "batch") -> None:
        """Make one batch of 8 trials, or all up to the next level, and pause.

        Parameters
        ----------
        what : {"batch", "level"}

        Raises
        ------
        StudyError
            For another word.
        """
        if what not in ("batch", "level"):
            raise StudyError(f"step({what!r}) was asked for; a search goes by one 'batch' or by one 'level'.")
        self._gate.step(what)

    def more(self, trials: int) -> None:
        """Give the search so many more trials: where it would end, or has ended, it goes on with another level.

        That level goes by the search's own transition, and by moving regions where that finds nothing new. It is taken
        down in the study, so that a search that is gone on with, or made again, has it too.

        Raises
        ------
        StudyError
            If `trials` is no whole number from 1 to 10,000,000.
        """
        check_trials("more(trials=...): trials", trials)
        self._order(partial(self.optimizer.wish, int(trials)))

    def look_into(self, bounds: Mapping[str, Any], *, trials: int | None = None) -> None:
        """Send the next batch into a box; where the search has ended, it goes on with that.

        Parameters
        ----------
        bounds : mapping of parameter to (low, high)
            Put on the lattice, clipped to the space, at least two cells wide. Of the points half have the best trial's
            labels of all other parameters, half are spread over the whole of their ranges.
        trials : int, optional
            How many points, 25. They count among the trials that the search may make, which are raised where fewer are
            left.

        Raises
        ------
        SpaceError
            For a box that is none of the space, before anything changes.
        StudyError
            If `trials` is no whole number from 1 to 10,000,000.
        """
        n = TRIALS if trials is None else trials
        check_trials("look_into(..., trials=...): trials", n)
        labels = as_bounds(self.study.space, bounds)
        refuse_seen(self.study.space, labels, self.study.log)
        self._order(partial(self.optimizer.wish, int(n), labels))

    def wait(self, timeout: float | None = None) -> Study:
        """Wait until the search has ended and return its study.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        TimeoutError
            If it has not ended by then; it goes on.
        Exception
            What the evaluator raised, where that ended the search.
        """
        with self._gate.changed:  # another thread may have it go on from here
            self._wait(timeout)
            has_ended, error = self.has_ended, self.error
        if not has_ended:
            trials = counted(len(self.study), "trial")
            raise TimeoutError(
                f"the search has not ended within {timeout:g} s: it is {self.state} with {trials}; "
                "wait longer, or stop it."
            )
        if error is not None:
            raise error
        return self.study

    def give_way(self) -> None:
        """Stop for another search that is to write the same study, and wait until this one has let go of it."""
        if threading.current_thread() not in self._threads:
            self.stop_for("stopped after {n}, as another search of the same study was started.")
            self._wait(_PATIENCE)

    def join(self, timeout: float) -> bool:
        """Wait up to so many seconds, and say whether the search has ended."""
        self._wait(timeout)
        return self.has_ended

    def __enter__(self) -> RunningSearch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self._wait(None)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have a function called with every event, in the search's thread, and return a function that ends that.

        One that raises is called no more, and what it raised is logged: who watches does not end a search.
        """
        as_listeners(listener)
        listeners = self.optimizer.listeners

        def tell(event: Event) -> None:
            try:
                listener(event)
            except Exception:
                _log.exception("%r was called with %r and raised; it is called no more", listener, event)
                unsubscribe()

        def unsubscribe() -> None:
            if tell in listeners:
                listeners.remove(tell)

        listeners.append(tell)
        return unsubscribe

    def progress(self) -> Progress:
        """Return where the search stands."""
        optimizer, state = self.optimizer, self.state
        walk = optimizer.walk
        done, total = walk.whole_progress()
        trials = len(self.study)
        best, params = self._best(trials)
        compiling = "" if self.has_ended else compiling_words()
        awaited = _AWAITED.get(self._gate.awaited(at_once=bool(compiling)), "")
        return Progress(
            state=state,
            level=walk.level_index,
            level_name=walk.level_name,
            n_levels=walk.n_levels,
            done=done,
            total=total,
            trials=trials,
            budget=walk.limit,
            more=0 if self.has_ended else optimizer.wishes.n_more(),
            seconds=optimizer.elapsed(),
            compiled=optimizer.clock.compiled(),
            seconds_left=0.0 if self.has_ended else float("nan") if compiling else self._seconds_left(trials),
            best=best,
            best_params=params,
            notice=_joined(self.notice, optimizer.saved.notice, self._held(compiling, trials), awaited),
        )

    def _held(self, compiling: str, trials: int) -> str:
        """Return what is compiled, and between two kernels what was: a line that comes and goes cannot be read."""
        now = time.monotonic()
        if compiling:
            self._compiling = (compiling, trials, now)
        words, then, said_at = self._compiling
        is_between = self.state == RUNNING and trials == then and now < said_at + _HOLD
        return words if is_between else compiling

    def _best(self, trials: int) -> tuple[float, dict[str, Any] | None]:
        is_running = self._gate.state == RUNNING
        if self._known_best[0] != (trials, is_running):
            study = self.study
            best = study.scoring.best_so_far() if is_running else study.scoring.best()
            value = float("nan") if best is None else float(study.log.value[best])
            params = None if best is None else study.space.point(study.log.codes[best])
            self._known_best = ((trials, is_running), value, params)
        return self._known_best[1:]

    def _seconds_left(self, trials: int) -> float:
        pace, worked = self._gate.pace, self.optimizer.clock.evaluating()
        rate = trials / worked if trials and worked > 0 else math.inf
        rate = rate if pace is None else min(rate, pace.trials_a_second)
        left = self.optimizer.walk.n_left() + self.optimizer.wishes.n_more()
        return left / rate if math.isfinite(rate) else math.nan

    def _wait(self, timeout: float | None) -> None:
        if threading.current_thread() in self._threads:
            raise StudyError("a listener waits for the search whose thread it is called in; wait in another thread.")
        end = None if timeout is None else time.monotonic() + timeout
        with self._gate.changed:
            while not self.has_ended and (end is None or end > time.monotonic()):
                self._gate.changed.wait(_LOOK if end is None else max(0.0, min(_LOOK, end - time.monotonic())))

    def _order(self, do: Callable[[], None]) -> None:
        with self._gate.changed:
            if self.has_ended:  # before it is said to run, for who reads both
                self.error, self.notice = None, ""
            if self._gate.order(do):
                self._begin(again=True)

    def _begin(self, *, again: bool = False) -> None:
        # a daemon: a program that ends does not wait for it, but stops it (see live_searches)
        before = self._threads[-1] if again else None
        thread = threading.Thread(target=self._work, args=(before,), name="mrtoolkit-search", daemon=True)
        self._threads = (*self._threads[-1:], thread)
        thread.start()

    def _work(self, before: threading.Thread | None) -> None:
        state = DONE
        try:
            if before is not None:
                before.join()  # it may still have to tell that the search had ended
                self.notice = enter(self, alongside=self._alongside, warns=False)
            self._announce(self.state)
            while True:
                self.optimizer.run_at(self._gate, give_way=self.give_way)
                if self._gate.end():
                    break
                self._gate.go_on()
                self._announce(self.state)
        except BaseException as error:  # wait raises it, progress shows it
            self._fail(error)
            state = FAILED
        leave(self)
        try:
            self._announce(state, str(self.error) if self.error is not None else self.study.stopped)
        except Exception:  # nobody waits any more whom it could be raised to
            _log.exception("a listener raised when it was told that the search is %s", state)

    def _fail(self, error: BaseException) -> None:
        with self._gate.changed:
            self.error = error
            n_left = self._gate.fail()
            if n_left:
                what = "what was asked for" if n_left == 1 else f"{n_left} things that were asked for"
                self.notice = f"{what} last was not done, as the search failed before; ask for it again."

    def _announce(self, state: str, reason: str = "") -> None:
        self.optimizer.emit(StateChanged(state=state, reason=reason))


def _joined(*texts: str) -> str:
    """Return the sentences that say something; a single one as it is."""
    said = [text for text in texts if text]
    return ". ".join([*(text.rstrip(".") for text in said[:-1]), *said[-1:]])
