"""Progress bars of a search outside a notebook: a bar a level, fed by the search's events."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import Any, TextIO

from tqdm import tqdm

from mrtoolkit.search.events import BatchDone, Event, LevelStarted, StateChanged, Stopped
from mrtoolkit.words import fixed, plain, seconds

_LABEL = 12  # letters of a level's name
_USUAL = 80  # columns of a terminal that does not say, as of some containers and editors


class ProgressBars:
    """A listener that draws one bar a level, with the best so far and the time left of the level.

    A search that waits is no faster for it: what it was paused is left out of the time, what a pace takes is in it.

    Parameters
    ----------
    stream : text file, optional
        Where to draw; standard error. Where it is no terminal, nothing is drawn.
    """

    def __init__(self, *, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: Any = None
        self._best = ""
        self._worked = 0.0  # seconds of this level
        self._since: float | None = None  # None while the search is paused

    def __call__(self, event: Event) -> None:
        """Draw what one event says."""
        if isinstance(event, LevelStarted):
            self.close(is_whole=True)
            self._begin(event.name, max(event.to_run, event.at_most))
        elif isinstance(event, StateChanged) and event.state in ("running", "paused"):
            self._pause(is_paused=event.state == "paused")
        elif isinstance(event, BatchDone):
            if self._bar is None:  # it listens since the middle of a level
                self._begin(f"level {event.level + 1}", event.total)
            self._move(event)
        elif isinstance(event, Stopped):
            self.close(is_whole=not event.is_interrupted)

    def close(self, *, is_whole: bool = False) -> None:
        """Leave the bar as it stands; what is printed next begins on a line of its own."""
        if self._bar is not None:
            if is_whole:
                self._bar.total = self._bar.n  # a level may find nothing more to look at
            self._bar.set_postfix_str(self._best, refresh=False)
            self._bar.close()
            self._bar = None

    def _begin(self, name: str, total: int) -> None:
        tells = _tells_its_width(self._stream)
        self._worked, self._since = 0.0, time.monotonic()
        self._bar = tqdm(
            total=total,
            desc=f"  {name:<{_LABEL}}",
            bar_format="{desc} {bar} {n_fmt} of {total_fmt} trials{postfix}",
            file=self._stream,
            dynamic_ncols=tells,
            ncols=None if tells else _USUAL,
            disable=None,  # drawn on a terminal only: a log keeps to what is printed at the end
        )

    def _move(self, event: BatchDone) -> None:
        now = time.monotonic()
        if self._since is not None:
            self._worked, self._since = self._worked + now - self._since, now
        self._best = f"best {plain(fixed(event.best))}" if math.isfinite(event.best) else ""
        self._bar.total = max(self._bar.total, event.total)
        left = (self._bar.total - event.done) * self._worked / event.done if event.done else 0.0
        time_left = f"{plain(seconds(left))} left" if left >= 1.0 else ""
        self._bar.set_postfix_str(", ".join(text for text in (self._best, time_left) if text), refresh=False)
        self._bar.update(event.done - self._bar.n)

    def _pause(self, *, is_paused: bool) -> None:
        now = time.monotonic()
        if is_paused and self._since is not None:
            self._worked, self._since = self._worked + now - self._since, None
        elif not is_paused:
            self._since = now if self._since is None else self._since
        if self._bar is not None:
            state = "paused" if is_paused else ""
            self._bar.set_postfix_str(", ".join(text for text in (self._best, state) if text))


def progress_bars(*, stream: TextIO | None = None) -> ProgressBars:
    """Return a listener that draws a bar a level on a terminal, and nothing elsewhere.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> square, space = (lambda p: -((p["x"] - 0.3) ** 2)), mrt.Space(x=mrt.Real(0, 1))
    >>> study = mrt.optimize(square, space, trials=40, on_event=mrt.progress_bars())
    """
    return ProgressBars(stream=stream)


def _tells_its_width(stream: TextIO) -> bool:
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except (AttributeError, OSError, ValueError):  # no terminal, or no file at all
        return False
