"""One way of doing the method's work, in a process of its own: `python seed_child.py <way> <json>`, a JSON answer.

The work: crosses of two averages, 500 lookbacks for the fast and 500 for the slow one, so 1,000 possible features and
250,000 points. The search chooses its trials and writes them down; the other ways make the same ones. Seconds and
peak memory count from the bars on, after a run over few bars that loads (or compiles) the kernels.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from event_loops import long_cross, over_trials  # noqa: E402 (found by the line above)
from figures import PeakMemory  # noqa: E402
from test_textbook_search import FEE, YEAR, pandas_ema, pandas_sharpe  # noqa: E402

import mrtoolkit as mrt  # noqa: E402
from mrtoolkit import P  # noqa: E402

AVERAGES = {"ema": mrt.ema, "rolling_median": mrt.rolling_median}
IN_PANDAS = {"ema": pandas_ema, "rolling_median": lambda close, lookback: close.rolling(int(lookback)).median()}
CHECKED = 25  # trials whose Sharpe ratios all ways must agree on


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done, as the parent says it.

    Attributes
    ----------
    n_bars, trials : int
    average : str
        The indicator of both parameters.
    labels : int
        Lookbacks a parameter: twice as many features are possible.
    points : str
        File of the search's points, (trial, 2).
    memory : str
        Limit of the store.
    store : str or None
        Its folder; None for memory alone.
    most : int
        Trials that a slow way makes of them.
    """

    n_bars: int
    trials: int
    average: str
    labels: int
    points: str
    memory: str = "256 MiB"
    store: str | None = None
    most: int = 10_000

    @property
    def space(self) -> mrt.Space:
        """Lookbacks of the fast average, and longer ones of the slow."""
        return mrt.Space(fast=mrt.Integer(2, self.labels + 1), slow=mrt.Integer(self.labels + 2, 2 * self.labels + 1))

    def bars(self, n: int):
        """Random prices, an hour a bar."""
        return mrt.data.simulate(bars=n, freq="1h", seed=0)

    def backtest(self, bars, memory: str, path: str | None = None) -> mrt.Backtest:
        """Our evaluator with a store of its own."""
        average = AVERAGES[self.average]
        return mrt.Backtest(
            bars, mrt.Strategy(entry=average(P.fast) > average(P.slow)), costs=mrt.Costs(fee=FEE),
            store=mrt.FeatureStore(path, memory=memory), periods_per_year=YEAR,
        )  # fmt: skip

    def some_points(self) -> np.ndarray:
        """As many of the search's points as a way makes, spread over the search."""
        points = np.load(self.points)
        return points[np.unique(np.linspace(0, len(points) - 1, min(self.most, len(points))).astype(int))]


Found = tuple[np.ndarray, np.ndarray, int]
"""Points, their Sharpe ratios, features computed."""


def by_pandas(work: Work, bars) -> Found:
    """Traditional, as people write it: both averages anew for each trial, vectorised pandas."""
    frame, points = bars[["open", "close"]].to_dataframe(), work.some_points()
    average = IN_PANDAS[work.average]
    sharpe = [pandas_sharpe(frame, fast, slow, average)["sharpe"] for fast, slow in points.tolist()]
    return points, np.array(sharpe), 2 * len(points)


def by_loop(work: Work, bars) -> Found:
    """Traditional, compiled: both averages anew for each trial by our own kernel, then the plainest loop over bars."""
    points, spec = work.some_points().astype(float), AVERAGES[work.average]
    prices = tuple(np.ascontiguousarray(bars[name].values) for name in ("open", "high", "low", "close"))
    features, out = np.empty((1, 2, len(prices[0]))), np.empty((len(points), 4))
    rows, numbers, run = np.array([[0, 1]]), np.empty((1, 0)), over_trials(long_cross)
    for k, pair in enumerate(points):
        spec.compute([prices[3]], pair[:, None], features)
        run(prices, features[0], rows, numbers, pair[1:].astype(int) - 1, FEE, float(YEAR), out[k : k + 1])
    return points, out[:, 1], 2 * len(points)


def by_full_cache(work: Work, bars) -> Found:
    """All possible features computed and kept, then the trials by our engine."""
    average, space, points = AVERAGES[work.average], work.space, np.load(work.points)
    backtest = work.backtest(bars, "64 GiB")
    labels = [label for name in space for label in space[name].labels]
    kept = backtest.store.fetch(bars, [average(label) for label in labels])
    found = backtest.evaluate(pd.DataFrame(points, columns=list(space)))
    assert len(kept) == 2 * work.labels
    return points, found.metrics["sharpe"], backtest.store.counters.computed


def by_search(work: Work, bars) -> Found:
    """Multi-resolution: the search, its store and all."""
    backtest = work.backtest(bars, work.memory, work.store)
    study = mrt.optimize(backtest, work.space, objective="sharpe", trials=work.trials, seed=0)
    points = study.space.decode(study.log.codes).to_numpy()
    return points, study.log.value.copy(), backtest.store.counters.computed


WAYS: dict[str, Callable[[Work, object], Found]] = {
    "pandas": by_pandas,
    "loop": by_loop,
    "cache": by_full_cache,
    "search": by_search,
}


def main(way: str, settings: dict) -> dict[str, object]:
    """What one way took: seconds on the clock and of the processor, MiB, features, trials, and some Sharpe ratios."""
    work, small = Work(**settings), Work(**(settings | {"store": None, "trials": 30, "most": 3}))
    WAYS[way](small, small.bars(20 * work.labels + 500))
    bars = work.bars(work.n_bars)
    peak, clock, processor = PeakMemory(), time.perf_counter(), time.process_time()
    points, sharpe, features = WAYS[way](work, bars)
    seconds, cpu, mib = time.perf_counter() - clock, time.process_time() - processor, peak.added_mib()
    if way == "search":
        np.save(work.points, points)
    known = {tuple(map(int, point)): value for point, value in zip(points, sharpe.tolist(), strict=True)}
    every = np.load(work.points)
    checked = every[np.linspace(0, len(every) - 1, CHECKED).astype(int)]
    return {
        "seconds": seconds,
        "cpu": cpu,
        "mib": mib,
        "features": features,
        "trials": len(points),
        "best": float(np.nanmax(sharpe)),
        "sharpe": [known.get(tuple(map(int, point))) for point in checked],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
