"""Which of some codes differ, and where each was first: for the few codes of a batch, far sooner than by sorting."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel


@kernel
def distinct_codes(codes, size):
    """The first place of each code that there is, in the order of codes, and which of these each place has.

    codes : (n,) int64 from 0 to `size` - 1; takes as much time and memory as n + size.
    """
    place = np.full(size, codes.size, dtype=np.int64)
    for i in range(codes.size - 1, -1, -1):
        place[codes[i]] = i
    first = np.empty(min(size, codes.size), dtype=np.int64)
    n = 0
    for code in range(size):
        if place[code] < codes.size:
            first[n] = place[code]
            place[code] = n
            n += 1
    inverse = np.empty(codes.size, dtype=np.int64)
    for i in range(codes.size):
        inverse[i] = place[codes[i]]
    return first[:n].copy(), inverse
