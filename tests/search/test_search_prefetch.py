"""Features computed ahead by a thread of the search: no other trial, no wrong count, and nothing left behind."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.features.memory import ByteLRU
from mrtoolkit.search.callables import as_evaluator, with_workers
from mrtoolkit.search.prefetch import likely

BARS = mrt.data.simulate(bars=3_000, freq="1h", seed=0)
SPACE = mrt.Space(fast=mrt.Integer(5, 60), slow=mrt.Integer(40, 200), where=P.fast < P.slow)


class Theirs:
    """Somebody else's backtester, which takes two features of a store."""

    def __init__(self) -> None:
        self.store, self.close, self.asked = mrt.FeatureStore(), np.asarray(BARS["close"]), set()

    def features(self, point: dict[str, Any]) -> list[np.ndarray]:
        nodes = mrt.rolling_median(point["fast"]), mrt.rolling_median(point["slow"])
        return [self.store.array(BARS, node) for node in nodes]

    def __call__(self, point: dict[str, Any]) -> float:
        self.asked |= {point["fast"], point["slow"]}
        fast, slow = self.features(point)
        for _ in range(2_000):  # slow enough for a thread to be ahead
            pass
        return float(np.nansum(np.where(fast[:-1] > slow[:-1], np.diff(self.close), 0.0)))


class Ahead(Theirs):
    """The same, which says what a point needs."""

    def compute_ahead(self, point: dict[str, Any]) -> None:
        self.features(point)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr("mrtoolkit.search.prefetch.n_cores", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (1.0, 1.0, 1.0))


def search(evaluator: Any, **words: Any) -> mrt.Study:
    return mrt.optimize(evaluator, SPACE, trials=100, transition="moving", seed=0, **words)


def test_computing_ahead_changes_no_trial_and_counts_what_was_asked_for():
    plain, ahead = Theirs(), Ahead()
    assert search(ahead).trials.equals(search(plain).trials)
    counters, without = ahead.store.counters, plain.store.counters
    assert without.computed == len(plain.asked)
    assert (without.ahead, without.ahead_used) == (0, 0)
    assert counters.ahead > 0
    assert counters.ahead >= counters.ahead_used
    assert counters.computed - counters.ahead + counters.ahead_used == len(ahead.asked)
    assert counters.memory_hits == without.memory_hits + counters.ahead_used
    assert f"({counters.ahead:,} of them before they were asked for" in repr(ahead.store.info())
    assert "before they were asked for" not in repr(plain.store.info())


def test_what_computing_ahead_raises_is_not_heard():
    class Broken(Theirs):
        calls = 0

        def compute_ahead(self, point: dict[str, Any]) -> None:
            self.calls += 1
            raise ValueError("not now")

    broken = Broken()
    assert search(broken).trials.equals(search(Theirs()).trials)
    assert 0 < broken.calls <= 3


def test_no_thread_outlives_a_search_whatever_ends_it():
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "mrtoolkit-prefetch"]

    seen: list[str] = []

    class Ends(Ahead):
        def __call__(self, point: dict[str, Any]) -> float:
            if len(self.asked) > 20:
                seen.extend(threads())
                raise KeyboardInterrupt
            return super().__call__(point)

    assert search(Ends()).is_interrupted
    assert seen == ["mrtoolkit-prefetch"]
    assert threads() == []
    search(Ahead())
    assert threads() == []


def test_one_core_busy_cores_and_several_workers_compute_nothing_ahead(monkeypatch):
    ahead = as_evaluator(Ahead())
    assert with_workers(ahead, 1).compute_ahead is not None
    assert with_workers(ahead, 2).compute_ahead is None  # what is computed here is in none of the other processes
    monkeypatch.setattr("mrtoolkit.search.prefetch.n_cores", lambda: 1)
    alone = Ahead()
    search(alone)
    monkeypatch.setattr("mrtoolkit.search.prefetch.n_cores", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (1_000.0, 1_000.0, 1_000.0))
    search(alone)
    assert alone.store.counters.ahead == 0


def test_likely_points_are_neighbours_of_the_best_that_were_not_run():
    study = search(Theirs())
    found = likely(study)
    best = study.log.codes[study.scoring.best()]
    assert 0 < len(found) <= 16
    assert (study.log.find(SPACE.keys(found)) < 0).all()
    assert SPACE.satisfies(found).all()
    assert (np.count_nonzero(found != best, axis=1) == 1).any()


def test_what_is_computed_ahead_throws_nothing_out():
    memory: ByteLRU[str, None] = ByteLRU(4_000)
    for name in "ab":
        memory.put(name, np.zeros(125), None)  # 1,000 bytes
    memory.put("c", np.zeros(125), None, ahead=True)
    memory.put("d", np.zeros(125), None, ahead=True)  # of the last quarter
    assert [memory.peek(name) is not None for name in "abcd"] == [True, True, True, False]
    assert memory.n_evicted == 0
    assert memory.get("c") is not None
    assert memory.get("c") is not None
    assert memory.n_ahead_used == 1
