"""A feature from memory, from disk or computed now is one feature: results are the same to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.long_form import IS_LONG
from oracles.random_bars import as_dataset, random_prices
from oracles.random_rules import random_point, random_strategy

import mrtoolkit as mrt

SOME = settings(max_examples=500 if IS_LONG else 10, deadline=None, suppress_health_check=list(HealthCheck))


def metrics_of(bars, words, points, store):
    """All metrics of these points, through the cache."""
    backtest = mrt.Backtest(bars, mrt.Strategy(**words), store=store, periods_per_year=252)
    frame = pd.DataFrame(points, dtype=object)[list(backtest.params)]
    return backtest.evaluate(frame)


def assert_identical(one, other):
    for name in one.metrics:
        np.testing.assert_array_equal(one.metrics[name], other.metrics[name], err_msg=name)


@SOME
@given(st.integers(0, 2**32 - 1))
def test_cached_equals_fresh_in_memory_and_on_disk(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    bars = as_dataset(random_prices(rng, 200, ["quiet", "holes"][rng.integers(0, 2)]))
    words, points = random_strategy(rng), [random_point(rng) for _ in range(6)]
    path = tmp_path_factory.mktemp("store") / "features.zarr"
    store = mrt.FeatureStore(path)
    first = metrics_of(bars, words, points, store)
    warm = metrics_of(bars, words, points, store)
    assert warm.features_computed == 0
    assert_identical(first, warm)
    store.persist(bars)
    from_disk = metrics_of(bars, words, points, mrt.FeatureStore(path))
    assert from_disk.features_computed == 0
    assert_identical(first, from_disk)
    assert_identical(first, metrics_of(bars, words, points, mrt.FeatureStore()))
    backtest = mrt.Backtest(bars, mrt.Strategy(**words), store=mrt.FeatureStore(path), periods_per_year=252)
    fresh = backtest.evaluate_fresh(pd.DataFrame(points, dtype=object)[list(backtest.params)])  # bar by bar
    for name in first.metrics:
        np.testing.assert_allclose(first.metrics[name], fresh.metrics[name], rtol=1e-9, atol=1e-12, err_msg=name)


@SOME
@given(st.integers(0, 2**32 - 1))
def test_a_point_has_the_same_metrics_alone_and_in_a_batch(seed):
    rng = np.random.default_rng(seed)
    bars = as_dataset(random_prices(rng, 150, "quiet"))
    words, points = random_strategy(rng), [random_point(rng) for _ in range(5)]
    batch = metrics_of(bars, words, points, mrt.FeatureStore())
    for k, point in enumerate(points):
        alone = metrics_of(bars, words, [point], mrt.FeatureStore())
        for name, values in alone.metrics.items():
            np.testing.assert_array_equal(values[0], batch.metrics[name][k], err_msg=name)
