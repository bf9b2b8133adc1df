"""All features as one array (feature, time), found by indicator and parameters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.core.indexing import IndexSelResult
from xarray.indexes import PandasMultiIndex

from mrtoolkit.features.family import Axes
from mrtoolkit.features.labelled.datasets import Column, bar_coordinates, free_name
from mrtoolkit.features.labelled.lazy import Row, rows_variable
from mrtoolkit.features.labelled.provenance import axes_attrs


class FeatureIndex(PandasMultiIndex):
    """The index of a matrix: levels "indicator" and every parameter, NaN where a feature lacks one.

    A label is looked up in its own level alone, so that the NaN of other families does not matter. The dimension goes
    where the indicator and all parameters of the one feature left are named; otherwise it stays, without the levels
    that are NaN throughout.
    """

    __slots__ = ()

    def sel(self, labels: Mapping[Any, Any], method: Any = None, tolerance: Any = None) -> IndexSelResult:
        """Return where the features lie that fit every label: a value, a list of values, or a slice (both ends in).

        Raises
        ------
        KeyError
            If a value is not there, or no feature fits all of them.
        """
        labels = self._by_level(labels)
        if method is not None or tolerance is not None or not set(labels) <= set(self.index.names):
            return super().sel(labels, method, tolerance)
        fits = np.ones(len(self.index), dtype=bool)
        for name, label in labels.items():
            fits &= self._fits(name, label)
        places = np.flatnonzero(fits)
        if not len(places):
            described = ", ".join(f"{name}={_plain(label)}" for name, label in labels.items())
            raise KeyError(f"no feature has {described} together; the matrix's coordinates show what is there")
        codes = dict(zip(self.index.names, np.asarray([codes[places] for codes in self.index.codes]), strict=True))
        absent: list[Hashable] = [name for name, code in codes.items() if (code == -1).all()]
        if len(places) == 1 and self._names_one(labels, absent):
            # xarray drops coordinates only beside a new index, so this one is named and dropped
            gone = [self.dim, *absent]
            return IndexSelResult({self.dim: int(places[0])}, indexes={self.dim: self}, drop_coords=gone)
        index = self.index[places].droplevel(absent) if absent else self.index[places]
        if not isinstance(index, pd.MultiIndex):
            index = pd.MultiIndex.from_arrays([index], names=[index.name])
        fewer = self._replace(index, level_coords_dtype={name: self.level_coords_dtype[name] for name in index.names})
        variables = fewer.create_variables()
        return IndexSelResult(
            {self.dim: places},
            indexes=dict.fromkeys(variables, fewer),
            variables=dict(variables),
            drop_indexes=absent,
            drop_coords=absent,
        )

    def _by_level(self, labels: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """Return labels by level where they are given for the dimension: ("ema", 12), {"indicator": "ema"}, "ema"."""
        label = labels.get(self.dim)
        if label is None or len(labels) > 1:
            return labels
        if isinstance(label, Mapping):
            return label
        if isinstance(label, str):
            return {self.index.names[0]: label}
        if isinstance(label, tuple) and not any(isinstance(part, tuple | list) for part in label):
            return {n: part for n, part in zip(self.index.names, label, strict=False) if part == part}
        return labels

    def _fits(self, name: Hashable, label: Any) -> np.ndarray:
        """Return which features have the label in one level."""
        at = self.index.names.index(name)
        level, codes = self.index.levels[at], np.asarray(self.index.codes[at])
        if isinstance(label, slice):
            known, inside = level.to_numpy(), np.ones(len(level), dtype=bool)
            if label.start is not None:
                inside &= known >= label.start
            if label.stop is not None:
                inside &= known <= label.stop
            return np.asarray(np.append(inside, False)[codes])  # code -1, for NaN, finds the last
        wanted = np.asarray(label).reshape(-1)
        hits = np.flatnonzero(level == wanted.item()) if len(wanted) == 1 else np.empty(0, dtype=int)
        if len(hits):  # the usual case, and the quick one
            fits = codes == hits[0]
            if fits.any():
                return np.asarray(fits)
        found = level.get_indexer(pd.Index(wanted))
        there = np.unique(codes[codes >= 0])
        absent = wanted[~np.isin(found, there)]
        if absent.size:
            have = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in level[there[:20]])
            message = f"no feature has {name}={_plain(absent[0])}; there is {have or 'none'}"
            raise KeyError(message + (", ..." if len(there) > 20 else ""))
        return np.isin(codes, found)

    def _names_one(self, labels: Mapping[Any, Any], absent: Sequence[Hashable]) -> bool:
        """Whether the labels are single values for every level that the feature has."""
        single = {name for name, label in labels.items() if not isinstance(label, slice) and np.ndim(label) == 0}
        indicators = np.asarray(self.index.codes[0])
        if (indicators == indicators[0]).all():  # one indicator throughout need not be named
            single.add(self.index.names[0])
        return single >= set(self.index.names) - set(absent)


def feature_matrix(axes: Axes, columns: Sequence[Column]) -> xr.DataArray:
    """Return all rows as one array (feature, time[, asset]), indexed by indicator and parameters.

    `.sel(indicator="ema", lookback=12)` is one feature (time[, asset]), `.sel(indicator="ema")` those of the family.
    With stored rows it is read when it is looked at.
    """
    names = list(dict.fromkeys(p for column in columns for p in column.parameters))
    index: list[tuple[str, dict[str, float]]] = []
    rows: list[Row] = []
    indicators: set[str] = set()
    for column in columns:
        indicator = free_name(column.name, indicators)
        indicators.add(indicator)
        for labels in sorted(column.rows):
            index.append((indicator, dict(zip(column.parameters, labels, strict=True))))
            rows.append(column.rows[labels])
    # floats throughout, as NaN stands where a feature lacks a parameter
    levels = [np.array([known.get(name, np.nan) for _, known in index], dtype=np.float64) for name in names]
    of_indicator = np.array([name for name, _ in index], dtype=object)
    features = pd.MultiIndex.from_arrays([of_indicator, *levels], names=["indicator", *names])
    found = FeatureIndex(features, "feature")
    variables: dict[Hashable, Any] = dict(found.create_variables())
    coordinates = xr.Coordinates(variables, indexes=dict.fromkeys(variables, found))
    values = rows_variable(axes, rows, ("feature",), (len(rows),), axes_attrs(axes))
    return xr.DataArray(values, name="value").assign_coords(coordinates).assign_coords(bar_coordinates(axes))


def _plain(label: Any) -> str:
    """Return a label as it was written: 13, 'ema', slice(5, 9)."""
    return repr(label if isinstance(label, slice) else np.asarray(label).tolist())
