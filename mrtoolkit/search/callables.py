"""Any callable as an evaluator: a search over somebody else's backtester, or over a formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrtoolkit.errors import StudyError
from mrtoolkit.evaluation import Evaluation, Evaluator
from mrtoolkit.search.digest import callable_digest
from mrtoolkit.search.objective import Goal

_NEEDED = tuple(name for name in vars(Evaluator) if not name.startswith("_"))


@dataclass(frozen=True, slots=True)
class CallableEvaluator:
    """A callable as an `Evaluator` with the one metric `value`.

    Attributes
    ----------
    function : callable
        Takes a point as a dict and gives a number; where it has a method `batch`, that takes a DataFrame of points
        and gives an array instead.
    """

    function: Callable[[dict[str, Any]], float] | None

    @property
    def params(self) -> tuple[str, ...]:
        """What the callable says it needs in an attribute `params`; empty means any."""
        return tuple(getattr(self.function, "params", ()))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The one metric."""
        return ("value",)

    @property
    def bars(self) -> None:
        """Nothing: what data a callable reads is its own affair."""
        return

    def evaluate(self, points: pd.DataFrame) -> Evaluation:
        """Call the function for each point, or its `batch` for all of them."""
        if self.function is None:
            msg = (
                "this search has no evaluator, so it can be asked and told only; use .ask() and .tell(points, values)."
            )
            raise StudyError(msg)
        batch = getattr(self.function, "batch", None)
        if batch is not None:
            found = batch(points)
        else:
            found = [
                self.function({str(name): value for name, value in row.items()}) for row in points.to_dict("records")
            ]
        return Evaluation(metrics={"value": as_values(found, len(points))})

    def check(self, points: pd.DataFrame) -> None:
        """Let every point pass: what a callable takes is its own affair."""

    def caution(self, points: pd.DataFrame) -> None:
        """Say nothing: how a callable measures its points is its own affair."""
        return

    def evaluate_fresh(self, points: pd.DataFrame) -> Evaluation:
        """Call the function again: nothing is cached here."""
        return self.evaluate(points)

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


def as_values(found: Any, n_points: int) -> np.ndarray:
    """Return results as one float64 a point, or say what else they are."""
    try:
        values = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(())
    if values.shape != (n_points,):
        got = f"shape {values.shape}" if values.ndim else f"{type(found).__name__} {found!r}"[:60]
        msg = f"the evaluator gave {got} for {n_points:,} points; give one number a point (NaN where there is none)."
        raise StudyError(msg)
    return values
