"""What prices must satisfy before anything is computed; each fault is one error with a count and a first time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mrtoolkit.data.gaps import find_gaps
from mrtoolkit.data.stamps import stamp_text, wall_clock
from mrtoolkit.errors import BarsError

PRICES = ("open", "high", "low", "close")
# Vendors round each column by itself, so an open may stand a hair above its high; that much is put right, more is
# refused.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """Where values stand: the labels that an error names.

    Attributes
    ----------
    time : (time,) datetime64[ns]
        Opening times in UTC.
    zone : str
        The time zone in which a time is shown.
    assets : sequence of str, or None
        Labels of the asset axis; None for bars without one.
    """

    time: np.ndarray
    zone: str
    assets: Sequence[str] | None = None

    def at(self, position: int) -> str:
        """Return the time of one bar as text, in the bars' own zone."""
        return stamp_text(wall_clock(self.time[position : position + 1], self.zone).view("datetime64[ns]")[0])

    def found(self, bad: np.ndarray) -> str:
        """Return "at 3 of 50,000 bars, first 2021-03-04 09:31" for a mask, (asset, time)."""
        asset, position = np.argwhere(bad)[np.argwhere(bad)[:, 1].argmin()]
        name = f" ({self.assets[asset]})" if self.assets is not None else ""
        return f"at {int(np.count_nonzero(bad)):,} of {bad.size:,} bars, first {self.at(int(position))}{name}"


def check_count(n_bars: int) -> None:
    """Refuse histories of no bar and of one bar."""
    if n_bars < 2:
        have = "no bars" if n_bars == 0 else "one bar"
        raise BarsError(
            f"there {'are' if n_bars == 0 else 'is'} {have}, and at least 2 are needed; read a longer history."
        )


def check_time(time: np.ndarray, zone: str) -> None:
    """Refuse time stamps that are missing, twice there, or out of order.

    Parameters
    ----------
    time : (time,) datetime64[ns]
        Opening times in UTC.
    """
    check_count(time.size)
    axes = Axes(time=time, zone=zone)
    absent = np.isnat(time)
    if absent.any():
        position = int(absent.argmax())
        after = f" after {axes.at(position - 1)}" if position else ""
        raise BarsError(
            f"the time stamp is missing at {int(absent.sum()):,} of {time.size:,} bars, first at row "
            f"{position + 1:,}{after}; "
            "repair the source or drop these rows."
        )
    steps = np.diff(time.view(np.int64))
    if steps.min() > 0:
        return
    if (steps < 0).any():
        position = int((steps < 0).argmax()) + 1
        raise BarsError(
            f"time stamps are not in order: {int((steps < 0).sum()):,} of {time.size:,} bars come before the bar "
            "above them, "
            f"first {axes.at(position)} (row {position + 1:,}, after {axes.at(position - 1)}); "
            "sort the rows by time (frame.sort_values in pandas, bars.sortby('time') in xarray)."
        )
    position = int((steps == 0).argmax())
    raise BarsError(
        f"time stamps are duplicated at {int((steps == 0).sum()):,} of {time.size:,} bars, first {axes.at(position)}; "
        "keep one bar a time (frame.drop_duplicates or bars.drop_duplicates('time')), or name the column of assets "
        "with asset=."
    )


def check_gaps(axes: Axes, timeframe: str) -> None:
    """Refuse holes in time that no night, weekend or holiday explains."""
    gaps = find_gaps(axes.time, wall_clock(axes.time, axes.zone), timeframe)
    if gaps.size:
        first = int(gaps[0])
        raise BarsError(
            f"bars are missing at {gaps.size:,} {'place' if gaps.size == 1 else 'places'} among {axes.time.size:,} "
            "bars of "
            f"{timeframe}, first between {axes.at(first)} and {axes.at(first + 1)}; "
            "fill the gaps at the source, or allow them with missing='allow'."
        )


