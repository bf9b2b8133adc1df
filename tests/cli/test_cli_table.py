"""Tables for a terminal are aligned, say what is missing, and stay readable where it is narrow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mrtoolkit.cli.table import table

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
        (math.nan, "-"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (11.5, "11.5000"),
        (-0.25, "-0.2500"),
        (1234, "1,234"),
        (1234.56, "1,234.6"),
        (np.float64(0.5), "0.5000"),
        (np.int64(3), "3"),
    ],
)
def test_a_number_is_written_as_in_the_report_in_letters_of_any_terminal(value, text):
    (line,) = table([("x", value)], ["", "y"]).splitlines()[1:]
    assert line.split()[1] == text
    assert line.isascii()
