"""Searches at equal wall time: one second and ten, 50,000 bars, each with the event engine as its evaluator.

Every search begins with an empty feature store and the kernels compiled. A rival that evaluates one point at a time
uses `backtest.evaluator(objective)`; one that proposes many at once uses its `.batch`.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
from search_against import Difference
from search_problems import Problem
from search_rivals import RIVALS, Ledger, Spent, one_peak_zoom, textbook_levels
from search_truth import Truth, truth_of

import mrtoolkit as mrt

SECONDS = (1.0, 10.0)
PROBLEMS = [
    Problem("cross_not_hot", "years", "sharpe", "clock"),
    Problem("cross_stops", "years", "sharpe", "clock"),
    Problem("rsi_bands_free", "years", "sharpe", "clock"),
    Problem("breakout_stops", "years", "total_return", "clock"),
    Problem("macd_rsi_stops", "years", "sharpe", "clock"),
]
_NO_LIMIT = 10_000_000  # points; the clock ends it


class ClockedLedger(Ledger):
    """A ledger that evaluates points by a backtest, and ends the search when its time is over."""

    def __init__(self, truth: Truth, problem: Problem, seconds: float) -> None:
        super().__init__(truth, _NO_LIMIT)
        self.best = -math.inf
        self.worst = math.inf
        self._evaluate = problem.backtest().evaluator(problem.objective)
        self._values: dict[tuple[int, ...], float] = {}
        self._ends = time.perf_counter() + seconds

    @property
    def n_points(self) -> int:
        """Distinct points evaluated."""
        return len(self._values)

    def score(self, codes: np.ndarray) -> float:
        """Evaluate one point, as an optimizer that knows no batches does."""
        return self._scores(np.array([codes], dtype=np.int64), one=True)[0]

    def scores(self, codes: np.ndarray) -> list[float]:
        """Evaluate many points at once."""
        return self._scores(np.asarray(codes, dtype=np.int64), one=False)

    def _scores(self, codes: np.ndarray, *, one: bool) -> list[float]:
        if time.perf_counter() >= self._ends:
            raise Spent
        holds = self.truth.space.satisfies(codes)
        keys = [tuple(point) for point in codes.tolist()]
        new = [i for i, key in enumerate(keys) if holds[i] and key not in self._values]
        if new:
            frame = self.truth.space.decode(codes[new])
            found = [self._evaluate(frame.to_dict("records")[0])] if one else self._evaluate.batch(frame)
            if time.perf_counter() >= self._ends:
                raise Spent  # what came too late does not count
            self._values |= {keys[i]: float(value) for i, value in zip(new, found, strict=True)}
        values = np.array([self._values.get(key, math.nan) for key in keys])
        finite = values[np.isfinite(values)]
        if len(finite):
            self.best, self.worst = max(self.best, float(finite.max())), min(self.worst, float(finite.min()))
        return list(np.where(np.isfinite(values), values, self.worst if math.isfinite(self.worst) else 0.0))


def _rival(name: str) -> Callable[[Problem, Truth, float, int], tuple[float, int]]:
    def search(problem: Problem, truth: Truth, seconds: float, seed: int) -> tuple[float, int]:
        ledger = ClockedLedger(truth, problem, seconds)
        with contextlib.suppress(Spent):
            RIVALS[name][0](ledger, seed)
        return ledger.best, ledger.n_points

    return search


def _one_peak(problem: Problem, truth: Truth, seconds: float, seed: int) -> tuple[float, int]:
    """The zoom with 400 trials, then from the beginning with four times as many, until the time is over."""
    ledger = ClockedLedger(truth, problem, seconds)
    with contextlib.suppress(Spent):
        for k in itertools.count():
            ledger.limit = 400 * 4**k
            one_peak_zoom(ledger, seed)
    return ledger.best, ledger.n_points


def _textbook(problem: Problem, truth: Truth, seconds: float, seed: int) -> tuple[float, int]:
    """The same with the textbook's levels."""
    start, backtest, best, n_points = time.perf_counter(), problem.backtest(), -math.inf, 0
    for k in itertools.count():
        left, trials = seconds - (time.perf_counter() - start), 400 * 4**k
        if left <= 0 or trials > 4 * truth.n_points:
            break
        study = mrt.optimize(
            backtest, problem.space, objective=problem.objective, transition="peak", levels=textbook_levels(trials),
            seconds=left, seed=seed,
        )  # fmt: skip
        best, n_points = max(best, study.best.value if study.has_best else -math.inf), n_points + len(study)
    return best, n_points


def _ours(problem: Problem, truth: Truth, seconds: float, seed: int) -> tuple[float, int]:
    """Our search as it comes with a budget of time."""
    study = mrt.optimize(
        problem.backtest(), problem.space, objective=problem.objective, seconds=seconds, trials=None, seed=seed
    )
    return (study.best.value if study.has_best else -math.inf), len(study)


def searches(names: Sequence[str]) -> dict[str, Callable[[Problem, Truth, float, int], tuple[float, int]]]:
    """Ours and the rivals of some names."""
    zooms = {"textbook zoom": _textbook, "one-peak zoom": _one_peak}
    return {"ours": _ours} | {name: zooms.get(name) or _rival(name) for name in names}


def print_clock(rivals: Sequence[str], *, seconds: Sequence[float] = SECONDS, seeds: int = 2) -> bool:
    """Print each search's mean share and distinct points a second, and our lead over each."""
    chosen, is_met = searches(rivals), True
    truths = [truth_of(problem) for problem in PROBLEMS]
    for problem in PROBLEMS:  # what is compiled at first use is no part of a search
        mrt.optimize(problem.backtest(), problem.space, objective=problem.objective, trials=50)
    for limit in seconds:
        found: dict[str, np.ndarray] = {}
        print(f"\n{limit:g} seconds, 50,000 bars, {len(PROBLEMS)} problems\n")
        print("| search | mean share of (best - median) | distinct points (median) | ours less theirs |")
        print("|---|---|---|---|")
        for name, search in chosen.items():
            shares, points = np.empty((len(PROBLEMS), seeds)), []
            for (i, problem), seed in itertools.product(enumerate(PROBLEMS), range(seeds)):
                value, n_points = search(problem, truths[i], limit, seed)
                shares[i, seed] = truths[i].share(value)
                points.append(n_points)
            found[name] = shares.mean(axis=1)
            lead = Difference.of(found["ours"] - found[name])
            is_met &= name == "ours" or lead.mean > 0
            words = "" if name == "ours" else lead.words
            print(f"| {name} | {shares.mean():.3f} | {np.median(points):,.0f} | {words} |", flush=True)
    return is_met


def print_whole_lattice(problem: Problem, seconds: float = 1.0) -> bool:
    """Print whether a lattice that fits the time is taken whole, and what the study says of it."""
    truth = truth_of(problem)
    mrt.optimize(problem.backtest(), problem.space, objective=problem.objective, trials=50)
    study = mrt.optimize(problem.backtest(), problem.space, objective=problem.objective, seconds=seconds, trials=None)
    is_whole = len(study) == truth.n_points
    print(
        f"\na lattice of {truth.n_points:,} points in {seconds:g} s: {len(study):,} trials, optimum "
        f"{'found' if truth.is_optimum(study.best.value) else 'not found'}; the study says: {study.stopped}"
    )
    return is_whole
