"""Features as labelled data: a variable a family over its own dimensions."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mrtoolkit.features.family import Axes, Family, Labels
from mrtoolkit.features.labelled.lazy import Row, checksums_of, full_grid, rows_variable
from mrtoolkit.features.labelled.provenance import Provenance, axes_attrs, label_text, row_digest


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
        Arrays, or `StoredRow`: a variable with one of these is read when it is looked at.
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
    rows: Mapping[Labels, Row]
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
        name = free_name(column.name, variables)
        variables[name] = _variable(axes, column, prefix=f"{name}_", point=f"{name}_point")
    return xr.Dataset(variables, attrs=axes_attrs(axes))


def family_dataset(axes: Axes, columns: Iterable[Column]) -> xr.Dataset:
    """Return one family with its plain names: `family.ema.sel(lookback=10)`."""
    variables = {_plain_name(column): _variable(axes, column, prefix="", point="point") for column in columns}
    return xr.Dataset(variables, attrs=axes_attrs(axes))


def bar_coordinates(axes: Axes) -> dict[str, tuple[str, np.ndarray]]:
    """Return the coordinates of bars: time, and asset where there is that dimension."""
    coordinates = {"time": ("time", axes.time)}
    if axes.assets is None:
        return coordinates
    return {**coordinates, "asset": ("asset", np.array(axes.assets, dtype=object))}


def label_values(values: Sequence[float]) -> np.ndarray:
    """Return labels as integers where all of them are whole, else as floats."""
    return np.array(
        values, dtype=np.int64 if all(float(v).is_integer() and abs(v) < 2**63 for v in values) else np.float64
    )


def free_name(name: str, taken: Container[str]) -> str:
    """Return `name`, or "name_2" and so on where it is taken."""
    if name not in taken:
        return name
    return next(f"{name}_{n}" for n in itertools.count(2) if f"{name}_{n}" not in taken)


def _plain_name(column: Column) -> str:
    """Return the variable's name as the store's folder has it: "up" of "aroon_up"."""
    family = column.family
    if family is None or not column.output:
        return column.name
    return family.variables[family.outputs.index(column.output)]


def _variable(axes: Axes, column: Column, *, prefix: str, point: str) -> xr.DataArray:
    labels = sorted(column.rows)
    steps = full_grid(labels)
    words = tuple(prefix + parameter for parameter in column.parameters)
    coordinates: dict[str, tuple[str, np.ndarray]] = bar_coordinates(axes)
    dims: tuple[str, ...] = words
    grid: tuple[int, ...]
    if steps is None:
        dims, grid = (point,), (len(labels),)
        coordinates |= {word: (point, label_values([row[k] for row in labels])) for k, word in enumerate(words)}
    else:
        grid = tuple(len(step) for step in steps)
        coordinates |= {word: (word, label_values(step)) for word, step in zip(words, steps, strict=True)}
    digests = {
        label_text(row): row_digest(axes, column.expression, row, checksums_of(axes, column.rows[row]))
        for row in labels
    }
    about = Provenance(family=column.family, output=column.output, dims=dims, labels=words, digests=digests)
    attrs = {"long_name": column.expression, "units": column.units, "provenance": about.to_text()}
    return xr.DataArray(
        rows_variable(axes, [column.rows[row] for row in labels], dims, grid, attrs), coords=coordinates
    )
