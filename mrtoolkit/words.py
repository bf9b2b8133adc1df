"""Numbers, durations and parameters as a person writes them: in a report, a figure, a widget, on the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_LETTERS = 40  # of a name or a value in a sentence
SHOWN = 6  # parameters that a line of text has room for
_PLAIN = str.maketrans({"–": "-", "−": "-", "\u00a0": " ", "∞": "inf"})


def number(value: float) -> str:
    """Return a number with four significant digits, thousands separated, a dash for NaN.

    Examples
    --------
    >>> number(12345.678), number(0.123456), number(float("nan")), number(40.0)
    ('12,346', '0.1235', '–', '40')
    """
    amount = float(value)
    if math.isnan(amount):
        return "–"
    if math.isinf(amount):
        return "∞" if amount > 0 else "−∞"
    if amount.is_integer() and abs(amount) < 1e15:
        return f"{amount + 0.0:,.0f}".replace("-", "−")  # 0, not -0
    if abs(amount) < 1e-4:
        return f"{amount:.3g}".replace("-", "−")
    places = max(4 - len(str(int(abs(amount)))), 0) if abs(amount) >= 1 else 4
    text = f"{amount:,.{places}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def counted(n: int, noun: str) -> str:
    """Return how many there are of something.

    Examples
    --------
    >>> counted(1, "trial"), counted(12345, "trial")
    ('1 trial', '12,345 trials')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def fixed(value: float) -> str:
    """Return a number with four decimals, so that a column of them lines up; thousands with one, a dash for NaN."""
    amount = float(value)
    if not math.isfinite(amount):
        return number(amount)
    if abs(amount) < 0.5e-4:
        return "0.0000"  # never −0.0000
    return f"{amount:,.{4 if abs(amount) < 1e3 else 1}f}".replace("-", "−")


def label(value: object) -> str:
    """Return a parameter's value as it would be typed: 12.5, 40, ema, True, None (also for NaN)."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | float | np.integer | np.floating):
        return "None" if math.isnan(value) else f"{float(value):.12g}"
    return str(value)


def clipped(text: str, most: int) -> str:
    """Return a text with at most so many letters, of which the last says where something was cut.

    Examples
    --------
    >>> clipped("stop_loss", 9), clipped("stop_loss", 6)
    ('stop_loss', 'stop_…')
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def params_text(params: Mapping[str, Any], *, most: int | None = None) -> str:
    """Return parameters as a person would say them, of long names and values the beginning.

    Of more than `most` the first, and how many others there are.

    Examples
    --------
    >>> params_text({"fast": 12.5, "kind": "ema"})
    'fast 12.5, kind ema'
    >>> params_text({"fast": 12, "slow": 80, "length": 5}, most=2)
    'fast 12, slow 80 and 1 more'
    """
    shown = list(params.items())[:most]
    more = f" and {len(params) - len(shown)} more" if len(shown) < len(params) else ""
    return ", ".join(f"{clipped(name, _LETTERS)} {clipped(label(value), _LETTERS)}" for name, value in shown) + more


def percent(value: float) -> str:
    """Return a fraction as percent, a dash for NaN."""
    return "–" if math.isnan(value) else f"{100 * value:,.1f}\u00a0%".replace("-", "−")


def seconds(value: float) -> str:
    """Return a time in the unit that a person would say."""
    if math.isnan(value):
        return "–"
    if value < 1:
        return f"{1000 * value:,.0f} ms"
    if value < 120:
        return f"{value:,.1f} s"
    return f"{value / 60:,.1f} min" if value < 7200 else f"{value / 3600:,.1f} h"


def plain(text: str) -> str:
    """Return what is written here in letters that every terminal has.

    Examples
    --------
    >>> plain("−1.5\u00a0%"), plain("–"), plain("∞")
    ('-1.5 %', '-', 'inf')
    """
    return text.translate(_PLAIN)
