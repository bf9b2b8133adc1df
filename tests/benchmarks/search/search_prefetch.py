"""What computing features ahead gains: one search with and without, in turns, over dear features and a slow evaluator.

`python tests/benchmarks/search/search_prefetch.py`: how many times longer it takes without, for somebody else's
backtester on one core: in wall time, for which another core has to be idle, and in the time of the searching thread
alone, which a busy machine leaves as it is.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]

import numpy as np  # noqa: E402
from figures import Figure, Pairs, print_table  # noqa: E402

import mrtoolkit as mrt  # noqa: E402
from mrtoolkit import P  # noqa: E402

N_BARS, REPEATS, TRIALS = 20_000, 3, 120
SPACE = mrt.Space(
    slow=mrt.Integer(50, 400), n=mrt.Integer(50, 400), over=mrt.Real(0.45, 0.65, step=0.01), where=P.slow != P.n
)
MEDIAN, HURST = mrt.rolling_median(P.slow), mrt.hurst(P.n)


class Theirs:
    """A backtester in plain NumPy, as slow as it is made: `work` more rounds over the bars."""

    params = ("slow", "n", "over")

    def __init__(self, bars: Any, work: int) -> None:
        self.bars, self.work, self.store = bars, work, mrt.FeatureStore()
        close = np.asarray(bars["close"])
        self.close, self.returns = close, np.diff(close, prepend=close[0]) / close

    def features(self, point: dict[str, Any]) -> list[np.ndarray]:
        asked = (mrt.rolling_median(point["slow"]), mrt.hurst(point["n"]))
        return [self.store.array(self.bars, node) for node in asked]

    def __call__(self, point: dict[str, Any]) -> float:
        median, hurst = self.features(point)
        held = np.where((self.close > median) & (hurst > point["over"]), 1.0, 0.0)
        equity = 1.0
        for _ in range(self.work):
            for r in (held[:-1] * self.returns[1:])[:2_000].tolist():  # bar by bar in Python, as such loops are
                equity *= 1.0 + r
        earned = held[:-1] * self.returns[1:]
        return float(earned.mean() / (earned.std() + 1e-12))


class Ahead(Theirs):
    """The same, which says what a point needs."""

    def compute_ahead(self, point: dict[str, Any]) -> None:
        self.features(point)


def search(evaluator: Any) -> tuple[mrt.Study, float, float]:
    """One search, the same at any speed, its seconds, and those that the searching thread was at work."""
    wall, own = time.perf_counter(), time.thread_time()
    study = mrt.optimize(evaluator, SPACE, trials=TRIALS, transition="moving", seed=0)
    return study, time.perf_counter() - wall, time.thread_time() - own


def main() -> None:
    """Print the table."""
    bars = mrt.data.simulate(bars=N_BARS, freq="1h", seed=0)
    search(Theirs(bars, 1))
    rows = []
    for work in (10, 30, 120):
        taken = []
        for _ in range(REPEATS):
            made, plain = Ahead(bars, work), Theirs(bars, work)
            (first, *with_ahead), (second, *without) = search(made), search(plain)
            assert first.trials.equals(second.trials)
            taken.append((*with_ahead, *without))
        wall, own, plain_wall, plain_own = zip(*taken, strict=True)
        _, evaluating, _ = search(plain)  # all features are there
        c = made.store.counters
        said = f"{1e3 * evaluating / TRIALS:.1f} ms a trial; {c.ahead} of {c.computed} ahead, {c.ahead_used} used"
        rows.append(Figure(f"{said}: wall time", Pairs(wall, plain_wall).times_faster, "x"))
        rows.append(Figure("the searching thread's own", Pairs(own, plain_own).times_faster, "x"))
    print_table(f"A search without features computed ahead takes so many times longer ({N_BARS:,} bars)", rows)


if __name__ == "__main__":
    main()