def check_prices(columns: Mapping[str, np.ndarray], axes: Axes, *, missing: str) -> dict[str, np.ndarray]:
    """Return the columns with rounding differences put right, or refuse them.

    Parameters
    ----------
    columns : mapping of name to (asset, time) float64
        open, high, low and close, and volume if there is any; further inputs must not be infinite, NaN in them is "no
        value".
    missing : {"raise", "allow"}
        What to do about NaN inside an asset's history. Before its first and after its last price an asset is not
        listed, which is no fault where there are several assets.

    Raises
    ------
    BarsError
        Naming the column, the count and the first bar of the first fault.
    """
    checked = dict(columns)
    for name in columns:
        if name in PRICES:
            _check_price(name, columns[name], axes)
        else:
            _check_further(name, columns[name], axes)
    _check_missing(checked, axes, missing)
    high, low = checked["high"], checked["low"]
    _refuse(high < low, "'high' is below 'low'", "frame['high'] >= frame['low']", axes)
    for name in ("open", "close"):
        price = checked[name]
        if (price > high).any():
            good = f"frame['{name}'] <= frame['high']"
            _refuse(price > high * (1 + ROUNDING), f"'{name}' is above 'high'", good, axes)
            high = checked["high"] = np.fmax(high, price)
        if (price < low).any():
            good = f"frame['{name}'] >= frame['low']"
            _refuse(price < low * (1 - ROUNDING), f"'{name}' is below 'low'", good, axes)
            low = checked["low"] = np.fmin(low, price)
    return checked


def _refuse(bad: np.ndarray, what: str, good: str, axes: Axes) -> None:
    """Raise where any bar is bad; `good` is the condition, in pandas, of the rows to keep."""
    if bad.any():
        raise BarsError(
            f"{what} {axes.found(bad)}; repair the source, or keep the other rows alone: read the table by pandas "
            f"as `frame` and give frame[{good}]."
        )


def _check_price(name: str, values: np.ndarray, axes: Axes) -> None:
    if values.min() > 0 and values.max() < np.inf:
        return
    _refuse(values < 0, f"'{name}' is negative", f"frame['{name}'] > 0", axes)
    _refuse(values == 0, f"'{name}' is zero", f"frame['{name}'] > 0", axes)
    _refuse(np.isinf(values), f"'{name}' is infinite", f"frame['{name}'].abs() < float('inf')", axes)


def _check_further(name: str, values: np.ndarray, axes: Axes) -> None:
    _refuse(np.isinf(values), f"'{name}' is infinite", f"frame['{name}'].abs() != float('inf')", axes)
    if name == "volume":
        _refuse(values < 0, "'volume' is negative", "~(frame['volume'] < 0)", axes)


def _check_missing(columns: Mapping[str, np.ndarray], axes: Axes, missing: str) -> None:
    needed = [name for name in (*PRICES, "volume") if name in columns]
    absent = {name: np.isnan(columns[name]) for name in needed}
    absent = {name: mask for name, mask in absent.items() if mask.any()}
    if not absent:
        return
    prices = [mask for name, mask in absent.items() if name in PRICES]
    whole = np.logical_and.reduce(prices) if len(prices) == len(PRICES) else np.zeros_like(columns["close"], dtype=bool)
    listed = ~whole
    if not listed.any(axis=1).all():
        empty = int((~listed.any(axis=1)).argmax())
        name = f" of {axes.assets[empty]!r}" if axes.assets is not None else ""
        raise BarsError(f"every price{name} is missing (NaN); drop the asset, or name the right columns with columns=.")
    if missing == "allow":
        return
    inside = _between_first_and_last(listed) if axes.assets is not None else np.ones_like(listed)
    for name, mask in absent.items():
        bad = mask & inside
        if bad.any():
            raise BarsError(
                f"'{name}' is missing (NaN) {axes.found(bad)}; repair the source, drop these rows "
                f"(frame.dropna(subset=['{name}']) in pandas), or allow them with missing='allow'."
            )


def _between_first_and_last(listed: np.ndarray) -> np.ndarray:
    begun = np.logical_or.accumulate(listed, axis=1)
    goes_on = np.logical_or.accumulate(listed[:, ::-1], axis=1)[:, ::-1]
    return begun & goes_on
