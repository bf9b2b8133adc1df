"""What a search costs beside its trials: features computed, and time that is not the evaluator's."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from figures import Figure
from search_floors import Budget
from search_problems import PROBLEMS, Problem
from search_truth import TableEvaluator, Truth, codes_of, truth_of

import mrtoolkit as mrt
from mrtoolkit.evaluation import Evaluation

_LARGE = "macd_rsi_stops_fine-flat-sharpe"


def features(problems: Sequence[Problem], seed: int = 0) -> Iterator[Figure]:
    """Features computed by a search of at most 2 percent and 400 trials, to those of as many random trials."""
    ratios = [_feature_ratio(problem, seed) for problem in problems]
    what = "distinct features computed, to as many trials drawn at random"
    yield Figure(what, ratios, "x", target=1 / 3)
    rules = dict.fromkeys(problem.rule_name for problem in problems)
    for rule in rules if len(rules) > 1 else ():  # of a MACD each triple of lookbacks is a feature: no two trials share
        own = [ratio for ratio, problem in zip(ratios, problems, strict=True) if problem.rule_name == rule]
        yield Figure(f"of them, {rule}", own, "x")


def _feature_ratio(problem: Problem, seed: int) -> float:
    backtest = problem.backtest()
    n_points = int(problem.space.count()[0])
    budget = Budget(0.02, 400).trials(n_points)
    study = mrt.optimize(backtest, problem.space, objective=problem.objective, trials=budget, seed=seed)
    ours = backtest.store.counters.computed
    codes = codes_of(problem.space, 0, problem.space.size)
    codes = codes[problem.space.satisfies(codes)]
    drawn = codes[np.random.default_rng(seed).permutation(len(codes))[: len(study)]]
    other = problem.backtest()
    other.evaluate(problem.space.coded(drawn))
    return float(ours / other.store.counters.computed)


@dataclass(eq=False)
class TimedTable(TableEvaluator):
    """A table that knows how long it has been asked."""

    seconds: float = 0.0

    def evaluate(self, points: object) -> Evaluation:
        """Look the values up, on the clock."""
        start = time.perf_counter()
        found = super().evaluate(points)  # type: ignore[arg-type]
        self.seconds += time.perf_counter() - start
        return found


def large_truth() -> Truth:
    """The largest lattice."""
    return truth_of(next(problem for problem in PROBLEMS if problem.name == _LARGE))


def overhead(truth: Truth, *, trials: int, repeats: int, levels: int = 20) -> Iterator[Figure]:
    """Time outside the evaluator: of a trial in a search of many, and of a level once there are as many."""
    per_trial, per_level = [], []
    for seed in range(repeats):
        evaluator = TimedTable(truth)
        start = time.perf_counter()
        study = mrt.optimize(evaluator, truth.space, trials=trials, seed=seed)
        per_trial.append(1e6 * (time.perf_counter() - start - evaluator.seconds) / len(study))
        per_level += _levels_after(truth, trials, levels, seed)
    yield Figure(f"search without its evaluator, {trials:,} trials: a trial", per_trial, "us", target=2.0, by_best=True)
    what = f"search without its evaluator: a level of 50 trials when {trials:,} have been made"
    yield Figure(what, per_level, "ms", target=3.0)


def _levels_after(truth: Truth, trials: int, count: int, seed: int) -> list[float]:
    """Return the milliseconds of each of some small levels that follow a large one."""
    evaluator, ended = TimedTable(truth), []

    def note(event: object) -> None:
        if isinstance(event, mrt.search.LevelEnded):
            ended.append((time.perf_counter(), evaluator.seconds))

    levels = [mrt.Level("all", budget=trials)] + [mrt.Level(f"{k}", budget=50, regions=2) for k in range(count)]
    mrt.optimize(evaluator, truth.space, levels=levels, seed=seed, on_event=note)
    spent = np.diff(np.array(ended), axis=0)
    return list(1e3 * (spent[:, 0] - spent[:, 1]))
