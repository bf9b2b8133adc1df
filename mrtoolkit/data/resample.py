"""Bars of a slower timeframe, each named by the time at which it opens."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.data.assemble import build_bars
from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.inputs import input_values
from mrtoolkit.data.stamps import UTC, wall_clock
from mrtoolkit.data.timeframe import IRREGULAR, Timeframe, parse_timeframe
from mrtoolkit.errors import BarsError, check_choice

_DAY = 86_400_000_000_000


def resample(bars: xr.Dataset, timeframe: str, *, partial: str = "drop") -> xr.Dataset:
    """Return bars of a slower timeframe: first open, highest high, lowest low, last close, sum of volume.

    Parameters
    ----------
    bars : xr.Dataset
        Over (time,) or (time, asset), of a faster timeframe.
    timeframe : str
        "4h", "1D", "1W", "1MS" and so on. Hours and minutes are counted from midnight, days from midnight, weeks from
        Monday and months from the first, each on the clock of the bars' own time zone.
    partial : {"drop", "keep"}
        What to do with a last bar that is not complete yet. It is complete when the next bar of `bars` would belong
        to the one after, or when it reaches as late in its period as any earlier one did.

    Returns
    -------
    xr.Dataset
        `time` is the opening time of each period, so that a slow bar's values are known only one timeframe after its
        label: to use them beside faster bars, take the bar before. Further inputs take their last value. A first bar
        whose beginning lies before the history is kept. The arrays are read-only.

    Raises
    ------
    BarsError
        If the timeframe is not slower than the bars', or not made of whole bars.

    Examples
    --------
    >>> from mrtoolkit.data.samples import sample
    >>> resample(sample("AAPL"), "1W").attrs["timeframe"]
    '1W'
    """
    check_choice("partial", partial, ("drop", "keep"), BarsError)
    checked = as_bars(bars)
    target = parse_timeframe(timeframe)
    step = _check_slower(checked.attrs["timeframe"], target)
    zone = checked.attrs["timezone"]
    time = np.asarray(checked["time"].values, dtype="datetime64[ns]")
    opens = period_opens(time, zone, target)
    starts = np.flatnonzero(np.concatenate(([True], opens[1:] != opens[:-1])))
    if partial == "drop" and not _is_complete(time, opens, starts, zone, target=target, step=step):
        end = int(starts[-1])
        time, opens, starts = time[:end], opens[:end], starts[:-1]
    if starts.size < 2:
        raise BarsError(
            f"{time.size:,} bars of {checked.attrs['timeframe']} make {starts.size} of {timeframe}, and at least 2 "
            "are needed; take a longer history."
        )
    columns = {
        str(name): _aggregate(str(name), input_values(checked, str(name))[:, : time.size], starts)
        for name in checked.data_vars
    }
    _widen(columns)
    assets = [str(label) for label in checked["asset"].values] if "asset" in checked.dims else None
    about = {key: value for key, value in checked.attrs.items() if key not in {"timeframe", "timezone", "missing"}}
    # Whether holes are allowed was settled for the bars that came in, and slower bars have no more of them.
    made = build_bars(opens[starts], columns, assets=assets, zone=zone, missing="allow", attrs=about)
    made.attrs["timeframe"] = str(target)
    if "missing" not in checked.attrs:
        del made.attrs["missing"]
    return made


def _check_slower(text: str, target: Timeframe) -> int:
    """Return the length of the faster bars in nanoseconds, 0 if they have none."""
    if text == IRREGULAR:
        return 0
    source = parse_timeframe(text)
    whole = (
        target.months % source.months == 0
        if source.months
        else target.months > 0 or target.nanoseconds % source.nanoseconds == 0
    )
    if (source.months and not target.months) or not whole or target.nanoseconds < source.nanoseconds:
        raise BarsError(
            f"bars of {text} cannot be made into bars of {target}; a slower timeframe that is a whole number of "
            f"{text} is needed."
        )
    return source.nanoseconds


def period_opens(time: np.ndarray, zone: str, target: Timeframe) -> np.ndarray:
    """Return for each bar the opening time (UTC) of its period, (time,) datetime64[ns]."""
    wall = wall_clock(time, zone)
    if target.is_intraday and _DAY % target.nanoseconds == 0:
        # Counted in time that passed since midnight, so that the day on which clocks change has no bar twice.
        midnight = to_utc_first(wall // _DAY * _DAY, zone)
        passed = time.view(np.int64) - midnight
        opens: np.ndarray = midnight + passed // target.nanoseconds * target.nanoseconds
        return opens.view("datetime64[ns]")
    if target.is_intraday:
        raise BarsError(
            f"a day is not a whole number of {target}; take one of 1, 2, 3, 4, 6, 8 or 12 hours, or minutes that "
            "divide them."
        )
    return to_utc_first(_wall_opens(wall, target), zone).view("datetime64[ns]")


def _wall_opens(wall: np.ndarray, target: Timeframe) -> np.ndarray:
    if target.months:
        months = wall.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64) // target.months * target.months
        return months.view("datetime64[M]").astype("datetime64[ns]").view(np.int64)
    days = wall // _DAY
    # 1970-01-05 was a Monday
    first = 4 if target.unit == "W" else 0
    length = target.nanoseconds // _DAY
    return ((days - first) // length * length + first) * _DAY


def to_utc_first(wall: np.ndarray, zone: str) -> np.ndarray:
    """Return UTC nanoseconds of wall-clock midnights: the first of two, the next moment for one that is skipped."""
    if zone == UTC:
        return wall
    unique, places = np.unique(wall, return_inverse=True)
    local = pd.DatetimeIndex(unique.view("datetime64[ns]"))
    instants = local.tz_localize(zone, ambiguous=np.ones(unique.size, dtype=bool), nonexistent="shift_forward")
    moments = np.asarray(instants.tz_convert(UTC).tz_localize(None).to_numpy(), dtype="datetime64[ns]")
    return moments.view(np.int64)[places]


def _is_complete(
    time: np.ndarray, opens: np.ndarray, starts: np.ndarray, zone: str, *, target: Timeframe, step: int
) -> bool:
    """Return whether the last period is over: the next bar opens another period, or none ever came later."""
    wall = wall_clock(time, zone)
    traded = np.unique((wall // _DAY + 3) % 7) if step <= _DAY else np.arange(7)
    expected = wall[-1:] + step
    while int(expected[0] // _DAY + 3) % 7 not in traded:
        expected = expected + _DAY
    next_open = period_opens(to_utc_first(expected, zone).view("datetime64[ns]"), zone, target)[0]
    if step and next_open != opens[-1]:
        return True
    if target.nanoseconds > 7 * _DAY or starts.size < 4:
        return False
    # On the wall clock, so that a week in which clocks change counts as any other.
    reached = wall[starts[1:] - 1] - wall_clock(opens[starts[:-1]], zone)
    return bool(wall[-1] - wall_clock(opens[-1:], zone)[0] >= reached.max())


def _aggregate(name: str, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if name == "high":
        return np.asarray(np.fmax.reduceat(values, starts, axis=1))
    if name == "low":
        return np.asarray(np.fmin.reduceat(values, starts, axis=1))
    present = ~np.isnan(values)
    if name == "volume":
        total = np.add.reduceat(np.where(present, values, 0.0), starts, axis=1)
        return np.where(np.logical_or.reduceat(present, starts, axis=1), total, np.nan)
    return _edge(values, present, starts, first=name == "open")


def _widen(columns: dict[str, np.ndarray]) -> None:
    """Let high and low hold open and close, which may be of bars whose own high or low is missing."""
    for name, extreme in (("high", np.fmax), ("low", np.fmin)):
        if name in columns and "open" in columns and "close" in columns:
            reached = extreme(columns[name], extreme(columns["open"], columns["close"]))
            columns[name] = np.where(np.isnan(columns[name]), np.nan, reached)


def _edge(values: np.ndarray, present: np.ndarray, starts: np.ndarray, *, first: bool) -> np.ndarray:
    """Return each period's first (or last) value that is not NaN."""
    length = values.shape[1]
    places = np.arange(length)
    if first:
        edge = np.minimum.reduceat(np.where(present, places, length), starts, axis=1)
    else:
        edge = np.maximum.reduceat(np.where(present, places, -1), starts, axis=1)
    found = (edge >= 0) & (edge < length)
    taken = np.take_along_axis(values, np.where(found, edge, 0), axis=1)
    return np.where(found, taken, np.nan)
