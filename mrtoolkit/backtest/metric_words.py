"""A metric's value in its unit and its name in words, for tables and pictures."""

from __future__ import annotations

from mrtoolkit.backtest.metrics import UNITS
from mrtoolkit.words import fixed, number, percent

_ANNUALISED = ("volatility", "sharpe", "sortino")


def metric_text(name: str, value: float) -> str:
    """Return a metric's value in its unit: fractions as percent, counts whole, others with four decimals."""
    unit = UNITS.get(name, "")
    if unit.startswith("fraction"):
        return percent(value)
    return number(float(value)) if unit == "count" else fixed(value)


def metric_name(name: str, per_year: float | None) -> str:
    """Return a metric's name, with the bars a year that annualise it where they do.

    Examples
    --------
    >>> metric_name("sharpe", 252.0), metric_name("max_drawdown", 252.0)
    ('sharpe (252 bars a year)', 'max drawdown')
    """
    words = name.replace("_", " ")
    return f"{words} ({number(per_year)} bars a year)" if name in _ANNUALISED and per_year is not None else words
