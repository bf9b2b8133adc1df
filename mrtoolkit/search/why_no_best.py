"""Why a study has no best trial, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mrtoolkit.search.study import Study


def why_no_best(study: Study) -> str:
    """Say why no trial is the best."""
    if len(study) == 0:
        return "this study has 0 trials, so none is the best; run its search first."
    if "trades" in study.log.metrics and not study.log.metrics["trades"].any():
        return (
            f"none of the {len(study):,} trials made a trade, so none is the best; loosen the rules, the space's "
            "where=, or give a longer history."
        )
    if not study.log.feasible.any():
        text = ", ".join(study.keys.get("constraints", ())) or "the constraints"
        return (
            f"none of the {len(study):,} trials satisfies {text}, so none is the best; relax the "
            "constraints or widen the space."
        )
    counted = study.log.value[study.log.feasible]
    found = "NaN" if np.isnan(counted).all() else "NaN or infinite"
    return (
        f"the objective {study.objective} is {found} in all {len(counted):,} trials that count, so none is the "
        "best; choose another objective."
    )
