"""What every figure of a study asks first: its trials, its parameters as axes, its levels by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from bokeh.models import FixedTicker

from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.views.theme import label, plain_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterAxis:
    """One parameter as an axis: numbers where they are, categories at 0, 1, 2, ...

    Attributes
    ----------
    name : str
        The parameter.
    positions : (trial,) float64
        Where each trial stands on the axis.
    categories : tuple of str
        Labels of the positions 0, 1, ... ; empty for a numeric parameter.
    is_log : bool
        The space steps through this parameter by factors.
    """

    name: str
    positions: np.ndarray
    categories: tuple[str, ...] = ()
    is_log: bool = False

    def position(self, value: object) -> float:
        """Return where `value` stands on this axis, NaN where it does not."""
        if self.categories:
            text = label(value)
            return float(self.categories.index(text)) if text in self.categories else float("nan")
        return float(value)  # type: ignore[arg-type]

    def labels(self, positions: Iterable[float]) -> list[str]:
        """Return the positions as a person would type the values."""
        if self.categories:
            return [self.categories[round(p)] for p in positions]
        return [label(p) for p in positions]

    @property
    def scale(self) -> str:
        """The word bokeh has for this axis."""
        return "log" if self.is_log else "linear"

    def draw_on(self, axis: Any) -> None:
        """Write this parameter's ticks on a bokeh axis."""
        if self.categories:
            axis.ticker = FixedTicker(ticks=list(range(len(self.categories))))
            axis.major_label_overrides = {float(i): text for i, text in enumerate(self.categories)}
        elif not self.is_log:
            plain_numbers(axis)


def trials_of(study: Any) -> xr.Dataset:
    """Return the study's trials, refusing a study that has none."""
    trials: xr.Dataset = study.trials
    if trials.sizes.get("trial", 0) == 0:
        msg = "a picture of this study was asked for, but it holds 0 trials; run its search first."
        raise StudyError(msg)
    return trials


def parameter_names(study: Any) -> tuple[str, ...]:
    """Return the study's parameters in the order in which its space names them."""
    trials = trials_of(study)
    return tuple(
        str(n) for n, c in trials.coords.items() if c.dims == ("trial",) and n not in {"trial", "asset", "time"}
    )


def objective_values(study: Any) -> np.ndarray:
    """Return the objective of each trial, NaN where it has none or breaks a constraint, (trial,) float64."""
    trials = trials_of(study)
    values = trials["value"].to_numpy().astype(float)
    return np.where(is_feasible(study) & np.isfinite(values), values, np.nan)


def candidate(study: Any, name: str) -> Any:
    """Return the study's `best` or `plateau`, None where no trial counts."""
    try:
        return getattr(study, name)
    except StudyError:
        return None


def is_feasible(study: Any) -> np.ndarray:
    """Return which trials satisfy the constraints, (trial,) bool."""
    trials = trials_of(study)
    if "feasible" not in trials:
        return np.ones(trials.sizes["trial"], dtype=bool)
    return np.asarray(trials["feasible"].to_numpy().astype(bool))


def level_numbers(study: Any) -> np.ndarray:
    """Return the level of each trial as its place in `level_names`, (trial,) int."""
    return np.asarray(trials_of(study)["level"].to_numpy().astype(int))


def level_names(study: Any) -> list[str]:
    """Return the levels' names in order, made up where the table of levels is shorter than the trials say."""
    table: pd.DataFrame = study.levels
    names = [str(n) for n in table["level"]] if "level" in table else []
    missing = range(len(names), int(level_numbers(study).max()) + 1)
    return names + [f"level {i + 1}" for i in missing]


def parameter_axis(study: Any, name: str) -> ParameterAxis:
    """Return one parameter of the study as an axis."""
    names = parameter_names(study)
    if name not in names:
        shown = f"this study's parameters are {', '.join(names)}{nearest(name, names)}"
        msg = f"the axis {name!r} was asked for, but {shown}; name one of them."
        raise StudyError(msg)
    column = trials_of(study)[name].to_numpy()
    if column.dtype.kind in "iuf" and not np.isnan(column).any():
        return ParameterAxis(name=name, positions=column.astype(float), is_log=_is_log(study, name, column))
    texts = [label(value) for value in column]
    known = [label(value) for value in getattr(_dimension(study, name), "labels", ())]
    categories = tuple(dict.fromkeys([*(text for text in known if text in set(texts)), *texts]))
    places = {text: float(i) for i, text in enumerate(categories)}
    return ParameterAxis(name=name, positions=np.array([places[t] for t in texts]), categories=categories)


def two_axes(study: Any, x: str | None, y: str | None) -> tuple[ParameterAxis, ParameterAxis | None]:
    """Return the two parameters to draw: those named, else the first that vary, numbers before categories.

    The second is None for a study of one parameter.
    """
    if x is not None and x == y:
        msg = f"x and y are both {x!r}, which makes a line and not a map; name two different parameters."
        raise StudyError(msg)
    axes = {
        name: parameter_axis(study, name)
        for name in dict.fromkeys([n for n in (x, y) if n] + list(parameter_names(study)))
    }
    by_use = sorted(axes, key=lambda n: (np.unique(axes[n].positions).size < 2, bool(axes[n].categories)))
    free = [n for n in by_use if n not in {x, y}]
    if not axes:
        msg = "a map of this study was asked for, but its trials have no parameters; search over at least one."
        raise StudyError(msg)
    x_name = x or free.pop(0)
    y_name = y or (free.pop(0) if free else None)
    return axes[x_name], (axes[y_name] if y_name else None)


def _dimension(study: Any, name: str) -> Any:
    try:
        return study.space[name]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _is_log(study: Any, name: str, column: np.ndarray) -> bool:
    return bool(getattr(_dimension(study, name), "log", False)) and float(np.nanmin(column)) > 0
