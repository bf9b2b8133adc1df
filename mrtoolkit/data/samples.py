"""The bundled real bars: daily prices of five US shares, adjusted for splits and dividends."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.data.assemble import build_bars
from mrtoolkit.data.stamps import UTC
from mrtoolkit.errors import BarsError, check_choice, nearest

_NAMES = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
_COLUMNS = ("open", "high", "low", "close", "volume")
_ABOUT = {
    "source": "Quandl WIKI Prices, as archived in bokeh_sampledata",
    "licence": "public domain",
    "price_column": "adj_close",
    "adjustment": "open, high and low times adj_close / close (splits and dividends); volume by splits alone",
}


def samples() -> list[str]:
    """Return the names of the bundled shares.

    Examples
    --------
    >>> samples()
    ['AAPL', 'FB', 'GOOG', 'IBM', 'MSFT']
    """
    return list(_NAMES)


def sample(names: str | Sequence[str] | None = None, *, join: str = "outer") -> xr.Dataset:
    """Return bundled daily bars, adjusted for splits and dividends, up to 2013-03-01.

    Parameters
    ----------
    names : str or sequence of str, optional
        One name gives bars over (time,); a list gives (time, asset) in its order. Default: all of them.
    join : {"outer", "inner"}
        For several shares: every day of any of them, NaN where a share was not listed yet (FB came in 2012, GOOG in
        2004), or only the days that all of them have.

    Returns
    -------
    xr.Dataset
        open, high, low, close in US dollars and volume in shares, with source and licence in the attributes. A day is
        stamped by its date at 00:00 UTC. The arrays are read-only.

    Raises
    ------
    BarsError
        If there is no such sample.

    Examples
    --------
    >>> sample("AAPL").sizes["time"], sample(["AAPL", "GOOG"], join="inner").sizes["time"]
    (3270, 2148)
    """
    check_choice("join", join, ("outer", "inner"), BarsError)
    wanted = [names] if isinstance(names, str) else list(_NAMES if names is None else names)
    unknown = [name for name in wanted if name not in _NAMES]
    if unknown or not wanted or len(set(wanted)) < len(wanted):
        what = (
            f"there is no sample {unknown[0]!r}{nearest(unknown[0], _NAMES)}"
            if unknown
            else f"{wanted} names none, or one twice"
        )
        raise BarsError(f"{what}; the bundled shares are {', '.join(_NAMES)}.")
    with resources.as_file(resources.files("mrtoolkit.data") / "sample_prices.parquet") as path:
        table = pd.read_parquet(path, engine="pyarrow")
    dates = table["date"].to_numpy().astype("datetime64[D]").astype("datetime64[ns]")
    frame = table.assign(date=dates).set_index(["date", "ticker"])
    wide = {
        name: frame[name].astype(np.float64).unstack("ticker")[wanted].dropna(how="all" if join == "outer" else "any")
        for name in _COLUMNS
    }
    time = np.asarray(wide["close"].index.to_numpy(), dtype="datetime64[ns]")
    columns = {name: np.ascontiguousarray(values.to_numpy().T) for name, values in wide.items()}
    return build_bars(
        time,
        columns,
        assets=None if isinstance(names, str) else wanted,
        zone=UTC,
        attrs={"name": " ".join(wanted), **_ABOUT},
    )
