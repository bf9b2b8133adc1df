"""The trades of one trial as a table for a page: what a reader looks up beside the price."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr

from mrtoolkit.backtest.trial import Trial
from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.views.bar_table import asset_name
from mrtoolkit.views.page import paragraph, table
from mrtoolkit.views.price import trades_data
from mrtoolkit.views.words import counted, number, percent

_MOST = 200
_HEADER = ("In", "Side", "Price in", "Out", "Price out", "Gain", "Bars", "Why out")
_DAY = pd.Timedelta(days=1)


def trades_table(
    trial: Trial, bars: xr.Dataset, *, asset: str | None = None, start: Any = None, end: Any = None, most: int = _MOST
) -> str:
    """Return a trial's trades as an HTML table, the latest first, every text escaped.

    Parameters
    ----------
    trial : Trial
    bars : xr.Dataset
        The bars it ran on; times are on their wall clock.
    asset : str, optional
        Which asset of several; the first where not given.
    start, end : time, optional
        Only the trades that touch this window, in UTC.
    most : int
        Of more trades the latest so many, and the caption says of how many.

    Raises
    ------
    StudyError
        If it is no trial, the asset is unknown, no bar lies between `start` and `end`, or `most` is below 1.
    """
    check_count("most", most, StudyError)
    trades = trades_data(trial, bars, asset=asset, start=start, end=end)
    if trades.empty:
        return paragraph("This trial made no trade.")
    shown = trades.iloc[::-1].iloc[:most]
    return table(_caption(trades, shown, asset_name(bars, asset)), _HEADER, _rows(shown), words=2)


def trades_sentence(trial: Trial, bars: xr.Dataset, *, asset: str | None = None) -> str:
    """Return how many trades there were, how many gained, and what the best and the worst made."""
    trades = trades_data(trial, bars, asset=asset)
    if trades.empty:
        return "The price; this trial made no trade."
    gains = trades["gain"]
    ends = f"the best made {percent(float(gains.max()))}, the worst {percent(float(gains.min()))}"
    return f"The price with {counted(len(trades), 'trade')}: {int((gains > 0).sum()):,} gained; {ends}."


def _caption(trades: pd.DataFrame, shown: pd.DataFrame, name: str) -> str:
    many = counted(len(trades), "trade")
    words = f"{many}, the latest first" if len(shown) == len(trades) else f"The latest {len(shown):,} of {many}"
    of = f" of {name}" if name else ""
    return f"{words}{of}. Gain is a fraction of equity at the entry, after costs."


def _rows(shown: pd.DataFrame) -> list[list[str]]:
    moments = pd.concat([shown["entry_time"], shown["exit_time"]])
    text = "%Y-%m-%d" if (moments == moments.dt.floor(_DAY)).all() else "%Y-%m-%d %H:%M"
    columns = zip(
        shown["entry_time"].dt.strftime(text), shown["side"].astype(str), map(number, shown["entry_price"]),
        shown["exit_time"].dt.strftime(text), map(number, shown["exit_price"]), map(percent, shown["gain"]),
        (f"{int(bars):,}" for bars in shown["bars"]), (str(why).replace("_", " ") for why in shown["reason"]),
        strict=True,
    )  # fmt: skip
    return [list(row) for row in columns]
