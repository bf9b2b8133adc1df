"""What a search did, from the first trial to the last: the numbers that the picture and the replay are drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.maps.levels import level_entries
from mrtoolkit.maps.value_range import value_range
from mrtoolkit.search.candidate import Candidate
from mrtoolkit.search.study import Study
from mrtoolkit.views.convergence import convergence_data, level_bands
from mrtoolkit.views.plateau_words import SAME_WORDS, neighbours_words
from mrtoolkit.views.regions import regions_data
from mrtoolkit.views.still import held_still
from mrtoolkit.views.ticks import log_ticks, tick_labels, ticks
from mrtoolkit.views.trial_table import (
    ParameterAxis,
    apart_words,
    best_name,
    candidate,
    check_trials,
    level_look,
    level_names,
    objective_values,
    two_axes,
)
from mrtoolkit.views.words import clipped, counted, metric_text, params_text

_LETTERS = 40  # of a name in a sentence
_ROOM = 0.03  # of an axis, beyond the outer trials


@dataclass(frozen=True, slots=True, kw_only=True)
class MapAxis:
    """An axis of the map and what of it is shown.

    Attributes
    ----------
    name : str
        The parameter; the objective where the study has one parameter.
    low, high : float
        The outer positions in sight.
    categories : tuple of str
        Labels of the positions 0, 1, ...; empty for numbers.
    is_log : bool
    """

    name: str
    low: float
    high: float
    categories: tuple[str, ...] = ()
    is_log: bool = False

    def share(self, positions: np.ndarray) -> np.ndarray:
        """Return where positions stand between the ends, 0 to 1; beyond them for what is out of sight."""
        at, low, high = np.asarray(positions, dtype=float), self.low, self.high
        if self.is_log:
            at, low, high = np.log(np.maximum(at, low * 1e-3)), math.log(low), math.log(high)
        return (at - low) / (high - low)

    def ticks(self, count: int) -> tuple[list[float], list[str]]:
        """Return at most about `count` positions to be named, and their names."""
        if self.categories:
            every = math.ceil(len(self.categories) / max(count, 1))
            return [float(i) for i in range(0, len(self.categories), every)], list(self.categories[::every])
        found = log_ticks(self.low, self.high, count) if self.is_log else ticks(self.low, self.high, count)
        return found, tick_labels(found, is_short=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A search as it went.

    Attributes
    ----------
    study : Study
        Held still.
    convergence : Dataset (trial)
        See `convergence_data`.
    bands : DataFrame
        The stretches of trials that belong to one level, see `level_bands`.
    names : list of str
        Of the levels.
    looks : list of (name, colour)
        Of the levels, as a legend has them: see `level_look`.
    points : DataFrame
        A row a trial: `x` and `y`, positions on the axes (NaN where the parameter does not matter), `value` (NaN where
        it does not count), `level`.
    x, y : MapAxis
        With one parameter `y` is the objective.
    boxes : DataFrame
        See `regions_data`; and `first`, the number of the trial at which a box was first looked into, and `is_steered`,
        whether somebody asked for it. No rows for one parameter.
    apart : str
        That no trial has a place on the map, as its two parameters never matter together; or nothing.
    best, plateau : Candidate or None
    """

    study: Study
    convergence: xr.Dataset
    bands: pd.DataFrame
    names: list[str]
    looks: list[tuple[str, str]]
    points: pd.DataFrame
    x: MapAxis
    y: MapAxis
    boxes: pd.DataFrame
    apart: str
    best: Candidate | None
    plateau: Candidate | None

    @property
    def is_map(self) -> bool:
        """Whether there are two parameters to be drawn over each other."""
        return len(self.study.space) > 1

    def place(self, found: Candidate) -> tuple[float, float]:
        """Return where a candidate stands on the map, in positions of the two axes; NaN where one does not matter."""
        return float(self.points["x"].iloc[found.trial]), float(self.points["y"].iloc[found.trial])

    def same(self) -> bool:
        """Whether the best trial is the plateau."""
        return self.best is not None and self.plateau is not None and self.best.trial == self.plateau.trial

    def value_text(self, value: float) -> str:
        """Return a value of the objective in its unit."""
        return metric_text(self.study.value_name, value)


def search_story(study: Study, x: str | None = None, y: str | None = None, *, with_plateau: bool = True) -> Story:
    """Return a search as it went until now, with its plateau or without: of many trials it takes long to find.

    Raises
    ------
    StudyError
        If it is no study, has no trials, or a parameter is unknown.
    """
    still = held_still(study)
    check_trials(still)
    x_axis, y_axis = two_axes(still, x, y)
    values = objective_values(still)
    heights = values if y_axis is None else y_axis.positions
    points = pd.DataFrame({"x": x_axis.positions, "y": heights, "value": values, "level": still.log.level.copy()})
    boxes = pd.DataFrame(columns=["level", "left", "right", "bottom", "top", "is_last", "first", "is_steered"])
    if y_axis is not None:
        boxes = _dated(still, regions_data(still, x, y))
    return Story(
        study=still,
        convergence=convergence_data(still),
        bands=level_bands(still),
        names=level_names(still),
        looks=level_look(still),
        points=points,
        x=_seen(x_axis, boxes[["left", "right"]].to_numpy(dtype=float)),
        y=_value_axis(still) if y_axis is None else _seen(y_axis, boxes[["bottom", "top"]].to_numpy(dtype=float)),
        boxes=boxes,
        apart=apart_words(still, x_axis, y_axis),
        best=candidate(still, "best"),
        plateau=candidate(still, "plateau") if with_plateau else None,
    )


