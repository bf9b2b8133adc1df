"""One point of a backtest beside the plain loop: every metric, every trade, every bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import naive
import numpy as np
import xarray as xr
from oracles.naive_rules import trial_inputs

PRICES = ("open", "high", "low", "close")
ROUNDED = 1e-6  # a gain smaller than this holds few digits, and the ratio of such gains and losses fewer


def naive_trial(bars: xr.Dataset, words: Mapping[str, Any], point: Mapping[str, Any], **settings: Any) -> naive.Result:
    """The plain loop's trial of `Strategy(**words)` with these parameter values."""
    columns = {str(name): bars[name].values for name in bars.data_vars}
    prices = [[float(x) for x in columns[name]] for name in PRICES]
    return naive.backtest(*prices, **trial_inputs(columns, point, words), **settings)


def assert_same_bars(trial: Any, expected: naive.Result) -> None:
    """Equity, returns and position of every measured bar."""
    scale = max(expected.equity)
    np.testing.assert_allclose(trial.equity.values, expected.equity, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(trial.returns.values, expected.returns, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(trial.position.values, expected.position, rtol=1e-8, atol=1e-9)


def assert_same_trades(trades: Any, expected: naive.Result, time: np.ndarray) -> None:
    """The list of trades: sides, bars, prices, shares, gains, reasons."""
    theirs = expected.trades
    assert list(trades["side"]) == [trade.side for trade in theirs]
    assert list(trades["reason"]) == [trade.reason for trade in theirs]
    assert list(trades["entry_time"].to_numpy()) == [time[trade.entry_bar] for trade in theirs]
    assert list(trades["exit_time"].to_numpy()) == [time[trade.exit_bar] for trade in theirs]
    assert list(trades["bars"]) == [trade.exit_bar - trade.entry_bar for trade in theirs]
    for name in ("entry_price", "exit_price", "shares"):
        values = [getattr(trade, name) for trade in theirs]
        np.testing.assert_allclose(trades[name].to_numpy(dtype=float), values, rtol=1e-9, err_msg=name)
    gains = [trade.gain for trade in theirs]
    np.testing.assert_allclose(trades["gain"].to_numpy(dtype=float), gains, rtol=1e-9, atol=1e-11)


def assert_same_blocks(blocks: np.ndarray, expected: naive.Result) -> None:
    """The record per block, (block, statistic), in the order of both."""
    theirs = np.array(list(expected.blocks.values())).T
    assert blocks.shape == theirs.shape
    for k, name in enumerate(expected.blocks):
        scale = np.abs(theirs[:, k]).max()
        np.testing.assert_allclose(blocks[:, k], theirs[:, k], rtol=1e-9, atol=1e-11 + 1e-9 * scale, err_msg=name)


def assert_same_metrics(metrics: Mapping[str, float], expected: naive.Result) -> None:
    """All twelve metrics to 1e-9, counts exactly."""
    assert set(metrics) == set(expected.metrics)
    assert metrics["trades"] == expected.metrics["trades"]
    undecided = set()
    if any(0.0 < abs(trade.gain) < ROUNDED for trade in expected.trades):
        undecided.add("profit_factor")
    if is_nearly_flat(np.array(expected.returns)):
        undecided |= {"sharpe", "volatility"}
    for name in set(metrics) - undecided:
        np.testing.assert_allclose(float(metrics[name]), expected.metrics[name], rtol=1e-9, atol=1e-12, err_msg=name)


def is_nearly_flat(returns: np.ndarray) -> bool:
    """Whether the returns vary so little that their deviation is a matter of rounding."""
    if len(returns) < 2:
        return False
    return bool(returns.std(ddof=1) < 1e-3 * np.sqrt(np.mean(returns**2)))
