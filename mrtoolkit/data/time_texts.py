"""Time stamps that were written as text, in the ways of the vendors."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from mrtoolkit.errors import BarsError

_OFFSET = re.compile(r"\d\d?:\d\d.*?(Z|[+-]\d\d:?\d\d)\s*$")
_COMPACT = re.compile(r"\d{8} +\d{4}(\d\d)?$")
_YEAR_FIRST = r"^(\d{4})[./](\d{1,2})[./](\d{1,2})"
_YEAR_LAST = re.compile(r"^\d{1,2}([./-])\d{1,2}[./-]\d{4}")
_WRITTEN_MONTHS = ("%b %d, %Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%B %d, %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")


def parse_time_texts(texts: pd.Series, column: str) -> pd.Series:
    """Return times for texts, (time,) datetime64: aware (UTC) where the texts have an offset, else naive.

    Whether 03/04/2024 is in March or in April is told by the other rows: the reading that is valid and in order, if
    only one is.

    Raises
    ------
    BarsError
        If a text is no time, or could be two.
    """
    stripped = texts.astype("string").str.strip()
    stripped = stripped.mask(stripped == "")
    present = stripped.dropna()
    if present.empty:
        return pd.to_datetime(pd.Series(pd.NaT, index=texts.index))
    first = str(present.iloc[0])
    if present.str.fullmatch(r"\d{9,19}(\.\d+)?|\d{8}").all():
        return pd.to_numeric(stripped, errors="coerce")
    if _YEAR_LAST.match(first):
        return _year_last(stripped, column, separator=_YEAR_LAST.match(first)[1])  # type: ignore[index]  # matched above
    if _COMPACT.match(first):
        stripped = stripped.str.replace(r"^(\d{4})(\d\d)(\d\d) +(\d\d)(\d\d)", r"\1-\2-\3 \4:\5", regex=True)
        stripped = stripped.str.replace(r":(\d\d)(\d\d)$", r":\1:\2", regex=True)
    aware = bool(_OFFSET.search(first))
    iso = pd.to_datetime(
        stripped.str.replace(_YEAR_FIRST, r"\1-\2-\3", regex=True).str.replace(r"-(\d)(?!\d)", r"-0\1", regex=True)
        if re.match(_YEAR_FIRST, first)
        else stripped,
        format="ISO8601",
        utc=aware,
        errors="coerce",
    )
    if iso.notna().sum() * 2 > len(present):
        return _whole(iso, stripped, column)
    for date in _WRITTEN_MONTHS:
        for clock in _CLOCKS:
            times = pd.to_datetime(stripped, format=date + clock, errors="coerce")
            if times.notna().sum() * 2 > len(present):
                return _whole(times, stripped, column)
    return _whole(iso, stripped, column)


def _year_last(stripped: pd.Series, column: str, separator: str) -> pd.Series:
    readings: dict[str, pd.Series] = {}
    for order in ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y") if separator != "." else ("%d{0}%m{0}%Y",):
        for clock in _CLOCKS:
            times = pd.to_datetime(stripped, format=order.format(separator) + clock, errors="coerce")
            if times.notna().any():
                readings[order] = max(readings.get(order, times), times, key=lambda read: int(read.notna().sum()))
    if not readings:
        return _whole(pd.Series(pd.NaT, index=stripped.index), stripped, column)
    most = max(int(times.notna().sum()) for times in readings.values())
    valid = [times for times in readings.values() if times.notna().sum() == most]
    if len(valid) > 1:
        ordered = [times for times in valid if _in_order(times)]
        valid = ordered or valid
    if len(valid) > 1 and not valid[0].equals(valid[1]):
        raise BarsError(
            f"the times of column {column!r} can be read with the day or the month first, as in "
            f"{str(stripped.dropna().iloc[0])!r}; "
            "write them as 2024-01-31, or read the file with pandas, parse them there and use from_pandas."
        )
    return _whole(valid[0], stripped, column)


def _in_order(times: pd.Series) -> bool:
    # In order, and not one stamp a month, as days of a month read as months would be.
    values = times.dropna()
    return bool(values.is_monotonic_increasing or values.is_monotonic_decreasing)


def _whole(times: pd.Series, stripped: pd.Series, column: str) -> pd.Series:
    bad = np.asarray(times.isna() & stripped.notna())
    if bad.any():
        row = int(bad.argmax())
        raise BarsError(
            f"the time column {column!r} holds text that is no time at {int(bad.sum()):,} of {len(bad):,} rows, "
            f"first row {row + 1:,}: "
            f"{str(stripped.iloc[row])!r}; write times as 2024-01-31 09:30, or name another column with time=."
        )
    return times
