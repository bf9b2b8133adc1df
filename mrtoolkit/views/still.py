"""What is drawn of a search that goes on meanwhile: one moment of it, all columns alike."""

from __future__ import annotations

from mrtoolkit.search.still import still
from mrtoolkit.search.study import Study
from mrtoolkit.views.arguments import check_study


def held_still(study: Study) -> Study:
    """Return a copy of the study as it is now, which grows no more (one that has ended may be gone on with).

    What is held still already is returned itself.

    Raises
    ------
    StudyError
        If it is no study.
    """
    check_study(study)
    return still(study)
