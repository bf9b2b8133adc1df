"""What a search maximises or minimises, and what a trial must satisfy to count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.expressions.objective import Objective, check_metrics, no_call
from mrtoolkit.expressions.pointwise import evaluate
from mrtoolkit.expressions.walk import metrics_of
from mrtoolkit.search.digest import callable_digest
from mrtoolkit.search.robust import Neighbourhood
from mrtoolkit.search.rounding import round_by_text
from mrtoolkit.words import counted

if TYPE_CHECKING:
    from mrtoolkit.search.trial_log import TrialLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """An objective with its constraints, checked against the metrics that there are.

    Attributes
    ----------
    objective : Objective
        Gives the value of each trial. Only finite values count: a trial whose value is NaN or infinite never wins.
    constraints : tuple of conditions
        Each must be true for a trial to count, whatever a metric without a value (NaN) would be.
    direction : {"maximize", "minimize"}
    others : tuple of (Objective, direction)
        Further objectives: then the best trials are a Pareto front, and `objective` is the first of them.
    quantile : float, optional
        Where a trial is as good as this quantile of its neighbours (`robust.neighbourhood`).
    """

    objective: Objective
    constraints: tuple[Node, ...]
    direction: str
    others: tuple[tuple[Objective, str], ...] = ()
    quantile: float | None = None

    @classmethod
    def checked(cls, objective: Any, constraints: Any, direction: Any, metrics: Sequence[str]) -> Goal:
        """Return the goal, or say which part of it no trial could be measured by.

        Parameters
        ----------
        objective : str, expression of metrics, callable, one of `mrt.robust`, or several, optional
            A metric's name, an expression (also as text), or a callable of the metrics Dataset. Without one: "sharpe"
            where there is such a metric, else the first. A list of several asks for their Pareto front.
        constraints : condition or sequence of conditions
            Over metrics, also as text.
        direction : {"maximize", "minimize"}, or a list of them
            One for all objectives, or one for each.
        metrics : sequence of str
            What the evaluator measures.
        """
        if objective is None:
            objective = "sharpe" if "sharpe" in metrics else metrics[0]
        quantile = None
        if isinstance(objective, Neighbourhood):
            objective, quantile = objective.objective, objective.quantile
        given = list(objective) if isinstance(objective, list | tuple) else [objective]
        if not given:
            raise StudyError("objective=[] leaves nothing to compare trials by; give at least one.")
        if any(isinstance(each, Neighbourhood) for each in given):
            raise StudyError("several objectives hold a neighbourhood; give mrt.robust.neighbourhood as the only one.")
        checked = [Objective.of(each, metrics) for each in given]
        texts = [each.text for each in checked]
        for text in texts:
            if texts.count(text) > 1:
                raise StudyError(f"the objective {text} is given twice; give each once.")
        directions = _as_directions(direction, len(checked))
        return cls(
            objective=checked[0],
            constraints=_as_constraints(constraints, metrics),
            direction=directions[0],
            others=tuple(zip(checked[1:], directions[1:], strict=True)),
            quantile=quantile,
        )

    @property
    def text(self) -> str:
        """The objective as text."""
        if self.quantile is not None:
            return f"{self.objective.text} of the neighbourhood"
        return ", ".join([self.objective.text, *(other.text for other, _ in self.others)])

    @property
    def is_plain(self) -> bool:
        """Whether trials are compared by the one value that each has, whatever the others are."""
        return not self.others and self.quantile is None

    @property
    def metric(self) -> str | None:
        """The metric that is the objective, None where it is made of several."""
        return self.objective.metric

    def values(self, metrics: Mapping[str, np.ndarray], n_trials: int) -> np.ndarray:
        """Return the objective of each trial, (trial,) float64."""
        return self.objective.values(metrics, n_trials)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON by which a resumed study knows its goal: of a callable its code too."""
        rule = self.objective.rule
        more: dict[str, Any] = {} if isinstance(rule, Node) else {"objective_code": callable_digest(rule)}
        if self.others:
            more["others"] = [
                {"objective": other.text, "direction": direction}
                | ({} if isinstance(other.rule, Node) else {"objective_code": callable_digest(other.rule)})
                for other, direction in self.others
            ]
        if self.quantile is not None:
            more["quantile"] = self.quantile
        constraints = [node.key for node in self.constraints]
        return {"objective": self.objective.text, **more, "constraints": constraints, "direction": self.direction}

    def feasible(self, metrics: Mapping[str, np.ndarray], n_trials: int) -> np.ndarray:
        """Return which trials satisfy every constraint, (trial,) bool."""
        mask = np.ones(n_trials, dtype=bool)
        for node in self.constraints:
            mask &= np.asarray(evaluate(node, {name: metrics[name] for name in metrics_of(node)}), dtype=bool)
        for other, _ in self.others:
            mask &= np.isfinite(other.values(metrics, n_trials))
        return mask

    def all_scores(self, log: TrialLog) -> np.ndarray:
        """Return what trials are compared by in each objective, (trial, objective); higher is better."""
        columns = [log.score]
        for other, direction in self.others:
            columns.append(scores(other.values(log.metrics, len(log)), log.feasible, direction))
        return np.stack(columns, axis=1)

    def value_of(self, metrics: Mapping[str, float] | None) -> float:
        """Return the objective of one set of metrics, NaN where it has none."""
        rule = self.objective.rule
        if metrics is None or not isinstance(rule, Node) or not set(metrics_of(rule)) <= set(metrics):
            return float("nan")
        return float(self.values({name: np.array([value], dtype=float) for name, value in metrics.items()}, 1)[0])


