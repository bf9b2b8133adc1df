"""Metrics over windows of the measured bars, made one number: how bad the worst window was, how the middle one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from mrtoolkit.backtest._kernels.window import WINDOW
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.metrics import METRICS, UNITS, as_windowed, compute_metrics, join, metrics_of_joined
from mrtoolkit.errors import StudyError
from mrtoolkit.statistics.blocks import Array

_TRADES, _HELD = WINDOW.index("trades"), WINDOW.index("held")


def windowed_metrics(blocks: Array, names: Iterable[str], market: Market) -> dict[str, Array]:
    """Metrics (...) over windows of block statistics (..., block, statistic); names as `as_windowed` knows them."""
    result: dict[str, Array] = {}
    kept: dict[tuple[str, int], Array] = {}
    for name in names:
        asked = as_windowed(name)
        if asked is None:
            continue
        key = (asked.metric, asked.n)
        if key not in kept:
            edges = np.linspace(0, blocks.shape[-2], asked.n + 1).astype(np.int64)
            joined = np.stack([join(blocks[..., a:b, :]) for a, b in pairwise(edges)], axis=-2)
            # who held through a window without a fill had a return there all the same
            joined[..., _TRADES] = np.maximum(joined[..., _TRADES], joined[..., _HELD] > 0)
            kept[key] = metrics_of_joined(joined, [asked.metric], market)[asked.metric]
        result[name] = asked.of(kept[key])
    return result


def check_windows(names: Iterable[str], n_blocks: int) -> None:
    """Refuse a metric over more windows than the measured bars are cut into blocks."""
    for name in names:
        asked = as_windowed(name)
        if asked is not None and asked.n > n_blocks:
            raise StudyError(
                f"{name} is over {asked.n:,} windows, but the backtest keeps {n_blocks:,} blocks of time; ask for "
                f"fewer windows, or give the backtest blocks={asked.n:,}."
            )


def unit_of(name: str) -> str:
    """Return the unit of a metric."""
    asked = as_windowed(name)
    return UNITS[name if asked is None else asked.metric]


def all_metrics(blocks: Array, names: Iterable[str], market: Market) -> dict[str, Array]:
    """Metrics (...) of block statistics (..., block, statistic), those over windows among them."""
    names = tuple(names)
    plain = compute_metrics(blocks, [name for name in names if name in METRICS], market)
    windowed = windowed_metrics(blocks, [name for name in names if name not in METRICS], market)
    return {name: plain[name] if name in plain else windowed[name] for name in names}
