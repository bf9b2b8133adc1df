"""Each feature is computed once: over searches, stores and processes that share a folder."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from feature_makers import make_bars

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.features import FeatureStore
from mrtoolkit.features.claims import Claims
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.spec import Indicator

LEVELS = [
    mrt.Level("coarse", grid={"fast": [4, 8, 12], "slow": [20, 30, 40], "n": [7, 14]}),
    mrt.Level("medium", step={"fast": 2, "slow": 5, "n": 7}, regions=2),
    mrt.Level("fine", step={"fast": 1, "slow": 1, "n": 1}, regions=1),
]


@pytest.fixture
def counted(monkeypatch):
    """Count every set of parameters that a kernel is run for over all bars, by indicator and what it is computed of."""
    computed: Counter[tuple] = Counter()
    real = Indicator.compute

    def compute(self, inputs, parameters, out, **states):
        if inputs[0].size > 64:  # a kernel's first call, on a few bars, is its compilation
            source = hash(np.ascontiguousarray(inputs[0]).tobytes())
            computed.update((self.name, tuple(row), source) for row in np.asarray(parameters).tolist())
        return real(self, inputs, parameters, out, **states)

    monkeypatch.setattr(Indicator, "compute", compute)
    return computed


@pytest.fixture(autouse=True)
def always_read(monkeypatch):
    """On bars this few, computing is cheaper than reading; what counts here is what is not there."""
    monkeypatch.setattr("mrtoolkit.features.costs._MARGIN", np.inf)


def crossing() -> mrt.Strategy:
    nested = mrt.ema(P.fast, of=mrt.rsi(P.n))
    return mrt.Strategy(
        entry=(mrt.ema(P.fast) > mrt.ema(P.slow)) & (nested > 45), exit=mrt.ema(P.fast) < mrt.ema(P.slow)
    )


def momentum() -> mrt.Strategy:
    macd = mrt.macd(P.fast, P.slow, 9)
    return mrt.Strategy(entry=(macd.histogram > 0) & (mrt.rsi(P.n) < 70), exit=macd.histogram < 0)


N_SLOW = 700
SPACE = mrt.Space(fast=mrt.Integer(4, 12), slow=mrt.Integer(20, 40), n=mrt.Integer(7, 14), where=P.fast < P.slow)


def search(bars, strategy, store):
    backtest = mrt.Backtest(bars, strategy, costs=mrt.Costs(fee=0.001), store=store)
    return mrt.optimize(backtest, SPACE, levels=LEVELS, seed=0)


def test_over_searches_and_strategies_every_feature_is_computed_once(tmp_path, counted):
    bars = make_bars(1_500)
    store = FeatureStore(tmp_path / "s.zarr")
    search(bars, crossing(), store)
    assert set(counted.values()) == {1}
    n_first = len(counted)
    assert store.counters.computed == n_first
    search(bars, momentum(), store)  # its averages and indices are the first search's, but for new lookbacks
    assert set(counted.values()) == {1}
    assert store.counters.computed == len(counted)
    names = {name for name, _, _ in counted}
    assert names == {"ema", "rsi"}  # of MACD there is no kernel: its parts are everybody's


def test_another_process_computes_nothing_of_what_a_search_used(tmp_path):
    bars = make_bars(1_500)
    first = FeatureStore(tmp_path / "s.zarr")
    study = search(bars, crossing(), first)
    code = f"""
        import sys
        sys.path[:0] = {[str(Path(__file__).parent)]!r}
        import numpy as np, mrtoolkit.features.costs as costs
        costs._MARGIN = np.inf
        from test_once import search, crossing
        from feature_makers import make_bars
        from mrtoolkit.features import FeatureStore
        store = FeatureStore({str(tmp_path / "s.zarr")!r})
        study = search(make_bars(1_500), crossing(), store)
        print(store.counters.computed, store.counters.disk_hits, repr(study.best.value))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    computed, read, best = done.stdout.split()
    assert int(computed) == 0
    assert 0 < int(read) <= first.counters.computed  # the parts of what is found are not needed
    assert float(best) == study.best.value


