"""From the points of a plan to block statistics and metrics, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TypeAlias, TypeVar

import numpy as np

from mrtoolkit.backtest import dense, event
from mrtoolkit.backtest._kernels.columns import STATISTICS
from mrtoolkit.backtest.event import Wanted
from mrtoolkit.backtest.ground import Ground
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.metrics import DRAWDOWN_METRICS, LEAN_METRICS, compute_metrics
from mrtoolkit.backtest.targets import evaluate_targets, record_targets
from mrtoolkit.strategy.plan import Plan
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.position_plan import PositionPlan, PositionSpan, Targets
from mrtoolkit.strategy.span import Span

_WORTH_THREADS = 4_000_000  # bars times points: about a millisecond of the event engine
_T = TypeVar("_T")
AnySpan: TypeAlias = Span | PositionSpan


@dataclass(frozen=True, kw_only=True)
class Runner:
    """One backtest's engine: points in, statistics and metrics out.

    Parameters
    ----------
    plan : Plan or PositionPlan
    market : Market
    engine : {"auto", "event", "dense"}
        Of rules; a position function runs on the dense one.
    """

    plan: Plan | PositionPlan
    market: Market
    engine: str
    _whole: Market = field(init=False)
    _ground: Ground = field(init=False)

    def __post_init__(self) -> None:
        edges = self.market.edges[[0, -1]]
        object.__setattr__(self, "_whole", replace(self.market, edges=edges))
        object.__setattr__(self, "_ground", Ground(self.market, self.plan.store.memory_limit // 4))

    def block_statistics(self, points: Points) -> np.ndarray:
        """Block statistics of all points, (point, asset, block, statistic)."""
        market = self.market
        result = np.empty((points.n, len(market.prices), len(market.edges) - 1, len(STATISTICS)))

        def run(span: AnySpan, chosen: np.ndarray) -> None:
            result[span.positions[chosen]] = self._evaluate(market, span, chosen, Wanted())

        for work in self._work(points, run):
            on_all_cores(work)
        return result

    def metrics(self, points: Points, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Metrics of all points, (point, asset), holding the statistics of one slice a core at a time."""
        result = {name: np.full((points.n, len(self.market.prices)), np.nan) for name in names}
        wanted = Wanted(rest=not LEAN_METRICS.issuperset(names), drawdown=not DRAWDOWN_METRICS.isdisjoint(names))
        market = self.market if wanted.rest else self._whole

        def run(span: AnySpan, chosen: np.ndarray) -> None:
            stats = self._evaluate(market, span, chosen, wanted)
            for name, values in compute_metrics(stats, names, market).items():
                result[name][span.positions[chosen]] = values

        for work in self._work(points, run):
            on_all_cores(work)
        return result

    def record(self, points: Points) -> tuple[np.ndarray, list[dense.Recording]]:
        """Block statistics of one point, (asset, block, statistic), and what it did bar by bar, an asset each."""
        (signals,) = self.plan.signals(points)
        market, assets = self.market, range(len(self.market.prices))
        if isinstance(signals, Targets):
            return evaluate_targets(market, signals)[0], [record_targets(market, signals, asset) for asset in assets]
        return dense.evaluate(market, signals)[0], [dense.record(market, signals, asset) for asset in assets]

    def _evaluate(self, market: Market, span: AnySpan, chosen: np.ndarray, wanted: Wanted) -> np.ndarray:
        if isinstance(span, PositionSpan):
            return evaluate_targets(market, span.signals(chosen), with_drawdown=wanted.drawdown)
        if self.engine == "dense":
            return dense.evaluate(market, span.signals(chosen), with_drawdown=wanted.drawdown)
        return event.evaluate(market, self._ground, span, chosen, wanted)

    def _work(self, points: Points, run: Callable[[AnySpan, np.ndarray], None]) -> Iterator[list[Callable[[], None]]]:
        """The slices of each span, as functions that may be called in any order, from any thread."""
        for span in self.plan.spans(points):
            if isinstance(span, PositionSpan) or self.engine == "dense":
                at_most = span.dense_slice
            else:
                at_most = event.slice_length(span)
            n_values = span.points.n * span.shape[0] * span.shape[1]
            at_least = n_threads() if n_values >= _WORTH_THREADS else 1
            yield [partial(run, span, chosen) for chosen in span.slices(at_most, at_least)]


def n_threads() -> int:
    """Threads that run trials: MRTOOLKIT_THREADS, or as many as this process may use cores."""
    wanted = os.environ.get("MRTOOLKIT_THREADS", "")
    return max(1, int(wanted)) if wanted.isdigit() else _cores()


def on_all_cores(work: Sequence[Callable[[], None]]) -> None:
    """Call functions side by side: kernels and NumPy hold no GIL."""
    threads = n_threads()
    if len(work) == 1 or threads == 1:
        for each in work:
            each()
    else:
        for done in [_pool(threads).submit(each) for each in work]:
            done.result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """The process's threads for trials: kept, as each keeps memory to work in."""
    return ThreadPoolExecutor(threads, thread_name_prefix="mrtoolkit")


if hasattr(os, "register_at_fork"):  # a forked child has the pool but not its threads, and would wait for ever
    os.register_at_fork(after_in_child=_pool.cache_clear)


def mean_of_assets(values: np.ndarray) -> np.ndarray:
    """Mean over assets of (point, asset) values that are not missing; NaN where all are."""
    if values.shape[1] == 1:
        return np.asarray(values[:, 0])
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1))
