"""A study as it is at one moment, for who looks at it several times while the search goes on."""

from __future__ import annotations

from copy import copy

from mrtoolkit.search.study import Study


class StillStudy(Study):
    """A study that nobody adds to."""


def still(study: Study) -> Study:
    """Return a study of the same trials that grows no more, itself if it is one; 0.02 s for 100,000 trials.

    Its best, its plateau and each column are of the same trials, however many the search adds meanwhile.
    """
    if isinstance(study, StillStudy):
        return study
    rows = study.log.rows
    found = StillStudy(
        space=study.space,
        goal=study.goal,
        objective=study.objective,
        direction=study.direction,
        evaluator=study.evaluator,
        seed=study.seed,
        keys=study.keys,
        metrics=study.log.metric_names,
    )
    found.log.append(rows)
    found.rows.extend(study.rows)
    found.regions.extend(study.regions)
    found.failures.update({trial: text for trial, text in list(study.failures.items()) if trial < len(rows)})
    found.notes.update({name: copy(noted) for name, noted in list(study.notes.items())})  # a list of them grows
    found.spent.update(study.spent)
    found.memory.update(study.memory)
    found.stopped, found.is_interrupted = study.stopped, study.is_interrupted
    found.trial_seconds = study.trial_seconds
    found.take_answers(study)
    return found
