"""How far bars lie apart: a timeframe as a count of a unit, read from text or inferred from time stamps."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrtoolkit.errors import BarsError, nearest

IRREGULAR = "irregular"
_DAY = 86_400_000_000_000
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "D": _DAY,
    "W": 7 * _DAY,
}
_MONTHS = {"MS": 1, "QS": 3, "YS": 12}
# What people write for the same thing; a small m is minutes and a large M is months, as exchanges have it.
_ALIASES = {
    "T": "min",
    "m": "min",
    "H": "h",
    "d": "D",
    "w": "W",
    "M": "MS",
    "ME": "MS",
    "Q": "QS",
    "QE": "QS",
    "Y": "YS",
}
_ALIASES |= {"A": "YS", "YE": "YS", "S": "s", "B": "D", "W-SUN": "W", "W-MON": "W"}
_TEXT = re.compile(r"\s*(\d*)\s*([A-Za-z][A-Za-z-]*)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeframe:
    """A length of time between two bars, such as 15 minutes, a day or a month.

    Attributes
    ----------
    count : int
        How many of `unit`, at least 1.
    unit : str
        One of ns, us, ms, s, min, h, D, W (weeks from Monday), MS, QS, YS (from the first of the month).
    """

    count: int
    unit: str

    def __str__(self) -> str:
        """Return the pandas offset alias, such as `15min`."""
        return f"{self.count}{self.unit}"

    @property
    def nanoseconds(self) -> int:
        """Length in nanoseconds; for months the mean length, 30.436875 days each."""
        if self.unit in _MONTHS:
            return round(self.months * 30.436875 * _DAY)
        return self.count * _UNITS[self.unit]

    @property
    def months(self) -> int:
        """Length in calendar months; 0 for a timeframe of fixed length."""
        return self.count * _MONTHS.get(self.unit, 0)

    @property
    def is_intraday(self) -> bool:
        """Whether a bar is shorter than a day."""
        return self.nanoseconds < _DAY


def parse_timeframe(text: str) -> Timeframe:
    """Return the timeframe that a text such as `15min`, `4h`, `1D`, `1W` or `1MS` names.

    Raises
    ------
    BarsError
        If the text is not a positive count and a known unit.
    """
    match = _TEXT.fullmatch(text) if isinstance(text, str) else None
    unit = _ALIASES.get(match[2], match[2]) if match else ""
    count = int(match[1] or 1) if match else 0
    if count < 1 or (unit not in _UNITS and unit not in _MONTHS):
        known = [*_UNITS, *_MONTHS]
        hint = nearest(match[2], known) if match else ""
        raise BarsError(
            f"{text!r} is not a timeframe{hint}; write a count and one of {', '.join(known)}, such as '15min', '4h' "
            "or '1W'."
        )
    return Timeframe(count=count, unit=unit)


def infer_timeframe(time: np.ndarray, wall: np.ndarray) -> str:
    """Return the timeframe of bars from their opening times, as text, or `irregular`.

    Parameters
    ----------
    time : (time,) datetime64[ns]
        Increasing UTC instants.
    wall : (time,) int64
        The same on the bars' own clock, in nanoseconds: days are counted there, hours in UTC, so that neither notices
        when clocks change.

    Notes
    -----
    The shortest step that makes up a fifth of all steps: nights, weekends and holidays are longer and do not count.
    """
    steps = np.diff(wall)
    text = _most_frequent(steps[steps > 0])
    is_intraday = text == IRREGULAR or parse_timeframe(text).is_intraday
    return _most_frequent(np.diff(time.view(np.int64))) if is_intraday else text


def _most_frequent(steps: np.ndarray) -> str:
    if steps.size == 0:
        return IRREGULAR
    low, high = int(steps.min()), int(steps.max())
    for unit, fewest, most in (("MS", 28, 31), ("QS", 90, 92), ("YS", 365, 366)):
        if fewest * _DAY <= low and high <= most * _DAY and (low < high or unit == "YS" or low % (7 * _DAY)):
            return f"1{unit}"
    counts = pd.Series(steps).value_counts(sort=False)
    frequent = counts.index[counts.to_numpy() * 5 >= steps.size]
    return _describe(int(frequent.min())) if len(frequent) else IRREGULAR


def _describe(step: int) -> str:
    for unit in ("W", "D", "h", "min", "s", "ms", "us"):
        if step % _UNITS[unit] == 0:
            return f"{step // _UNITS[unit]}{unit}"
    return f"{step}ns"
