"""Any callable as an evaluator: a search over somebody else's backtester, or over a formula."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from mrtoolkit.errors import ExpressionError, StudyError, check_count
from mrtoolkit.evaluation import Evaluation, Evaluator
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.nodes import Metric, Node
from mrtoolkit.expressions.objective import no_call
from mrtoolkit.expressions.walk import metrics_of
from mrtoolkit.search.digest import callable_digest
from mrtoolkit.search.objective import Goal
from mrtoolkit.search.robust import Neighbourhood
from mrtoolkit.search.workers import Workers
from mrtoolkit.words import counted

_SEVERAL = (
    "; for several metrics name them in an attribute, as in f.metrics = ('sharpe', 'trades'), and give a dict of them"
)
_NEEDED = tuple(name for name in vars(Evaluator) if not name.startswith("_"))


@dataclass(frozen=True, slots=True)
class CallableEvaluator:
    """A callable as an `Evaluator`: with the one metric `value`, or with those that it names.

    Attributes
    ----------
    function : callable
        Takes a point as a dict and gives a number; where it has a method `batch`, that takes a DataFrame of points
        and gives an array instead. One with an attribute `metrics`, a sequence of names, gives a mapping of these to a
        number, or to an array from `batch`. One with a method `compute_ahead` of a point is told in another thread
        which points come next, to compute what they need: see `Evaluator`.
    workers : Workers, optional
        What calls it for many points at once.
    """

    function: Callable[[dict[str, Any]], float] | None
    workers: Workers | None = field(default=None, compare=False)

    @property
    def params(self) -> tuple[str, ...]:
        """What the callable says it needs in an attribute `params`; empty means any."""
        return tuple(getattr(self.function, "params", ()))

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the callable says it measures in an attribute `metrics`, else the one metric."""
        return tuple(getattr(self.function, "metrics", ())) or ("value",)

    @property
    def bars(self) -> None:
        """Nothing: what data a callable reads is its own affair."""
        return

    def evaluate(self, points: pd.DataFrame) -> Evaluation:
        """Call the function for each point, or its `batch` for all of them; a point at which it raises has failed."""
        if self.function is None:
            msg = (
                "this search has no evaluator, so it can be asked and told only; use .ask() and .tell(points, values)."
            )
            raise StudyError(msg)
        workers = self.workers if self.workers is not None else Workers(self.function, 1)
        if getattr(self.function, "batch", None) is not None:
            return Evaluation(metrics=self._columns(workers.batch(points), len(points)))
        found: list[Any] = []
        failures: dict[int, Exception] = {}
        for value, error in workers.each(_points_of(points)):
            if error is not None:
                failures[len(found)] = error
            found.append(dict.fromkeys(self.metrics, np.nan) if error is not None and self._is_named else value)
        rows: Any = found
        if self._is_named:
            rows = {name: [self._named(row, name) for row in found] for name in self.metrics}
        return Evaluation(metrics=self._columns(rows, len(points)), failures=failures)

    @property
    def _is_named(self) -> bool:
        return bool(getattr(self.function, "metrics", ()))

    def _columns(self, found: Any, n_points: int) -> dict[str, np.ndarray]:
        """Return a column a metric of what the callable gave for all points."""
        if not self._is_named:
            return {"value": as_values(found, n_points)}
        return {name: as_values(self._named(found, name), n_points) for name in self.metrics}

    def _named(self, found: Any, name: str) -> Any:
        """Return one metric of what a callable with several gave."""
        if not isinstance(found, Mapping) or name not in found:
            has = f"has {', '.join(map(str, found))}" if isinstance(found, Mapping) else f"is {type(found).__name__}"
            raise StudyError(
                f"the evaluator names the metrics {', '.join(self.metrics)}, but what it gave {has}; give a mapping "
                f"with {name!r}."
            )
        return found[name]

    def check(self, points: pd.DataFrame) -> None:
        """Let every point pass: what a callable takes is its own affair."""

    def caution(self, points: pd.DataFrame) -> None:
        """Say nothing: how a callable measures its points is its own affair."""
        return

    def evaluate_fresh(self, points: pd.DataFrame) -> Evaluation:
        """Call the function again: nothing is cached here."""
        return self.evaluate(points)

    @property
    def compute_ahead(self) -> Callable[[pd.DataFrame], None] | None:
        """What the callable offers in a method `compute_ahead` of a dict of parameters, for a table of points.

        None where it has none, and where other processes call it: what is computed here would not be there.
        """
        ahead = getattr(self.function, "compute_ahead", None)
        if not callable(ahead) or (self.workers is not None and self.workers.count > 1):
            return None

        def compute(points: pd.DataFrame) -> None:
            for point in _points_of(points):
                ahead(point)

        return compute

    def features(self, points: pd.DataFrame) -> frozenset[str]:
        """Return no features: what a callable computes is not seen."""
        return frozenset()

    def stale_features(self, points: pd.DataFrame) -> tuple[str, ...]:
        """Return no features: none are cached."""
        return ()

    def benchmark(self) -> None:
        """Return nothing: a formula has no buy and hold."""
        return

    def persist(self) -> None:
        """Keep nothing."""

    def to_dict(self) -> dict[str, Any]:
        """Return where the callable was defined, and a digest of its code: by both a resumed study knows it."""
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        code = None if self.function is None else callable_digest(self.function)
        return {"callable": f"{getattr(self.function, '__module__', '')}.{name}", "code": code}


