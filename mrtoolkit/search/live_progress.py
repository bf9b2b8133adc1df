"""Where a running search stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a running search stands, all at one moment.

    Attributes
    ----------
    state : str
        "running", "paused", "stopping", "done" or "failed".
    level, n_levels : int
        The level that is being run, from 0, and how many there are, as far as that is known.
    level_name : str
    done, total : int
        Trials made at this level, and of how many.
    trials : int
        Trials made in all.
    budget : int, optional
        How many trials there may be; None for no limit.
    more : int
        How many were asked for beyond them by `more`, and begin where the search would end.
    seconds : float
        For which the search has worked; what it waited for its user is not counted.
    compiled : float
        Seconds of them in which kernels were compiled.
    seconds_left : float
        Until its end, at most; NaN where that is not known.
    best : float
        The best objective so far; NaN where there is none.
    best_params : mapping, optional
    notice : str
        What the user should know, in one sentence, or nothing.
    """

    state: str
    level: int
    level_name: str
    n_levels: int
    done: int
    total: int
    trials: int
    budget: int | None
    more: int
    seconds: float
    seconds_left: float
    best: float
    best_params: Mapping[str, Any] | None
    notice: str
    compiled: float = 0.0
