"""The exhaustive truth of a problem: every point of its lattice by the event engine, kept in a folder of its own.

`python -m tests.benchmarks.search.search_truth` computes what is missing, small problems first. The folder is
$MRTOOLKIT_TRUTH, or `truth` in the folder for temporary files; a file is there whole or not at all.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parent)]

from search_problems import PROBLEMS, Problem  # noqa: E402 (found by the line above)

import mrtoolkit as mrt  # noqa: E402
from mrtoolkit.evaluation import CodedPoints, Evaluation  # noqa: E402
from mrtoolkit.expressions.scalars import canonical  # noqa: E402

FOLDER = Path(os.environ.get("MRTOOLKIT_TRUTH") or Path(tempfile.gettempdir()) / "truth")
_SLICE = 200_000  # points at a time


@dataclass(frozen=True, eq=False)
class Truth:
    """The value of every point of a lattice.

    Attributes
    ----------
    space : mrt.Space
    values : (point,) float64
        In C order of `space.sizes`, first dimension slowest; NaN where `where` fails or a point has no value.
    n_points : int
        Points that satisfy `where`.
    """

    space: mrt.Space
    values: np.ndarray
    n_points: int

    @cached_property
    def ordered(self) -> np.ndarray:
        """The finite values, lowest first."""
        return np.sort(self.values[np.isfinite(self.values)])

    @property
    def best(self) -> float:
        """The exhaustive optimum."""
        return float(self.ordered[-1])

    @cached_property
    def median(self) -> float:
        """The median of the finite values."""
        return float(np.median(self.ordered))

    def share(self, value: float) -> float:
        """Return how much of the way from the median to the best a value has come; 1 is the optimum."""
        if not np.isfinite(value):
            return 0.0
        return (value - self.median) / (self.best - self.median)

    def rank(self, value: float) -> float:
        """Return the share of the lattice's points that are better than a value."""
        if not np.isfinite(value):
            return 1.0
        return float(len(self.ordered) - np.searchsorted(self.ordered, value, side="right")) / self.n_points

    def is_optimum(self, value: float) -> bool:
        """Whether a value is the exhaustive best, to 10 digits as the search compares."""
        return bool(np.isfinite(value) and value >= self.best - 1e-9 * abs(self.best))

    def at(self, codes: np.ndarray) -> np.ndarray:
        """Return the values of lattice codes, (point, dimension) to (point,)."""
        return self.values[np.ravel_multi_index(tuple(codes.T), self.space.sizes)]


@dataclass(eq=False)
class TableEvaluator:
    """Looks values up instead of computing them: an evaluator whose trials cost nothing."""

    truth: Truth
    asked: list[np.ndarray] = field(default_factory=list)

    takes_codes = True
    metrics = ("value",)
    bars = None

    def __post_init__(self) -> None:
        self._codes = {name: _code_of(self.truth.space, name) for name in self.truth.space}

    @property
    def params(self) -> tuple[str, ...]:
        """Those of the space, sorted."""
        return tuple(sorted(self.truth.space.params))

    def codes(self, points: CodedPoints | pd.DataFrame) -> np.ndarray:
        """Return lattice codes, (point, dimension)."""
        if isinstance(points, pd.DataFrame):
            return self.truth.space.encode(points)
        columns = [
            np.array([self._codes[name][label] for label in points.labels[name]], dtype=np.int64)[points.codes[name]]
            for name in self.truth.space
        ]
        return np.stack(columns, axis=1)

    def evaluate(self, points: CodedPoints | pd.DataFrame) -> Evaluation:
        """Look the values up."""
        return Evaluation(metrics={"value": self.truth.at(self.codes(points))})

    def batch(self, points: pd.DataFrame) -> np.ndarray:
        """The values alone."""
        return self.evaluate(points).metrics["value"]

    def check(self, points: object) -> None:
        """Every point of the lattice can be looked up."""

    def caution(self, points: object) -> None:
        """Nothing to say."""

    def evaluate_fresh(self, points: pd.DataFrame) -> Evaluation:
        """Look up again."""
        return self.evaluate(points)

    def features(self, points: object) -> frozenset[str]:
        """None are computed."""
        return frozenset()

    def stale_features(self, points: object) -> tuple[str, ...]:
        """None are kept."""
        return ()

    def benchmark(self) -> None:
        """A table has no buy and hold."""

    def persist(self) -> None:
        """Nothing to keep."""

    def to_dict(self) -> dict[str, object]:
        """What it looks up in."""
        return {"table": self.truth.space.to_dict()}


def _code_of(space: mrt.Space, name: str) -> dict[object, int]:
    return {canonical(label): code for code, label in enumerate(space[name].labels)}


def path_of(problem: Problem) -> Path:
    """Where the truth of a problem is kept."""
    return FOLDER / f"{problem.name}.npz"


def truth_of(problem: Problem) -> Truth:
    """Return the truth of a problem, from its file, or computed and kept."""
    found = _read(problem)
    if found is None:
        found = compute(problem)
        _write(problem, found)
    return found


def codes_of(space: mrt.Space, first: int, last: int) -> np.ndarray:
    """Return the codes of places `first` to `last` of a lattice in C order, (point, dimension)."""
    return np.stack(np.unravel_index(np.arange(first, min(last, space.size)), space.sizes), axis=1)


def compute(problem: Problem) -> Truth:
    """Evaluate every point of the lattice."""
    space, backtest = problem.space, problem.backtest()
    values, n_points = np.full(space.size, np.nan), 0
    for first in range(0, space.size, _SLICE):
        codes = codes_of(space, first, first + _SLICE)
        holds = np.flatnonzero(space.satisfies(codes))
        n_points += len(holds)
        if len(holds):
            values[first + holds] = problem.values(backtest, space.decode(codes[holds]))
    return Truth(space, values, n_points)


def _read(problem: Problem) -> Truth | None:
    path = path_of(problem)
    if not path.exists():
        return None
    with np.load(path) as file:
        if str(file["description"]) != problem.description():
            return None
        return Truth(problem.space, file["values"], int(file["n_points"]))


def _write(problem: Problem, truth: Truth) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = path_of(problem)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(
            file, values=truth.values, n_points=truth.n_points, median=truth.median, best=truth.best,
            description=problem.description(),
        )  # fmt: skip
    partial.replace(path)


def main() -> None:
    """Compute what is missing, the smallest first, and say what each is."""
    for problem in sorted(PROBLEMS, key=lambda p: p.space.size):
        start = time.perf_counter()
        truth = truth_of(problem)
        print(
            f"{problem.part:6} {problem.name:40} {len(problem.space)} dims {truth.n_points:>9,} points "
            f"best {truth.best:9.4f} median {truth.median:9.4f} finite {len(truth.ordered) / truth.n_points:.3f} "
            f"within 1%: {(truth.ordered > truth.best - 0.01 * (truth.best - truth.median)).sum():>6,} "
            f"{time.perf_counter() - start:6.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
