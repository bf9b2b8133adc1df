"""The cells of a heat map: what was tried, as rectangles on real labels, whatever the grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.maps.scale import Scale
from mrtoolkit.search.study import Study
from mrtoolkit.views.still import held_still
from mrtoolkit.views.trial_table import ParameterAxis, objective_values, two_axes

_GRID = 0.75  # a level that fills less of the lattice of its labels may be scattered points ...
_FEW = 12  # ... and is, where it also has more labels than this, and than twice the root of its points
_SIDE = 60  # cells a side that scattered points are gathered into, at most
_COLUMNS = ["level", "x", "y", "left", "right", "bottom", "top", "value", "trials"]

Reduce = Literal["best", "mean"]


def heatmap_data(study: Study, x: str | None = None, y: str | None = None, *, reduce: Reduce = "best") -> pd.DataFrame:
    """Return the cells of the map of two parameters, coarse levels first.

    Parameters
    ----------
    study, x, y, reduce
        As `heatmap` takes them.

    Returns
    -------
    pd.DataFrame
        A row a cell: `level`, `x` and `y` (positions: numbers as they are, categories counted from 0), its borders
        `left`, `right`, `bottom`, `top` half-way to the next labels of its level and region and within the space,
        `value` (NaN where no trial has one) and `trials`. For a study of one parameter `y` is 0. A level of scattered
        points is gathered into about as many cells as it has points.

    Raises
    ------
    StudyError
        If the study has no trials, a parameter is unknown, or `reduce` is neither word.
    """
    study = held_still(study)
    if reduce not in ("best", "mean"):
        near = nearest(reduce, ("best", "mean"))
        msg = f"the heat map was asked for reduce={reduce!r}, but it knows 'best' and 'mean'{near}; give one of them."
        raise StudyError(msg)
    axes = dict(zip("xy", two_axes(study, x, y), strict=True))
    points = _points(study, axes)
    word = reduce if reduce == "mean" else ("max" if study.direction == "maximize" else "min")
    steps = {name: _smallest_step(points[name].to_numpy()) for name in "xy"}
    parts = []
    for _, group in points.groupby(["level", "region"], sort=True):
        share = _filled_share(group)
        found = {name: _cells(group[name].to_numpy(), axes[name], steps[name], share) for name in "xy"}
        places = {name: cells.places for name, cells in found.items()}
        groups = group[["value"]].assign(**places).groupby(["x", "y"], sort=True)["value"]
        part = groups.agg(["size", word]).reset_index().rename(columns={"size": "trials", word: "value"})
        part["left"], part["right"] = zip(*(found["x"].borders[at] for at in part["x"]), strict=True)
        part["bottom"], part["top"] = zip(*(found["y"].borders[at] for at in part["y"]), strict=True)
        parts.append(part.assign(level=int(group["level"].iloc[0])))
    if not parts:
        return pd.DataFrame(columns=_COLUMNS, dtype=float)
    return pd.concat([_within(part, study, axes) for part in parts], ignore_index=True)[_COLUMNS]


def is_scattered(study: Study, x: str | None = None, y: str | None = None) -> bool:
    """Return whether some level is scattered points over two numbers rather than a grid: heat shows it, not cells."""
    axes = dict(zip("xy", two_axes(study, x, y), strict=True))
    if any(axis is None or axis.categories or axis.is_listed for axis in axes.values()):
        return False
    for _, group in _points(study, axes).groupby(["level", "region"], sort=True):
        pairs, filled = _filled_share(group)
        if any(_is_strewn(group[name].nunique(), pairs, filled) for name in "xy"):
            return True
    return False


def _within(cells: pd.DataFrame, study: Study, axes: dict[str, ParameterAxis | None]) -> pd.DataFrame:
    """Return cells cut at the ends of the space: what lies outside is no place to look."""
    for axis, low, high in ((axes["x"], "left", "right"), (axes["y"], "bottom", "top")):
        if axis is not None and not axis.categories:
            start, end = Scale.of(study.space, axis.name).ends if not axis.is_listed else (-np.inf, np.inf)
            cells[low], cells[high] = np.maximum(cells[low], start), np.minimum(cells[high], end)
    return cells


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where each trial's cell stands on one axis, and the borders of each cell."""

    places: np.ndarray
    borders: dict[float, tuple[float, float]]


def _points(study: Study, axes: dict[str, ParameterAxis | None]) -> pd.DataFrame:
    none = np.zeros(len(study), dtype=int)
    columns = {name: none if axis is None else axis.positions for name, axis in axes.items()}
    places = {"level": study.log.level, "region": study.log.region}
    # without the trials at which an axis does not matter
    return pd.DataFrame({**places, **columns, "value": objective_values(study)}).dropna(subset=["x", "y"])


def _filled_share(group: pd.DataFrame) -> tuple[int, float]:
    """Return how many pairs of labels there are, and which share that is of all that could be made."""
    pairs = len(group[["x", "y"]].drop_duplicates())
    return pairs, pairs / (group["x"].nunique() * group["y"].nunique())


def _cells(raw: np.ndarray, axis: ParameterAxis | None, step: float, share: tuple[int, float]) -> _Cells:
    labels, is_log = np.unique(raw), axis is not None and axis.is_log
    if axis is None or axis.categories:
        return _Cells(raw, {float(at): (float(at) - 0.5, float(at) + 0.5) for at in labels})
    pairs, filled = share
    if _is_strewn(labels.size, pairs, filled):
        return _gathered(raw, min(int(np.ceil(np.sqrt(pairs))), _SIDE), is_log=is_log)
    return _Cells(raw, _half_way(labels, step, is_log=is_log))


def _is_strewn(n_labels: int, pairs: int, filled: float) -> bool:
    return n_labels > max(2.0 * np.sqrt(pairs), _FEW) and filled < _GRID


def _half_way(labels: np.ndarray, step: float, *, is_log: bool) -> dict[float, tuple[float, float]]:
    """Return the borders of each label, half-way to its neighbours; the outer ones as far out as in."""
    at = np.log(labels) if is_log else labels
    if at.size == 1:
        half = np.log1p(step / labels[0]) / 2 if is_log else step / 2
        edges = np.array([at[0] - half, at[0] + half])
    else:
        inner = (at[:-1] + at[1:]) / 2
        edges = np.concatenate([[2 * at[0] - inner[0]], inner, [2 * at[-1] - inner[-1]]])
    edges = np.exp(edges) if is_log else edges
    return {float(v): (float(a), float(b)) for v, a, b in zip(labels, edges[:-1], edges[1:], strict=True)}


def _gathered(raw: np.ndarray, side: int, *, is_log: bool) -> _Cells:
    """Gather scattered positions into `side` cells of one width; a cell is named by its middle."""
    at = np.log(raw) if is_log else raw
    edges = np.linspace(at.min(), at.max(), side + 1)
    which = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, side - 1)
    edges = np.exp(edges) if is_log else edges
    middles = np.sqrt(edges[:-1] * edges[1:]) if is_log else (edges[:-1] + edges[1:]) / 2
    named = zip(middles.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return _Cells(middles[which], {middle: (low, high) for middle, low, high in named})


def _smallest_step(positions: np.ndarray) -> float:
    gaps = np.diff(np.unique(positions))
    return float(gaps.min()) if gaps.size else 1.0
