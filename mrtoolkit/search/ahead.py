"""Results that a batch gave and that are recorded piece by piece.

A search that is slowed for the eye evaluates as large batches as ever: so its trials cost what they always cost, and
what is chosen by that cost is the same at any pace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mrtoolkit.evaluation import Evaluation


class Ahead:
    """Evaluations of points that are not in the study yet, by the points' keys."""

    def __init__(self) -> None:
        self._found: dict[Any, tuple[Evaluation, int]] = {}
        self._n_features = 0  # computed for them, and not counted yet

    def first(self, keys: np.ndarray, evaluation: Evaluation, n: int) -> Evaluation:
        """Keep the results of points, and return those of the first n."""
        self._found |= {key: (evaluation, row) for row, key in enumerate(keys.tolist())}
        self._n_features += evaluation.features_computed
        found = self.take(keys[:n])
        return evaluation if found is None else found

    def take(self, keys: np.ndarray) -> Evaluation | None:
        """Return the results of the first of these points, as many as are here one after another; None for none."""
        found = []
        for key in keys.tolist() if self._found else ():
            if key not in self._found:
                break
            found.append(self._found.pop(key))
        if not found:
            return None
        n_features, self._n_features = self._n_features, 0
        return Evaluation(
            metrics=_joined([(evaluation.metrics, row) for evaluation, row in found]),
            blocks=_joined([(evaluation.blocks, row) for evaluation, row in found]),
            features_computed=n_features,
            failures={i: one.failures[row] for i, (one, row) in enumerate(found) if row in one.failures},
        )


def _joined(rows: list[tuple[Any, int]]) -> dict[str, np.ndarray]:
    """Return one row each of several mappings of arrays, as arrays; a row that a mapping lacks is NaN."""
    lacking = {name: np.full(np.shape(found)[1:], np.nan) for columns, _ in rows for name, found in columns.items()}
    return {
        name: np.stack([np.asarray(columns[name])[row] if name in columns else none for columns, row in rows])
        for name, none in lacking.items()
    }
