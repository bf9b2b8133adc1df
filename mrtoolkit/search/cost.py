"""What a search cost, beside what the two plain ways would have cost; measured, not estimated from theory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.search.study import Study


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CostComparison:
    """Seconds of a search, and of the same work done plainly.

    Attributes
    ----------
    trials : int
        Trials of the search.
    search_seconds : float
        Its wall time, as its table of levels says.
    recompute_seconds : float
        The same trials, each computing its indicators anew: the mean over a sample, times the trials.
    lattice_points : int
        Points of the lattice that satisfy the constraints.
    is_exact : bool
        Whether that count is exact; of a very large lattice it is estimated.
    exhaustive_seconds : float
        All of them, with cached indicators: the mean over a sample, times the points.
    sample : int
        Trials timed for each of the two.
    """

    trials: int
    search_seconds: float
    recompute_seconds: float
    lattice_points: int
    is_exact: bool
    exhaustive_seconds: float
    sample: int

    @property
    def times_faster_than_recomputing(self) -> float:
        """How many times the search's seconds recomputing every trial takes."""
        return self.recompute_seconds / max(self.search_seconds, 1e-9)

    @property
    def times_faster_than_exhaustive(self) -> float:
        """How many times the search's seconds the exhaustive grid takes."""
        return self.exhaustive_seconds / max(self.search_seconds, 1e-9)

    def __repr__(self) -> str:
        points = f"{'' if self.is_exact else 'about '}{self.lattice_points:,}"
        return (
            f"this search: {self.trials:,} trials in {seconds_text(self.search_seconds)}\n"
            f"the same trials, each computing its indicators anew: {seconds_text(self.recompute_seconds)}"
            f" ({self.times_faster_than_recomputing:,.3g} times as long)\n"
            f"the exhaustive grid of {points} points, with cached indicators: {seconds_text(self.exhaustive_seconds)}"
            f" ({self.times_faster_than_exhaustive:,.3g} times as long)\n"
            f"measured on {self.sample:,} trials each"
        )


def compare_cost(study: Study, *, sample: int = 20, seed: int = 0) -> CostComparison:
    """Measure now what the plain ways to do this search would have cost.

    Parameters
    ----------
    study : Study
        With its evaluator.
    sample : int
        Trials to time, drawn at random from the study.
    seed : int

    Raises
    ------
    StudyError
        If the study has no trials or no evaluator.
    """
    evaluator = study.needed_evaluator()
    if len(study) == 0:
        raise StudyError("this study has 0 trials, so there is no cost to compare; run its search first.")
    check_count("compare_cost(sample): sample", sample, StudyError)
    drawn = np.sort(np.random.default_rng(seed).choice(len(study), size=min(int(sample), len(study)), replace=False))
    points = study.space.decode(study.log.codes[drawn])
    singles = [points.iloc[[row]] for row in range(len(points))]
    evaluator.evaluate_fresh(singles[0])  # compiles, where something is still to be compiled
    evaluator.evaluate(points)
    fresh = _seconds(lambda: [evaluator.evaluate_fresh(point) for point in singles]) / len(points)
    cached = _seconds(lambda: evaluator.evaluate(points)) / len(points)
    lattice_points, is_exact = study.space.count()
    return CostComparison(
        trials=len(study),
        search_seconds=study.seconds,
        recompute_seconds=fresh * len(study),
        lattice_points=lattice_points,
        is_exact=is_exact,
        exhaustive_seconds=cached * lattice_points,
        sample=len(points),
    )


def seconds_text(seconds: float) -> str:
    """Return a duration in the unit that a person would use."""
    for size, unit in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.3g} {unit}"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
