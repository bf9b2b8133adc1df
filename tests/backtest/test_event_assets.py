"""Many assets in one call of a kernel, and each alone: the same bits."""

from __future__ import annotations

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.backtest import event
from mrtoolkit.backtest.metrics import LEAN_METRICS
from mrtoolkit.data.bars import as_bars

N_ASSETS, N_BARS = 23, 700
POINTS = {"fast": [3, 5, 8], "slow": [13, 21, 34]}


def nasty_bars(seed):
    """Assets that begin late, end early, miss closes in between, or cost nearly nothing."""
    bars = mrt.data.simulate(bars=N_BARS, assets=N_ASSETS, freq="1D", seed=seed).copy(deep=True)
    rng = np.random.default_rng(seed)
    for asset in range(N_ASSETS):
        prices = {
            name: bars[name].transpose("time", "asset").values[:, asset] for name in ("open", "high", "low", "close")
        }
        missing = np.zeros(N_BARS, dtype=bool)
        kind = asset % 6
        if kind == 1:
            missing[: rng.integers(1, 200)] = True
        elif kind == 2:
            missing[-rng.integers(1, 200) :] = True
        elif kind == 3:
            missing[rng.integers(0, N_BARS, 30)] = True
        for name, column in prices.items():
            column[missing] = np.nan
            bars[name].transpose("time", "asset").values[:, asset] = column * (0.002 if kind == 4 else 1.0)
    return as_bars(bars, missing="allow")


def run(bars, rule, points, **words):
    backtest = mrt.Backtest(bars, mrt.Strategy(**rule), store=mrt.FeatureStore(), **words)
    found = backtest.run(points, metrics=tuple(LEAN_METRICS))
    return np.stack([found[name].values for name in sorted(LEAN_METRICS)])


@pytest.mark.parametrize("fill", ["next_open", "close"])
@pytest.mark.parametrize("costs", [{"fee": 0.001}, {"fee": 0.0005, "spread": 0.01, "per_share": 0.001}])
def test_assets_together_equal_each_alone_to_the_bit(fill, costs, monkeypatch):
    cross = mrt.ema(P.fast) > mrt.ema(P.slow)
    rules = [{"entry": cross}, {"entry": cross & cross.shift(2), "exit": mrt.close < mrt.ema(P.fast)}]
    for seed, rule in enumerate(rules):
        bars, words = nasty_bars(seed), {"fill": fill, "costs": mrt.Costs(**costs), "start": 40}
        together = run(bars, rule, POINTS, **words)
        for at_once in (1, 4):
            monkeypatch.setattr(event, "_ASSETS_AT_ONCE", at_once)
            np.testing.assert_array_equal(run(bars, rule, POINTS, **words), together)
            monkeypatch.undo()
        alone = [
            run(bars.isel(asset=[k]), rule, POINTS, **words)[..., 0] for k in range(N_ASSETS)
        ]  # fmt: skip
        np.testing.assert_array_equal(np.stack(alone, axis=-1), together)


def test_assets_together_equal_the_dense_engine():
    bars, rule = nasty_bars(7), {"entry": mrt.ema(P.fast) > mrt.ema(P.slow)}
    words = {"costs": mrt.Costs(fee=0.001)}
    dense = run(bars, rule, POINTS, engine="dense", **words)
    np.testing.assert_allclose(run(bars, rule, POINTS, engine="event", **words), dense, rtol=1e-9, atol=1e-12)


def test_many_assets_run_together(monkeypatch):
    """The quick way is taken, in calls of no more assets than it may."""
    seen = []
    kernel = event.run_lean_assets

    def counted(assets, *rest):
        seen.append(len(assets))
        return kernel(assets, *rest)

    monkeypatch.setattr(event, "run_lean_assets", counted)
    bars = mrt.data.simulate(bars=300, assets=40, freq="1D", seed=3)
    run(bars, {"entry": mrt.close > mrt.ema(P.fast)}, {"fast": [5, 9]})
    assert sum(seen) == 40
    assert max(seen) <= 32
