"""Random prices for the oracles' tests: quiet, wild, on a grid of whole numbers, flat, with holes, and worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

KINDS = ("quiet", "wild", "grid", "flat", "holes")
HARD_KINDS = (*KINDS, "jumps", "rises", "still")
ATTRS = {"missing": "allow", "timeframe": "1D", "timezone": "UTC"}


def random_prices(rng: np.random.Generator, n_bars: int, kind: str = "quiet") -> dict[str, np.ndarray]:
    """open, high, low, close with low <= open, close <= high; NaN here and there where `kind` is "holes"."""
    if kind in ("jumps", "rises", "still"):
        return _HARD[kind](rng, random_prices(rng, n_bars, "quiet"))
    step = {"quiet": 0.02, "wild": 0.4, "grid": 0.0, "flat": 0.01, "holes": 0.05}[kind]
    step *= min(1.0, (1_000.0 / n_bars) ** 0.5)  # prices of a long history must not leave the range of numbers
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
        spoil(rng, prices, each=0.08, whole=0.05)
    return prices


def spoil(rng: np.random.Generator, prices: dict[str, np.ndarray], *, each: float, whole: float) -> None:
    """Take away a share of single prices and a share of whole bars; one close at least stays."""
    n_bars = len(prices["close"])
    for column in prices.values():
        column[rng.random(n_bars) < each] = np.nan
    gone = rng.random(n_bars) < whole
    for column in prices.values():
        column[gone] = np.nan
    if np.isnan(prices["close"]).all():
        prices["close"][0] = 100.0


def delist(rng: np.random.Generator, prices: dict[str, np.ndarray]) -> None:
    """Let an asset's prices begin late, or end early, or both; the bars between stay."""
    n_bars = len(prices["close"])
    first, last = sorted(rng.integers(0, n_bars, 2))
    for column in prices.values():
        if rng.random() < 0.3:
            column[:first] = np.nan
        column[last + 1 :] = np.nan
    if np.isnan(prices["close"]).all():
        prices["close"][last] = 100.0


def _with_jumps(rng: np.random.Generator, prices: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A few factors of 1,000 up and down, between two bars or inside one."""
    n_bars, at = len(prices["close"]), 1.0
    for bar in np.sort(rng.integers(0, n_bars, rng.integers(1, 6))):
        factor = 1e-3 if at > 1.0 else 1e3 if at < 1.0 else rng.choice([1e-3, 1e3])
        at *= factor
        inside = rng.random() < 0.5
        for name, column in prices.items():
            stays = inside and (name == "open" or name == ("low" if factor > 1.0 else "high"))
            column[bar + stays :] *= factor
    return _put_right(prices)


def _with_rises(rng: np.random.Generator, prices: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rises that ruin a short, each over some bars, and slow falls between."""
    n_bars = len(prices["close"])
    moves = np.full(n_bars, -0.02)
    for bar in rng.integers(0, n_bars, 1 + n_bars // 60):
        length = int(rng.integers(1, 6))
        moves[bar : bar + length] = rng.uniform(0.5, 2.0) / length
    level = np.cumsum(moves)
    factor = np.exp(level - 0.9 * np.linspace(0.0, level[-1], n_bars))
    for column in prices.values():
        column *= factor
    return _put_right(prices)


def _standing_still(rng: np.random.Generator, prices: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One price for long stretches, to the last bit."""
    change = rng.random(len(prices["close"])) < 0.02
    change[0] = True
    held = np.maximum.accumulate(np.where(change, np.arange(len(change)), 0))
    return {name: prices["close"][held].copy() for name in ("open", "high", "low", "close")}


_HARD = {"jumps": _with_jumps, "rises": _with_rises, "still": _standing_still}


def _put_right(prices: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Highs that are the highest and lows that are the lowest of their bars."""
    stacked = np.stack(list(prices.values()))
    return prices | {"high": stacked.max(axis=0), "low": stacked.min(axis=0)}


def as_dataset(columns: Mapping[str, np.ndarray], freq: str = "D") -> xr.Dataset:
    """Bars of these columns, gaps allowed, from 2020 on."""
    n_bars = len(columns["close"])
    time = pd.date_range("2020-01-01", periods=n_bars, freq=freq).astype("datetime64[ns]")
    data = {name: ("time", np.array(values, dtype=float)) for name, values in columns.items()}
    return xr.Dataset(data, coords={"time": time}, attrs=ATTRS)


def as_assets(listed: Sequence[Mapping[str, np.ndarray]]) -> xr.Dataset:
    """Bars of several assets, (time, asset), from the columns of each."""
    together = xr.concat([as_dataset(columns) for columns in listed], dim="asset")
    labels = np.array([f"A{k}" for k in range(len(listed))], dtype=object)
    return together.transpose("time", "asset").assign_coords(asset=labels).assign_attrs(ATTRS)
