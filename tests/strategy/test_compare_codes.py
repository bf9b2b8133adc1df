"""Comparisons by codes are those of the numbers, whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoolkit.strategy._kernels.conditions import compare_rows

SPREADS = {"apart": 0.01, "near": 1e-6, "nearer": 1e-11, "rounding": 1e-14, "wide": 10.0, "flat": 0.0}


def values_of(rng, spread, scale, n_rows, n_bars):
    values = scale * (1.0 + rng.normal(0.0, SPREADS[spread], (n_rows, n_bars)))
    values[:, n_bars // 3 : n_bars // 2] = scale  # all of them equal
    if rng.integers(2):
        values -= scale
    if rng.integers(2):
        values = np.round(values / scale, 2) * scale
    for infinite in (np.inf, -np.inf):
        values[rng.integers(0, n_rows, 3), rng.integers(0, n_bars, 3)] = infinite
    return values


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("scale", [1e-290, 1e-3, 100.0, 1e290])
def test_codes_compare_as_the_numbers_do(spread, scale):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        n_rows, n_bars = int(rng.integers(2, 40)), int(rng.integers(64, 1500))
        values = values_of(rng, spread, scale, n_rows, n_bars)
        rows = np.zeros((60, 5), np.int64)
        rows[:, 1:3] = rng.integers(0, n_rows, (60, 2))
        addresses = np.array([row.ctypes.data for row in values], np.uint64)
        n_words = -(-n_bars // 64)
        bits = np.zeros((60, n_words), np.uint64)
        steps, groups = np.full(n_rows, 512, np.uint64), rng.integers(0, 2, n_rows)
        compare_rows(rows, addresses, steps, groups, 0, n_words, n_bars, bits)
        found = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, :n_bars]
        np.testing.assert_array_equal(found, values[rows[:, 1]] > values[rows[:, 2]])
