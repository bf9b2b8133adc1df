"""Holes in time: which steps between bars are longer than the nights, weekends and holidays of their market."""

from __future__ import annotations

import numpy as np

from mrtoolkit.data.timeframe import IRREGULAR, parse_timeframe

_DAY = 86_400_000_000_000
_HOUR = 3_600_000_000_000
# The longest closings of exchanges on record are 11 days from bar to bar (Tokyo 2019, Shanghai 2020); New York in
# September 2001: 7.
LONGEST_CLOSING_DAYS = 11
_RECURS = 0.2  # a time of day at which a fifth of all days have a hole is a closing of the market


def find_gaps(time: np.ndarray, wall: np.ndarray, timeframe: str) -> np.ndarray:
    """Return the positions of the bars that come before a gap, (gap,) int64.

    Parameters
    ----------
    time : (time,) datetime64[ns]
        Increasing opening times in UTC.
    wall : (time,) int64
        The same in nanoseconds on the clock of the bars' own zone.
    timeframe : str
        As inferred; bars of an irregular timeframe have no gaps.

    Notes
    -----
    Where bars cover Saturdays and Sundays and the whole day, every missing bar is a gap. Otherwise a step is a
    closing, and no gap, if it is at most 11 days long and leads over midnight, or begins or ends at a time of day at
    which there is a hole on a fifth of all days (a lunch break, a maintenance hour, an early close before one). Bars
    longer than a day may be 11 days late.
    """
    if timeframe == IRREGULAR:
        return np.empty(0, dtype=np.int64)
    frame = parse_timeframe(timeframe)
    # Hours pass in UTC and days on the wall, so that no gap comes of changing clocks.
    steps = np.diff(time.view(np.int64) if frame.is_intraday else wall)
    long = np.flatnonzero(steps > frame.nanoseconds + frame.nanoseconds // 2)
    if long.size == 0 or _is_continuous(wall, frame.nanoseconds):
        return long
    limit = LONGEST_CLOSING_DAYS * _DAY
    if frame.nanoseconds > _DAY:
        return long[steps[long] > frame.nanoseconds + limit]
    too_long = steps[long] > limit
    if not frame.is_intraday:
        return long[too_long]
    begin, end = wall[long], wall[long + 1]
    same_day = begin // _DAY == end // _DAY
    days = wall[-1] // _DAY - wall[0] // _DAY + 1
    closing = _recurs(begin % _DAY, same_day, days) | _recurs(end % _DAY, same_day, days)
    return np.asarray(long[too_long | (same_day & ~closing)])


def _is_continuous(wall: np.ndarray, step: int) -> bool:
    weekday = (wall // _DAY + 3) % 7  # 1970-01-01 was a Thursday
    if 10 * min(np.count_nonzero(weekday == 5), np.count_nonzero(weekday == 6)) <= wall.size:
        return False
    slot = min(max(step, _HOUR), _DAY)
    return bool(np.count_nonzero(np.bincount(wall % _DAY // slot)) >= _DAY // slot)


def _recurs(clock: np.ndarray, same_day: np.ndarray, days: int) -> np.ndarray:
    # Days of the calendar, of which five in seven are taken for trading days.
    times, counts = np.unique(clock[same_day], return_counts=True)
    frequent = times[counts >= max(2.0, _RECURS * 5 / 7 * days)]
    return np.isin(clock, frequent)
