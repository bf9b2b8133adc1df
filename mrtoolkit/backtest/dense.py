"""The dense engine: every bar of every trial, in a plain loop; the reference for every other engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoolkit._jit import read_only
from mrtoolkit.backtest._kernels.columns import STATISTICS, TRADE
from mrtoolkit.backtest._kernels.dense import Settings, combine, simulate
from mrtoolkit.backtest._kernels.trials import run_trials
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.room import room
from mrtoolkit.strategy.signals import Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One trial on one asset, written down bar by bar.

    Attributes
    ----------
    equity : (time,) float64
        In currency, at each close; before the start its cash.
    trades : (trade, column) float64
        Columns are `_kernels.columns.TRADE`.
    fills : (fill, column) float64, optional
        Columns are `_kernels.targets.FILL`; of a trial whose shares change within a trade.
    """

    equity: np.ndarray
    trades: np.ndarray
    fills: np.ndarray | None = None


def evaluate(market: Market, signals: Signals, *, with_drawdown: bool = True) -> np.ndarray:
    """Block statistics of some trials, (trial, asset, block, statistic); without drawdown its columns are idle."""
    each = [evaluate_asset(market, signals, k, with_drawdown=with_drawdown) for k in range(len(market.prices))]
    return np.stack(each, axis=1)


def evaluate_asset(market: Market, signals: Signals, asset: int, *, with_drawdown: bool = True) -> np.ndarray:
    """Block statistics of some trials on one asset, (trial, block, statistic)."""
    stats = np.zeros((len(signals.points), len(market.edges) - 1, len(STATISTICS)))
    run_trials(
        market.prices[asset],
        tuple(mask[asset] for mask in signals.masks),
        tuple(values[asset] for values in signals.settings),
        signals.index, signals.warm[asset], market.setup(asset), market.costs,
        market.scope(with_drawdown=with_drawdown), _room(market.n_bars), stats,
    )  # fmt: skip
    return stats


def record(market: Market, signals: Signals, asset: int) -> Recording:
    """Run the one trial of `signals` on one asset and keep all of it."""
    rows = signals.index[0]
    masks = [mask[asset, rows[k]] for k, mask in enumerate(signals.masks)]
    settings = Settings(*(values[asset, rows[4 + k]] for k, values in enumerate(signals.settings)))
    packed, _, trades = _room(market.n_bars)
    combine(*masks, packed)
    equity = np.full(market.n_bars, market.cash)
    n = simulate(
        market.prices[asset], packed, settings, signals.warm[asset, 0],
        market.setup(asset), market.costs, equity, trades,
    )  # fmt: skip
    return Recording(equity=read_only(equity), trades=read_only(trades[:n].copy()))


def _room(n_bars: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signals, equity and trades that the next trial overwrites."""
    trades = room("trades", (n_bars + 1, len(TRADE)), np.float64)
    return room("packed", (n_bars,), np.uint8), room("equity", (n_bars,), np.float64), trades
