"""Random prices for the oracles' tests: quiet, wild, on a grid of whole numbers, flat for long, with holes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

KINDS = ("quiet", "wild", "grid", "flat", "holes")


def random_prices(rng: np.random.Generator, n_bars: int, kind: str = "quiet") -> dict[str, np.ndarray]:
    """open, high, low, close with low <= open, close <= high; NaN here and there where `kind` is "holes"."""
    step = {"quiet": 0.02, "wild": 0.4, "grid": 0.0, "flat": 0.01, "holes": 0.05}[kind]
    if kind == "grid":  # touches and ties: stops of 5 and 10 percent from 100 meet whole prices exactly
        close = rng.integers(9, 12, n_bars) * 10.0
        open_ = rng.integers(9, 12, n_bars) * 10.0
        high = np.maximum(open_, close) + 10.0 * rng.integers(0, 2, n_bars)
        low = np.minimum(open_, close) - 10.0 * rng.integers(0, 2, n_bars)
        return {"open": open_, "high": high, "low": low, "close": close}
    moves = rng.normal(0.0, step, n_bars)
    if kind == "flat":
        moves *= rng.random(n_bars) < 0.3
    close = 100.0 * np.exp(np.cumsum(moves))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0.0, step / 4.0, n_bars) * (kind != "flat"))
    spread = np.abs(rng.normal(0.0, step / 3.0, (2, n_bars))) * (kind != "flat")
    high, low = np.maximum(open_, close) * np.exp(spread[0]), np.minimum(open_, close) * np.exp(-spread[1])
    prices = {"open": open_, "high": high, "low": low, "close": close}
    if kind == "holes":
        for name, column in prices.items():
            column[rng.random(n_bars) < 0.08] = np.nan
            prices[name] = column
        whole = rng.random(n_bars) < 0.05
        for column in prices.values():
            column[whole] = np.nan
        if np.isnan(close).all():
            close[0] = 100.0
    return prices


def as_dataset(columns: Mapping[str, np.ndarray], freq: str = "D") -> xr.Dataset:
    """Bars of these columns, gaps allowed, from 2020 on."""
    n_bars = len(columns["close"])
    time = pd.date_range("2020-01-01", periods=n_bars, freq=freq).astype("datetime64[ns]")
    data = {name: ("time", np.array(values, dtype=float)) for name, values in columns.items()}
    return xr.Dataset(data, coords={"time": time}, attrs={"missing": "allow", "timeframe": "1D", "timezone": "UTC"})
