"""Features in passing are those that the store keeps, to the bit, whatever they are made of."""

from __future__ import annotations

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit.data.bars import as_bars
from mrtoolkit.expressions.outputs import Outputs
from mrtoolkit.features.passing import Passing
from mrtoolkit.indicators import registry


def bars_with_holes():
    bars = mrt.data.simulate(bars=400, assets=3, freq="1D", seed=4).copy(deep=True)
    for name in ("open", "high", "low", "close"):
        bars[name].transpose("time", "asset").values[:30, 1] = np.nan
        bars[name].transpose("time", "asset").values[200:203, 2] = np.nan
    return as_bars(bars, missing="allow")


def nodes_of(name):
    spec = registry.get(name)
    numbers = [max(9, one.low) if one.default is None else one.default for one in getattr(spec, "parameters", ())]
    made = spec(*numbers)
    return [made[output] for output in made.names] if isinstance(made, Outputs) else [made]


def rows_of(store, bars, nodes):
    passing = Passing(store._lookup, bars, nodes)
    rows = np.full((passing.n_rows, bars.sizes["time"]), 7.0)
    found = []
    for asset in range(bars.sizes["asset"]):
        passing.fill(asset, rows)
        found.append(rows[passing.places].copy())
    return np.stack(found, axis=1)


@pytest.mark.parametrize("name", [name for name in registry.names() if registry.is_built_in(name)])
def test_every_indicator_has_the_values_that_the_store_keeps(name):
    bars, store = bars_with_holes(), mrt.FeatureStore()
    nodes = nodes_of(name)
    kept = np.stack(mrt.FeatureStore().fetch(bars, nodes))
    np.testing.assert_array_equal(rows_of(store, bars, nodes), kept)
    assert "0 features" in repr(store)  # nothing of it is kept


@pytest.mark.parametrize("held", [[], [mrt.rsi(14)], [mrt.rsi(14), mrt.macd(12, 26, 9)]])
def test_expressions_of_indicators_and_what_the_store_holds(held):
    bars, store = bars_with_holes(), mrt.FeatureStore()
    line = mrt.macd(12, 26, 9)
    nodes = [
        mrt.close,
        mrt.ema(5),
        mrt.ema(9),
        mrt.ema(5, of=mrt.rsi(14)),
        mrt.ema(5).shift(3) / mrt.close - 1.0,
        line.signal_line,
        line.line * mrt.rsi(14),
        mrt.ema(4, of=mrt.close * 2.0),
    ]
    kept = np.stack(mrt.FeatureStore().fetch(bars, nodes))
    if held:
        store.compute_batch(bars, held)
    np.testing.assert_array_equal(rows_of(store, bars, nodes), kept)


@pytest.mark.parametrize(
    "name", [name for name in registry.names() if getattr(registry.get(name), "keeps_whole", False)]
)
@pytest.mark.parametrize("scale", [1e-99, 1.0, 1e99])
def test_what_keeps_whole_has_no_gap_after_its_first_value(name, scale):
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(0.0, 1.0, 3_000))
    walk[1_000:1_500] = 0.0
    walk[2_000:2_300] = walk[2_000]
    for column in (walk, np.sign(walk), np.abs(walk)):
        lookbacks = np.array([[1.0], [2.0], [9.0], [200.0], [2_990.0]])
        out = np.empty((1, len(lookbacks), walk.size))
        registry.get(name).compute((column * scale,), lookbacks, out)
        for row in out[0]:
            assert np.isfinite(row[np.flatnonzero(~np.isnan(row))[0] :]).all()


def test_whether_all_is_surely_whole_is_said_asset_by_asset():
    bars, store = bars_with_holes(), mrt.FeatureStore()
    passing = Passing(store._lookup, bars, [mrt.ema(5), mrt.sma(9)])
    rows = np.empty((passing.n_rows, bars.sizes["time"]))
    assert [passing.fill(asset, rows) for asset in range(3)] == [True, False, False]
    for node in (mrt.rsi(14), mrt.ema(5, of=mrt.rsi(14)), mrt.close / mrt.open):
        passing = Passing(store._lookup, bars, [node, mrt.ema(5)])
        rows = np.empty((passing.n_rows, bars.sizes["time"]))
        assert not passing.fill(0, rows)
    store.compute_batch(bars, [mrt.rsi(14)])  # held: what it may miss is not asked of its indicator
    passing = Passing(store._lookup, bars, [mrt.rsi(14), mrt.ema(5)])
    assert passing._kept
    assert not passing.fill(0, np.empty((passing.n_rows, bars.sizes["time"])))
