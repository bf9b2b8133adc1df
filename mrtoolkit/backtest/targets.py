"""The dense engine's labelled side for a user's own positions."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import read_only
from mrtoolkit.backtest._kernels.columns import STATISTICS, TRADE
from mrtoolkit.backtest._kernels.targets import FILL, follow, run_targets
from mrtoolkit.backtest.dense import Recording
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.room import room
from mrtoolkit.strategy.position_plan import Targets


def evaluate_targets(market: Market, targets: Targets, *, with_drawdown: bool = True) -> np.ndarray:
    """Block statistics of some trials, (trial, asset, block, statistic); without drawdown its columns are idle."""
    n_trials, n_assets, n_blocks = len(targets.points), len(market.prices), len(market.edges) - 1
    stats = np.zeros((n_assets, n_trials, n_blocks, len(STATISTICS)))
    work = _room(market.n_bars)
    scope = market.scope(with_drawdown=with_drawdown)
    for asset in range(n_assets):
        run_targets(
            market.prices[asset], targets.values[asset], targets.warm[asset],
            market.setup(asset), market.costs, scope, work, stats[asset],
        )  # fmt: skip
    return stats.swapaxes(0, 1)


def record_targets(market: Market, targets: Targets, asset: int) -> Recording:
    """Run the one trial of `targets` on one asset and keep all of it."""
    equity = np.full(market.n_bars, market.cash)
    _, trades, fills = _room(market.n_bars)
    n_trades, n_fills = follow(
        market.prices[asset], targets.values[asset, 0], targets.warm[asset, 0],
        market.setup(asset), market.costs, equity, trades, fills,
    )  # fmt: skip
    return Recording(
        equity=read_only(equity), trades=read_only(trades[:n_trades].copy()), fills=read_only(fills[:n_fills].copy())
    )


def _room(n_bars: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equity, trades and fills that the next trial overwrites, the latter with room for one more than bars."""
    trades = room("trades", (n_bars + 1, len(TRADE)), np.float64)
    return room("equity", (n_bars,), np.float64), trades, room("fills", (n_bars + 1, len(FILL)), np.float64)
