"""Bars and the trading model's settings as the plain numbers and arrays that engines take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from mrtoolkit.backtest._kernels.dense import Prices, Setup
from mrtoolkit.backtest._kernels.fills import CostRates
from mrtoolkit.backtest._kernels.measure import Scope
from mrtoolkit.backtest.model import Costs
from mrtoolkit.data.inputs import input_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One backtest's surroundings, the same for all its trials.

    Attributes
    ----------
    prices : tuple of Prices
        One an asset, each of four (time,) arrays.
    ends : tuple of int
        One an asset: one past the last bar with a known close.
    edges : (block + 1,) int64
        Borders of the blocks; the first is the first measured bar, the last the number of bars.
    """

    prices: tuple[Prices, ...]
    ends: tuple[int, ...]
    edges: np.ndarray
    at_close: bool
    waiting: bool
    cash: float
    costs: CostRates
    periods_per_year: float
    risk_free: float

    @property
    def n_bars(self) -> int:
        """Bars of the whole history."""
        return int(self.edges[-1])

    @property
    def start(self) -> int:
        """The first measured bar."""
        return int(self.edges[0])

    @property
    def risk_free_bar(self) -> float:
        """Risk-free return of one bar."""
        return self.risk_free / self.periods_per_year

    def setup(self, asset: int) -> Setup:
        """How a trial on one asset is run."""
        return Setup(self.start, self.ends[asset], self.at_close, self.waiting, self.cash)

    def scope(self, *, with_drawdown: bool = True, with_rest: bool = True) -> Scope:
        """What is measured of a trial, over which blocks."""
        return Scope(self.risk_free_bar, self.edges, with_drawdown, with_rest)


def read_prices(bars: xr.Dataset) -> tuple[tuple[Prices, ...], tuple[int, ...]]:
    """Prices of each asset, and where each asset's closes end."""
    columns = [input_values(bars, name) for name in ("open", "high", "low", "close")]
    prices = tuple(Prices(*(column[k] for column in columns)) for k in range(len(columns[0])))
    closes = columns[-1]
    if not np.isnan(closes[:, -1:]).any():  # as nearly always
        return prices, (closes.shape[1],) * len(closes)
    known = ~np.isnan(closes[:, ::-1])
    ends = np.where(known.any(axis=1), known.shape[1] - known.argmax(axis=1), 0)
    return prices, tuple(ends.tolist())


def cost_rates(costs: Costs, periods_per_year: float) -> CostRates:
    """Costs of a fill, and of one bar of holding."""
    return CostRates(
        costs.fee, costs.slippage, costs.spread, costs.per_share, costs.minimum,
        costs.financing / periods_per_year, costs.borrow / periods_per_year,
    )  # fmt: skip


def block_edges(start: int, n_bars: int, blocks: int) -> np.ndarray:
    """Borders of about equal blocks over the measured bars, (block + 1,); fewer blocks where there are fewer bars."""
    n = max(1, min(blocks, n_bars - start))
    return np.round(np.linspace(start, n_bars, n + 1)).astype(np.int64)
