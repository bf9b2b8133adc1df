"""A study held still: what is drawn of a search that goes on meanwhile is one moment of it, all columns alike."""

from __future__ import annotations

from mrtoolkit.search.study import Study
from mrtoolkit.views.arguments import check_study


def held_still(study: Study) -> Study:
    """Return the study as it is now: itself where it has ended, else a copy that grows no more.

    A batch is in a log as a whole or not at all, but between two looks at it there may be one more.

    Raises
    ------
    StudyError
        If it is no study.
    """
    check_study(study)
    if study.stopped:
        return study
    count = len(study)
    rows = study.log.rows.take(slice(0, count))  # each column is at least as long as the log was before
    still = Study(
        space=study.space, goal=study.goal, objective=study.objective, direction=study.direction,
        evaluator=study.evaluator, seed=study.seed, keys=study.keys, metrics=study.log.metric_names,
    )  # fmt: skip
    still.log.append(rows)
    still.rows.extend(study.rows)
    still.regions.extend(list(study.regions))
    still.failures.update({trial: why for trial, why in list(study.failures.items()) if trial < count})
    still.notes = dict(study.notes)
    return still
