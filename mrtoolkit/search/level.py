"""A level: the resolution at which the search looks, into how many regions, at what price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrtoolkit.errors import SpaceError, check_count, nearest
from mrtoolkit.search.dimensions import Categorical, Dimension
from mrtoolkit.search.space import Space

WHOLE = "whole lattice"
LARGEST_LEVEL = 10_000_000  # points; more are refused before anything is enumerated


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of the search.

    A dimension is looked at by the first of these that says something about it: `grid`, `step`, `labels`, `budget`;
    where none does, by five labels. Categories are all looked at where no grid names some.

    Parameters
    ----------
    name : str
        Shown in tables and pictures.
    grid : mapping of parameter to labels, optional
        The labels to look at, as they are: a dimension with a grid is not cut to regions, and a level whose grid
        names every parameter is run exactly as written.
    step : mapping of parameter to step, or one number for all, optional
        Distance of the labels within a region, counted from the low end of the dimension: a multiple of its own step.
    labels : int or mapping of parameter to int, optional
        How many labels to spread over a region, ends included.
    regions : int
        At most so many separate regions, around the best trials so far.
    pad : int
        A region reaches so many labels of the level before it to each side of its centre.
    budget : int, optional
        At most so many new points, shared equally by the regions: as many labels a dimension as fit; where not even
        three do, points of a Sobol sequence. The textbook's zoom takes fewer regions where a share would be less
        than five labels a dimension.
    """

    name: str
    grid: Mapping[str, Sequence[Any]] | None = field(default=None, kw_only=True)
    step: Mapping[str, float] | float | None = field(default=None, kw_only=True)
    labels: Mapping[str, int] | int | None = field(default=None, kw_only=True)
    regions: int = field(default=1, kw_only=True)
    pad: int = field(default=1, kw_only=True)
    budget: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            msg = f"a level is named {self.name!r}; give it a name as its first argument, as in Level('coarse')."
            raise SpaceError(msg)
        for word in ("regions", "pad", "budget"):
            if getattr(self, word) is not None:
                check_count(f"level {self.name!r}: {word}", getattr(self, word), SpaceError)
        if self.grid is not None:
            grid = {name: _as_labels(self.name, name, labels) for name, labels in _mapping(self, "grid").items()}
            object.__setattr__(self, "grid", grid)
        for word in ("step", "labels"):
            for value in _values(getattr(self, word)):
                if isinstance(value, bool) or not np.isscalar(value) or not value > 0:  # type: ignore[operator]
                    raise SpaceError(f"level {self.name!r} has {word}={value!r}; it must be above 0.")

    def is_explicit(self, space: Space) -> bool:
        """Say whether the grid names every parameter, so that the level runs as written."""
        return self.grid is not None and all(name in self.grid for name in space)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON from which `from_dict` makes this again."""
        grid = None if self.grid is None else {name: list(labels) for name, labels in self.grid.items()}
        step, labels = (dict(v) if isinstance(v, Mapping) else v for v in (self.step, self.labels))
        return {
            "name": self.name,
            "grid": grid,
            "step": step,
            "labels": labels,
            "regions": int(self.regions),
            "pad": int(self.pad),
            "budget": self.budget,
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Level:
        """Return the level that `to_dict` described."""
        return cls(**payload)


def levels(trials: int = 400, count: int = 3) -> list[Level]:
    """Return `count` levels, coarse to fine, that together make at most `trials` trials.

    The first spreads three tenths of them over the whole space, at few labels of each dimension; the others share the
    rest, each between four regions that move while they improve and take shorter steps when they do not. Points that an
    earlier level has evaluated are not evaluated again.

    Examples
    --------
    >>> [level.name for level in levels(trials=400, count=3)]
    ['coarse', 'medium', 'fine']
    """
    for word, value in (("trials", trials), ("count", count)):
        check_count(f"levels(trials, count): {word}", value, SpaceError)
    if trials < count:
        msg = f"{trials} trials were asked for in {count} levels; a level needs at least one, so ask for fewer levels."
        raise SpaceError(msg)
    if count == 1:
        return [Level("coarse", budget=int(trials))]
    first = max(1, int(trials) * 3 // 10)
    rest, extra = divmod(int(trials) - first, count - 1)
    middle = ["medium"] if count == 3 else [f"medium {i}" for i in range(1, count - 1)]
    names = [*middle, "fine"]
    finer = [
        Level(n, budget=rest + (i < extra), regions=4)
        for i, n in enumerate(names)
        if rest + (i < extra)
    ]
    return [Level("coarse", budget=first), *finer]


def as_levels(value: Any, space: Space) -> tuple[Level, ...]:
    """Return levels checked against the space: known parameters, labels on its lattice, no absurd size."""
    found = [value] if isinstance(value, Level) else list(value) if isinstance(value, Iterable) else [value]
    if not found:
        raise SpaceError("levels=[] leaves nothing to search; give at least one Level, or none for a preset.")
    for level in found:
        if not isinstance(level, Level):
            msg = f"levels= holds {level!r}, which is no Level; write Level('coarse', ...) or levels(trials=400)."
            raise SpaceError(msg)
        _check_against(level, space)
    names = [level.name for level in found]
    for name in names:
        if names.count(name) > 1:
            raise SpaceError(f"two levels are named {name!r}; give each level a name of its own.")
    return tuple(found)


def refuse_absurd(name: str, n_points: int) -> None:
    """Refuse a level of more points than anybody means."""
    if n_points > LARGEST_LEVEL:
        size = f"{n_points:,} points (at most {LARGEST_LEVEL:,}; {n_points * 8 / 1e9:,.1f} GB for one number a point)"
        cure = "give it fewer labels, a longer step, or a budget, as in Level('coarse', budget=1_000)"
        msg = f"level {name!r} would be {size}; {cure}."
        raise SpaceError(msg)


def stride(dimension: Dimension, step: float) -> int:
    """Return how many labels of a dimension a level's step spans, at least one."""
    own = _own_step(dimension)
    return max(1, round(step / own)) if own > 0 else 1


