"""Progress bars of a search: a bar a level, fed by the search's events."""

from __future__ import annotations

import math
import os
import sys
from typing import Any, TextIO

from tqdm import tqdm

from mrtoolkit.cli.table import plain
from mrtoolkit.search.events import BatchDone, Event, LevelEnded, LevelStarted, Stopped
from mrtoolkit.views.words import fixed

_LABEL = 12  # letters of a level's name
_USUAL = 80  # columns of a terminal that does not say, as of some containers and editors


class Bars:
    """A listener that draws one bar a level.

    Parameters
    ----------
    stream : text file, optional
        Where to draw; standard error. Where it is no terminal, nothing is drawn.

    Examples
    --------
    >>> study = optimize(backtest, space, on_event=Bars())  # doctest: +SKIP
    """

    def __init__(self, *, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        """Draw what one event says."""
        if isinstance(event, LevelStarted):
            self._start(event)
        elif isinstance(event, BatchDone) and self._bar is not None:
            best = f"best {plain(fixed(event.best))}" if math.isfinite(event.best) else ""
            self._bar.set_postfix_str(best, refresh=False)
            self._bar.update(event.done - self._bar.n)
        elif isinstance(event, LevelEnded | Stopped):
            self.close()

    def close(self) -> None:
        """Leave the bar as it stands; what is printed next begins on a line of its own."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _start(self, event: LevelStarted) -> None:
        self.close()
        tells = _tells_its_width(self._stream)
        self._bar = tqdm(
            total=event.to_run,
            desc=f"  {event.name:<{_LABEL}}",
            bar_format="{desc} {bar} {n_fmt} of {total_fmt} trials{postfix}",
            file=self._stream,
            dynamic_ncols=tells,
            ncols=None if tells else _USUAL,
            disable=None,  # drawn on a terminal only: a log keeps to what is printed at the end
        )


def _tells_its_width(stream: TextIO) -> bool:
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except (AttributeError, OSError, ValueError):  # no terminal, or no file at all
        return False
