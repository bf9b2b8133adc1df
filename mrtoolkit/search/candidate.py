"""A trial that is recommended: the best of a study, or its plateau."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mrtoolkit.search.space import Space
from mrtoolkit.search.trial_log import TrialLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trial to be recommended.

    Attributes
    ----------
    trial : int
        Its number in the study, from 0; two that were told the same trials in another order agree all the same.
    params : mapping
        All parameters, as an evaluator takes them.
    active : mapping
        Those of them that matter at this point, as a person is told.
    value : float
        Its objective.
    metrics : mapping
    """

    trial: int = field(compare=False)
    params: Mapping[str, Any]
    active: Mapping[str, Any]
    value: float
    metrics: Mapping[str, float]

    @property
    def shown(self) -> dict[str, Any]:
        """All parameters for a table: "-" where one does not matter."""
        return {name: self.active.get(name, "-") for name in self.params}


def candidate_of(space: Space, log: TrialLog, trial: int) -> Candidate:
    """Return a trial of a log, by its number, as a candidate."""
    codes = log.codes[trial]
    return Candidate(
        trial=int(trial),
        params=space.point(codes),
        active=space.active_point(codes),
        value=float(log.value[trial]),
        metrics={name: float(values[trial]) for name, values in log.metrics.items()},
    )
