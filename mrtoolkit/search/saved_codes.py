"""The points of saved trials, as lattice codes: read from labels, refused where the space has no such point."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mrtoolkit.errors import StudyError
from mrtoolkit.search.dimensions import Categorical
from mrtoolkit.search.space import Space


def check_codes(space: Space, codes: np.ndarray) -> None:
    """Refuse lattice codes (trial, dimension) of a file that are no points of the space."""
    sizes = [space[name].size for name in space]
    if codes.shape[1] != len(sizes) or bool(((codes < 0) | (codes >= sizes)).any()):
        raise StudyError("this file of a study is damaged: a trial of its log is no point of its space; search again.")


def saved_codes(space: Space, params: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the lattice codes of saved trials, (trial, dimension); refuse a label that the space does not have."""
    columns = []
    for name in space:
        saved, dimension = params[name], space[name]
        codes = saved if isinstance(dimension, Categorical) else dimension.encode(saved)
        strange = (codes < 0) | (codes >= dimension.size)
        if strange.any():
            trial = int(np.argmax(strange))
            msg = (
                f"this file of a study is damaged: trial {trial:,} has {name}={saved[trial]}, which is no label of "
                "its space; restore it from a copy, or search again."
            )
            raise StudyError(msg)
        columns.append(codes)
    return np.stack(columns, axis=1)