def headline(story: Story) -> str:
    """Return in a sentence what was found: the best, where, and after how many trials."""
    trials = counted(len(story.study), "trial")
    if story.best is None:
        return f"{trials} for {clipped(story.study.value_name, _LETTERS)}, none with a value that counts"
    name, where = clipped(best_name(story.study), _LETTERS), params_text(story.best.active)
    return f"{name} {story.value_text(story.best.value)} at {where}, after {trials}"


def second_line(story: Story) -> str:
    """Return what the best is to be held against: the plateau, buy and hold, and what of the lattice was seen."""
    if story.best is None:
        why = story.study.why_no_best()
        return why[:1].upper() + why[1:]
    parts = []
    if story.same():
        parts.append(f"the best is the plateau too: {SAME_WORDS}")
    elif story.plateau is not None:
        where = params_text(story.plateau.active)
        parts.append(f"plateau {story.value_text(story.plateau.value)} at {where}: {neighbours_words(story.study)}")
    held = story.study.benchmark_value
    if math.isfinite(held):
        parts.append(f"buy and hold {story.value_text(held)}")
    without = int((~np.isfinite(story.points["value"])).sum())
    if without:
        parts.append(f"{without:,} without a value that counts")
    words = "; ".join(parts)
    return words[:1].upper() + words[1:]


def values_drawn(story: Story) -> tuple[float, float, int]:
    """Return the lowest and the highest value to be drawn, and how many trials lie beyond them.

    A few trials that are far worse than the others are left at the border, as in the live figure.
    """
    values = story.convergence["value"].to_numpy()
    low, high = value_range(values, is_maximized=story.study.direction == "maximize")
    room = 0.08 * (high - low)
    low, high = low - room, high + room
    return low, high, int(((values < low) | (values > high)).sum())


def _value_axis(study: Study) -> MapAxis:
    known = study.log.value[np.isfinite(study.log.value)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    room = 0.08 * (high - low) or max(abs(high) * 0.1, 0.5)
    return MapAxis(name=study.value_name, low=low - room, high=high + room)


def _seen(axis: ParameterAxis, edges: np.ndarray) -> MapAxis:
    """Return the axis as far as there are trials and boxes, and a little farther; categories share it evenly."""
    if axis.categories:
        return MapAxis(name=axis.name, low=-0.5, high=len(axis.categories) - 0.5, categories=axis.categories)
    low, high = axis.ends
    if edges.size:
        low, high = min(low, float(edges.min())), max(high, float(edges.max()))
    if axis.is_log:
        low = max(low, axis.ends[0] / 1.2)
        room = _ROOM * math.log(high / low) or 0.1
        ends = low / math.exp(room), high * math.exp(room)
    else:
        room = _ROOM * (high - low) or 0.5
        ends = low - room, high + room
    return MapAxis(name=axis.name, low=ends[0], high=ends[1], is_log=axis.is_log)


def at_once(study: Study, level: int) -> int:
    """Return into how many regions a level looks in one round."""
    levels = level_entries(study)
    return max(int(levels[level].get("regions") or 1), 1) if level < len(levels) else 1


def steered_regions(study: Study) -> set[tuple[int, int]]:
    """Return the level and the place of each region that somebody asked for."""
    asked = [wish["bounds"] for wish in study.steering if wish["bounds"] is not None]
    return {
        (region.level, region.index)
        for region in study.regions
        for bounds in asked
        if all(tuple(region.bounds[name]) == tuple(pair) for name, pair in bounds.items())
    }


def _dated(study: Study, boxes: pd.DataFrame) -> pd.DataFrame:
    """Add when each box was first looked into, and whether it was asked for; a level has at least one that is last."""
    levels, regions = study.log.level, study.log.region
    pairs = pd.DataFrame({"level": levels, "region": regions, "first": np.arange(1, len(study) + 1)})
    first = pairs.groupby(["level", "region"], sort=False)["first"].min().rename("first").reset_index()
    begun = pairs.groupby("level")["first"].min()
    found = boxes.merge(first, on=["level", "region"], how="left")
    latest = found["first"].fillna(found["level"].map(begun)).groupby(found["level"]).cummax()
    found["first"] = found["first"].fillna(latest).astype(int)  # one whose points were known came after those before it
    asked = steered_regions(study)
    found["is_steered"] = [pair in asked for pair in zip(found["level"], found["region"], strict=True)]
    has_last = found.groupby("level")["is_last"].transform("any")
    found["is_last"] = found["is_last"] | found["is_steered"] | ~has_last
    return found
