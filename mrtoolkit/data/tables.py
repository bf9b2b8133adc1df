"""From a table with somebody's column names to bars: one way for files and for frames in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.data.assemble import build_bars
from mrtoolkit.data.checks import Axes, check_count, check_time
from mrtoolkit.data.columns import (
    ASSET_NAMES,
    TIME_NAMES,
    ChosenColumns,
    choose_columns,
    find_column,
    plain_name,
)
from mrtoolkit.data.pivot import pivot
from mrtoolkit.data.stamps import UTC, as_nanoseconds, check_zone, from_epoch, to_utc
from mrtoolkit.data.time_texts import parse_time_texts
from mrtoolkit.errors import BarsError

_CLOCK = re.compile(r"\s*(\d{1,2}:\d\d[:.\d]*|\d{4}|\d{6})\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a user may say about a table; see `read_bars`."""

    columns: Mapping[str, str] | None = None
    time: str | None = None
    tz: str | tzinfo | None = None
    stamp: str = "open"
    asset: str | None = None
    missing: str = "raise"


def bars_from_table(table: pd.DataFrame, options: ReadOptions, attrs: Mapping[str, Any]) -> xr.Dataset:
    """Return bars for a table with one level of columns; the time is a column or the index.

    Raises
    ------
    BarsError
        Whatever is wrong with it; see `read_bars`.
    """
    check_count(len(table))
    table = _with_index_as_column(table, options.time)
    names = [str(name) for name in table.columns]
    places = _time_places(table, names, options.time)
    time, zone = _times(table, places, names, options.tz)
    taken = list(places)
    asset_place = None
    if options.asset is not None:
        asset_place = find_column(options.asset, names, "asset=")
        taken.append(asset_place)
    chosen = choose_columns(
        names,
        options.columns,
        taken=taken,
        has_values=[_has_values(table.iloc[:, place]) for place in range(len(names))],
        numeric=[_is_numeric(table.iloc[:, place]) for place in range(len(names))],
    )
    axes = Axes(time=time, zone=zone)
    values = column_values(table, chosen, axes)
    if "volume" not in (options.columns or {}) and "volume" in values and np.isnan(values["volume"]).all():
        # Exports of indices have the column and nothing in it: that is no volume, not a missing one.
        del values["volume"]
    about = {**about_columns(chosen), **attrs}
    assets: list[str] | None = None
    if asset_place is not None:
        time, assets, values = pivot(time, table.iloc[:, asset_place], values, zone=zone)
    else:
        _check_one_asset(table, names, time, zone)
    return build_bars(time, values, assets=assets, zone=zone, stamp=options.stamp, missing=options.missing, attrs=about)


def bars_from_asset_tables(
    tables: Mapping[str, pd.DataFrame], options: ReadOptions, attrs: Mapping[str, Any]
) -> xr.Dataset:
    """Return bars over (time, asset) for tables that share their index; one table gives bars over (time,)."""
    assets = list(tables)
    made = []
    for name, table in tables.items():
        whole = replace(options, missing="allow")
        try:
            made.append(bars_from_table(table, whole if len(assets) > 1 else options, attrs))
        except BarsError as error:
            raise BarsError(f"{name}: {error}") from None
    if len(made) == 1:
        return made[0].assign_attrs(name=assets[0])
    names = [str(n) for n in made[0].data_vars if all(n in one.data_vars for one in made)]
    columns = {name: np.stack([one[name].values for one in made]) for name in names}
    kept = {k: v for k, v in made[0].attrs.items() if k not in {"timeframe", "timezone", "missing"}} | {
        "stamp": options.stamp
    }
    time = made[0]["time"].values
    return build_bars(time, columns, assets=assets, zone=made[0].attrs["timezone"], missing=options.missing, attrs=kept)


def column_values(table: pd.DataFrame, chosen: ChosenColumns, axes: Axes) -> dict[str, np.ndarray]:
    """Return the chosen columns as (1, row) float64, adjusted where there is an adjusted close."""
    values = {
        name: _numbers(table.iloc[:, place], chosen.names[name], axes) for name, place in chosen.positions.items()
    }
    if chosen.adjusted_by is not None:
        traded = _numbers(table.iloc[:, chosen.adjusted_by], str(table.columns[chosen.adjusted_by]), axes)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = values["close"] / traded
        for name in ("open", "high", "low"):
            same = chosen.positions[name] == chosen.positions["close"]
            values[name] = values[name] if same else values[name] * factor
    return values


def about_columns(chosen: ChosenColumns) -> dict[str, str]:
    """Return what the attributes say about where the columns came from."""
    about = {"price_column": chosen.names["close"]}
    if "volume" in chosen.names:
        about["volume_column"] = chosen.names["volume"]
    if chosen.adjusted_by is not None:
        about["adjustment"] = f"open, high and low times {chosen.names['close']} / the traded close; volume as it was"
    return about


