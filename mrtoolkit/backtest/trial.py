"""One trial in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.backtest._kernels.columns import (
    END,
    ENTRY_BAR,
    ENTRY_RAW,
    EXIT_BAR,
    REASON,
    REASONS,
    SHARES,
    SIDE,
    TRADE,
)
from mrtoolkit.backtest._kernels.targets import FILL_BAR, FILL_RAW, FILL_SHARES
from mrtoolkit.backtest.dense import Recording
from mrtoolkit.backtest.market import Market
from mrtoolkit.expressions.scalars import Scalar
from mrtoolkit.tables import as_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One point, run and written down.

    Attributes
    ----------
    params : dict of name to value
    metrics : dict of name to number, or to (asset,) DataArray over several assets
    trades : DataFrame
        A row a trade: side, entry_time, entry_price, exit_time, exit_price (with slippage and spread), shares, gain
        (fraction of equity at entry), bars (from fill to fill), reason, and asset over several assets. Times are the
        opening times of the bars that filled. Where the shares change within a trade (a position function), the prices
        are those of its first and its last fill, and shares the most that it held.
    equity, returns, position : (time[, asset]) DataArray
        From the first measured bar on: equity in currency, its simple return a bar, the signed value of the position
        as a fraction of equity; at the closes.
    """

    params: Mapping[str, Scalar]
    metrics: Mapping[str, float | xr.DataArray]
    trades: pd.DataFrame
    equity: xr.DataArray
    returns: xr.DataArray
    position: xr.DataArray

    def __repr__(self) -> str:
        """Return parameters and the main metrics."""
        params = ", ".join(f"{name}={value}" for name, value in self.params.items())
        numbers = ", ".join(
            f"{name} {float(np.mean(self.metrics[name])):.4g}" for name in ("sharpe", "total_return", "trades")
        )
        return f"Trial({params}): {numbers}"


def make_trial(
    params: Mapping[str, Scalar],
    metrics: Mapping[str, float | xr.DataArray],
    recordings: Sequence[Recording],
    market: Market,
    bars: xr.Dataset,
) -> Trial:
    """Label what the engine wrote down of one trial."""
    start = market.start
    time = bars["time"][start:]
    assets = bars["asset"] if "asset" in bars.dims else None

    def label(columns: list[np.ndarray], name: str, long_name: str) -> xr.DataArray:
        attrs = {"long_name": long_name}
        if assets is None:
            return xr.DataArray(columns[0], dims="time", coords={"time": time}, name=name, attrs=attrs)
        coords = {"time": time, "asset": assets}
        return xr.DataArray(np.stack(columns, axis=1), dims=("time", "asset"), coords=coords, name=name, attrs=attrs)

    equity = [recording.equity[start:] for recording in recordings]
    before = [np.concatenate([[market.cash], e[:-1]]) for e in equity]
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = [np.where(b > 0.0, e / b - 1.0, 0.0) for e, b in zip(equity, before, strict=True)]
        values = [_values(r, p.close)[start:] for r, p in zip(recordings, market.prices, strict=True)]
        position = [np.where(e > 0.0, v / e, 0.0) for e, v in zip(equity, values, strict=True)]
    return Trial(
        params=dict(params),
        metrics=dict(metrics),
        trades=as_table(_trades(recordings, bars)),
        equity=label(equity, "equity", "equity, in currency"),
        returns=label(returns, "returns", "return of the bar, net of costs"),
        position=label(position, "position", "signed value of the position, fraction of equity"),
    )


def _values(recording: Recording, closes: np.ndarray) -> np.ndarray:
    """Signed value of the position at each close, (time,); at the last known close where one is missing."""
    marks = pd.Series(closes).ffill().to_numpy()
    values = np.zeros(len(closes))
    if recording.fills is not None:
        latest = np.searchsorted(recording.fills[:, FILL_BAR], np.arange(len(closes)), side="right") - 1
        after = slice(int(np.argmax(latest >= 0)) if latest[-1] >= 0 else len(closes), None)
        raw, shares = recording.fills[latest[after]][:, [FILL_RAW, FILL_SHARES]].T
        values[after] = shares * np.where(np.isnan(marks[after]), raw, marks[after])
        return values
    for trade in recording.trades:
        held = slice(int(trade[ENTRY_BAR]), int(trade[EXIT_BAR]) + int(trade[REASON] == END))
        mark = np.where(np.isnan(marks[held]), trade[ENTRY_RAW], marks[held])
        values[held] = trade[SIDE] * trade[SHARES] * mark
    return values


def _trades(recordings: Sequence[Recording], bars: xr.Dataset) -> pd.DataFrame:
    tables = []
    time = bars["time"].values
    for k, recording in enumerate(recordings):
        column = {name: recording.trades[:, j] for j, name in enumerate(TRADE)}
        entry_bar, exit_bar = column["entry_bar"].astype(int), column["exit_bar"].astype(int)
        table = pd.DataFrame(
            {
                "side": np.where(column["side"] > 0, "long", "short"),
                "entry_time": time[entry_bar],
                "entry_price": column["entry_price"],
                "exit_time": time[exit_bar],
                "exit_price": column["exit_price"],
                "shares": column["shares"],
                "gain": column["gain"],
                "bars": exit_bar - entry_bar,
                "reason": np.array(REASONS)[column["reason"].astype(int)],
            }
        )
        if "asset" in bars.dims:
            table["asset"] = str(bars["asset"].values[k])
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
