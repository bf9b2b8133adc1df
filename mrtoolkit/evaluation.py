"""What a search asks of whatever it searches: the one border between search and trading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import xarray as xr

RESERVED_NAMES = frozenset({"time", "asset", "trial", "level", "region", "block", "point", "value", "feasible"})
"""Dimensions and columns of results, which no parameter may be called."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodedPoints:
    """Points as whole numbers into lists of labels: to make a table of them, and to read it, takes ten times as long.

    Attributes
    ----------
    n : int
        How many points.
    labels : mapping of name to tuple of scalars
        The distinct labels of each parameter that any of the points has, 10 and 10.0 written as 10.
    codes : mapping of name to (point,) int64
        Which label each point has.
    kept : dict
        What an evaluator has made of these points, for when it is asked about them again.
    """

    n: int
    labels: Mapping[str, tuple[Any, ...]]
    codes: Mapping[str, np.ndarray]
    kept: dict[Any, Any] = field(init=False, repr=False, default_factory=dict)

    def __len__(self) -> int:
        return self.n


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The results of one batch of points, a row a point.

    Attributes
    ----------
    metrics : mapping of name to (point,) float64
        NaN where a metric has no value.
    blocks : mapping of name to (point, block) float64
        Sufficient statistics per block of time (`sum`, `sum_sq`: of the bars' returns); empty where there are none.
    features_computed : int
        Features that had to be computed for this batch; the others were looked up.
    failures : mapping of row to exception
        Points at which the evaluator raised; their metrics are NaN.
    """

    metrics: Mapping[str, np.ndarray]
    blocks: Mapping[str, np.ndarray] = field(default_factory=dict)
    features_computed: int = 0
    failures: Mapping[int, Exception] = field(default_factory=dict)

    @property
    def n_points(self) -> int:
        """How many points were evaluated."""
        return len(next(iter(self.metrics.values())))


@runtime_checkable
class Evaluator(Protocol):
    """Anything that turns points into metrics: a backtest, or a wrapped callable.

    An evaluator with an attribute `takes_codes` that is true is given `CodedPoints` by a running search wherever
    `points` stands here, and a table by everybody else. One with a method `compute_ahead(points)` is given, one by one
    and in another thread, points that a search will run next or is likely to, so that it may compute what they need
    while `evaluate` runs; what it raises is not heard. It pays where features are dear and `evaluate`
    keeps one core busy (1.2 times faster on two cores, left out while all are busy); a `Backtest`, which keeps all busy
    itself, has none.
    """

    @property
    def params(self) -> tuple[str, ...]:
        """Names of the parameters that a point must have; empty means any."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that `evaluate` can give."""
        ...

    @property
    def bars(self) -> xr.Dataset | None:
        """The data that points are evaluated over, to be kept with a study; None where none are known."""
        ...

    def evaluate(self, points: pd.DataFrame) -> Evaluation:
        """Evaluate points (a row a point, a column a parameter) with whatever caches there are."""
        ...

    def check(self, points: pd.DataFrame) -> None:
        """Refuse points that cannot be evaluated, without evaluating them."""
        ...

    def caution(self, points: pd.DataFrame) -> str | None:
        """Say in a sentence what makes these points hard to compare, None for nothing; a search warns of it."""
        ...

    def evaluate_fresh(self, points: pd.DataFrame) -> Evaluation:
        """Evaluate points with the reference engine, computing everything anew and reading no cache."""
        ...

    def features(self, points: pd.DataFrame) -> frozenset[str]:
        """Keys of the distinct features that these points use; computes nothing."""
        ...

    def stale_features(self, points: pd.DataFrame) -> tuple[str, ...]:
        """Keys of features whose cached values differ from values computed now."""
        ...

    def benchmark(self) -> Mapping[str, float] | None:
        """The same metrics for doing nothing clever (buy and hold), or None."""
        ...

    def persist(self) -> None:
        """Write to disk what a finished search has computed, if there is a disk."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON: what a resumed study is compared with; data are named by their fingerprint."""
        ...
