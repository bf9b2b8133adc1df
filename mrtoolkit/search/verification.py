"""Whether the recorded trials are what the reference engine gives now, computed without any cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.search.space import Space
from mrtoolkit.search.trial_log import TrialLog

_TOLERANCE = 1e-9  # relative; the engines agree to this of their scale


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Verification:
    """What came of evaluating trials again.

    Attributes
    ----------
    equal, checked : int
        Trials whose metrics are equal to 1e-9, of those evaluated again.
    differs : tuple of dict
        Parameters of the others.
    stale_features : tuple of str
        Features in the store whose values are not what they would be if computed now, over all trials of the study.
    """

    equal: int
    checked: int
    differs: tuple[Mapping[str, Any], ...]
    stale_features: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """Whether everything checked is equal and no feature is stale."""
        return self.equal == self.checked and not self.stale_features

    def __repr__(self) -> str:
        parts = [f"{self.equal:,} of {self.checked:,} equal"]
        if self.differs:
            shown = ", ".join(str(dict(params)) for params in self.differs[:3])
            more = len(self.differs) - 3
            parts.append(f"differs: {shown}" + (f" and {more:,} more" if more > 0 else ""))
        if self.stale_features:
            parts.append(f"stale features: {', '.join(self.stale_features)}")
        return "; ".join(parts)


def verify_trials(space: Space, log: TrialLog, evaluator: Evaluator, n_trials: int, seed: int) -> Verification:
    """Evaluate the best trial and `n_trials` others, drawn at random, with the reference engine, and compare."""
    if len(log) == 0:
        raise StudyError("this study has 0 trials, so there is nothing to verify; run its search first.")
    check_count("verify(trials): trials", n_trials, StudyError)
    best = log.best()
    others = np.setdiff1d(np.arange(len(log)), [] if best is None else [best])
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(others, size=min(int(n_trials), len(others)), replace=False))
    trials = drawn if best is None else np.append(drawn, best)
    fresh = evaluator.evaluate_fresh(space.decode(log.codes[trials])).metrics
    same = np.ones(len(trials), dtype=bool)
    for name, recorded in log.metrics.items():
        if name in fresh:
            same &= _equal(recorded[trials], np.asarray(fresh[name], dtype=np.float64))
    return Verification(
        equal=int(same.sum()),
        checked=len(trials),
        differs=tuple(space.point(log.codes[trial]) for trial in trials[~same]),
        stale_features=tuple(evaluator.stale_features(space.decode(log.codes))),
    )


def _equal(recorded: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    # sums cancel, so a metric near zero is compared on the scale of the others: absolutely, to the same 1e-9
    return np.asarray(np.isclose(recorded, fresh, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True))
