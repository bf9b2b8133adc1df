"""How much of the exhaustive truth a search finds with a small part of its trials."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from figures import Figure
from search_problems import Problem
from search_truth import TableEvaluator, Truth, codes_of, truth_of

import mrtoolkit as mrt
from mrtoolkit.search.plateau import QUANTILE, RADIUS, neighbourhood_scores
from mrtoolkit.search.trial_log import TrialLog, TrialRows

NEAR = 0.98  # of the way from the median to the best: found, for practical purposes
TOP = 0.001


@dataclass(frozen=True)
class Budget:
    """How many trials, and what must come of them.

    Attributes
    ----------
    part : float
        Of the lattice.
    most : int, optional
        Trials at most.
    mean, near, top, optimum : float, optional
        Floors: the mean share; the share of problems that come near; that end in the top 0.1 percent of their
        lattice; that find the optimum itself.
    """

    part: float
    most: int | None = None
    mean: float | None = None
    near: float | None = None
    top: float | None = None
    optimum: float | None = None

    def trials(self, n_points: int) -> int:
        """How many for a lattice."""
        return min(int(self.part * n_points), self.most or n_points)

    @property
    def words(self) -> str:
        """What it is called in the table."""
        cap = "" if self.most is None else f", at most {self.most} trials"
        return f"{100 * self.part:g} percent of the lattice{cap}"


BUDGETS = (
    Budget(0.02, 400, mean=0.975, near=0.75, top=0.90),
    Budget(0.02, mean=0.985, near=0.85),
    Budget(0.05, mean=0.995, near=0.95),
    Budget(0.20, optimum=0.95),
)
Searches = Callable[[Truth, int, int], mrt.Study]


def our_search(**settings: object) -> Searches:
    """Our search with some settings, over a table."""

    def search(truth: Truth, trials: int, seed: int) -> mrt.Study:
        return mrt.optimize(TableEvaluator(truth), truth.space, trials=trials, seed=seed, **settings)

    return search


def value_of(study: mrt.Study) -> float:
    """The best value of a study, NaN where it has none."""
    return study.best.value if study.has_best else math.nan


@dataclass(frozen=True)
class Found:
    """What a search found, (problem, seed) each."""

    share: np.ndarray
    rank: np.ndarray
    optimum: np.ndarray

    def figures(self, budget: Budget, prefix: str) -> Iterator[Figure]:
        """Rows of the table, a repeat a seed."""
        floors = {
            "mean share of (best - median)": (self.share.mean(axis=0), budget.mean),
            f"problems with a share of {NEAR} or more": ((self.share >= NEAR).mean(axis=0), budget.near),
            "problems that end in the top 0.1 percent": ((self.rank < TOP).mean(axis=0), budget.top),
            "problems whose optimum is found": (self.optimum.mean(axis=0), budget.optimum),
        }
        for what, (measured, floor) in floors.items():
            yield Figure(f"{prefix}{budget.words}: {what}", measured, "", target=floor, at_least=True)


def found(problems: Sequence[Problem], budget: Budget, search: Searches, seeds: int) -> Found:
    """Search each problem with each seed."""
    shape = (len(problems), seeds)
    share, rank, optimum = np.empty(shape), np.empty(shape), np.empty(shape, dtype=bool)
    for i, problem in enumerate(problems):
        truth = truth_of(problem)
        for seed in range(seeds):
            value = value_of(search(truth, budget.trials(truth.n_points), seed))
            share[i, seed], rank[i, seed] = truth.share(value), truth.rank(value)
            optimum[i, seed] = truth.is_optimum(value)
    return Found(share, rank, optimum)


@dataclass(frozen=True)
class Plateaus:
    """The low quantile of the neighbourhood of every point, as `study.plateau` means it or smaller."""

    truth: Truth
    quantiles: np.ndarray
    places: dict[int, int]

    @classmethod
    def of_boxes(cls, truth: Truth) -> Plateaus:
        """Judge every point by all lattice points within 5 percent of the range, one label at least."""
        space = truth.space
        codes = codes_of(space, 0, space.size)
        reach = [
            0 if isinstance(space[name], mrt.Categorical) else max(1, int(RADIUS * (size - 1)))
            for name, size in zip(space, space.sizes, strict=True)
        ]
        floor = np.where(np.isfinite(truth.values), truth.values, truth.ordered[0])
        floor = np.where(space.satisfies(codes), floor, np.nan).reshape(space.sizes)
        padded = np.pad(floor, [(r, r) for r in reach], constant_values=np.nan)
        boxes = np.lib.stride_tricks.sliding_window_view(padded, [2 * r + 1 for r in reach])
        boxes = boxes.reshape(len(floor), -1, int(np.prod([2 * r + 1 for r in reach])))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # boxes far outside what `where` allows are empty
            rows = [np.nanquantile(row, QUANTILE, axis=1, method="lower") for row in boxes]
        holds = np.flatnonzero(space.satisfies(codes))
        keys = space.keys(codes[holds])
        return cls(truth, np.concatenate(rows)[holds], {int(key): i for i, key in enumerate(keys)})

    @classmethod
    def of(cls, truth: Truth) -> Plateaus:
        """Judge every point by the nearest 25 of them: a few labels to each side where a lattice is fine."""
        space = truth.space
        codes = codes_of(space, 0, space.size)
        codes = codes[space.satisfies(codes)]
        values = truth.at(codes)
        log = TrialLog(space, "maximize", ("value",))
        none, feasible = np.zeros(len(codes), dtype=np.int64), np.ones(len(codes), dtype=bool)
        log.append(TrialRows(
            codes=codes, level=none, region=none, value=values, feasible=feasible, metrics={"value": values}, blocks={}
        ))  # fmt: skip
        quantiles, _ = neighbourhood_scores(space, log, np.arange(len(codes)))
        return cls(truth, quantiles, {int(key): i for i, key in enumerate(space.keys(codes))})

    def share(self, study: mrt.Study) -> float:
        """Return how much of the way from the lattice's median to its best plateau a study's plateau has come."""
        if not study.has_best:
            return 0.0
        key = int(study.space.keys(study.space.encode(dict(study.plateau.params)))[0])
        found = self.quantiles[self.places[key]]
        return float((found - self.truth.median) / (self.quantiles.max() - self.truth.median))


def plateaus(problems: Sequence[Problem], search: Searches, seeds: int, trials: int = 400) -> Iterator[Figure]:
    """How near the recommended plateau comes to the best of the whole lattice, judged by the whole lattice."""
    judges = {"by all within 5 percent": Plateaus.of_boxes, "by the nearest 25 of the lattice": Plateaus.of}
    shares = np.empty((len(judges), len(problems), seeds))
    for i, problem in enumerate(problems):
        truth = truth_of(problem)
        studies = [search(truth, Budget(0.02, trials).trials(truth.n_points), seed) for seed in range(seeds)]
        for k, judge in enumerate(judges.values()):
            judged = judge(truth)
            shares[k, i] = [judged.share(study) for study in studies]
    for words, share in zip(judges, shares, strict=True):
        what = f"the plateau at {trials} trials, {words}"
        reached = (share >= 0.97).mean(axis=0)
        yield Figure(f"{what}: problems with 0.97 or more of the exhaustive one", reached, "", 0.90, at_least=True)
        yield Figure(f"{what}: mean share of the exhaustive one", share.mean(axis=0), "", at_least=True)


def by_problem(problems: Sequence[Problem], search: Searches, seeds: int) -> str:
    """A line a problem: the share at each budget, for whoever improves the search."""
    lines = [f"{'problem':42}{'points':>10}  " + "  ".join(f"{b.words[:32]:>32}" for b in BUDGETS)]
    for problem in problems:
        cells = []
        for budget in BUDGETS:
            one = found([problem], budget, search, seeds)
            cells.append(f"{one.share.mean():.3f} ({one.share.min():.3f} to {one.share.max():.3f})")
        lines.append(f"{problem.name:42}{problem.space.size:>10,}  " + "  ".join(f"{cell:>32}" for cell in cells))
    return "\n".join(lines)
