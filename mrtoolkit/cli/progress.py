"""Progress bars of a search: a bar a level, fed by the search's events."""

from __future__ import annotations

import math
import sys
from typing import Any, TextIO

from tqdm import tqdm

from mrtoolkit.search.events import BatchDone, Event, LevelEnded, LevelStarted, Stopped

_LABEL = 12  # letters of a level's name


class Bars:
    """A listener that draws one bar a level.

    Parameters
    ----------
    title : str
        Stands in front of each level's name.
    stream : text file, optional
        Where to draw; standard error. Where it is no terminal, nothing is drawn.

    Examples
    --------
    >>> study = optimize(backtest, space, on_event=Bars("AAPL"))  # doctest: +SKIP
    """

    def __init__(self, title: str = "", *, stream: TextIO | None = None) -> None:
        self._title = f"{title} " if title else ""
        self._stream = stream or sys.stderr
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        """Draw what one event says."""
        if isinstance(event, LevelStarted):
            self._start(event)
        elif isinstance(event, BatchDone) and self._bar is not None:
            self._bar.set_postfix_str(f"best {event.best:.4f}" if math.isfinite(event.best) else "", refresh=False)
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
        self._bar = tqdm(
            total=event.to_run,
            desc=f"  {self._title}{event.name:<{_LABEL}}",
            bar_format="{desc} {bar} {n_fmt} of {total_fmt} trials{postfix}",
            file=self._stream,
            dynamic_ncols=True,
            disable=None,  # drawn on a terminal only: a log keeps to what is printed at the end
        )
