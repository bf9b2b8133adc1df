"""An evaluator that computes no prices: two metrics of two parameters, features counted as a store would."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from waiting import SOON

from mrtoolkit.evaluation import Evaluation
from mrtoolkit.search import live_searches


@pytest.fixture(autouse=True)
def none_left():
    """A search that a test leaves running, as one that fails does, is no other test's."""
    yield
    for search in list(live_searches._live):
        search.stop()
        assert search.join(SOON)


class CrossEvaluator:
    """`sharpe` has its peak at (12, 42); `trades` falls with both; each distinct lookback is one feature."""

    params = ("fast", "slow")
    metrics = ("sharpe", "trades")
    bars = None

    def __init__(self, fee=0.001):
        self.fee = fee
        self.cache = set()
        self.computed = []
        self.batches = []
        self.persisted = 0
        self.stale = ()
        self.bias = 0.0

    def _metrics(self, points):
        fast, slow = points["fast"].to_numpy(float), points["slow"].to_numpy(float)
        sharpe = 1.0 - ((fast - 12) / 10) ** 2 - ((slow - 42) / 40) ** 2 - self.fee
        return {"sharpe": sharpe, "trades": np.floor(2000 / (fast + slow))}

    def evaluate(self, points: pd.DataFrame) -> Evaluation:
        missing = sorted(self.features(points) - self.cache)
        self.cache |= set(missing)
        self.computed += missing
        self.batches.append(len(points))
        metrics = self._metrics(points)
        blocks = {"sum": np.outer(metrics["sharpe"], [1.0, 2.0]), "sum_sq": np.outer(metrics["trades"], [1.0, 0.5])}
        return Evaluation(metrics=metrics, blocks=blocks, features_computed=len(missing))

    def check(self, points):
        """Let every point pass."""

    def caution(self, points):
        """Say nothing."""

    def evaluate_fresh(self, points):
        metrics = self._metrics(points)
        return Evaluation(metrics=metrics | {"sharpe": metrics["sharpe"] + self.bias})

    def features(self, points):
        return frozenset(f"ema({v:g})" for name in ("fast", "slow") for v in points[name])

    def stale_features(self, points):
        return tuple(key for key in self.stale if key in self.features(points))

    def benchmark(self):
        return {"sharpe": 0.5, "trades": 1.0}

    def persist(self):
        self.persisted += 1

    def to_dict(self):
        return {"kind": "cross", "costs": {"fee": self.fee}}


@pytest.fixture
def cross():
    return CrossEvaluator()


@pytest.fixture
def make_cross():
    return CrossEvaluator
