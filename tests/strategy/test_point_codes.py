"""Columns of numbers as codes: whatever their type and range, what np.unique makes of them."""

import numpy as np
import pandas as pd
import pytest

from mrtoolkit.strategy.points import Points

RNG = np.random.default_rng(3)
COLUMNS = [
    RNG.integers(2, 102, 1_000),
    RNG.integers(-50, 50, 1_000).astype(np.int8),
    np.array([7]),
    np.array([2**63 + 5, 2**63 + 5], dtype=np.uint64),
    np.array([-(2**63), 2**63 - 1, 0]),
    np.array([2**62, 2**62 + 3]),
    RNG.integers(0, 10**9, 300),
    RNG.integers(0, 7, 300) / 4.0,
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: f"{column.dtype} from {column.min()}")
def test_labels_are_the_sorted_numbers_and_codes_lead_back_to_the_column(column):
    points = Points.from_frame(pd.DataFrame({"x": column}), ["x"])
    labels, codes = points.labels["x"], points.codes["x"]
    assert codes.dtype == np.int64
    assert list(labels) == np.unique(column.astype(float)).tolist()
    assert all(type(label) in (int, float) for label in labels)
    np.testing.assert_array_equal(np.array(labels, dtype=float)[codes], column.astype(float))


def test_no_point_has_no_label():
    points = Points.from_frame(pd.DataFrame({"x": np.empty(0, dtype=int)}), ["x"])
    assert points.labels["x"] == ()
    assert points.codes["x"].size == 0
