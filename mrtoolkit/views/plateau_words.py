"""What the plateau has over the best trial, in words that the trials around both bear out."""

from __future__ import annotations

import numpy as np

from mrtoolkit.search.plateau import neighbours_of
from mrtoolkit.search.study import Study
from mrtoolkit.search.transitions.hills import QUANTILE
from mrtoolkit.views.trial_table import candidate, objective_values

SAME_WORDS = "no other neighbourhood promises more"


def low_quarter(values: np.ndarray, *, direction: str) -> float:
    """Return the value that a quarter of a neighbourhood is no better than; what does not count is as bad as the worst.

    NaN where nothing counts.
    """
    known = np.isfinite(values)
    if not known.any():
        return float("nan")
    sign = 1.0 if direction == "maximize" else -1.0
    scores = sign * np.where(known, values, np.nan)
    filled = np.where(known, scores, np.nanmin(scores))
    return sign * float(np.quantile(filled, QUANTILE, method="lower"))


def neighbours_words(study: Study) -> str:
    """Return why the plateau is recommended rather than the best: what was tried around both, or what is estimated.

    The plateau is chosen with an estimate of the points that have no trial, so the trials alone may say otherwise. A
    study without a best has no words.
    """
    best, plateau = candidate(study, "best"), candidate(study, "plateau")
    if best is None or plateau is None:
        return ""
    if best.trial == plateau.trial:
        return SAME_WORDS
    values, sign = objective_values(study), 1.0 if study.direction == "maximize" else -1.0
    lows = [
        sign * low_quarter(values[neighbours_of(study.space, study.log, found.trial)], direction=study.direction)
        for found in (best, plateau)
    ]
    if lows[1] > lows[0]:
        return "the trials around it are better than those around the best"
    return "its neighbourhood promises more, with an estimate of what was not tried"
