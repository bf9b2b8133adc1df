"""What is drawn of a search that goes on meanwhile: one moment of it, all columns alike."""

from __future__ import annotations

from mrtoolkit.search.still import still
from mrtoolkit.search.study import Study
from mrtoolkit.views.arguments import check_study


def held_still(study: Study) -> Study:
    """Return the study as it is now: itself where it has ended, else a copy that grows no more.

    Raises
    ------
    StudyError
        If it is no study.
    """
    check_study(study)
    return study if study.stopped else still(study)
