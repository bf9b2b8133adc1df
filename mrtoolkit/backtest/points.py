"""What a caller may give as points: a grid of values, a table, a list of points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrtoolkit.backtest.metrics import METRICS
from mrtoolkit.errors import StrategyError
from mrtoolkit.evaluation import CodedPoints
from mrtoolkit.expressions.scalars import Scalar, canonical
from mrtoolkit.features.sizes import format_size

MAX_POINTS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedPoints:
    """Points, and the dimensions that their results have.

    `points` is a table, or of a grid whole numbers; `dims` maps each dimension of a grid to its labels, in order, and
    is None for scattered points.
    """

    points: pd.DataFrame | CodedPoints
    dims: Mapping[str, tuple[Scalar, ...]] | None
    scalars: Mapping[str, Scalar]

    @property
    def frame(self) -> pd.DataFrame:
        """The points as a table."""
        return table_of(self.points) if isinstance(self.points, CodedPoints) else self.points


def as_request(points: Any) -> RequestedPoints:
    """Return the points of a grid (a mapping of names to values or lists), a table, or a list of points.

    Raises
    ------
    StrategyError
        If there are none, or more than `MAX_POINTS`, or a list repeats a value.
    """
    if isinstance(points, pd.DataFrame):
        return RequestedPoints(points=points.reset_index(drop=True), dims=None, scalars={})
    if isinstance(points, Mapping):
        return _grid(points)
    if isinstance(points, Iterable) and not isinstance(points, str):
        rows = list(points)
        if rows and all(isinstance(row, Mapping) for row in rows):
            return RequestedPoints(points=frame_of(rows), dims=None, scalars={})
    raise StrategyError(
        f"points are {type(points).__name__}, but must be a grid such as {{'fast': [5, 10], 'slow': 40}}, a table with "
        "a column a parameter, or a list of points."
    )


def frame_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Points as a table that keeps None apart from NaN."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names}, index=range(len(rows)))


def table_of(points: CodedPoints) -> pd.DataFrame:
    """Coded points as a table that keeps None apart from NaN."""
    columns = {name: _column(list(labels))[points.codes[name]] for name, labels in points.labels.items()}
    return pd.DataFrame(columns, index=range(points.n))


def coded_point(params: Mapping[str, Any]) -> CodedPoints:
    """One point as coded points.

    Raises
    ------
    StrategyError
        If a number is not finite.
    ExpressionError
        If a value is no number, text, flag or None.
    """
    for name, value in params.items():
        if isinstance(value, (float, np.floating)) and not math.isfinite(value):
            raise StrategyError(f"the parameter {name!r} is {value} in a point, but it needs a finite number.")
    labels = {name: (canonical(value),) for name, value in params.items()}
    return CodedPoints(n=1, labels=labels, codes=dict.fromkeys(labels, np.zeros(1, dtype=np.int64)))


def _grid(points: Mapping[str, Any]) -> RequestedPoints:
    dims: dict[str, tuple[Scalar, ...]] = {}
    scalars: dict[str, Scalar] = {}
    lists = {
        name: v for name, v in points.items() if isinstance(v, (list, tuple, range, np.ndarray, pd.Index, pd.Series))
    }
    n = math.prod(len(values) for values in lists.values())
    if n > MAX_POINTS:
        sizes = " x ".join(f"{len(values):,}" for values in lists.values())
        raise StrategyError(
            f"the grid has {sizes} = {n:,} points, more than {MAX_POINTS:,}; the points and their metrics alone would "
            f"take {format_size(8 * n * (len(lists) + len(METRICS)))}. Give fewer values, or let mrt.optimize search "
            "the space."
        )
    for name, values in points.items():
        if name in lists:
            labels = tuple(canonical(value) for value in values)
            if not labels:
                raise StrategyError(f"the grid has no value for {name!r}; give it at least one.")
            if len(dict.fromkeys((type(label) is bool, label) for label in labels)) < len(labels):
                raise StrategyError(f"the grid repeats a value of {name!r}: {list(labels)}; give each once.")
            dims[name] = labels
        else:
            scalars[name] = canonical(values)
    codes: dict[str, np.ndarray] = {}
    repeat, tile = n, 1
    for name, labels in dims.items():
        repeat //= len(labels)
        codes[name] = np.tile(np.repeat(np.arange(len(labels)), repeat), tile)
        tile *= len(labels)
    codes |= dict.fromkeys(scalars, np.zeros(n, dtype=np.int64))
    named = {**dims, **{name: (value,) for name, value in scalars.items()}}
    return RequestedPoints(points=CodedPoints(n=n, labels=named, codes=codes), dims=dims, scalars=scalars)


def _column(values: list[Any]) -> np.ndarray:
    """An array of numbers where all are numbers, else of objects."""
    if values and all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in values):
        return np.array(values)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
