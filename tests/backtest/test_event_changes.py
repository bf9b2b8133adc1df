"""The bars of a word's set bits, written by both ways and by Python."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from mrtoolkit.backtest._kernels.changes import PACKS, write_packed, write_singly
from mrtoolkit.backtest._kernels.pointers import pointer_to

WAYS = [write_singly, write_packed] if PACKS else [write_singly]
RNG = np.random.default_rng(0)
WORDS = [0, 1, 2**63, 2**64 - 1, 0xFF, 0x1FF, 0x8000_0000_0000_0001]
WORDS += [sum(1 << int(k) for k in RNG.choice(64, n, replace=False)) for n in range(1, 64)]


@pytest.mark.parametrize("way", WAYS)
def test_changes_are_written_in_order_one_word_after_the_other(way):
    @numba.njit
    def write(words, fills):
        n = 0
        for w in range(words.size):
            n = way(words[w], w << 6, pointer_to(fills), n)
        return n

    fills = np.full(64 * len(WORDS) + 8, -1, dtype=np.int32)
    n = write(np.array(WORDS, dtype=np.uint64), fills)
    expected = [64 * w + k for w, word in enumerate(WORDS) for k in range(64) if word >> k & 1]
    assert fills[:n].tolist() == expected
