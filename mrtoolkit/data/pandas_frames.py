"""Bars from what is in memory already: pandas, polars and Arrow tables, and lists of rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.data.assemble import MISSING, STAMPS
from mrtoolkit.data.columns import TIME_NAMES, plain_name
from mrtoolkit.data.tables import ReadOptions, bars_from_asset_tables, bars_from_table
from mrtoolkit.errors import BarsError, check_choice

ROW_NAMES = ("time", "open", "high", "low", "close", "volume")
_CLOSES = {"close", "adj_close"}


def from_pandas(
    frame: Any,
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    tz: str | tzinfo | None = None,
    stamp: str = "open",
    asset: str | None = None,
    missing: str = "raise",
) -> xr.Dataset:
    """Return bars for a table in memory, whoever made it.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame, pyarrow.Table, dict of columns, or rows
        Times in the index or in a column. Frames with two column levels, as yfinance's, have an asset each; one asset
        gives bars without the asset dimension. Rows are ccxt's: [time, open, high, low, close, volume], time in
        milliseconds.
    columns, time, tz, stamp, asset, missing
        As in `read_bars`.

    Returns
    -------
    xr.Dataset
        Bars over (time,), or (time, asset), with arrays of their own that are read-only.

    Raises
    ------
    BarsError
        Whatever is wrong with it: see `as_bars`.

    Examples
    --------
    >>> from_pandas([[1704067200000, 1, 2, 1, 2, 9], [1704070800000, 2, 3, 2, 3, 9]]).attrs["timeframe"]
    '1h'
    """
    options = ReadOptions(columns=columns, time=time, tz=tz, stamp=stamp, asset=asset, missing=missing)
    check_choice("missing", missing, MISSING, BarsError)
    check_choice("stamp", stamp, STAMPS, BarsError)
    return bars_from_frame(_as_frame(frame), options, attrs={"source": f"a {type(frame).__name__} in memory"})


def bars_from_frame(table: pd.DataFrame, options: ReadOptions, *, attrs: Mapping[str, Any]) -> xr.Dataset:
    """Return bars for a pandas frame with one or two levels of columns."""
    if table.columns.nlevels == 1:
        return bars_from_table(table, options, attrs)
    return bars_from_asset_tables(_split_levels(table), options, attrs)


def _as_frame(obj: Any) -> pd.DataFrame:
    if isinstance(obj, pd.DataFrame):
        return obj
    if isinstance(obj, xr.Dataset):
        raise BarsError("an xr.Dataset is not a frame; write as_bars(dataset).")
    if isinstance(obj, pd.Series):
        raise BarsError(
            f"a Series ({obj.name!r}) has one column, and bars need open, high, low and close; to take a bar for its "
            "close alone write "
            "from_pandas(series.to_frame('close'), columns={'open': 'close', 'high': 'close', 'low': 'close'})."
        )
    if hasattr(obj, "__arrow_c_stream__"):
        import pyarrow as pa  # polars, Arrow, DuckDB and others all speak this

        return pa.table(obj).to_pandas()  # type: ignore[no-any-return]
    if isinstance(obj, Mapping):
        return pd.DataFrame(dict(obj))
    if isinstance(obj, list | tuple | np.ndarray):
        return _from_rows(obj)
    raise BarsError(
        f"a {type(obj).__name__} is not a table that bars can be read from; give a pandas or polars DataFrame "
        "(collected), an Arrow table, "
        "a dict of columns, or rows of [time, open, high, low, close, volume]; files are read with read_bars."
    )


def _from_rows(rows: list[Any] | tuple[Any, ...] | np.ndarray) -> pd.DataFrame:
    if len(rows) == 0:
        return pd.DataFrame(columns=list(ROW_NAMES))
    widths = {len(row) if isinstance(row, list | tuple | np.ndarray) else 0 for row in rows}
    if not widths <= {5} and not widths <= {6}:
        raise BarsError(
            f"rows must have 5 or 6 values (time, open, high, low, close, volume), got {sorted(widths)}; "
            "name the columns with a DataFrame."
        )
    return pd.DataFrame(list(rows), columns=list(ROW_NAMES[: widths.pop()]))


def _split_levels(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if table.columns.nlevels != 2:
        raise BarsError(
            f"the frame has {table.columns.nlevels} levels of columns, and 1 or 2 are read; join some of them."
        )
    labels = [[str(label) for label in table.columns.get_level_values(level)] for level in (0, 1)]
    field_levels = [level for level in (0, 1) if _CLOSES & {plain_name(label) for label in labels[level]}]
    if not field_levels:
        raise BarsError(
            f"neither level of the frame's columns has a 'close': {sorted(set(labels[0]))[:8]}, "
            f"{sorted(set(labels[1]))[:8]}."
        )
    fields = labels[field_levels[0]]
    owners = labels[1 - field_levels[0]]
    joint = [place for place, name in enumerate(fields) if not owners[place].strip() or plain_name(name) in TIME_NAMES]
    joint += [p for p, owner in enumerate(owners) if not fields[p].strip() and plain_name(owner) in TIME_NAMES]
    tables = {}
    for owner in dict.fromkeys(owner for place, owner in enumerate(owners) if place not in joint):
        places = [*joint, *(place for place, name in enumerate(owners) if name == owner and place not in joint)]
        names = [fields[place].strip() or owners[place] for place in places]
        tables[owner] = table.iloc[:, places].set_axis(names, axis=1)
    return tables
