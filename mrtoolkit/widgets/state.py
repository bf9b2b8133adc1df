"""How far a search is: what a running search says of itself, or what can be read off a study."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from mrtoolkit.maps.levels import level_entries
from mrtoolkit.search.failures import point_of
from mrtoolkit.search.study import Study
from mrtoolkit.words import SHOWN, params_text

_CLOCK = 0.5  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchState:
    """How far a search is, at one moment.

    Attributes
    ----------
    state : str
        "running", "paused", "stopping", "done" or "failed"; "growing" for a study that somebody else fills.
    level : int
        The level that is being run, from 0; -1 before the first.
    n_levels : int
    done, total : int
        New trials of this level, and how many it will make; a total of 0 is not known.
    more : int
        Trials that were asked for beyond those of all levels.
    seconds, seconds_left : float
        Of work, and until the end of all levels; NaN where they are not known.
    compiled : float
        Seconds of work in which kernels were compiled.
    notice : str
        A sentence that the user should read, or nothing.
    error : str
        What the evaluator raised, and at which point where it never evaluated any; or nothing.
    """

    state: str
    level: int
    n_levels: int
    done: int
    total: int
    seconds: float
    seconds_left: float
    more: int = 0
    notice: str = ""
    error: str = ""
    compiled: float = 0.0

    @property
    def is_live(self) -> bool:
        """Whether more trials are to be expected without anybody asking for them."""
        return self.state in ("running", "stopping", "growing")

    def is_like(self, other: SearchState) -> bool:
        """Say whether nothing differs that a reader would miss: the clock by less than half a second."""
        if abs(self.seconds - other.seconds) >= _CLOCK:
            return False
        now = replace(self, seconds=other.seconds, seconds_left=other.seconds_left, compiled=other.compiled)
        return now == other


def state_of(source: Any, study: Study, n_trials: int) -> SearchState:
    """Return how far a running search, or a study with its first `n_trials` trials, is."""
    progress = getattr(source, "progress", None)
    if not callable(progress):
        return _state_of_study(study, n_trials)
    said = progress()
    error = getattr(source, "error", None)
    return SearchState(
        state=str(said.state),
        level=int(said.level),
        n_levels=int(said.n_levels),
        done=int(said.done),
        total=int(said.total or 0),
        seconds=float(said.seconds),
        seconds_left=float(said.seconds_left),
        more=int(getattr(said, "more", 0)),
        notice=str(said.notice),
        compiled=float(getattr(said, "compiled", 0.0)),
        error=_error_text(error),
    )


def _error_text(error: BaseException | None) -> str:
    if error is None:
        return ""
    point = point_of(error)
    text = f"{type(error).__name__}: {error}".rstrip(".")
    return text if point is None else f"{text}, at {params_text(point, most=SHOWN)}"


def _state_of_study(study: Study, n_trials: int) -> SearchState:
    last = int(study.log.level[:n_trials].max(initial=-1))
    done = int((study.log.level[:n_trials] == last).sum()) if last >= 0 else 0
    return SearchState(
        state="done" if study.stopped else "growing",
        level=last,
        n_levels=max(len(level_entries(study)), last + 1),
        done=done,
        total=0,
        seconds=math.nan if not study.stopped else study.seconds,
        seconds_left=math.nan,
    )
