"""The textbook's search beside the loop that people write: indicators afresh for every trial, vectorised pandas.

Run in full: `python -m tests.benchmarks.test_textbook_search`, or MRTOOLKIT_BENCH=1 under pytest. By default a short
form checks that both give equal results and that no feature was computed twice; it asserts nothing about seconds.

The loop makes the same 110 trials in the same model: fills at the next open, fee inside the budget, whole account long.
It is lean: two `ewm`, one comparison, returns by `where`, one Sharpe ratio; its EMA starts as ours (and TA-Lib's) does.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.indicators.spec import Indicator

IS_FULL = os.environ.get("MRTOOLKIT_BENCH", "") not in ("", "0")
FEE, YEAR = 0.001, 252 * 24
LEVELS = {
    "coarse": {"fast": [5, 10, 15, 20], "slow": [30, 40, 50, 60]},
    "medium": {"fast": list(range(8, 18)), "slow": [35, 37, 40, 42, 45, 47, 50, 52, 55]},
    "fine": {"fast": [11.5, 12, 12.5], "slow": [41, 42, 43]},
}
TRIALS, FEATURES = 110, 27


def search(bars, store):
    """The textbook's three levels as one study."""
    strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
    backtest = mrt.Backtest(bars, strategy, costs=mrt.Costs(fee=FEE), store=store, periods_per_year=YEAR)
    space = mrt.Space(fast=mrt.Real(5, 20, step=0.5), slow=mrt.Integer(30, 60), where=P.fast < P.slow)
    levels = [mrt.Level(name, grid=grid) for name, grid in LEVELS.items()]
    return mrt.optimize(backtest, space, objective="sharpe", levels=levels, trials=1_000)


def pandas_ema(close: pd.Series, lookback: float) -> pd.Series:
    """The exponential average from the mean of the first ceil(lookback) closes on."""
    seeded, first = close.copy(), int(np.ceil(lookback))
    seeded.iloc[: first - 1] = np.nan
    seeded.iloc[first - 1] = close.iloc[:first].mean()
    return seeded.ewm(alpha=2.0 / (lookback + 1.0), adjust=False).mean()