def _points_of(points: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in points.to_dict("records")]


def with_workers(evaluator: Evaluator, count: int | None) -> Evaluator:
    """Return a callable's evaluator with so many workers; other evaluators are as they are, with threads of their own.

    Raises
    ------
    StudyError
        If `count` is no whole number of 1 or more.
    """
    if count is not None:
        check_count("workers", count, StudyError)
        if isinstance(evaluator, CallableEvaluator):
            return replace(evaluator, workers=Workers(evaluator.function, int(count)))
    return evaluator


def close_workers(evaluator: Evaluator) -> None:
    """Let the workers go that `with_workers` gave; the evaluator goes on without them."""
    workers = getattr(evaluator, "workers", None)
    if isinstance(workers, Workers):
        workers.close()


def reopen_workers(evaluator: Evaluator) -> None:
    """Let an evaluator have again the workers that `close_workers` let go."""
    workers = getattr(evaluator, "workers", None)
    if isinstance(workers, Workers):
        workers.reopen()


def with_metrics_for(evaluator: Evaluator, *wanted: Any) -> Evaluator:
    """Return an evaluator that measures what objectives and constraints name too, where it can.

    A backtest has metrics over windows of time, such as ``sharpe_worst_of_8``, for those alone who ask for them.
    """
    further = getattr(evaluator, "with_metrics", None)
    can = getattr(evaluator, "can_measure", None)
    if further is None or can is None:
        return evaluator
    lacking = [name for name in dict.fromkeys(_metric_names(wanted)) if name not in evaluator.metrics and can(name)]
    widened: Evaluator = further(lacking)
    return widened


def _metric_names(wanted: Any) -> Iterator[str]:
    """Yield the metrics that objectives and constraints name, as far as they are read without being checked."""
    if isinstance(wanted, Neighbourhood):
        wanted = wanted.objective
    if isinstance(wanted, str):
        with suppress(ExpressionError):  # said when it is checked
            wanted = Metric(wanted) if wanted.isidentifier() else parse(wanted, no_call)
    if isinstance(wanted, Node):
        yield from metrics_of(wanted)
    elif isinstance(wanted, list | tuple):
        for each in wanted:
            yield from _metric_names(each)


def as_evaluator(value: Any) -> Evaluator:
    """Return an evaluator as it is, and a callable (or None, for ask and tell alone) wrapped as one."""
    lacks = [name for name in _NEEDED if not hasattr(type(value), name) and not hasattr(value, name)]
    if not lacks and not isinstance(value, type):
        found: Evaluator = value
        return found
    if value is None or (callable(value) and not isinstance(value, type)) or hasattr(value, "batch"):
        return CallableEvaluator(value)
    what = f", an evaluator without {', '.join(lacks)}" if hasattr(value, "evaluate") and lacks else ""
    msg = (
        f"the search was given {type(value).__name__} to search over{what}; give a Backtest, or a callable of a "
        "dict of parameters."
    )
    raise StudyError(msg)


def as_evaluation(result: Any, n_points: int, goal: Goal) -> Evaluation:
    """Return what `tell` was given as an Evaluation: it is one, or numbers that are the objective's one metric."""
    if isinstance(result, Evaluation):
        return result
    if goal.metric is None:
        raise StudyError(
            f"tell was given values, but the objective is {goal.text}; tell an Evaluation with its metrics."
        )
    return Evaluation(metrics={goal.metric: as_values(np.atleast_1d(result), n_points)})


def _what(found: Any, values: np.ndarray, n_points: int) -> str:
    """Return what was given in the place of a number a point, briefly."""
    if isinstance(found, list) and len(found) == n_points:  # a function's, point by point
        for each in found:
            if not np.isscalar(each) or isinstance(each, str):
                return f"{reprlib.repr(each)} ({type(each).__name__}) for a point"
    points = counted(n_points, "point")
    return f"shape {values.shape} for {points}" if values.ndim else f"{reprlib.repr(found)} for {points}"


def as_values(found: Any, n_points: int) -> np.ndarray:
    """Return results as one float64 a point, or say what else they are."""
    try:
        values = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(())
    if values.shape != (n_points,):
        msg = f"the evaluator gave {_what(found, values, n_points)}; give one number a point (NaN where there is none)"
        raise StudyError(f"{msg}{_SEVERAL}.")
    return values