def scores(values: np.ndarray, feasible: np.ndarray, direction: str) -> np.ndarray:
    """Return what trials are compared by: higher is better, -inf for no finite value or a broken constraint.

    A profit factor without a loss is infinite: like NaN, that is no value to compare by. Values are rounded to 10
    significant digits by their decimal text, which every processor does alike.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    rounded = sign * round_by_text(values)
    return np.where(feasible & np.isfinite(rounded), rounded, -np.inf)


def best_index(scores: np.ndarray, keys: np.ndarray) -> int | None:
    """Return the trial of the highest score, of equal ones that of the lowest labels; None where none has a score."""
    highest = scores.max(initial=-np.inf)
    if highest == -np.inf:
        return None
    ties = np.flatnonzero(scores == highest)
    return int(ties[np.argmin(keys[ties])])


def ranking(scores: np.ndarray, keys: np.ndarray, first: int | None = None) -> np.ndarray:
    """Return the trials that have a score, best first, of equal ones the lower labels first; or the `first` of them."""
    if first is not None and 0 < first < len(scores):  # only those are put in order that may be among them
        few = np.flatnonzero(scores >= np.partition(scores, -first)[-first])
        return np.asarray(few[ranking(scores[few], keys[few])][:first])
    order = np.lexsort((keys, -scores)) if keys.dtype != object else _slow_order(scores, keys)
    return order[scores[order] > -np.inf][:first]


def _slow_order(scores: np.ndarray, keys: np.ndarray) -> np.ndarray:
    by_key = np.argsort(keys, kind="stable")  # Python's whole numbers, which lexsort does not take
    return np.asarray(by_key[np.argsort(-scores[by_key], kind="stable")])


def _as_directions(direction: Any, n_objectives: int) -> list[str]:
    given = list(direction) if isinstance(direction, list | tuple) else [direction] * n_objectives
    for each in given:
        if each not in ("maximize", "minimize"):
            hint = nearest(each, ("maximize", "minimize"))
            raise StudyError(f"direction={each!r} was asked for; allowed are 'maximize' and 'minimize'{hint}.")
    if len(given) != n_objectives:
        have = f"{counted(n_objectives, 'objective')} have {counted(len(given), 'direction')}"
        raise StudyError(f"{have}; give one for all, or one for each.")
    return given


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
        check_metrics("the constraint", node, metrics)
        nodes.append(node)
    return tuple(nodes)
