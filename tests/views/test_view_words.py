"""One way to write a number, for the report, its figures and the command line."""

import math

import numpy as np
import pytest

from mrtoolkit.backtest.metrics import METRICS, UNITS
from mrtoolkit.views.words import fixed, label, metric_text, number, params_text, percent, seconds

MINUS, NBSP = "\u2212", "\u00a0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (12345.678, "12,346"),
        (1.5, "1.5"),
        (-0.25, f"{MINUS}0.25"),
        (-0.0, "0"),
        (0.00001234, "1.23e\u22125"),
        (math.inf, "\u221e"),
        (np.nan, "\u2013"),
    ],
)
def test_a_number_has_four_significant_digits(value, text):
    assert number(value) == text.replace("e\u22125", f"e{MINUS}05")


def test_a_column_of_fixed_numbers_lines_up():
    assert [fixed(value) for value in (0.5, -2.0, 1234.56)] == ["0.5000", f"{MINUS}2.0000", "1,234.6"]


def test_a_fraction_is_said_in_percent_and_a_time_in_its_unit():
    assert percent(-0.1234) == f"{MINUS}12.3{NBSP}%"
    assert percent(math.nan) == "\u2013"
    assert [seconds(x) for x in (0.0123, 3.21, 600, 20000)] == ["12 ms", "3.2 s", "10.0 min", "5.6 h"]


def test_the_units_of_the_metrics_say_which_are_percent():
    fractions = {name for name in METRICS if metric_text(name, 0.25).endswith("%")}
    assert fractions == {name for name, unit in UNITS.items() if "fraction" in unit}
    assert "max_drawdown" in fractions
    assert "sharpe" not in fractions
    assert metric_text("trades", 12.0) == "12"


def test_a_parameter_is_written_as_it_would_be_typed():
    assert (
        params_text({"fast": 11.5, "slow": 42.0, "kind": "ema", "stop": None})
        == "fast 11.5, slow 42, kind ema, stop None"
    )
    assert label(np.True_) == "True"
