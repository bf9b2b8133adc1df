"""The price at which a position is valued where a close is missing."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel


@kernel
def last_known(close, end):
    """The last close before bar `end`, NaN where there is none."""
    for t in range(end - 1, -1, -1):
        if close[t] == close[t]:
            return close[t]
    return np.nan
