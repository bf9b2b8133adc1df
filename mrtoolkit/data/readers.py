"""Bars from files: CSV, Parquet and Zarr."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.data.assemble import MISSING, STAMPS
from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.checks import check_time
from mrtoolkit.data.columns import checked_choice, find_column
from mrtoolkit.data.delimited import read_delimited
from mrtoolkit.data.frozen import freeze
from mrtoolkit.data.pandas_frames import bars_from_frame
from mrtoolkit.data.stamps import check_zone, opening_times, to_utc, wall_clock
from mrtoolkit.data.tables import ReadOptions
from mrtoolkit.data.timeframe import infer_timeframe
from mrtoolkit.errors import BarsError, check_choice, nearest

_TEXT = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_PACKED = (".gz", ".zip")


def read_bars(
    path: str | PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    tz: str | tzinfo | None = None,
    stamp: str = "open",
    asset: str | None = None,
    missing: str = "raise",
) -> xr.Dataset:
    """Return the bars of a file: CSV (also .tsv, .txt, .gz, .zip), Parquet (.parquet, .pq) or a Zarr folder.

    Parameters
    ----------
    path : str or path
        The file. Yahoo's, Binance's, MetaTrader's and TradingView's exports are read as they come.
    columns : mapping, optional
        The bars' name to the file's: ``{"close": "Close"}``. Default: found by name, in any case. An adjusted close
        (`Adj Close`) is taken before a traded one, and open, high and low are then scaled by their ratio;
        ``attrs["price_column"]`` says which was taken. Other columns of numbers come along as further inputs, named
        in lower case with underscores.
    time : str, optional
        The column of times. Default: found by name; a date beside a clock is put together. Numbers count from 1970 in
        s, ms, us or ns.
    tz : str, optional
        The zone of times that name none, or the zone in which to see those that do. Default: that of the file, else
        UTC.
    stamp : {"open", "close"}
        Whether a time is when its bar opened or closed; with "close" each is moved back by one timeframe.
    asset : str, optional
        The column that names each row's asset, where several are below each other; gives bars over (time, asset).
    missing : {"raise", "allow"}
        What to do about NaN in the middle of prices and about missing bars.

    Returns
    -------
    xr.Dataset
        Bars over (time,) or (time, asset), as `as_bars` describes them; their arrays are read-only
        (`bars.copy(deep=True)` can be written into).

    Raises
    ------
    BarsError
        A missing or unknown kind of file, a column that is not there, or what `as_bars` refuses.
    """
    check_choice("missing", missing, MISSING, BarsError)
    check_choice("stamp", stamp, STAMPS, BarsError)
    options = ReadOptions(columns=columns, time=time, tz=tz, stamp=stamp, asset=asset, missing=missing)
    if not isinstance(path, str | PathLike):
        raise BarsError(
            f"read_bars got {'None' if path is None else f'a {type(path).__name__}'} as its path; give the path of a "
            "file, such as 'prices.csv' (tables in memory are taken by mrt.data.from_pandas)."
        )
    file = Path(path)
    kind = _kind(file)
    attrs = {"source": file.name}
    try:
        if kind == "zarr":
            return _read_zarr(file, options)
        return bars_from_frame(_read_table(file, kind), options, attrs=attrs)
    except BarsError as error:
        raise BarsError(f"{file.name}: {error}") from None


def _kind(file: Path) -> str:
    if not file.exists():
        folder = file.parent
        near = (
            nearest(file.name, [entry.name for entry in folder.iterdir()])
            if folder.is_dir()
            else f", nor a folder '{folder}'"
        )
        raise BarsError(f"there is no file '{file}'{near}; check the path (relative paths start at '{Path.cwd()}').")
    if file.is_dir():
        if (file / "zarr.json").exists() or (file / ".zgroup").exists():
            return "zarr"
        raise BarsError(
            f"'{file}' is a folder and not a Zarr group of bars (it has no zarr.json); name a file, or a folder that "
            "bars.to_zarr wrote."
        )
    suffixes = [suffix.lower() for suffix in file.suffixes]
    last = suffixes[-1] if suffixes else ""
    inner = suffixes[-2] if last in _PACKED and len(suffixes) > 1 else last
    if inner in _TEXT or (last == ".zip" and inner not in {".zarr", *_PARQUET}):
        return "text"
    if last in _PARQUET:
        return "parquet"
    known = ", ".join((*_TEXT, *_PARQUET, ".zarr"))
    raise BarsError(
        f"'{file.name}' ends in {last or 'no suffix'!r}, and files of {known} are "
        f"read{nearest(last, (*_TEXT, *_PARQUET))}; "
        "rename it, or read it with pandas and use from_pandas."
    )


def _read_table(file: Path, kind: str) -> pd.DataFrame:
    import pyarrow as pa

    try:
        if kind == "text":
            return read_delimited(file)
        import pyarrow.parquet as parquet

        return parquet.read_table(file).to_pandas()  # type: ignore[no-any-return]
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise BarsError(
            f"the file cannot be read as {kind}: {reason}; check that it is whole and ends in its kind's suffix."
        ) from None


def _read_zarr(folder: Path, options: ReadOptions) -> xr.Dataset:
    if options.asset is not None:
        raise BarsError(
            "asset= names a column of rows, and a Zarr group of bars has the dimension 'asset'; leave it out."
        )
    try:
        # Without chunks nothing of dask is needed, and bars are loaded whole anyway.
        stored = xr.open_zarr(folder, chunks=None, consolidated=False).load()
    except (ValueError, KeyError, OSError, TypeError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise BarsError(f"the Zarr group cannot be read: {reason}; write bars with bars.to_zarr(folder).") from None
    names = [str(name) for name in stored.variables]
    chosen = {find_column(source, names, "columns="): name for name, source in checked_choice(options.columns).items()}
    if options.time is not None:
        chosen[find_column(options.time, names, "time=")] = "time"
    renamed = stored.rename({names[place]: name for place, name in chosen.items() if names[place] != name})
    zone = check_zone(options.tz if options.tz is not None else stored.attrs.get("timezone"))
    if "time" in renamed.coords and renamed["time"].dtype.kind == "M":
        time = np.asarray(renamed["time"].values, dtype="datetime64[ns]")
        if "timezone" not in stored.attrs:
            time = to_utc(pd.DatetimeIndex(time), zone)
        if options.stamp == "close":
            check_time(time, zone)
            time = opening_times(time, zone, infer_timeframe(time, wall_clock(time, zone)))
        renamed = renamed.assign_coords(time=time)
    about = {"source": folder.name, "price_column": "close", **stored.attrs, "timezone": zone, "stamp": options.stamp}
    return freeze(as_bars(renamed.assign_attrs(about), missing=None if options.missing == "raise" else options.missing))
