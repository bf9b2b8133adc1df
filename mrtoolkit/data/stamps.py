"""Time stamps: from what files hold to UTC instants, and from UTC instants to a clock on the wall."""

from __future__ import annotations

import zoneinfo
from datetime import tzinfo

import numpy as np
import pandas as pd

from mrtoolkit.data.timeframe import IRREGULAR, Timeframe, parse_timeframe
from mrtoolkit.errors import BarsError, nearest

UTC = "UTC"
# Under the first bound a number is seconds since 1970, then milliseconds, microseconds, nanoseconds.
_EPOCH_BOUNDS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
_EARLIEST_EPOCH = 10**8  # March 1973 in seconds: what is smaller are row numbers
_NAT = np.iinfo(np.int64).min


def check_zone(tz: str | tzinfo | None) -> str:
    """Return the name of a time zone that the system knows; None is UTC.

    Raises
    ------
    BarsError
        If there is no such zone.
    """
    if tz is None:
        return UTC
    name = str(tz)
    try:
        pd.Timestamp(0, tz=name)
    except (KeyError, ValueError, TypeError, zoneinfo.ZoneInfoNotFoundError, pd.errors.OutOfBoundsDatetime):
        hint = nearest(name, zoneinfo.available_timezones())
        raise BarsError(
            f"{name!r} is not a time zone{hint}; write a name such as 'America/New_York', 'Europe/Berlin' or 'UTC'."
        ) from None
    return UTC if name in {"Z", "Etc/UTC", "UTC+00:00", "GMT", "utc"} else name


def as_nanoseconds(time: np.ndarray) -> np.ndarray:
    """Return time stamps as datetime64[ns], or say that they lie outside of the years that nanoseconds can count.

    Raises
    ------
    BarsError
        For a time before 1678 or after 2261.
    """
    stamps = np.asarray(time)
    if stamps.dtype != np.dtype("datetime64[ns]"):
        years = stamps[~np.isnat(stamps)].astype("datetime64[Y]")
        outside = (years < np.datetime64("1678")) | (years > np.datetime64("2261"))
        if outside.any():
            raise BarsError(
                f"{int(outside.sum()):,} of {stamps.size:,} time stamps lie outside of the years 1678 to 2261, first "
                "in "
                f"{years[outside][0]}; repair the source, or name another column with time=."
            )
    return stamps.astype("datetime64[ns]", copy=False)


def wall_clock(time: np.ndarray, zone: str) -> np.ndarray:
    """Return int64 nanoseconds on the wall clock of `zone` for UTC instants, (time,) to (time,)."""
    instants = np.asarray(time, dtype="datetime64[ns]")
    if zone == UTC:
        return instants.view(np.int64)
    local = pd.DatetimeIndex(instants).tz_localize(UTC).tz_convert(zone).tz_localize(None)
    return np.asarray(local.to_numpy(), dtype="datetime64[ns]").view(np.int64)


def from_epoch(values: np.ndarray) -> np.ndarray:
    """Return datetime64[ns] for numbers that count from 1970, each by its own size in s, ms, us or ns.

    Numbers such as 20240131 are dates. A file may change its unit on the way (Binance did on 2025-01-01).
    """
    numbers = np.asarray(values)
    valid = np.isfinite(numbers) if numbers.dtype.kind == "f" else np.ones(numbers.shape, dtype=bool)
    whole = np.where(valid, numbers, 0)
    inside = whole[valid]
    if inside.size and inside.min() >= 19_000_101 and inside.max() <= 29_991_231:
        dates = pd.to_datetime(pd.Series(whole.astype(np.int64)).astype(str), format="%Y%m%d", errors="coerce")
        return np.where(valid, dates.to_numpy(dtype="datetime64[ns]"), np.datetime64("NaT"))
    size = np.abs(whole)
    if inside.size and size.max() < _EARLIEST_EPOCH:
        raise BarsError(
            f"the times are numbers up to {size.max():,}, and a time since 1970 is at least {_EARLIEST_EPOCH:,} "
            "seconds; "
            "name the column of times with time='...', or give time stamps."
        )
    factor = np.select([size < bound for bound, _ in _EPOCH_BOUNDS], [f for _, f in _EPOCH_BOUNDS], default=1)
    if whole.dtype.kind == "f":
        split = np.floor(whole)
        _check_epoch(split, factor)
        nanoseconds = split.astype(np.int64) * factor + np.round((whole - split) * factor).astype(np.int64)
    else:
        _check_epoch(whole, factor)
        nanoseconds = whole.astype(np.int64) * factor
    return np.where(valid, nanoseconds, _NAT).view("datetime64[ns]")


