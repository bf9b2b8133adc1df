"""A backtest as a plain function of parameters, for anybody's search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.backtest.points import as_request, coded_point, frame_of
from mrtoolkit.errors import StrategyError
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.expressions.objective import Objective


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

    backtest: Evaluator
    objective: Objective

    def __call__(self, params: Mapping[str, Any]) -> float:
        """The objective's value at one point.

        Raises
        ------
        StrategyError
            If `params` is no mapping, or lacks a parameter.
        """
        if not isinstance(params, Mapping):
            raise StrategyError(f"params is a {type(params).__name__}, but one point is a mapping of names to values.")
        takes_codes = getattr(self.backtest, "takes_codes", False)
        point: Any = coded_point(params) if takes_codes else frame_of([dict(params)])
        return float(self._values(point, 1)[0])

    def batch(self, points: Any) -> np.ndarray:
        """The objective's values at a table or list of points, (point,)."""
        points = as_request(points).frame
        return self._values(points, len(points))

    def _values(self, points: Any, n_points: int) -> np.ndarray:
        return self.objective.values(self.backtest.evaluate(points).metrics, n_points)
