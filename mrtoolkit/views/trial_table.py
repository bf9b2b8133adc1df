"""What every figure of a study asks first: its trials, its parameters as axes, its levels by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from bokeh.models import AllLabels, FixedTicker, NoOverlap

from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.maps.axes import has_categories, map_params
from mrtoolkit.maps.levels import level_groups, names_of_levels
from mrtoolkit.maps.map_part import MapPart
from mrtoolkit.search.candidate import Candidate
from mrtoolkit.search.dimensions import Categorical
from mrtoolkit.search.study import Study
from mrtoolkit.views.arguments import check_study
from mrtoolkit.views.theme import LEVELS, plain_numbers
from mrtoolkit.views.words import clipped, label, params_text

_LETTERS, _SIDE_BY_SIDE = 11, 24  # on a short axis: of a category, and of all of them while they lie
_ASLANT = 0.6  # radians
_MOST = 9  # categories aslant on a short axis: of more some are left out
_GAP = 6  # pixels between two ticks' texts
_FEW = 4  # ticks of a short axis


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterAxis:
    """One parameter as an axis: numbers where they are, categories at 0, 1, 2, ...

    Attributes
    ----------
    name : str
        The parameter.
    positions : (trial,) float64
        Where each trial stands on the axis; NaN where the parameter does not matter.
    categories : tuple of str
        Labels of the positions 0, 1, ... ; empty for a numeric parameter.
    ends : (float, float)
        Its lowest and highest position; those of the space where it matters in no trial.
    is_log : bool
        The space steps through this parameter by factors.
    is_listed : bool
        Its numbers are a list of values, and lie anywhere.
    """

    name: str
    positions: np.ndarray
    ends: tuple[float, float]
    categories: tuple[str, ...] = ()
    is_log: bool = False
    is_listed: bool = False

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

    def draw_on(self, axis: Any, *, is_short: bool = False) -> None:
        """Write this parameter's ticks on a bokeh axis, without those that would meet; aslant on a short one."""
        axis.major_label_policy = NoOverlap(min_distance=_GAP)
        if self.categories:
            texts = [clipped(text, _LETTERS) if is_short else text for text in self.categories]
            axis.ticker = FixedTicker(ticks=list(range(len(texts))))
            axis.major_label_overrides = {float(i): text for i, text in enumerate(texts)}
            if is_short and sum(map(len, texts)) > _SIDE_BY_SIDE:
                axis.major_label_orientation = _ASLANT
                if len(texts) <= _MOST:  # bokeh would hold their corners against each other, which hide nothing
                    axis.major_label_policy = AllLabels()
            return
        if is_short:
            axis.ticker.desired_num_ticks = _FEW
        if not self.is_log:
            plain_numbers(axis)


def check_trials(study: Study) -> None:
    """Refuse a study that has no trials, and what is no study."""
    check_study(study)
    if len(study) == 0:
        msg = "a picture of this study was asked for, but it holds 0 trials; run its search first."
        raise StudyError(msg)


def trials_of(study: Study) -> xr.Dataset:
    """Return the study's trials, refusing a study that has none."""
    check_trials(study)
    return study.trials


def objective_values(study: Study) -> np.ndarray:
    """Return the objective of each trial, NaN where it has none or breaks a constraint, (trial,) float64."""
    return np.where(study.log.feasible & np.isfinite(study.log.value), study.log.value, np.nan)


def best_name(study: Study) -> str:
    """Return what the value of the best trial is called; of several objectives it is a knee of the front."""
    has_others = study.goal is not None and bool(study.goal.others)
    return f"Knee of the front, {study.value_name}" if has_others else f"Best {study.value_name}"


def shown_params(study: Study, trials: np.ndarray) -> list[str]:
    """Return the parameters of trials as a person would say them, "-" for one that does not matter there."""
    points = study.space.shown(study.log.codes[trials])
    return [params_text(dict(zip(study.space, row, strict=True))) for row in points.itertuples(index=False)]


def candidate(study: Study, name: Literal["best", "plateau"]) -> Candidate | None:
    """Return the study's `best` or `plateau`, None where no trial counts."""
    if not study.has_best:
        return None
    return study.best if name == "best" else study.plateau


def level_names(study: Study) -> list[str]:
    """Return the names of the levels that were begun, in order."""
    return names_of_levels(study, max(study.n_rows, int(study.log.level.max(initial=-1)) + 1))


def level_look(study: Study) -> list[tuple[str, str]]:
    """Return (name in a legend, colour) of each level that was begun: those of a group share both."""
    names = level_names(study)
    groups = level_groups(study, names)
    return [(groups.names[i], LEVELS[i]) for i in groups.of(np.arange(len(names))).tolist()]


def parameter_axis(study: Study, name: str) -> ParameterAxis:
    """Return one parameter of the study as an axis."""
    check_study(study)
    if name not in study.space:
        shown = f"this study's parameters are {', '.join(study.space)}{nearest(name, study.space)}"
        msg = f"the axis {name!r} was asked for, but {shown}; name one of them."
        raise StudyError(msg)
    check_trials(study)
    dimension = study.space[name]
    place, codes = study.space.params.index(name), study.log.codes
    matters = study.space.active(codes)[:, place] if study.space.has_conditions else np.ones(len(codes), dtype=bool)
    tried, places = np.unique(codes[matters, place], return_inverse=True)
    if tried.size == 0:
        tried = np.arange(dimension.size) if has_categories(dimension) else np.array([0, dimension.size - 1])
    found = dimension.decode(tried)
    categories: tuple[str, ...] = ()
    if has_categories(dimension):
        texts = [label(value) for value in found]
        categories = tuple(dict.fromkeys(texts))
        found = np.array([categories.index(text) for text in texts])
    positions = np.full(len(codes), np.nan)
    positions[matters] = found.astype(float)[places]
    is_listed = isinstance(dimension, Categorical)
    return ParameterAxis(
        name=name, positions=positions, ends=(float(found.min()), float(found.max())), categories=categories,
        is_log=not isinstance(dimension, Categorical) and dimension.log, is_listed=is_listed and not categories,
    )  # fmt: skip


def two_axes(study: Study, x: str | None, y: str | None) -> tuple[ParameterAxis, ParameterAxis | None]:
    """Return the two parameters to draw: those named, else as `map_params` chooses them.

    The second is None for a study of one parameter.
    """
    check_trials(study)
    x, y = map_params(study.space, study.log.codes, x, y)
    return parameter_axis(study, x), None if y is None else parameter_axis(study, y)


def apart_words(study: Study, x_axis: ParameterAxis, y_axis: ParameterAxis | None) -> str:
    """Return in a sentence that two parameters never matter together, nothing where they do or there is but one."""
    return MapPart(study, x_axis.name, None if y_axis is None else y_axis.name).apart(len(study))
