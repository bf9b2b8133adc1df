"""What is known of each level of a search, and which levels a picture tells apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.search.study import Study

GROUPS = 6
"""Groups of levels that a picture tells apart: there are no more colours that every eye keeps apart."""
_LATER, _ADDED = GROUPS - 2, GROUPS - 1
_LETTERS = 20  # of a level's name that a legend has room for
_CAPTIONS = 12  # stretches that have room for their names
_NARROW = 0.05  # of the trials: a narrower stretch has no name above it
_LETTER = 0.025  # of a narrow figure's width


@dataclass(frozen=True, slots=True)
class LevelGroups:
    """The levels of a search as a legend lists them: the first ones, all later ones as one, what was added as one.

    However often somebody asks for more trials, the legend keeps its size and each colour its meaning.

    Attributes
    ----------
    first_added : int
        The first level that somebody asked for on the way; the number of levels where nobody did.
    names : tuple of str
        Of the six groups; empty for one without a level.
    """

    first_added: int
    names: tuple[str, ...]

    def of(self, levels: np.ndarray) -> np.ndarray:
        """Return the group of each level, from 0."""
        return np.where(levels >= self.first_added, _ADDED, np.minimum(levels, _LATER))

    def bands(self, bands: np.ndarray) -> np.ndarray:
        """Return stretches of trials (level, first, last) as those of groups, neighbours of one group joined."""
        groups = self.of(bands[:, 0])
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        ends = np.append(starts[1:], len(bands))[: len(starts)] - 1
        return np.column_stack([groups[starts], bands[starts, 1], bands[ends, 2]])

    def captions(self, bands: np.ndarray, n_trials: int) -> dict[float, str]:
        """Return the names over stretches of groups by their middles: those that stand in nobody's way.

        Parameters
        ----------
        bands : (band, 3)
            As `bands` returns them.
        n_trials : int
            As many as the axis is long.
        """
        found: dict[float, str] = {}
        free = 0.0
        for group, first, last in bands.tolist() if len(bands) <= _CAPTIONS else []:
            name, middle = self.names[group], (first + last) / 2
            half = _LETTER * n_trials * len(name) / 2
            if last - first + 1 >= _NARROW * n_trials and middle - half >= free:
                found[middle], free = name, middle + half
        return found


def level_groups(study: Study, names: Sequence[str]) -> LevelGroups:
    """Return the groups of a study's levels, whose names are given."""
    first_added = min(map(int, study.notes.get("added_levels", {})), default=len(names))
    found = [""] * GROUPS
    planned = names[:first_added]
    for i, name in enumerate(planned[:_ADDED]):
        found[i] = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    if len(planned) > _ADDED:
        found[_LATER] = f"{found[_LATER]} and later"
    if len(names) > first_added:
        found[_ADDED] = "added"
    return LevelGroups(first_added, tuple(found))


def level_entries(study: Study) -> list[Mapping[str, Any]]:
    """Return what is known of each level of a search; of one by the clock, those that followed are in its notes."""
    entries = list(study.keys.get("levels") or [])
    if study.keys.get("levels_follow"):
        entries = entries[:1] + list(study.notes.get("levels") or [])
    added = study.notes.get("added_levels")
    # levels that the user adds take the place of what is left
    return entries[: min(map(int, list(added)))] if added else entries


def names_of_levels(study: Study, count: int) -> list[str]:
    """Return the names of a search's first `count` levels: of its rows, or as listed, or as one a user has added."""
    names = [row.level for row in study.rows[:count]]  # also of somebody else's study, which lists none
    listed = [str(entry["name"]) for entry in level_entries(study)]
    added = study.notes.get("added_levels", {})
    for i in range(len(names), count):
        names.append(str(added.get(str(i)) or (listed[i] if i < len(listed) else f"level {i + 1}")))
    return names