def _with_index_as_column(table: pd.DataFrame, time: str | None) -> pd.DataFrame:
    index = table.index
    if isinstance(index, pd.RangeIndex):
        return table
    if isinstance(index, pd.MultiIndex):
        return table.reset_index()
    name = str(index.name) if index.name is not None else "time"
    wanted = time is not None and plain_name(time) == plain_name(name)
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    row_numbers = pd.api.types.is_numeric_dtype(index.dtype)
    unnamed = (
        index.name is None and not row_numbers and not any(plain_name(column) in TIME_NAMES for column in table.columns)
    )
    if wanted or (
        time is None
        and (isinstance(index, pd.DatetimeIndex) or (plain_name(name) in TIME_NAMES and (index.name or unnamed)))
    ):
        held = table.set_axis(pd.RangeIndex(len(table)), axis=0)
        if name in held.columns:
            held = held.drop(columns=name)
        held.insert(0, name, pd.Series(index))
        return held
    return table


def _time_places(table: pd.DataFrame, names: Sequence[str], time: str | None) -> list[int]:
    plain = [plain_name(name) for name in names]
    if time is not None:
        return [find_column(time, names, "time=")]
    if "date" in plain and "time" in plain:
        clock = table.iloc[:, plain.index("time")].dropna()
        if len(clock) and not _is_numeric(clock) and _CLOCK.match(str(clock.iloc[0])):
            return [plain.index("date"), plain.index("time")]
    if (
        names
        and isinstance(table.iloc[:, 0].dtype, pd.DatetimeTZDtype | np.dtype)
        and table.iloc[:, 0].dtype.kind == "M"
    ):
        return [0]
    for name in TIME_NAMES:
        if name in plain:
            return [plain.index(name)]
    raise BarsError(f"there is no column of times among {', '.join(map(repr, names[:12]))}; name it with time='...'.")


def _times(
    table: pd.DataFrame, places: Sequence[int], names: Sequence[str], tz: str | tzinfo | None
) -> tuple[np.ndarray, str]:
    column = table.iloc[:, places[0]]
    if len(places) == 2:
        clock = table.iloc[:, places[1]]
        joined = _date_texts(column).str.strip() + " " + clock.astype("string").str.strip()
        column = parse_time_texts(joined, f"{names[places[0]]} {names[places[1]]}")
    elif not _is_numeric(column) and not pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = parse_time_texts(column, names[places[0]])
    zone = check_zone(tz)
    if _is_numeric(column):
        return from_epoch(column.to_numpy(dtype=np.float64 if column.isna().any() else None)), zone
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        if tz is None:
            zone = check_zone(column.dtype.tz)
        naive = column.dt.tz_convert(UTC).dt.tz_localize(None)
        return as_nanoseconds(naive.to_numpy()), zone
    return to_utc(pd.DatetimeIndex(column), zone), zone


def _date_texts(column: pd.Series) -> pd.Series:
    is_date = pd.api.types.is_datetime64_any_dtype(column.dtype)
    texts: pd.Series = (column.dt.strftime("%Y-%m-%d") if is_date else column).astype("string")
    return texts


def _is_numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype))


def _has_values(column: pd.Series) -> bool:
    return _is_numeric(column) and bool((column.fillna(0) != 0).any())


def _numbers(column: pd.Series, name: str, axes: Axes) -> np.ndarray:
    if _is_numeric(column):
        # A copy: what pandas gives may be a read-only view of the caller's frame.
        return np.array(column.to_numpy(dtype=np.float64, na_value=np.nan)).reshape(1, -1)
    numbers = pd.to_numeric(column.astype(object), errors="coerce")
    texts = column.astype("string").str.strip()
    bad = np.asarray(numbers.isna() & column.notna() & (texts != "").fillna(value=False))
    if bad.any() or pd.api.types.is_bool_dtype(column.dtype):
        first = str(column[bad].iloc[0]) if bad.any() else str(column.iloc[0])
        cure = "repair the source, or name another column with columns="
        if first[:1].isdigit() or first[1:2].isdigit():
            cure = "write numbers with a decimal point and no other sign (decimal commas: separate by semicolons)"
        mask = bad.reshape(1, -1) if bad.any() else np.ones((1, len(column)), dtype=bool)
        check_stamps = not np.isnat(axes.time[int(mask.argmax())])
        where = axes.found(mask) if check_stamps else f"at {int(bad.sum()):,} of {len(bad):,} rows"
        raise BarsError(f"'{name}' holds text {where}: {first!r}; {cure}.")
    return np.asarray(numbers, dtype=np.float64).reshape(1, -1)


def _check_one_asset(table: pd.DataFrame, names: Sequence[str], time: np.ndarray, zone: str) -> None:
    """Refuse several assets below each other, with a better word than "duplicated time stamps"."""
    for place, name in enumerate(names):
        if plain_name(name) in ASSET_NAMES:
            count = table.iloc[:, place].nunique()
            if count > 1:
                raise BarsError(
                    f"the column {name!r} holds {count:,} assets below each other; read them with asset={name!r}."
                )
    check_time(time, zone)
