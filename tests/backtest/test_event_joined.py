"""The sums and the whole that a search asks for at once are those of all statistics of all blocks, put together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.extremes import TILE_NUMBERS, extremes, fill_all_extremes, n_extremes
from mrtoolkit.backtest._kernels.pointers import moved, pointer_to
from mrtoolkit.backtest._kernels.tables import TILE
from mrtoolkit.backtest.metrics import compute_metrics

COSTS = {
    "fees": mrt.Costs(fee=0.001, slippage=0.0005),
    "spread": mrt.Costs(fee=0.0002, spread=0.01, per_share=0.001),
    "none": mrt.Costs(),
}


@pytest.mark.parametrize("costs", COSTS)
@pytest.mark.parametrize("fill", ["next_open", "close"])
@pytest.mark.parametrize(
    ("n_bars", "start", "limit"), [(300, None, "1 GiB"), (20_000, 9_000, "1 GiB"), (20_000, 40, "16 MiB")]
)
def test_what_is_joined_at_once_is_what_blocks_are_joined_to(costs, fill, n_bars, start, limit):
    bars = mrt.data.simulate(bars=n_bars, freq="1h", seed=len(costs))
    rule = mrt.Strategy(entry=mrt.ema(mrt.P.fast) > mrt.ema(mrt.P.slow))
    points = pd.DataFrame({"fast": [2, 3, 5, 10, 20, 60], "slow": [3, 7, 21, 30, 90, 150]})
    backtest = mrt.Backtest(
        bars, rule, costs=COSTS[costs], fill=fill, start=start, blocks=29, risk_free=0.03,
        store=mrt.FeatureStore(memory=limit),
    )  # fmt: skip
    blocks = backtest._runner.block_statistics(backtest._points(points))[:, 0]
    found, wanted = backtest.evaluate(points), compute_metrics(blocks, backtest.metrics, backtest._market)
    assert found.metrics["trades"].min() > 0
    for name in backtest.metrics:
        np.testing.assert_allclose(found.metrics[name], wanted[name], rtol=1e-9, atol=1e-11, err_msg=name)
    for name, column in (("sum", 1), ("sum_sq", 2)):
        np.testing.assert_allclose(found.blocks[name], blocks[:, :, column], rtol=1e-9, atol=1e-12, err_msg=name)


@kernel
def _all_extremes(table, n_bars, ranges, found):
    for k in range(ranges.shape[0]):
        first, last = ranges[k]
        tile = first // TILE
        begin = tile * TILE
        width = min(TILE, n_bars - begin)
        own = moved(pointer_to(table), tile * TILE_NUMBERS)
        found[k, 0], found[k, 1] = extremes(own, width, first - begin, last - begin)


@pytest.mark.parametrize("n_bars", [1, 15, 16, 33, 700, TILE, TILE + 40])
def test_extremes_of_any_bars_are_those_of_a_plain_look(n_bars):
    rng = np.random.default_rng(n_bars)
    mark, table = rng.normal(size=n_bars), np.full(n_extremes(n_bars), np.nan)
    fill_all_extremes(mark, table)
    first = rng.integers(0, n_bars, 2_000)
    longest = np.minimum(n_bars, (first // TILE + 1) * TILE) - first
    lengths = np.minimum(longest, 1 + (longest * rng.random(2_000) ** 4).astype(np.int64))
    ranges, found = np.stack([first, first + lengths], axis=1), np.empty((2_000, 2))
    _all_extremes(table, n_bars, ranges, found)
    wanted = [(mark[a:z].max(), -mark[a:z].min()) for a, z in ranges]
    np.testing.assert_array_equal(found, wanted)
