"""Values as strict JSON holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain_json(value: Any) -> Any:
    """Return value as strict JSON holds it: NumPy scalars as numbers, NaN and infinities as text."""
    kind = type(value)
    if value is None or kind in (str, int, bool):  # most are, and to ask for a Mapping takes longest
        return value
    if kind is float:
        return value if math.isfinite(value) else str(value)
    if kind in (list, tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, np.generic):
        return plain_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
