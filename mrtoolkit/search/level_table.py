"""A row of the table of levels, once a level has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mrtoolkit.evaluation import Evaluator
from mrtoolkit.search.events import LevelRow
from mrtoolkit.search.points import points_for
from mrtoolkit.search.study import Study


def add_level_row(
    study: Study,
    evaluator: Evaluator | None,
    codes: np.ndarray,
    *,
    index: int,
    level: str,
    points: int,
    reused: int,
    run: int,
    best: int | None,
    seconds: float,
) -> None:
    """Add the row of level number `index`; its features are counted when somebody looks at it.

    Parameters
    ----------
    study : Study
    evaluator : Evaluator, optional
        Counts features; none where nothing of ours evaluated the points.
    codes : (point, dimension) int64
        The points of the level that have been evaluated.
    index : int
    level : str
        Name.
    points, reused, run : int
        As in `LevelRow`.
    best : int, optional
        The best trial among its points.
    seconds : float
    """
    computed, _ = study.spent.get(index, (0, 0.0))
    row = LevelRow(
        level=level,
        points=points,
        reused=reused,
        run=run,
        features_used=0,
        features_reused=0,
        features_computed=computed,
        best=float("nan") if best is None else float(study.log.value[best]),
        seconds=seconds,
    )

    space = study.space  # and not the study, which keeps this function: in a circle it would outlive who holds it

    def counted() -> LevelRow:
        if evaluator is None or len(codes) == 0:
            return row
        used = len(evaluator.features(points_for(evaluator, space, codes)))
        return replace(row, features_used=used, features_reused=max(0, used - computed))

    study.memory[index] = memory_used(evaluator)
    study.add_row(counted)


def memory_used(evaluator: Any) -> float:
    """Return the bytes of features that an evaluator holds in memory, NaN where it has no such store."""
    return float(getattr(getattr(evaluator, "store", None), "memory_used", float("nan")))
