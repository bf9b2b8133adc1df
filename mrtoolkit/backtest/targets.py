"""The dense engine's labelled side for a user's own positions."""

from __future__ import annotations

import threading

import numpy as np

from mrtoolkit._jit import read_only
from mrtoolkit.backtest._kernels.columns import STATISTICS, TRADE
from mrtoolkit.backtest._kernels.targets import FILL, follow, run_targets
from mrtoolkit.backtest.dense import Recording
from mrtoolkit.backtest.market import Market
from mrtoolkit.strategy.position_plan import Targets

_LOCAL = threading.local()
_Scratch = tuple[np.ndarray, np.ndarray, np.ndarray]


def evaluate_targets(market: Market, targets: Targets, *, with_drawdown: bool = True) -> np.ndarray:
    """Block statistics of some trials, (trial, asset, block, statistic); without drawdown its columns are idle."""
    n_trials, n_assets, n_blocks = len(targets.points), len(market.prices), len(market.edges) - 1
    stats = np.zeros((n_assets, n_trials, n_blocks, len(STATISTICS)))
    scratch = _scratch(market.n_bars)
    measured = (market.risk_free_bar, market.edges, with_drawdown)
    for asset in range(n_assets):
        run_targets(
            market.prices[asset], targets.values[asset], targets.warm[asset],
            market.setup(asset), market.costs, measured, scratch, stats[asset],
        )  # fmt: skip
    return stats.swapaxes(0, 1)


def record_targets(market: Market, targets: Targets, asset: int) -> Recording:
    """Run the one trial of `targets` on one asset and keep all of it."""
    equity, trades, fills = _arrays(market.n_bars)
    equity[: market.start] = market.cash
    n_trades, n_fills = follow(
        market.prices[asset], targets.values[asset, 0], targets.warm[asset, 0],
        market.setup(asset), market.costs, equity, trades, fills,
    )  # fmt: skip
    return Recording(
        equity=read_only(equity), trades=read_only(trades[:n_trades].copy()), fills=read_only(fills[:n_fills].copy())
    )


def _scratch(n_bars: int) -> _Scratch:
    """What the next trial overwrites; kept by the thread, as fresh memory is slow."""
    if getattr(_LOCAL, "n_bars", 0) != n_bars:
        _LOCAL.n_bars, _LOCAL.arrays = n_bars, _arrays(n_bars)
    arrays: _Scratch = _LOCAL.arrays
    return arrays


def _arrays(n_bars: int) -> _Scratch:
    """Equity (time,), trades and fills, each with room for one more than there are bars."""
    return np.empty(n_bars), np.empty((n_bars + 1, len(TRADE))), np.empty((n_bars + 1, len(FILL)))
