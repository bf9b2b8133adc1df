"""What is known of each level of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrtoolkit.search.study import Study


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
