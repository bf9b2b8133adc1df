"""When the picture that a saved notebook keeps is drawn anew: as seldom as is cheap, and early enough to be of use.

Nobody sees it as long as the view lives, but a notebook may be saved, and its kernel ended, at any time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

_EVERY = 60.0  # seconds between two while the search runs, at least
_FIRST = 5.0  # seconds until the first that shows something, and
_CHEAP_EVERY = 20.0  # seconds between two, where a search makes few trials or is paced
_FEWEST = 16  # trials, from which a picture shows something
_REST = 50.0  # seconds for one of drawing


class Moment(NamedTuple):
    """How a search stands: why its picture is to be seen, its state, how many levels have ended, and its trials.

    `is_cheap` says that a picture takes little from it.
    """

    reason: str
    state: str
    n_levels: int
    n_trials: int
    is_live: bool
    is_cheap: bool


class PictureTimes:
    """What the last picture showed, and when and for how long it was drawn."""

    def __init__(self) -> None:
        self.took = 0.0
        self._at = 0.0
        self._drawn: Moment | None = None

    def drawn(self, moment: Moment, now: float) -> None:
        """Note that one is drawn."""
        self._drawn, self._at = moment, now

    def is_due(self, moment: Moment, now: float) -> bool:
        """Whether a new one shows more: once the search rests, or a while after the last if trials have doubled."""
        last = self._drawn
        if last is None:
            return True
        if _shown(moment) == _shown(last):
            return False
        if not moment.is_live or moment.reason != last.reason:
            return True
        often = _FIRST if last.n_trials < _FEWEST else _CHEAP_EVERY
        return now > self._at + max(often if moment.is_cheap else _EVERY, _REST * self.took)


def _shown(moment: Moment) -> tuple[Any, ...]:
    n = moment.n_trials
    return moment.reason, moment.state, moment.n_levels, n.bit_length() if moment.is_live else n
