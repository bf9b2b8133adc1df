"""An objective: the number that a search compares trials by, made of their metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import xarray as xr

from mrtoolkit.errors import ExpressionError, StudyError, nearest
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.nodes import Metric, Node
from mrtoolkit.expressions.pointwise import evaluate
from mrtoolkit.expressions.walk import metrics_of


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """A metric, an expression of metrics, or a callable of the metrics Dataset; checked by `of`."""

    rule: Node | Callable[[xr.Dataset], Any]

    @classmethod
    def of(cls, objective: Any, metrics: Sequence[str]) -> Objective:
        """Return the objective that a name, an expression, its text or a callable means.

        Parameters
        ----------
        objective : str, expression of metrics, or callable
        metrics : sequence of str
            What there is to be measured.

        Raises
        ------
        StudyError
            If it is none of these, or asks for a metric that is not measured; names the nearest.
        """
        if isinstance(objective, str):
            objective = Metric(objective) if objective.isidentifier() else parse(objective, no_call)
        if isinstance(objective, Node):
            check_metrics("the objective", objective, metrics)
            if objective.is_condition:
                raise StudyError(
                    f"the objective {objective.key} is true or false; give it to constraints=, "
                    "and a number to objective=."
                )
        elif not callable(objective):
            raise StudyError(
                f"objective={objective!r} is no metric's name, no expression of metrics and no callable; "
                "give one of them."
            )
        return cls(objective)

    @property
    def text(self) -> str:
        """The objective as text: a metric's name, an expression, or where a callable was defined."""
        if isinstance(self.rule, Node):
            return self.metric or self.rule.key
        return f"{self.rule.__module__}.{getattr(self.rule, '__qualname__', type(self.rule).__qualname__)}"

    @property
    def metric(self) -> str | None:
        """The metric that is the objective, None where it is made of several."""
        return self.rule.name if isinstance(self.rule, Metric) else None

    def values(self, metrics: Mapping[str, np.ndarray], n_trials: int) -> np.ndarray:
        """Return the objective of each trial, (trial,) float64.

        Raises
        ------
        StudyError
            If a callable gives something else.
        """
        if isinstance(self.rule, Metric):
            found: Any = metrics[self.rule.name]
        elif isinstance(self.rule, Node):
            found = evaluate(self.rule, {name: metrics[name] for name in metrics_of(self.rule)})
        else:
            found = self.rule(xr.Dataset({name: ("trial", values) for name, values in metrics.items()}))
            if isinstance(found, xr.Dataset):
                self._refuse(found, n_trials)
        try:
            values = np.array(found, dtype=np.float64)
        except (TypeError, ValueError):
            self._refuse(found, n_trials)
        if values.shape != (n_trials,):
            self._refuse(found, n_trials)
        return values

    def _refuse(self, found: Any, n_trials: int) -> NoReturn:
        raise StudyError(
            f"the objective {self.text} gave {type(found).__name__} of shape {getattr(found, 'shape', ())} "
            f"for {n_trials:,} trials; give one number a trial."
        )


def _what_there_is(metrics: Sequence[str]) -> str:
    if len(metrics) > 1:
        return f"there are {', '.join(metrics)}"
    return (
        f"there is {metrics[0] if metrics else 'none'} alone; a function names what it gives in an attribute, as in "
        "f.metrics = ('sharpe', 'trades'), and gives a dict of them"
    )


def check_metrics(what: str, node: Node, metrics: Sequence[str]) -> None:
    """Refuse an expression that is not made of measured metrics alone.

    Raises
    ------
    StudyError
        Names the metric and the nearest that is measured.
    """
    names = metrics_of(node)
    for name in names:
        if name not in metrics:
            raise StudyError(
                f"{what} {node.key} asks for the metric {name!r}, which is not measured{nearest(name, metrics)}; "
                f"{_what_there_is(metrics)}."
            )
    if node.params or node.is_series or not names:
        raise StudyError(
            f"{what} {node.key} must be made of metrics alone, as in M.sharpe - 0.1 * M.turnover; "
            "parameters go to Space(where=...)."
        )


def no_call(name: str, args: Sequence[Node], kwargs: Mapping[str, Node]) -> NoReturn:
    """Refuse an indicator in text that may hold parameters and metrics alone."""
    del args, kwargs
    raise ExpressionError(
        f"{name}(...) is computed from prices; a constraint or objective is over parameters or metrics alone."
    )
