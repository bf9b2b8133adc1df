"""Features as labelled data: a variable a family over its own dimensions, and the matrix (feature, time)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.features.family import Axes, Family, Labels
from mrtoolkit.features.provenance import Provenance, axes_attrs, label_text, row_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The rows of one variable.

    Attributes
    ----------
    name : str
        "ema", "ema_of_rsi", "aroon_up".
    expression : str
        Its pattern, "ema(P.lookback)".
    parameters : tuple of str
        What the labels are of.
    rows : mapping of labels to (asset, time)
    family : Family, or None
        None for an expression that is no feature itself.
    output : str
        The family's output, "" where it has one.
    units : str
        Of the values.
    """

    name: str
    expression: str
    parameters: tuple[str, ...]
    rows: Mapping[Labels, np.ndarray]
    family: Family | None = None
    output: str = ""
    units: str = ""


def features_dataset(axes: Axes, columns: Iterable[Column]) -> xr.Dataset:
    """Return the Dataset of several families: `features.ema.sel(ema_lookback=10)`.

    The labels are sorted. Where the rows of a family with several parameters are no full grid, they lie along one
    dimension, `<family>_point`, with the parameters as coordinates.
    """
    variables: dict[str, xr.DataArray] = {}
    for column in columns:
        name = _free(column.name, variables)
        variables[name] = _variable(axes, column, prefix=f"{name}_", point=f"{name}_point")
    return xr.Dataset(variables, attrs=axes_attrs(axes))


def family_dataset(axes: Axes, columns: Iterable[Column]) -> xr.Dataset:
    """Return one family with its plain names: `family.ema.sel(lookback=10)`."""
    variables = {column.name: _variable(axes, column, prefix="", point="point") for column in columns}
    return xr.Dataset(variables, attrs=axes_attrs(axes))


def feature_matrix(axes: Axes, columns: Sequence[Column]) -> xr.DataArray:
    """Return all rows as one array (feature, time[, asset]) with an index of indicator and parameters."""
    names = list(dict.fromkeys(p for column in columns for p in column.parameters))
    index: list[tuple[str, dict[str, float]]] = []
    rows: list[np.ndarray] = []
    for column in columns:
        for labels in sorted(column.rows):
            index.append((column.name, dict(zip(column.parameters, labels, strict=True))))
            rows.append(column.rows[labels])
    values = np.stack(rows) if rows else np.empty((0, *axes.shape))
    dims, tail = _tail(axes)
    # floats throughout, as NaN stands where a feature lacks a parameter
    levels = [np.array([known.get(name, np.nan) for _, known in index], dtype=np.float64) for name in names]
    features = pd.MultiIndex.from_arrays([[name for name, _ in index], *levels], names=["indicator", *names])
    coordinates = xr.Coordinates.from_pandas_multiindex(features, "feature")
    matrix = xr.DataArray(_laid_out(values, axes), dims=("feature", *dims), name="value", attrs=axes_attrs(axes))
    return matrix.assign_coords(coordinates).assign_coords(tail)


def _variable(axes: Axes, column: Column, *, prefix: str, point: str) -> xr.DataArray:
    labels = sorted(column.rows)
    steps = [sorted({row[k] for row in labels}) for k in range(len(column.parameters))]
    words = tuple(prefix + parameter for parameter in column.parameters)
    tail_dims, coordinates = _tail(axes)
    values = _laid_out(np.stack([column.rows[row] for row in labels]), axes)
    digests = {label_text(row): row_digest(axes, column.expression, row, column.rows[row]) for row in labels}
    dims: tuple[str, ...] = words
    if not words:
        values = values[0]
    elif labels == list(itertools.product(*steps)):
        coordinates |= {word: (word, _typed(step)) for word, step in zip(words, steps, strict=True)}
        values = values.reshape(*(len(step) for step in steps), *values.shape[1:])
    else:
        dims = (point,)
        coordinates |= {word: (point, _typed([row[k] for row in labels])) for k, word in enumerate(words)}
    about = Provenance(family=column.family, output=column.output, dims=dims, labels=words, digests=digests)
    attrs = {"long_name": column.expression, "units": column.units, "provenance": about.to_text()}
    return xr.DataArray(values, dims=(*dims, *tail_dims), coords=coordinates, attrs=attrs)


def _tail(axes: Axes) -> tuple[tuple[str, ...], dict[str, tuple[str, np.ndarray]]]:
    coordinates = {"time": ("time", axes.time)}
    if axes.assets is None:
        return ("time",), coordinates
    return ("time", "asset"), {**coordinates, "asset": ("asset", np.array(axes.assets, dtype=object))}


def _laid_out(values: np.ndarray, axes: Axes) -> np.ndarray:
    """Return (row, asset, time) as (row, time) or (row, time, asset), which is a view."""
    return values[:, 0] if axes.assets is None else values.transpose(0, 2, 1)


def _typed(values: Sequence[float]) -> np.ndarray:
    return np.array(values, dtype=np.int64 if all(float(v).is_integer() for v in values) else np.float64)


def _free(name: str, taken: Mapping[str, object]) -> str:
    if name not in taken:
        return name
    return next(f"{name}_{n}" for n in itertools.count(2) if f"{name}_{n}" not in taken)