def pandas_returns(
    frame: pd.DataFrame, fast: float, slow: float, average=pandas_ema
) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Returns of one cross, where it is held at the close and where it was at the close before."""
    open_, close = frame["open"], frame["close"]
    held = (average(close, fast) > average(close, slow)).shift(1, fill_value=False)  # from this bar's open on
    before = held.shift(1, fill_value=False)
    last = close.shift(1)
    returns = np.select(
        [held & before, held, before],
        [close / last - 1.0, close / open_ / (1.0 + FEE) - 1.0, open_ / last * (1.0 - FEE) - 1.0],
        0.0,
    )
    return pd.Series(returns, index=frame.index), held, before


def pandas_sharpe(frame: pd.DataFrame, fast: float, slow: float, average=pandas_ema) -> dict[str, float]:
    """The Sharpe ratio of one trial, everything computed anew."""
    r, _, _ = pandas_returns(frame, fast, slow, average)
    return {"sharpe": r.mean() / r.std() * np.sqrt(YEAR)}


def pandas_metrics(frame: pd.DataFrame, fast: float, slow: float) -> dict[str, float]:
    """All metrics that a study keeps of one trial, everything computed anew."""
    r, held, before = pandas_returns(frame, fast, slow)
    years = len(r) / YEAR
    equity = (1.0 + r).cumprod()
    total = equity.iloc[-1] - 1.0
    drawdown = (1.0 - equity / equity.cummax().clip(lower=1.0)).max()
    entries, exits = np.flatnonzero(held & ~before), np.flatnonzero(before & ~held)
    after = equity.to_numpy()[exits if len(exits) == len(entries) else [*exits, -1]]
    gains = after / equity.to_numpy()[entries - 1] - 1.0
    annual = (1.0 + total) ** (1.0 / years) - 1.0
    return {
        "total_return": total,
        "annual_return": annual,
        "volatility": r.std() * np.sqrt(YEAR),
        "sharpe": r.mean() / r.std() * np.sqrt(YEAR),
        "sortino": r.mean() / np.sqrt((r.clip(upper=0.0) ** 2).mean()) * np.sqrt(YEAR),
        "calmar": annual / drawdown,
        "max_drawdown": drawdown,
        "trades": len(gains),
        "win_rate": (gains > 0.0).mean(),
        "profit_factor": gains[gains > 0.0].sum() / -gains[gains < 0.0].sum(),
        "exposure": held.mean(),
        "turnover": (len(entries) / (1.0 + FEE) + len(exits)) / years,
    }


def pandas_loop(bars, points, metrics_of=pandas_metrics):
    """The metrics of all points, one after the other."""
    frame = bars[["open", "close"]].to_dataframe()
    return pd.DataFrame([metrics_of(frame, fast, slow) for fast, slow in points])


def best_seconds(*functions, repeats):
    """The best time of each function; they take turns, so that a busy machine is unfair to none."""
    best = [np.inf] * len(functions)
    for _ in range(repeats):
        for k, function in enumerate(functions):
            start = time.perf_counter()
            function()
            best[k] = min(best[k], time.perf_counter() - start)
    return best


def check(bars, study, store):
    """Equal results over the same trials, every feature computed once; the points."""
    trials = study.trials
    points = list(zip(trials["fast"].values.tolist(), trials["slow"].values.tolist(), strict=True))
    assert len(points) == len(set(points)) == TRIALS
    assert list(study.levels["points"]) == [16, 90, 9]
    assert list(study.levels["run"]) == [16, 86, 8]
    assert list(study.levels["features used"]) == [8, 19, 6]
    assert list(study.levels["features computed"]) == [8, 15, 4]
    assert store.counters.computed == FEATURES
    theirs = pandas_loop(bars, points)
    for name in theirs:
        np.testing.assert_allclose(trials[name].values, theirs[name], rtol=1e-9, err_msg=name)
    return points


def times_computed(monkeypatch, n_bars):
    """Count how often the kernel computes each lookback over the whole history."""
    seen: Counter[float] = Counter()
    compute = Indicator.compute

    def counted(self, inputs, parameters, out, **states):
        if len(inputs[0]) == n_bars:  # not the few bars by which a kernel is compiled
            seen.update(np.asarray(parameters)[:, 0].tolist())
        return compute(self, inputs, parameters, out, **states)

    monkeypatch.setattr(Indicator, "compute", counted)
    return seen


def test_textbook_search_equals_the_pandas_loop_and_computes_each_feature_once(monkeypatch):
    bars = mrt.data.simulate(bars=3_000, freq="1h", seed=0)
    seen, store = times_computed(monkeypatch, 3_000), mrt.FeatureStore()
    check(bars, search(bars, store), store)
    assert len(seen) == FEATURES
    assert set(seen.values()) == {1}


@pytest.mark.benchmark
@pytest.mark.skipif(not IS_FULL, reason="full size: set MRTOOLKIT_BENCH=1")
def test_textbook_search_is_15_times_faster_than_the_pandas_loop():
    assert main() >= 15.0


def main() -> float:
    """Print the table; return how many times faster the search was than the loop for the Sharpe ratio alone."""
    bars = mrt.data.simulate(bars=50_000, freq="1h", seed=0)
    store = mrt.FeatureStore()
    points = check(bars, search(bars, store), store)  # and compiled, once on this machine
    ours, sharpe, metrics = best_seconds(
        lambda: search(bars, mrt.FeatureStore()),
        lambda: pandas_loop(bars, points, pandas_sharpe),
        lambda: pandas_loop(bars, points),
        repeats=7,
    )
    print(f"{bars.sizes['time']:,} bars, {TRIALS} trials, {FEATURES} features, equal metrics to 1e-9")
    rows = {
        "mrtoolkit: the whole search, twelve metrics": ours,
        "pandas, indicators afresh: Sharpe alone": sharpe,
        "pandas, indicators afresh: twelve metrics": metrics,
    }
    for name, seconds in rows.items():
        print(f"{name:45} {seconds * 1e3:9.1f} ms {seconds / TRIALS * 1e3:8.3f} ms a trial {seconds / ours:7.1f} x")
    return sharpe / ours


if __name__ == "__main__":
    raise SystemExit(0 if main() >= 15.0 else 1)
