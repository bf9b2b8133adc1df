"""Other searches over the same lattices, each given the same number of distinct points.

A rival proposes points; the ledger looks their values up, counts the distinct ones, and ends the search when they are
spent. Proposing a point again costs nothing, nor does one that `where` rules out: that is known before a trial. What
a rival is told of such a point, and of one without a value, is the worst value so far.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent)]

from search_problems import problems  # noqa: E402 (found by the line above)
from search_truth import TableEvaluator, Truth, truth_of  # noqa: E402

import mrtoolkit as mrt  # noqa: E402

FOLDER = Path(os.environ.get("MRTOOLKIT_RIVALS") or Path(tempfile.gettempdir()) / "rivals")
BUDGETS = (100, 200, 400, 1_000)
_VERSION = 1  # of the rivals' settings; what is cached is found by it
_DRAWN = 256  # random points at a time, for evaluators that like many
_STUCK = 20  # proposals a trial after which a rival that only repeats itself is stopped
_MOST = 100_000  # proposals of DIRECT, which takes memory for all of them beforehand
_STUCK_SLOW = 3  # of Optuna's, which takes milliseconds for each


class Spent(Exception):
    """The points are spent."""


class Ledger:
    """Counts the distinct points that a rival asks for, and keeps the best so far after each."""

    def __init__(self, truth: Truth, limit: int, stuck: int = _STUCK) -> None:
        self.truth = truth
        self.limit = limit
        self._most = stuck * limit
        self.sizes = np.array(truth.space.sizes)
        self.curve: list[float] = []
        self._known: dict[tuple[int, ...], float] = {}
        self._worst = math.inf
        self._proposed = 0

    def score(self, codes: np.ndarray) -> float:
        """Return what a rival is told of a point, higher is better; raises Spent when the points are."""
        point = tuple(int(code) for code in codes)
        self._proposed += 1
        if self._proposed > self._most:
            raise Spent
        if point not in self._known and self.truth.space.satisfies(np.array([point]))[0]:
            if len(self._known) == self.limit:
                raise Spent
            value = float(self.truth.at(np.array([point]))[0])
            self._known[point] = value
            if math.isfinite(value):
                self._worst = min(self._worst, value)
            self.curve.append(np.fmax(value, self.curve[-1] if self.curve else np.nan))
        value = self._known.get(point, math.nan)
        return value if math.isfinite(value) else self._worst if math.isfinite(self._worst) else 0.0

    def scores(self, codes: np.ndarray) -> list[float]:
        """Return what a rival is told of several points at once."""
        return [self.score(point) for point in codes]

    def nearest(self, unit: np.ndarray) -> np.ndarray:
        """Return the lattice codes nearest a point of the unit cube."""
        return np.clip(np.round(np.asarray(unit) * (self.sizes - 1)), 0, self.sizes - 1).astype(int)

    def result(self) -> np.ndarray:
        """Return the best so far after each distinct point, (limit,); the last one again where a rival gave up."""
        curve = np.full(self.limit, np.nan)
        curve[: len(self.curve)] = self.curve
        curve[len(self.curve) :] = self.curve[-1] if self.curve else np.nan
        return curve


def at_random(ledger: Ledger, seed: int) -> None:
    """Points drawn from the lattice, each as likely."""
    rng = np.random.default_rng(seed)
    while True:
        ledger.scores(rng.integers(ledger.sizes, size=(_DRAWN, len(ledger.sizes))))


def _optuna(ledger: Ledger, sampler: object) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    space, told = ledger.truth.space, set()
    while True:
        trial = study.ask()
        codes = []
        for name, size in zip(space, space.sizes, strict=True):
            if isinstance(space[name], mrt.Categorical):
                codes.append(trial.suggest_categorical(name, list(range(size))))
            else:
                codes.append(trial.suggest_int(name, 0, size - 1))
        score = ledger.score(codes)
        if tuple(codes) in told:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)  # no news, and it would slow the sampler
        else:
            study.tell(trial, score)
        told.add(tuple(codes))


def tpe(ledger: Ledger, seed: int) -> None:
    """Optuna's TPE sampler as it comes."""
    import optuna

    _optuna(ledger, optuna.samplers.TPESampler(seed=seed))


def optuna_gp(ledger: Ledger, seed: int) -> None:
    """Optuna's GP sampler; it takes torch, and a quarter of a second a trial, more as there are more."""
    import optuna
    import torch

    torch.set_num_threads(1)
    _optuna(ledger, optuna.samplers.GPSampler(seed=seed, deterministic_objective=True))


