"""Where a series begins and whether it is whole from there on, against NumPy."""

import numpy as np
import pytest

from mrtoolkit._jit import read_only
from mrtoolkit.features._kernels.first_value import first_value, is_whole


@pytest.mark.parametrize("length", [0, 1, 7, 1_023, 1_024, 1_025, 3_000])
def test_a_series_is_whole_where_no_bar_after_its_first_value_is_missing(length):
    rng = np.random.default_rng(length)
    for begin in {0, min(1, length), length // 3, length}:
        values = rng.normal(size=length)
        values[:begin] = np.nan
        first = first_value(read_only(values))
        assert first == begin
        assert is_whole(read_only(values), first)
        for gap in {first + 1, length - 1} - {first}:
            if first < gap < length:
                spoiled = values.copy()
                spoiled[gap] = np.nan
                assert not is_whole(read_only(spoiled), first)


def test_an_infinite_value_is_a_value():
    assert is_whole(read_only(np.array([np.nan, 1.0, np.inf, -np.inf])), 1)
