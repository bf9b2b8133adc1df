"""Whether numbers are such that sums and means of them are numbers too."""

from __future__ import annotations

from mrtoolkit._jit import kernel

LARGEST = 1e100


@kernel
def is_moderate(x):
    """Whether all of `x` (time,) are numbers of at most `LARGEST` in size."""
    beyond = False
    for t in range(x.size):  # without a branch, for a branch would compare one number at a time
        beyond |= not abs(x[t]) <= LARGEST
    return not beyond
