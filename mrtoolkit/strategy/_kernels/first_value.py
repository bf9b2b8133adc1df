"""Where a series begins."""

from __future__ import annotations

from mrtoolkit._jit import kernel


@kernel
def first_value(x):
    """The first index at which `x` (time,) has a value, its length where it has none; O(leading NaN)."""
    for t in range(x.size):
        if x[t] == x[t]:
            return t
    return x.size
