"""Which bar of a longer timeframe is known at each bar: the last one whose time is over at its close."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.data.resample import period_opens, resample, to_utc_first
from mrtoolkit.data.stamps import wall_clock
from mrtoolkit.data.timeframe import IRREGULAR, Timeframe, parse_timeframe
from mrtoolkit.errors import BarsError

_MONTHS = "datetime64[M]"


@dataclass(frozen=True, slots=True, kw_only=True)
class LongerBars:
    """Bars of a longer timeframe, and where their values are known.

    Attributes
    ----------
    bars : xr.Dataset
        The longer bars, complete ones alone.
    last : (time,) int64
        At each of the shorter bars' closes: the last longer bar that is complete, -1 before there is one. It never
        falls.
    """

    bars: xr.Dataset
    last: np.ndarray

    def first_bar(self, longer_bar: int) -> int:
        """The first of the shorter bars at which this longer bar is known, or a later one; their number for none."""
        return int(np.searchsorted(self.last, longer_bar))

    def aligned(self, values: np.ndarray) -> np.ndarray:
        """Return values of the longer bars, (asset, longer bar), at the shorter ones, (asset, time), NaN before any."""
        begin = self.first_bar(0)
        made = np.empty((values.shape[0], self.last.size), dtype=values.dtype)
        made[:, :begin] = np.nan
        for asset in range(len(values)):  # "clip" looks at no bounds, which are right
            np.take(values[asset], self.last[begin:], out=made[asset, begin:], mode="clip")
        return made


_known: dict[int, tuple[weakref.ref[xr.Dataset], str, dict[str, LongerBars]]] = {}
_lock = threading.Lock()


def is_own(bars: xr.Dataset, timeframe: str) -> bool:
    """Whether a timeframe is that of the bars themselves."""
    own = bars.attrs["timeframe"]
    if own == timeframe:
        return True
    return own != IRREGULAR and _length(parse_timeframe(own)) == _length(parse_timeframe(timeframe))


def is_longer(bars: xr.Dataset, timeframe: str) -> bool:
    """Whether a text is a timeframe that is longer than that of the bars."""
    try:
        length, own = parse_timeframe(timeframe), parse_timeframe(bars.attrs["timeframe"])
    except BarsError:  # irregular bars
        return False
    return length.nanoseconds > own.nanoseconds


def longer_bars(bars: xr.Dataset, timeframe: str) -> LongerBars:
    """Return the bars of a longer timeframe that checked bars make; made once for as long as somebody has the bars.

    A longer bar is known at the close of the first bar after which the clock is in the next one: of hourly bars at the
    close of 03:00 for the four hours from 00:00; of daily bars at Sunday's close for the week, or where there is no
    Sunday at Monday's. That depends on times so far alone, so that no bar to come changes what was known.

    Raises
    ------
    BarsError
        If the bars are irregular, the timeframe is not longer than theirs or not made of whole bars, or they make fewer
        than two longer ones.
    """
    data = fingerprint(bars)
    known = _known.get(id(bars))
    if known is None or known[0]() is not bars or known[1] != data:
        key = id(bars)
        known = weakref.ref(bars, lambda _: _known.pop(key, None)), data, {}
        _known[key] = known
    of_bars = known[2]
    if timeframe not in of_bars:
        with _lock:
            if timeframe not in of_bars:
                of_bars[timeframe] = _made(bars, timeframe)
    return of_bars[timeframe]


def longer_bars_made(bars: xr.Dataset) -> list[LongerBars]:
    """Return the longer bars that were made of these bars so far."""
    known = _known.get(id(bars))
    return list(known[2].values()) if known is not None and known[0]() is bars else []


def _made(bars: xr.Dataset, timeframe: str) -> LongerBars:
    if bars.attrs["timeframe"] == IRREGULAR:
        raise BarsError(
            f"the bars are irregular, so nobody knows when one of them closes and which bar of {timeframe} is complete "
            "then; resample them first, as in mrt.data.resample(bars, '1h')."
        )
    target = parse_timeframe(timeframe)
    longer = resample(bars, timeframe)
    zone = bars.attrs["timezone"]
    time = np.asarray(bars["time"].values, dtype="datetime64[ns]")
    opens = period_opens(time, zone, target)
    is_next = np.concatenate(([False], opens[1:] != opens[:-1]))
    period = np.cumsum(is_next)
    after = period_opens(_closes(time, zone, parse_timeframe(bars.attrs["timeframe"])), zone, target)
    # A bar that another one of the same period follows is not its last, whatever the clock says.
    is_over = (after != opens) & np.concatenate((is_next[1:], [True]))
    last = np.minimum(period - 1 + is_over, longer.sizes["time"] - 1)
    last.flags.writeable = False
    return LongerBars(bars=longer, last=last)


def _closes(time: np.ndarray, zone: str, step: Timeframe) -> np.ndarray:
    """Return when each bar closes, (time,) datetime64[ns]: days and longer are counted on the bars' own clock."""
    if step.is_intraday:
        return time + np.timedelta64(step.nanoseconds, "ns")
    wall = wall_clock(time, zone)
    if step.months:
        moments = wall.view("datetime64[ns]")
        months = moments.astype(_MONTHS)
        into = moments - months.astype("datetime64[ns]")
        wall = ((months + step.months).astype("datetime64[ns]") + into).view(np.int64)
    else:
        wall = wall + step.nanoseconds
    return to_utc_first(wall, zone).view("datetime64[ns]")


def _length(timeframe: Timeframe) -> tuple[int, int]:
    return timeframe.months, timeframe.nanoseconds
