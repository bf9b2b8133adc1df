"""Several processes and threads in one store: each feature once, none torn, and readers that notice nothing."""

from __future__ import annotations

import multiprocessing
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from crash_workers import nodes_of
from store_checker import Feature, bars_of, fresh, problems, small_chunks

import mrtoolkit as mrt
from mrtoolkit.features import FeatureStore

SHORT, LONG = 150, 200
BATCHES: list[list[Feature]] = [
    [*(("ema", (k,)) for k in range(first, first + 20)), *(("sma", (k,)) for k in range(first, first + 20))]
    for first in (2, 12, 22, 2)
]
ALL = {feature for batch in BATCHES for feature in batch}


pytestmark = pytest.mark.usefixtures("small_chunks_and_channel", "reads_what_is_there")


def _compute(path: str, features: list[Feature], together: Any, computed: Any) -> None:
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        small_chunks(patch.setattr)
        patch.setattr("mrtoolkit.features.costs._MARGIN", np.inf)
        store = FeatureStore(path)
        together.wait(60)
        store.compute_batch(bars_of(SHORT), nodes_of(features))
        computed.put(store.counters.computed)


def test_four_processes_with_overlapping_batches_write_each_feature_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    together, computed = context.Barrier(4), context.Queue()
    path = tmp_path / "s.zarr"
    workers = [context.Process(target=_compute, args=(str(path), batch, together, computed)) for batch in BATCHES]
    for worker in workers:
        worker.start()
    total = sum(computed.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert problems(path, {SHORT: ALL}) == []
    assert len(ALL) <= total <= len(ALL) + 8  # of each family each may try one, to see that it is cheap


def test_threads_with_two_stores_of_one_folder_write_each_feature_once(tmp_path):
    path = tmp_path / "s.zarr"
    stores = [FeatureStore(path), FeatureStore(path)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda k: stores[k % 2].compute_batch(bars_of(SHORT), nodes_of(BATCHES[k])), range(4)))
    assert problems(path, {SHORT: ALL}) == []


def test_readers_see_the_same_values_while_others_add_and_append(tmp_path):
    path, end, failed = tmp_path / "s.zarr", threading.Event(), []
    FeatureStore(path).compute_batch(bars_of(SHORT), [mrt.ema([3, 5])])
    opened, n_read = FeatureStore(path).open("ema", bars_of(SHORT)), 0
    want = {k: fresh(SHORT, ("ema", (k,)))[""] for k in (3, 5)}

    def write():
        try:
            for k in range(6, 18):
                FeatureStore(path).compute_batch(bars_of(SHORT), [mrt.ema(k), mrt.rsi(k)])
                FeatureStore(path).append(bars_of(SHORT + 5 * k))
        except Exception as error:
            failed.append(error)
        finally:
            end.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not end.is_set() or n_read < 3:
        store = FeatureStore(path, persist="never")
        loaded, matrix = store.load_features(bars_of(SHORT), "ema"), store.matrix(bars_of(SHORT))
        store.info()
        for k, values in want.items():
            np.testing.assert_array_equal(loaded["ema"].sel(ema_lookback=k), values)
            np.testing.assert_array_equal(matrix.sel(indicator="ema", lookback=k).values.reshape(-1), values)
            np.testing.assert_array_equal(opened["ema"].sel(lookback=k), values)
        assert store.counters.computed == 0
        n_read += 1
    writer.join()
    assert failed == []
    assert problems(path, {SHORT: {("ema", (k,)) for k in range(6, 18)}}) == []