def _check_against(level: Level, space: Space) -> None:
    for word in ("grid", "step", "labels"):
        value = getattr(level, word)
        for name in value if isinstance(value, Mapping) else ():
            if name not in space:
                msg = (
                    f"level {level.name!r} has a {word} for {name!r}, which the space "
                    f"lacks{nearest(name, space)}; it has {', '.join(space)}."
                )
                raise SpaceError(msg)
    n_points = 1
    for name, labels in (level.grid or {}).items():
        codes = space.axis(name, tuple(labels))
        if codes[0] < 0:
            label = labels[int(np.argmin(space[name].encode(list(labels))))]
            msg = (
                f"level {level.name!r} has {name}={label!r}, but {_why_no_label(space[name], label)}; "
                "change the level or the space."
            )
            raise SpaceError(msg)
        n_points *= len(codes)
    refuse_absurd(level.name, n_points)
    for name, step in _steps(level, space).items():
        _check_step(level.name, name, step, space[name])


def _steps(level: Level, space: Space) -> dict[str, float]:
    if isinstance(level.step, Mapping):
        return dict(level.step)
    numeric = [name for name in space if not isinstance(space[name], Categorical)]
    return {} if level.step is None else dict.fromkeys(numeric, level.step)


def _check_step(level: str, name: str, step: float, dimension: Dimension) -> None:
    if isinstance(dimension, Categorical):
        msg = f"level {level!r} has a step for {name!r}, which has categories and no steps; use grid= to choose some."
        raise SpaceError(msg)
    if dimension.log and dimension.step is None:
        msg = f"level {level!r} has a step for {name!r}, whose labels have equal ratios; use labels= for it."
        raise SpaceError(msg)
    own = _own_step(dimension)
    if own and abs(step / own - round(step / own)) > 1e-9:
        msg = (
            f"level {level!r} steps through {name!r} by {step:g}, but its lattice has steps of {own:g}; use a multiple."
        )
        raise SpaceError(msg)


def _why_no_label(dimension: Dimension, label: Any) -> str:
    if isinstance(dimension, Categorical):
        return f"its categories are {list(dimension.values)!r}"
    if isinstance(label, str | bool) or label is None:
        return f"its labels are numbers from {dimension.low:g} to {dimension.high:g}"
    if not dimension.low <= label <= dimension.high:
        return f"the space has it from {dimension.low:g} to {dimension.high:g}"
    step = "in equal ratios" if dimension.log and dimension.step is None else "every " + f"{_own_step(dimension):g}"
    return f"its lattice has labels {step} from {dimension.low:g}, and that is none of them"


def _own_step(dimension: Dimension) -> float:
    first, second = dimension.decode(np.array([0, min(1, dimension.size - 1)])).astype(float)
    return float(second - first)


def _mapping(level: Level, word: str) -> Mapping[str, Any]:
    value = getattr(level, word)
    if not isinstance(value, Mapping):
        raise SpaceError(f"level {level.name!r} has {word}={value!r}; write a dict of parameter to labels.")
    return value


def _as_labels(level: str, name: str, labels: Any) -> tuple[Any, ...]:
    if isinstance(labels, range):
        refuse_absurd(level, len(labels))
    if isinstance(labels, str) or not np.iterable(labels):
        labels = [labels]
    found = tuple(label.item() if isinstance(label, np.generic) else label for label in labels)
    if not found:
        raise SpaceError(f"level {level!r} has an empty grid for {name!r}; list at least one label.")
    return found


def _values(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value.values()) if isinstance(value, Mapping) else [value]
