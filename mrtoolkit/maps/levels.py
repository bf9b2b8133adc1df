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
    return entries
