"""When a search has had enough: time, memory, or what it was after."""

from __future__ import annotations

from mrtoolkit.features.sizes import format_size
from mrtoolkit.search.settings import Settings
from mrtoolkit.search.study import Study
from mrtoolkit.words import counted

LOOK = 256  # trials: where a target ends a search is looked at after so many alone, whatever the size of the batches


def up_to_look(n: int | None, n_trials: int, settings: Settings) -> int | None:
    """Return how many points may be asked for, so that a search with a target ends at the same trial everywhere."""
    if settings.target is None:
        return n
    left = LOOK - n_trials % LOOK
    return left if n is None else min(n, left)


def trials_spent(trials: int) -> str:
    """Say that the budget of trials is spent."""
    return f"the budget of {counted(trials, 'trial')} is spent."


def seconds_spent(seconds: float, n_trials: int) -> str:
    """Say that the budget of time is spent."""
    are = "second is" if seconds == 1 else "seconds are"
    return f"the {seconds:g} {are} over after {counted(n_trials, 'trial')}."


def why_target(study: Study, settings: Settings) -> str:
    """Say that the best has reached the target; nothing where it has not, or there is none."""
    if settings.target is None or not study.has_best:
        return ""
    value = study.best.value
    reached = value >= settings.target if study.direction == "maximize" else value <= settings.target
    if not reached:
        return ""
    return f"the best, {value:.6g}, has reached the target of {settings.target:g} after {counted(len(study), 'trial')}."


def why_spent(study: Study, settings: Settings, elapsed: float) -> str:
    """Say which budget of time or memory is spent; nothing where none is."""
    if settings.seconds is not None and elapsed >= settings.seconds:
        return seconds_spent(settings.seconds, len(study))
    if settings.memory is not None:
        evaluator = study.evaluator
        features = sum(computed for computed, _ in study.spent.values()) * getattr(evaluator, "feature_bytes", 0)
        if study.log.nbytes + features >= settings.memory:
            return (
                f"the trials ({format_size(study.log.nbytes)}) and the features computed ({format_size(features)}) "
                f"have come to the limit of {format_size(settings.memory)} after {counted(len(study), 'trial')}."
            )
    return ""
