"""Points at which an evaluator raises: found, recorded with what it said, and gone on without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mrtoolkit.errors import StudyError
from mrtoolkit.evaluation import Evaluation, Evaluator
from mrtoolkit.search.points import points_for
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study

_LONGEST = 300  # characters of a message that are kept
_POINT = "mrtoolkit_point"  # beside the notes of what was raised


def evaluate_all(evaluator: Evaluator, space: Space, codes: np.ndarray) -> Evaluation:
    """Evaluate points; where the evaluator raises, a point has NaN for its metrics and the error in `failures`.

    A batch that raises is halved until the points that do are found; the others are evaluated as ever.
    """
    try:
        return evaluator.evaluate(points_for(evaluator, space, codes))
    except StudyError:
        raise  # it gave something that is no result, which is no affair of one point
    except Exception as error:  # a user's function may raise anything
        if len(codes) == 1:
            return Evaluation(metrics={name: np.array([np.nan]) for name in evaluator.metrics}, failures={0: error})
    return _joined([evaluate_all(evaluator, space, half) for half in np.array_split(codes, 2)])


def refuse_broken(study: Study, evaluation: Evaluation, codes: np.ndarray) -> None:
    """Raise what the evaluator raised where it has never evaluated any point: then it is broken, and not the points."""
    if len(evaluation.failures) == len(codes) and study.has_failed_alone:
        error, point = evaluation.failures[0], study.space.point(codes[0])
        error.add_note(f"The evaluator raised this at {point}, and has evaluated no point yet; call it with that one.")
        vars(error)[_POINT] = study.space.active_point(codes[0])
        raise error


def point_of(error: BaseException) -> Mapping[str, Any] | None:
    """Return the point at which an evaluator raised this and ended the search; None for any other error."""
    point: Mapping[str, Any] | None = vars(error).get(_POINT)
    return point


def failure_text(error: Exception) -> str:
    """Return what an error said, on one line of at most 300 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]


def _joined(parts: list[Evaluation]) -> Evaluation:
    counts = [len(next(iter(part.metrics.values()))) for part in parts]
    names = dict.fromkeys(name for part in parts for name in part.metrics)
    widths = {name: np.shape(values)[1] for part in parts for name, values in part.blocks.items()}
    failures: dict[int, Exception] = {}
    for start, part in zip(np.cumsum([0, *counts]).tolist(), parts, strict=False):
        failures |= {start + row: error for row, error in part.failures.items()}
    return Evaluation(
        metrics={
            name: np.concatenate([p.metrics.get(name, np.full(n, np.nan)) for p, n in zip(parts, counts, strict=True)])
            for name in names
        },
        blocks={
            name: np.concatenate(
                [p.blocks.get(name, np.full((n, width), np.nan)) for p, n in zip(parts, counts, strict=True)]
            )
            for name, width in widths.items()
        },
        features_computed=sum(part.features_computed for part in parts),
        failures=failures,
    )
