"""What the dense engine costs a bar and trial on cached features, without stops, beside the plainest loop.

Run in full: `python -m tests.benchmarks.test_dense_engine`, or MRTOOLKIT_BENCH=1 under pytest: at most 3 ns for total
return, Sharpe, trades and win rate. The loop beside it is the least a bar loop can do for the same four numbers (same
fills, fee, one float comparison a bar, no NaN, no blocks, no choices); it is pinned here so that the figure means the
same next year.
"""

from __future__ import annotations

import os
import time

import numba
import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit import P

IS_FULL = os.environ.get("MRTOOLKIT_BENCH", "") not in ("", "0")
FEE, YEAR, LIMIT_NS = 0.001, 252 * 24, 3.0
METRICS = ("total_return", "sharpe", "trades", "win_rate")


@numba.njit(nogil=True, error_model="numpy")
def plainest_loop(open_, close, fast, slow, first, fee, year, out):
    """Long while fast > slow, filled at the next open, whole account, fee inside the budget."""
    n = close.size
    shares, cash, equity, entry_equity = 0.0, 1.0, 1.0, 1.0
    total, total_sq, trades, wins = 0.0, 0.0, 0, 0
    wanted = False
    for t in range(n):
        if wanted and shares == 0.0:
            entry_equity = cash
            shares = cash / (open_[t] * (1.0 + fee))
            cash = 0.0
        elif shares > 0.0 and not wanted:
            cash = shares * open_[t] * (1.0 - fee)
            shares = 0.0
            trades += 1
            wins += cash > entry_equity
        now = cash + shares * close[t]
        r = now / equity - 1.0
        total += r
        total_sq += r * r
        equity = now
        wanted = t >= first and fast[t] > slow[t]
    if shares > 0.0:
        trades += 1
        wins += equity > entry_equity
    out[0] = equity - 1.0
    variance = (total_sq - total * total / n) / (n - 1)
    out[1] = total / n / np.sqrt(variance) * np.sqrt(year)
    out[2] = trades
    out[3] = wins / trades


def points_of(n_fast: int, n_slow: int) -> pd.DataFrame:
    """A grid of crosses."""
    fast, slow = np.meshgrid(np.arange(5, 5 + n_fast), np.arange(60, 60 + n_slow), indexing="ij")
    return pd.DataFrame({"fast": fast.ravel(), "slow": slow.ravel()})


def measure(n_bars: int, points: pd.DataFrame, repeats: int) -> tuple[float, float]:
    """Nanoseconds a bar and trial of the engine and of the plainest loop, after a check that they agree."""
    bars = mrt.data.simulate(bars=n_bars, freq="1h", seed=1)
    strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
    store = mrt.FeatureStore()
    backtest = mrt.Backtest(
        bars, strategy, costs=mrt.Costs(fee=FEE), store=store, periods_per_year=YEAR, engine="dense"
    )
    backtest.run(points, metrics=METRICS)  # features computed, kernels compiled
    engine = loop = np.inf
    open_, close = bars["open"].values, bars["close"].values
    features = {k: store.array(bars, mrt.ema(int(k))) for k in {*points["fast"], *points["slow"]}}
    pairs = [(features[f], features[s], int(s) - 1) for f, s in zip(points["fast"], points["slow"], strict=True)]
    out = np.empty((len(points), len(METRICS)))
    plainest_loop(open_, close, *pairs[0], FEE, YEAR, out[0])
    for _ in range(repeats):
        start = time.perf_counter()
        result = backtest.run(points, metrics=METRICS)
        engine = min(engine, time.perf_counter() - start)
        start = time.perf_counter()
        for k, pair in enumerate(pairs):
            plainest_loop(open_, close, *pair, FEE, YEAR, out[k])
        loop = min(loop, time.perf_counter() - start)
    for k, name in enumerate(METRICS):
        np.testing.assert_allclose(result[name].values, out[:, k], rtol=1e-9, atol=1e-12, err_msg=name)
    scale = 1e9 / (n_bars * len(points))
    return engine * scale, loop * scale


def test_dense_engine_agrees_with_the_plainest_loop():
    measure(2_000, points_of(4, 4), repeats=1)


@pytest.mark.benchmark
@pytest.mark.skipif(not IS_FULL, reason="full size: set MRTOOLKIT_BENCH=1")
def test_dense_engine_costs_at_most_three_nanoseconds_a_bar_and_trial():
    assert main() <= LIMIT_NS


def main() -> float:
    """Print the table; return the engine's nanoseconds a bar and trial."""
    print(f"{'bars':>9} {'trials':>7} {'dense engine':>14} {'plainest loop':>14}   ns a bar and trial")
    worst = 0.0
    for n_bars, points in ((50_000, points_of(20, 20)), (5_000, points_of(20, 20)), (500_000, points_of(4, 5))):
        engine, loop = measure(n_bars, points, repeats=5)
        print(f"{n_bars:9,} {len(points):7,} {engine:14.2f} {loop:14.2f}")
        worst = engine if n_bars == 50_000 else worst
    return worst


if __name__ == "__main__":
    raise SystemExit(0 if main() <= LIMIT_NS else 1)
