"""From the points of a plan to block statistics and metrics, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np

from mrtoolkit.backtest._kernels.columns import STATISTICS
from mrtoolkit.backtest.dense import evaluate
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.metrics import DRAWDOWN_METRICS, compute_metrics
from mrtoolkit.strategy.plan import Plan, Signals
from mrtoolkit.strategy.points import Points

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_T = TypeVar("_T")


def block_statistics(plan: Plan, market: Market, points: Points) -> np.ndarray:
    """Block statistics of all points, (point, asset, block, statistic)."""
    result = np.empty((points.n, len(market.prices), len(market.edges) - 1, len(STATISTICS)))

    def run(part: Callable[[], Signals]) -> None:
        signals = part()
        result[signals.points] = evaluate(market, signals)

    for span in plan.spans(points, at_least=_CORES):
        on_all_cores(run, span)
    return result


def measure(plan: Plan, market: Market, points: Points, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Metrics of all points, (point, asset), holding the block statistics of one slice a core at a time."""
    result = {name: np.full((points.n, len(market.prices)), np.nan) for name in names}
    with_drawdown = bool(DRAWDOWN_METRICS.intersection(names))

    def run(part: Callable[[], Signals]) -> None:
        signals = part()
        blocks = evaluate(market, signals, with_drawdown=with_drawdown)
        for name, values in compute_metrics(blocks, names, market).items():
            result[name][signals.points] = values

    for span in plan.spans(points, at_least=_CORES):
        on_all_cores(run, span)
    return result


def on_all_cores(function: Callable[[_T], None], work: Sequence[_T]) -> None:
    """Call a function with each piece of work, side by side: kernels and NumPy hold no GIL."""
    if len(work) == 1 or _CORES == 1:
        for each in work:
            function(each)
    else:
        list(_pool().map(function, work))


@cache
def _pool() -> ThreadPoolExecutor:
    """The process's threads for trials: kept, as each keeps memory to work in."""
    return ThreadPoolExecutor(_CORES, thread_name_prefix="mrtoolkit")


if hasattr(os, "register_at_fork"):  # a forked child has the pool but not its threads, and would wait for ever
    os.register_at_fork(after_in_child=_pool.cache_clear)


def mean_of_assets(values: np.ndarray) -> np.ndarray:
    """Mean over assets of (point, asset) values that are not missing; NaN where all are."""
    if values.shape[1] == 1:
        return np.asarray(values[:, 0])
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1))
