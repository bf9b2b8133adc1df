"""A backtest as a plain function of parameters, for anybody's search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.backtest.metrics import METRICS, as_metrics
from mrtoolkit.backtest.points import frame_of
from mrtoolkit.errors import StudyError
from mrtoolkit.evaluation import Evaluation
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.expressions.pointwise import evaluate
from mrtoolkit.expressions.walk import metrics_of


class _Evaluates(Protocol):
    def evaluate(self, points: pd.DataFrame) -> Evaluation: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveFunction:
    """Call it with one point's parameters for a number, or its `batch` with a table of points for an array.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> bars = mrt.data.simulate(bars=500, seed=0)
    >>> backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.ema(mrt.P.fast) > mrt.ema(40)))
    >>> isinstance(backtest.evaluator("total_return")({"fast": 5}), float)
    True
    """

    backtest: _Evaluates
    objective: str | Node | Callable[[xr.Dataset], Any] = "sharpe"

    def __post_init__(self) -> None:
        if isinstance(self.objective, str):
            as_metrics(self.objective)
        elif isinstance(self.objective, Node):
            as_metrics(metrics_of(self.objective))
            if self.objective.is_condition or not metrics_of(self.objective):
                raise StudyError(
                    f"the objective is {self.objective.key}, but it is a number made of metrics, "
                    "as in M.sharpe - 0.1 * M.turnover."
                )

    def __call__(self, params: Mapping[str, Any]) -> float:
        """The objective's value at one point."""
        return float(self.batch(frame_of([dict(params)]))[0])

    def batch(self, points: pd.DataFrame) -> np.ndarray:
        """The objective's values at a table of points, (point,)."""
        metrics = self.backtest.evaluate(points.reset_index(drop=True)).metrics
        if isinstance(self.objective, str):
            return np.asarray(metrics[self.objective])
        if isinstance(self.objective, Node):
            return np.broadcast_to(evaluate(self.objective, metrics), (len(points),)).astype(float)
        data = xr.Dataset({name: ("trial", metrics[name]) for name in METRICS})
        return np.broadcast_to(np.asarray(self.objective(data), dtype=float), (len(points),))
