"""The bars at which a row of words changes, written by both ways and by Python."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from mrtoolkit.backtest._kernels.changes import PACKS, write_eights, write_singly
from mrtoolkit.backtest._kernels.pointers import pointer_to

WAYS = [write_singly, write_eights] if PACKS else [write_singly]
RNG = np.random.default_rng(0)


def row_with(n_changes: list[int]) -> np.ndarray:
    """Words of which each differs at so many bars, drawn at random, from the bar before."""
    bits, state = [], False
    for n in n_changes:
        changes = np.isin(np.arange(64), RNG.choice(64, n, replace=False))
        for is_change in changes:
            state ^= bool(is_change)
            bits.append(state)
    return np.packbits(bits, bitorder="little").view(np.uint64)


ROWS = {
    "none": row_with([0] * 24),
    "few": row_with([0, 1, 4, 2, 0, 3, 4, 1] * 3),
    "up to eight": row_with([0, 8, 4, 5, 1, 6, 0, 7] * 2 + [1] * 8),
    "more": row_with([0, 9, 1, 64, 0, 63, 30, 2] * 2 + [4] * 8 + [5] * 8),
    "every number": row_with(list(range(65))),
    "one word": row_with([17]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_changes_are_written_in_order_one_word_after_the_other(way, name, lag, before):
    row = ROWS[name]

    @numba.njit
    def write(row, before, fills):
        return way(pointer_to(row), row.size, before, lag, 128, pointer_to(fills), 3)

    fills = np.full(64 * len(row) + 16, -1, dtype=np.int32)
    n = write(row, np.uint64(before << 62), fills)
    bits = np.concatenate([[before & 1, before >> 1], np.unpackbits(row.view(np.uint8), bitorder="little")])
    changes = np.flatnonzero(bits[1:] != bits[:-1]) - 1  # of the bar before the row, -1, and of its own
    expected = [k + lag for k in changes if 0 <= k + lag < 64 * len(row)]
    assert fills[:3].tolist() == [-1] * 3
    assert fills[3:n].tolist() == [128 + k for k in expected]
