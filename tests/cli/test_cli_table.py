"""Tables for a terminal are aligned, say what is missing, and stay readable where it is narrow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mrtoolkit.cli.table import number, percent, seconds, table

ROWS = [("coarse", 16, 0.81234), ("medium", 1234, math.nan)]
HEADER = ["level", "points", "best value"]


def test_the_first_column_stands_to_the_left_and_the_others_to_the_right():
    assert table(ROWS, HEADER).splitlines() == [
        "                    best",
        "  level   points   value",
        "  coarse      16  0.8123",
        "  medium   1,234       -",
    ]


def test_a_table_that_does_not_fit_is_printed_a_block_a_row():
    text = table(ROWS, HEADER, width=20)
    assert text.splitlines()[:4] == ["  level       coarse", "  points      16", "  best value  0.8123", ""]
    assert max(map(len, text.splitlines())) <= 20


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "inf"),
        (12.0, "12"),
        (11.5, "11.5000"),
        (1234, "1,234"),
        (123.456, "123.5"),
        (np.float64(0.5), "0.5000"),
        (np.int64(3), "3"),
    ],
)
def test_a_number_is_short(value, text):
    assert number(value) == text


def test_a_fraction_is_said_in_percent_and_a_time_in_its_unit():
    assert percent(0.1234) == "12.3 %"
    assert percent(math.nan) == "-"
    assert [seconds(x) for x in (0.0123, 3.21, 600, 20000)] == ["12 ms", "3.2 s", "10.0 min", "5.6 h"]
