"""When to stop for lack of improvement."""

from __future__ import annotations

import math


class ImprovementStop:
    """Says after each level whether the last `patience` levels brought no improvement beyond `tolerance`.

    Improvement is counted in scores (higher is better). A first value that counts is an improvement; the first level
    never ends a search.
    """

    def __init__(self, tolerance: float, patience: int | None) -> None:
        self._tolerance = tolerance
        self._patience = patience
        self._best = -math.inf
        self._levels = 0
        self._stale = 0

    def is_over(self, score: float) -> bool:
        """Take the best score after a level, and say whether to stop."""
        improved = score > -math.inf if self._best == -math.inf else score - self._best > self._tolerance
        self._levels += 1
        self._stale = 0 if improved or self._levels == 1 else self._stale + 1
        self._best = max(self._best, score)
        return self._patience is not None and self._stale >= self._patience