def _check_epoch(whole: np.ndarray, factor: np.ndarray) -> None:
    outside = np.abs(whole.astype(np.float64)) * factor >= 2**63
    if outside.any():
        raise BarsError(
            f"{int(outside.sum()):,} of {whole.size:,} time stamps lie after the year 2261, first "
            f"{whole[outside][0]:.0f}; "
            "repair the source, or name another column with time=."
        )


def to_utc(local: pd.DatetimeIndex, zone: str) -> np.ndarray:
    """Return datetime64[ns] UTC instants for naive wall-clock times in `zone`.

    Raises
    ------
    BarsError
        If a time does not exist there, or happens twice when clocks go back and the order does not tell which is meant.
    """
    if zone == UTC:
        return as_nanoseconds(local.to_numpy())
    known = np.asarray(local.notna())
    found = local.tz_localize(zone, ambiguous=np.ones(len(local), dtype=bool), nonexistent="NaT")
    absent: np.ndarray = np.asarray(found.isna()) & known
    if absent.any():
        raise BarsError(_clock_message(local, absent, zone, "do not exist, as clocks go forward over them"))
    try:
        instants = local.tz_localize(zone, ambiguous="infer")
    except ValueError:
        early = local.tz_localize(zone, ambiguous=np.ones(len(local), dtype=bool))
        late = local.tz_localize(zone, ambiguous=np.zeros(len(local), dtype=bool))
        twice = np.asarray(early != late) & known
        raise BarsError(
            _clock_message(
                local, twice, zone, "happen twice, as clocks go back, and their order does not say which is meant"
            )
        ) from None
    return as_nanoseconds(instants.tz_convert(UTC).tz_localize(None).to_numpy())


def _clock_message(local: pd.DatetimeIndex, bad: np.ndarray, zone: str, what: str) -> str:
    first = stamp_text(local[bad][0])
    return (
        f"{int(bad.sum()):,} of {len(local):,} time stamps {what} in {zone!r}, first {first}; "
        "give the zone that they were written in (tz='UTC' for many files), or write them with their UTC offset."
    )


def opening_times(time: np.ndarray, zone: str, timeframe: str) -> np.ndarray:
    """Return the opening times of bars stamped at their close: each earlier by one timeframe, (time,) to (time,).

    Days and longer are counted on the clock of `zone`; a month's close becomes the first of that month.

    Raises
    ------
    BarsError
        If the bars have no one timeframe.
    """
    if timeframe == IRREGULAR:
        raise BarsError(
            "stamp='close' needs bars of one timeframe to find their opening times, and these steps are irregular; "
            "shift the time stamps yourself and read with stamp='open'."
        )
    frame = parse_timeframe(timeframe)
    if frame.is_intraday:
        return np.asarray(time, dtype="datetime64[ns]") - np.timedelta64(frame.nanoseconds, "ns")
    wall = wall_clock(time, zone)
    return to_utc(pd.DatetimeIndex(_earlier(wall, frame).view("datetime64[ns]")), zone)


def _earlier(wall: np.ndarray, frame: Timeframe) -> np.ndarray:
    if not frame.months:
        return wall - frame.nanoseconds
    month = (wall - 1).view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    return (month // frame.months * frame.months).view("datetime64[M]").astype("datetime64[ns]").view(np.int64)


def stamp_text(stamp: np.datetime64 | pd.Timestamp) -> str:
    """Return a time as a person writes it: the date alone at midnight, seconds only where there are any."""
    moment = pd.Timestamp(stamp)
    if moment == moment.normalize():
        return moment.strftime("%Y-%m-%d")
    if moment.microsecond or moment.nanosecond:
        return moment.isoformat(sep=" ")
    return moment.strftime("%Y-%m-%d %H:%M:%S" if moment.second else "%Y-%m-%d %H:%M")
