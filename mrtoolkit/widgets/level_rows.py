"""The rows of the table of levels: those that have ended as the study has them, and the one that runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mrtoolkit.search.events import LevelRow
from mrtoolkit.search.level_table import memory_used
from mrtoolkit.search.study import Study
from mrtoolkit.widgets.state import SearchState

NAN = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLevel:
    """A row of the table of levels; what is not known is NaN.

    Attributes
    ----------
    name : str
    is_running : bool
    trials, total : float
        Made at this level; and how many it will make.
    reused : float
        Points that an earlier level had evaluated.
    features_computed, features_reused : float
    hit_rate : float
        Part of the features used that were there already, in [0, 1].
    memory : float
        Bytes of features in memory when it ended; known where that was in this process.
    seconds : float
    best : float
        The objective of the best of its points.
    """

    name: str
    is_running: bool
    trials: float
    total: float
    reused: float
    features_computed: float
    features_reused: float
    hit_rate: float
    memory: float
    seconds: float
    best: float


def ended_row(row: LevelRow, memory: float) -> ShownLevel:
    """Return the row of a level that has ended."""
    return ShownLevel(
        name=row.level,
        is_running=False,
        trials=row.run,
        total=row.run,
        reused=row.reused,
        features_computed=row.features_computed,
        features_reused=row.features_reused,
        hit_rate=row.features_reused / row.features_used if row.features_used else NAN,
        memory=memory,
        seconds=row.seconds,
        best=row.best,
    )


def running_row(study: Study, state: SearchState, name: str, ended: Sequence[ShownLevel], best: float) -> ShownLevel:
    """Return the row of the level that runs: its features are counted as reused only when it has ended."""
    computed, _ = study.spent.get(state.level, (0, 0.0))
    before = sum(row.seconds for row in ended)
    return ShownLevel(
        name=name,
        is_running=state.is_live or state.state == "paused",
        trials=state.done,
        total=state.total or NAN,
        reused=NAN,
        features_computed=computed,
        features_reused=NAN,
        hit_rate=NAN,
        memory=memory_used(study.evaluator),
        seconds=max(0.0, state.seconds - before) if math.isfinite(state.seconds) else NAN,
        best=best,
    )