def gaussian_process(ledger: Ledger, seed: int) -> None:
    """Expected improvement under scikit-learn's Gaussian process, among random points and those around the best ten.

    Matern 5/2 with a length a dimension and noise, refitted whenever the points are twice as many; values as
    normal scores of their ranks, without which one loss of all decides the lengths.
    """
    from scipy.stats import norm, rankdata
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rng, sizes = np.random.default_rng(seed), ledger.sizes
    scale = np.maximum(sizes - 1, 1)
    points = [rng.integers(sizes) for _ in range(10)]
    scores = [ledger.score(point) for point in points]
    kernel: object = ConstantKernel(1.0) * Matern(np.full(len(sizes), 0.3), (0.02, 10.0), nu=2.5) + WhiteKernel(1e-3)
    fitted, refit_at = None, 0
    while True:
        done = np.array(points)
        known = {tuple(point) for point in points}
        targets = norm.ppf((rankdata(scores) - 0.5) / len(scores))
        is_due = len(points) >= refit_at
        fitted = GaussianProcessRegressor(kernel, optimizer="fmin_l_bfgs_b" if is_due else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted.fit(done / scale, targets)
        if is_due:
            kernel, refit_at = fitted.kernel_, 2 * len(points)
        around = done[np.argsort(scores)[-10:]].repeat(40, axis=0)
        steps = np.round(rng.normal(size=around.shape) * np.maximum(1.0, 0.05 * scale)).astype(int)
        candidates = np.concatenate([rng.integers(sizes, size=(400, len(sizes))), np.clip(around + steps, 0, scale)])
        candidates = candidates[ledger.truth.space.satisfies(candidates)]
        candidates = candidates[[tuple(point) not in known for point in candidates]]
        mean, deviation = fitted.predict(candidates / scale, return_std=True)
        lead = (mean - targets.max()) / np.maximum(deviation, 1e-9)
        point = candidates[np.argmax(deviation * (lead * norm.cdf(lead) + norm.pdf(lead)))]
        points.append(point)
        scores.append(ledger.score(point))


def cma_es(ledger: Ledger, seed: int) -> None:
    """CMA-ES of the library that Optuna uses, restarted from another place with twice the population when it ends."""
    import cmaes

    rng, dimensions = np.random.default_rng(seed), len(ledger.sizes)
    bounds, mean, population = np.array([[0.0, 1.0]] * dimensions), np.full(dimensions, 0.5), None
    if dimensions == 1:
        raise ValueError("CMA-ES needs two dimensions.")
    for restart in itertools.count():
        es = cmaes.CMA(
            mean=mean, sigma=0.3 if restart else 1 / 6, bounds=bounds, seed=seed + 1_000 * restart,
            population_size=population,
        )  # fmt: skip
        population = 2 * es.population_size
        while not es.should_stop():
            points = [es.ask() for _ in range(es.population_size)]
            scores = ledger.scores(np.stack([ledger.nearest(x) for x in points]))
            es.tell([(x, -score) for x, score in zip(points, scores, strict=True)])
        mean = rng.random(dimensions)


def direct(ledger: Ledger, seed: int) -> None:
    """scipy's DIRECT, its locally biased form (the default); it has no seed."""
    from scipy.optimize import direct as scipy_direct

    del seed
    bounds = [(0.0, 1.0)] * len(ledger.sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scipy_direct(
            lambda x: -ledger.score(ledger.nearest(x)), bounds, maxfun=min(_STUCK * ledger.limit, _MOST),
            maxiter=10_000, vol_tol=0.0, len_tol=0.0,
        )  # fmt: skip


def one_peak_zoom(ledger: Ledger, seed: int) -> None:
    """LEAN's zoom: a grid over the range, then again over half of the range around the best point, and so on.

    As many labels a dimension as the budget has room for until the step is one label; deterministic.
    """
    del seed
    spans = ledger.sizes - 1
    n_labels = max(k for k in range(2, 1_000) if k == 2 or _zoom_cost(k, ledger.sizes) <= ledger.limit)
    centre, width = spans / 2, spans.astype(float)
    while True:
        lower = np.clip(centre - width / 2, 0, spans - np.minimum(width, spans))
        axes = [
            np.unique(np.round(np.linspace(low, low + wide, min(n_labels, size))).astype(int))
            for low, wide, size in zip(lower, width, ledger.sizes, strict=True)
        ]
        points = np.array(list(itertools.product(*axes)))
        best = points[np.argmax(ledger.scores(points))]
        if all(len(axis) <= 1 or np.diff(axis).max() == 1 for axis in axes):
            return
        centre, width = best.astype(float), np.maximum(width / 2, 1.0)


def _zoom_cost(n_labels: int, sizes: np.ndarray) -> int:
    rounds = 1 + max(0, math.ceil(math.log2(max(sizes.max() - 1, 1) / (n_labels - 1))))
    return rounds * int(np.prod(np.minimum(n_labels, sizes)))


RIVALS: dict[str, tuple[Callable[[Ledger, int], None], int]] = {
    "random": (at_random, 10),
    "TPE": (tpe, 1),
    "GP": (gaussian_process, 1),
    "Optuna's GP": (optuna_gp, 1),
    "CMA-ES": (cma_es, 5),
    "DIRECT": (direct, 1),
}
"""Rivals that need not know their budget, and how many seeds each has."""
ZOOMS = ("textbook zoom", "one-peak zoom")
"""Rivals that plan for their budget."""
LIMITS = {"TPE": 400, "Optuna's GP": 100, "GP": 400}  # trials; beyond, they would take hours


def limit_of(rival: str) -> int:
    """Return up to how many trials a rival is run."""
    return LIMITS.get(rival, max(BUDGETS))


def curve(name: str, truth: Truth, rival: str, seed: int, limit: int | None = None) -> np.ndarray:
    """Return the best so far after each distinct point, (limit,), from the cache where it has been run before.

    `name` is what the truth is called, with all that it depends on.
    """
    limit = limit_of(rival) if limit is None else limit
    limit = min(limit, truth.n_points)
    path = FOLDER / f"{_digest([name, rival, seed, limit, _VERSION])}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    ledger = Ledger(truth, limit, _STUCK_SLOW if rival in ("TPE", "Optuna's GP") else _STUCK)
    with contextlib.suppress(Spent):
        RIVALS[rival][0](ledger, seed)
    found = ledger.result()
    FOLDER.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.save(file, found)
    partial.replace(path)
    return found


def zoomed(truth: Truth, zoom: str, budget: int, seed: int) -> float:
    """Return the best value that a zoom finds with a budget."""
    if zoom == "one-peak zoom":
        ledger = Ledger(truth, min(budget, truth.n_points))
        with contextlib.suppress(Spent):
            one_peak_zoom(ledger, seed)
        return float(ledger.result()[-1])
    return searched(truth, budget, seed, transition="peak", levels=textbook_levels(budget))


def textbook_levels(budget: int) -> list[mrt.Level]:
    """Coarse, medium, fine, as the textbook's method has them."""
    rest = (budget - 2 * budget // 5) // 2
    first = budget - 2 * rest
    return [
        mrt.Level("coarse", budget=first),
        mrt.Level("medium", budget=rest, regions=3),
        mrt.Level("fine", budget=rest, regions=2),
    ]


def searched(truth: Truth, budget: int, seed: int, **settings: object) -> float:
    """Return the best value that our search finds with a budget; NaN where it found none."""
    study = mrt.optimize(TableEvaluator(truth), truth.space, trials=budget, seed=seed, **settings)
    return study.best.value if study.has_best else math.nan


def bests(name: str, truth: Truth, rival: str, budget: int) -> Iterator[float]:
    """The best value of a rival at a budget, one a seed."""
    if rival in ZOOMS:
        yield zoomed(truth, rival, budget, 0)
        return
    for seed in range(RIVALS[rival][1]):
        found = curve(name, truth, rival, seed)
        yield float(found[min(budget, len(found)) - 1])


def _digest(what: list[object]) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]


def main(names: list[str]) -> None:
    """Run rivals (all but Optuna's GP where none is named) over the problems to be reported, and keep their curves."""
    for rival in names or [name for name in RIVALS if name != "Optuna's GP"]:
        for seed in range(RIVALS[rival][1]):
            for problem in sorted(problems("report"), key=lambda p: p.is_large):
                start = time.perf_counter()
                truth = truth_of(problem)
                found = curve(problem.description(), truth, rival, seed)
                print(
                    f"{rival} {seed} {problem.name}: {truth.share(float(found[-1])):.3f}, "
                    f"{time.perf_counter() - start:.0f} s", flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