def test_a_larger_axis_computes_its_new_half_alone(tmp_path, counted):
    bars = make_bars(600)
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [mrt.ema(list(range(100, 1, -1)))])
    assert len(counted) == 99
    grown = FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [mrt.ema(list(range(2, 201)))])
    assert len(counted) == 199
    assert set(counted.values()) == {1}
    assert grown.ema_lookback.values.tolist() == list(range(2, 201))
    assert store["ema"].lookback.values.tolist() == list(range(2, 201))
    np.testing.assert_array_equal(store["ema"].ema.sel(lookback=57), FeatureStore().array(bars, mrt.ema(57)))


def test_features_of_features_and_parts_are_kept_by_themselves(tmp_path, counted):
    bars = make_bars(600)
    FeatureStore(tmp_path / "s.zarr").compute_batch(bars, [mrt.macd(), mrt.ema([3, 4], of=mrt.rsi(7))])
    store = FeatureStore(tmp_path / "s.zarr")
    store.fetch(bars, [mrt.ema(12), mrt.ema(26), mrt.rsi(7), mrt.ema(4, of=mrt.rsi(7)), mrt.macd().signal_line])
    assert set(counted.values()) == {1}
    assert store.counters.computed == 0


def slowly(close, lookback):
    if close.size == N_SLOW:
        with Path(os.environ["SLOW_LOG"]).open("a") as log:
            log.write(f"{lookback}\n")
        time.sleep(0.01)
    return close / lookback


def _compute_overlapping(path: str, log: str, first: int, together: Any) -> None:
    os.environ["SLOW_LOG"] = log
    mrt.indicator(lookback=(1, 500), warmup=0)(slowly)
    bars = make_bars(N_SLOW)
    together.wait(60)
    FeatureStore(path).compute_batch(bars, [registry.get("slowly")(list(range(first, first + 30)))])


@pytest.mark.parametrize("is_locked", [True, False])
def test_four_processes_share_the_work_of_overlapping_batches(tmp_path, monkeypatch, is_locked):
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    target = _compute_overlapping if is_locked else _compute_without_claims  # the control
    together = context.Barrier(4)
    workers = [
        context.Process(target=target, args=(str(tmp_path / "s.zarr"), f"{log}{k}", first, together))
        for k, first in enumerate((1, 11, 21, 1))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    calls = Counter(line for file in tmp_path.glob("log*") for line in file.read_text().splitlines())
    assert set(calls) == {str(k) for k in range(1, 51)}
    total = sum(calls.values())
    if is_locked:
        assert total == 50
    else:
        assert total > 60
    monkeypatch.setenv("SLOW_LOG", f"{log}0")
    mrt.indicator(lookback=(1, 500), warmup=0)(slowly)
    try:
        bars = make_bars(N_SLOW)
        family = FeatureStore(tmp_path / "s.zarr")["slowly"]
        assert family.lookback.values.tolist() == list(range(1, 51))
        for k in (1, 17, 50):
            np.testing.assert_array_equal(family.slowly.sel(lookback=k), bars["close"].values / k)
    finally:
        registry._entries.pop("slowly", None)


def _compute_without_claims(path: str, log: str, first: int, together: Any) -> None:
    Claims.share = lambda self, family, items, work, is_cheap: work(items)
    _compute_overlapping(path, log, first, together)


def test_claims_give_every_item_to_one_worker_and_go_on_when_a_holder_dies(tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()

    def hold_and_die():
        def work(items):
            ready.set()
            time.sleep(60)

        Claims(tmp_path / "c").share("f", list(range(40)), work, lambda item: True)

    holder = context.Process(target=hold_and_die)
    holder.start()
    ready.wait(20)
    holder.kill()
    holder.join()
    done: list[int] = []
    Claims(tmp_path / "c").share("f", list(range(40)), done.extend, lambda item: False)
    assert sorted(done) == list(range(40))


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_a_batch_has_just_computed_is_no_hit(tmp_path, on_disk):
    bars = make_bars(600)
    store = FeatureStore(tmp_path / "s.zarr" if on_disk else None)
    store.compute_batch(bars, [mrt.ema([5, 7, 9])])
    assert (store.counters.computed, store.counters.memory_hits) == (3, 0)
    store.compute_batch(bars, [mrt.ema([5, 7, 11])])
    assert (store.counters.computed, store.counters.memory_hits) == (4, 2)
    store.persist(bars)
    assert store.counters.memory_hits == 2
