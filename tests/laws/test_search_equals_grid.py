"""A search whose level is the whole lattice finds what the grid's largest value is."""

from __future__ import annotations

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit import P

GRID = {"fast": [3, 4, 5, 6, 8], "slow": [10, 12, 15, 20]}


@pytest.mark.parametrize("objective", ["sharpe", "total_return"])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_search_of_every_point_finds_the_best_of_the_grid(objective, direction):
    bars = mrt.data.simulate(bars=800, seed=3)
    strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
    backtest = mrt.Backtest(bars, strategy, costs=mrt.Costs(fee=0.001), store=mrt.FeatureStore())
    space = mrt.Space(fast=mrt.Integer(3, 8), slow=mrt.Integer(10, 20), where=P.fast < P.slow)
    study = mrt.optimize(
        backtest, space, objective=objective, direction=direction, levels=[mrt.Level("all", grid=GRID)], trials=100
    )
    grid = backtest.run(GRID)[objective]
    best = grid.max() if direction == "maximize" else grid.min()
    assert study.best.value == pytest.approx(float(best), rel=1e-9)
    found = grid.sel(fast=study.best.params["fast"], slow=study.best.params["slow"])
    np.testing.assert_allclose(float(found), float(best), rtol=1e-9)
    assert study.trials.sizes["trial"] == 20
