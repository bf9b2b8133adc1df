"""Points as the evaluator of a search takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mrtoolkit.evaluation import Evaluator
from mrtoolkit.search.space import Space


def points_for(evaluator: Evaluator, space: Space, codes: np.ndarray) -> Any:
    """Return points, lattice codes (point, dimension), as `CodedPoints` where the evaluator takes them, else a table.

    A table of a hundred points costs 0.1 ms to make and as much to read, ten times what they cost as whole numbers.
    """
    return space.coded(codes) if getattr(evaluator, "takes_codes", False) else space.decode(codes)
