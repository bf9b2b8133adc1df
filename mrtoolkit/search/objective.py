"""What a search maximises or minimises, and what a trial must satisfy to count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.nodes import Metric, Node
from mrtoolkit.expressions.pointwise import evaluate
from mrtoolkit.expressions.walk import walk
from mrtoolkit.search.space import no_call

Objective: TypeAlias = str | Node | Callable[[xr.Dataset], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """An objective with its constraints, checked against the metrics that there are.

    Attributes
    ----------
    objective : Metric, expression of metrics, or callable
        Gives the value of each trial.
    constraints : tuple of conditions
        Each must be true for a trial to count, whatever a metric without a value (NaN) would be.
    direction : {"maximize", "minimize"}
    """

    objective: Node | Callable[[xr.Dataset], Any]
    constraints: tuple[Node, ...]
    direction: str

    @classmethod
    def checked(cls, objective: Any, constraints: Any, direction: str, metrics: Sequence[str]) -> Goal:
        """Return the goal, or say which part of it no trial could be measured by.

        Parameters
        ----------
        objective : str, expression of metrics, or callable, optional
            A metric's name, an expression (also as text), or a callable of the metrics Dataset. Without one: "sharpe"
            where there is such a metric, else the first.
        constraints : condition or sequence of conditions
            Over metrics, also as text.
        direction : {"maximize", "minimize"}
        metrics : sequence of str
            What the evaluator measures.
        """
        if direction not in ("maximize", "minimize"):
            hint = nearest(direction, ("maximize", "minimize"))
            raise StudyError(f"direction={direction!r} was asked for; allowed are 'maximize' and 'minimize'{hint}.")
        if objective is None:
            objective = "sharpe" if "sharpe" in metrics else metrics[0]
        if isinstance(objective, str):
            objective = Metric(objective) if objective.isidentifier() else parse(objective, no_call)
        if isinstance(objective, Node):
            _check_metrics("the objective", objective, metrics)
        elif not callable(objective):
            msg = (
                f"objective={objective!r} is no metric's name, no expression of metrics and no callable; "
                "give one of them."
            )
            raise StudyError(msg)
        if isinstance(objective, Node) and objective.is_condition:
            msg = (
                f"the objective {objective.key} is true or false; give it to constraints=, and a number to objective=."
            )
            raise StudyError(msg)
        return cls(objective=objective, constraints=_as_constraints(constraints, metrics), direction=direction)

    @property
    def text(self) -> str:
        """The objective as text: a metric's name, an expression, or where a callable was defined."""
        if isinstance(self.objective, Metric):
            return self.objective.name
        if isinstance(self.objective, Node):
            return self.objective.key
        return (
            f"{self.objective.__module__}.{getattr(self.objective, '__qualname__', type(self.objective).__qualname__)}"
        )

    @property
    def metric(self) -> str | None:
        """The metric that is the objective, None where it is made of several."""
        return self.objective.name if isinstance(self.objective, Metric) else None

    def values(self, metrics: Mapping[str, np.ndarray], n_trials: int) -> np.ndarray:
        """Return the objective of each trial, (trial,) float64."""
        if isinstance(self.objective, Node):
            names = _metric_names(self.objective)
            found: Any = evaluate(self.objective, {name: metrics[name] for name in names})
        else:
            found = self.objective(xr.Dataset({name: ("trial", values) for name, values in metrics.items()}))
        try:
            return np.array(np.broadcast_to(np.asarray(found, dtype=np.float64), (n_trials,)))
        except (TypeError, ValueError):
            shape = np.shape(found)
            msg = (
                f"the objective {self.text} gave {type(found).__name__} of shape {shape} for {n_trials:,} "
                "trials; give one number a trial."
            )
            raise StudyError(msg) from None

    def feasible(self, metrics: Mapping[str, np.ndarray], n_trials: int) -> np.ndarray:
        """Return which trials satisfy every constraint, (trial,) bool."""
        mask = np.ones(n_trials, dtype=bool)
        for node in self.constraints:
            mask &= np.asarray(evaluate(node, {name: metrics[name] for name in _metric_names(node)}), dtype=bool)
        return mask

    def value_of(self, metrics: Mapping[str, float] | None) -> float:
        """Return the objective of one set of metrics, NaN where it has none."""
        if metrics is None or not isinstance(self.objective, Node) or not _metric_names(self.objective) <= set(metrics):
            return float("nan")
        return float(self.values({name: np.array([value], dtype=float) for name, value in metrics.items()}, 1)[0])


def scores(values: np.ndarray, feasible: np.ndarray, direction: str) -> np.ndarray:
    """Return what trials are compared by: higher is better, -inf for no value or a broken constraint.

    Values are rounded to 10 significant digits by their decimal text, which every processor does alike.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    rounded = sign * np.array([float(f"{value:.9e}") for value in values.tolist()], dtype=np.float64)
    return np.where(feasible & ~np.isnan(rounded), rounded, -np.inf)


def best_index(scores: np.ndarray, keys: np.ndarray) -> int | None:
    """Return the trial of the highest score, of equal ones that of the lowest labels; None where none has a score."""
    if len(scores) == 0 or np.max(scores) == -np.inf:
        return None
    ties = np.flatnonzero(scores == np.max(scores))
    return int(ties[np.argmin(keys[ties])])


def ranking(scores: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the trials that have a score, best first, of equal ones the lower labels first."""
    order = np.lexsort((keys, -scores)) if keys.dtype != object else _slow_order(scores, keys)
    return order[scores[order] > -np.inf]


def _slow_order(scores: np.ndarray, keys: np.ndarray) -> np.ndarray:
    by_key = np.argsort(keys, kind="stable")  # Python's whole numbers, which lexsort does not take
    return np.asarray(by_key[np.argsort(-scores[by_key], kind="stable")])


def _as_constraints(constraints: Any, metrics: Sequence[str]) -> tuple[Node, ...]:
    items: Iterable[Any] = (
        constraints if isinstance(constraints, list | tuple) else () if constraints is None else [constraints]
    )
    nodes = []
    for item in items:
        node = parse(item, no_call) if isinstance(item, str) else item
        if not isinstance(node, Node) or not node.is_condition:
            shown = node.key if isinstance(node, Node) else repr(node)
            raise StudyError(f"the constraint {shown} is no condition; write one over metrics, as in M.trades >= 30.")
        _check_metrics("the constraint", node, metrics)
        nodes.append(node)
    return tuple(nodes)


def _check_metrics(what: str, node: Node, metrics: Sequence[str]) -> None:
    names = _metric_names(node)
    for name in sorted(names):
        if name not in metrics:
            msg = (
                f"{what} {node.key} asks for the metric {name!r}, which is not "
                f"measured{nearest(name, metrics)}; there are {', '.join(metrics)}."
            )
            raise StudyError(msg)
    if node.params or node.is_series or not names:
        msg = (
            f"{what} {node.key} must be made of metrics alone, as in M.sharpe - 0.1 * M.turnover; "
            "parameters go to Space(where=...)."
        )
        raise StudyError(msg)


def _metric_names(node: Node) -> set[str]:
    return {part.name for part in walk(node) if isinstance(part, Metric)}
