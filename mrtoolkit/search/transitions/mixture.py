"""Transitions made of others: a Gaussian process and then moving regions, and the choice by what a trial costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.search.level import Level
from mrtoolkit.search.transitions.gp import GaussianProcessTransition
from mrtoolkit.search.transitions.moving import MovingTransition
from mrtoolkit.search.transitions.protocol import History, Looking

_SLOW = 2e-3  # seconds a trial from which a Gaussian process is worth its own time


@dataclass(frozen=True, slots=True)
class MixedTransition:
    """A Gaussian process for half of the trials after the first level, moving regions for the rest."""

    def regions(self, history: History, level: Level, *, index: int, round: int) -> Sequence[Looking]:
        """Return where to look next, and at which points."""
        is_last = index == history.n_levels - 1
        done = int(np.count_nonzero(history.levels == index))
        is_early = index > 0 and (not is_last if history.n_levels > 2 else 2 * done < (level.budget or 0))
        chosen = GaussianProcessTransition() if is_early else MovingTransition()
        return chosen.regions(history, level, index=index, round=round)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that says which transition this is."""
        return {"transition": "gp+moving"}


@dataclass(frozen=True, slots=True)
class AutomaticTransition:
    """Moving regions where a trial costs microseconds, half Gaussian process where it costs milliseconds or more.

    The cost is that of the first level's trials. The choice is kept with the study, so that a search that is gone on
    with makes no other one.
    """

    def regions(self, history: History, level: Level, *, index: int, round: int) -> Sequence[Looking]:
        """Return what the chosen transition returns."""
        chosen = MixedTransition() if history.chosen == "gp+moving" else MovingTransition()
        return chosen.regions(history, level, index=index, round=round)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that says which transition this is."""
        return {"transition": "automatic"}


def choice(trial_seconds: float) -> str:
    """Return the name of the transition for trials that cost so many seconds each; inf where that is not known."""
    return "gp+moving" if _SLOW <= trial_seconds < float("inf") else "moving"
