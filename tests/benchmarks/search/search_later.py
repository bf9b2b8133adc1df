"""Plateau against peak: what each would have made in the year that followed the bars of its search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from search_against import N_BOOTSTRAP, Difference
from search_floors import Searches
from search_problems import Problem
from search_truth import truth_of

METRICS = ("sharpe", "total_return")


def later(problems: Sequence[Problem], search: Searches, seeds: int, trials: int) -> dict[str, dict[str, np.ndarray]]:
    """Return each metric of best and plateau in the following year, the mean of the seeds, (problem,) each."""
    found: dict[str, dict[str, list[float]]] = {who: {name: [] for name in METRICS} for who in ("best", "plateau")}
    for problem in problems:
        truth = truth_of(problem)
        points = []
        for seed in range(seeds):
            study = search(truth, trials, seed)
            points += [dict(study.best.params), dict(study.plateau.params)]
        backtest = problem.backtest(problem.span.whole, start=problem.span.after)
        metrics = backtest.run(pd.DataFrame(points), metrics=METRICS)
        for name in METRICS:
            values = np.nan_to_num(metrics[name].values, nan=0.0)  # no trade all year: nothing made
            found["best"][name].append(float(values[0::2].mean()))
            found["plateau"][name].append(float(values[1::2].mean()))
    return {who: {name: np.array(values) for name, values in by.items()} for who, by in found.items()}


def difference_by_bars(differences: np.ndarray, kinds: Sequence[str]) -> Difference:
    """Return a mean difference whose interval draws whole sets of bars: problems over the same bars are not apart."""
    rng = np.random.default_rng(0)
    groups = [differences[[kind == one for one in kinds]] for kind in dict.fromkeys(kinds)]
    totals, counts = np.array([group.sum() for group in groups]), np.array([len(group) for group in groups])
    drawn = rng.integers(len(groups), size=(N_BOOTSTRAP, len(groups)))
    means = totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Difference(float(differences.mean()), float(low), float(high))


def print_later(problems: Sequence[Problem], search: Searches, seeds: int, trials: int = 400) -> None:
    """Print what best and plateau made in the following year, and the difference with its interval."""
    with_year = [problem for problem in problems if problem.span.after is not None]
    found = later(with_year, search, seeds, trials)
    kinds = [problem.kind for problem in with_year]
    print(f"\nThe year after, {len(with_year)} problems over {len(set(kinds))} sets of bars, {trials} trials\n")
    print("| metric of the year | best | plateau | plateau less best, 95 percent over bars | plateau better in |")
    print("|---|---|---|---|---|")
    for name in METRICS:
        best, plateau = found["best"][name], found["plateau"][name]
        lead = difference_by_bars(plateau - best, kinds)
        print(
            f"| {name} | {best.mean():.3f} | {plateau.mean():.3f} | {lead.mean:+.3f} ({lead.low:+.3f} to "
            f"{lead.high:+.3f}) | {(plateau > best).sum()} of {(plateau != best).sum()} where they differ |"
        )
