"""Our search and its rivals at equal trials: the mean difference, with its confidence interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from search_problems import Problem
from search_rivals import BUDGETS, RIVALS, ZOOMS, bests, limit_of
from search_smooth import Smooth
from search_truth import Truth, truth_of

N_BOOTSTRAP = 10_000
Values = Callable[[Truth, int], Iterable[float]]


@dataclass(frozen=True)
class Difference:
    """How much more one search finds than another, in shares of (best - median).

    Attributes
    ----------
    mean, low, high : float
        Over problems, with its 95 percent interval from a bootstrap of the problems.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, differences: np.ndarray) -> Difference:
        """Of one difference a problem."""
        differences = differences[np.isfinite(differences)]
        if len(differences) == 0:
            return cls(np.nan, np.nan, np.nan)
        rng = np.random.default_rng(0)
        means = differences[rng.integers(len(differences), size=(N_BOOTSTRAP, len(differences)))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        return cls(float(differences.mean()), float(low), float(high))

    @property
    def words(self) -> str:
        """For a cell of a table."""
        if np.isnan(self.mean):
            return "not run"
        lost = "" if self.mean > 0 else " (missed)"
        return f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f}){lost}"


def shares(truth: Truth, values: Iterable[float]) -> float:
    """Return the mean share of some values; a value that there is not has come no part of the way."""
    return float(np.mean([truth.share(value) for value in values]))


def against(
    cases: Sequence[tuple[str, Truth]], ours: Values, rivals: Sequence[str], budgets: Sequence[int] = BUDGETS
) -> tuple[dict[str, dict[int, float]], dict[str, dict[int, Difference]]]:
    """Return the mean share of each search at each budget, and our lead over each rival."""
    means: dict[str, dict[int, float]] = {"ours": {}} | {rival: {} for rival in rivals}
    leads: dict[str, dict[int, Difference]] = {rival: {} for rival in rivals}
    for budget in budgets:
        own = np.array([shares(truth, ours(truth, budget)) for _, truth in cases])
        means["ours"][budget] = float(own.mean())
        for rival in rivals:
            if rival in RIVALS and budget > limit_of(rival):
                theirs = np.full(len(cases), np.nan)
            else:
                theirs = np.array([shares(truth, bests(name, truth, rival, budget)) for name, truth in cases])
            means[rival][budget] = float(theirs.mean())
            leads[rival][budget] = Difference.of(own - theirs)
    return means, leads


def print_against(
    title: str,
    cases: Sequence[tuple[str, Truth]],
    ours: Values,
    rivals: Sequence[str],
    budgets: Sequence[int] = BUDGETS,
) -> bool:
    """Print both tables; return whether our mean is higher than each rival's."""
    means, leads = against(cases, ours, rivals, budgets)
    head = "".join(f" {budget:,} trials |" for budget in budgets) + f"\n|---|{'---|' * len(budgets)}"
    print(f"\n{title}\n\nmean share of (best - median)\n\n| search |{head}")
    for name, found in means.items():
        cells = ("not run" if np.isnan(found[b]) else f"{found[b]:.3f}" for b in budgets)
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\nours less theirs, with the 95 percent interval over problems\n\n| rival |{head}")
    for name, lead in leads.items():
        print(f"| {name} | " + " | ".join(lead[b].words for b in budgets) + " |", flush=True)
    return all(not lead.mean <= 0 for found in leads.values() for lead in found.values())


def all_rivals(*, torch: bool) -> list[str]:
    """Names of the rivals; Optuna's GP takes torch, so it is left out where there is none."""
    return [name for name in (*RIVALS, *ZOOMS) if torch or name != "Optuna's GP"]


def cases_of(problems: Sequence[Problem | Smooth]) -> list[tuple[str, Truth]]:
    """Each problem's description and truth."""
    return [(p.description(), truth_of(p) if isinstance(p, Problem) else p.truth()) for p in problems]
