"""Labels of many features in a few words: "5..200 step 5 (40)"."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence

from mrtoolkit.features.family import Labels

_FEW = 6


def labels_text(parameters: Sequence[str], labels: Collection[Labels]) -> str:
    """Return what values the parameters of a family's features have, shortened where they are many.

    Examples
    --------
    >>> labels_text(("lookback",), [(12,), (26,)])
    '12, 26'
    >>> labels_text(("lookback",), [(n,) for n in range(5, 205, 5)])
    '5..200 step 5 (40)'
    >>> labels_text(("lookback", "width"), [(n, w) for n in (20, 30) for w in (1.5, 2)])
    'lookback 20, 30; width 1.5, 2'
    """
    if not parameters or not labels:
        return ""
    columns = [sorted({row[k] for row in labels}) for k in range(len(parameters))]
    if len(parameters) == 1:
        return _values_text(columns[0])
    text = "; ".join(f"{name} {_values_text(values)}" for name, values in zip(parameters, columns, strict=True))
    is_grid = math.prod(map(len, columns)) == len(labels)
    return text if is_grid else f"{text}; {len(labels):,} of their combinations"


def _values_text(values: Sequence[float]) -> str:
    if len(values) <= _FEW:
        return ", ".join(map(_number, values))
    steps = {round(b - a, 9) for a, b in itertools.pairwise(values)}
    ends = f"{_number(values[0])}..{_number(values[-1])}"
    step = f" step {_number(steps.pop())}" if len(steps) == 1 else ""
    return f"{ends}{step} ({len(values):,})"


def _number(value: float) -> str:
    return f"{value:.12g}"
