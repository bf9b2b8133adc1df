"""Why a trial that has a value does not count, in the words of a legend."""

from __future__ import annotations

from mrtoolkit.search.study import Study

BROKEN, PRUNED, OTHER = "breaks a constraint", "pruned", "does not count"
NOTE = "not_counted"
"""Under which a study that somebody else made says it in its notes."""


def not_counted(study: Study) -> str:
    """Return "pruned" or "breaks a constraint" where that is so of all that do not count, else "does not count"."""
    return str(study.notes.get(NOTE) or (BROKEN if study.keys.get("constraints") else OTHER))
