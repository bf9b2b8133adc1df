"""Blocks of a window put together: what the metrics of the whole are made of."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.columns import (
    BARS,
    DOWNSIDE_SQ,
    GAINS,
    GROWTH,
    HELD,
    HIGHEST,
    LOSSES,
    LOWEST,
    SUM,
    SUM_SQ,
    TRADES,
    TURNOVER,
    WINS,
    WORST,
)

WINDOW = (
    "bars", "sum", "sum_sq", "downside_sq", "trades", "wins", "gains", "losses", "held", "turnover", "growth",
    "drawdown",
)  # fmt: skip
_SUMS = (BARS, SUM, SUM_SQ, DOWNSIDE_SQ, TRADES, WINS, GAINS, LOSSES, HELD, TURNOVER)  # the first of WINDOW
_N_SUMS, _N_WINDOW = len(_SUMS), len(WINDOW)


LEAN = tuple([WINDOW.index(name) for name in ("bars", "sum", "sum_sq", "trades", "wins", "growth")])


@kernel
def join_blocks(stats):
    """Sums, growth and drawdown over the blocks of (trial, block, statistic), as (trial, len(WINDOW)).

    The drawdown is exact: the lowest point of a block under the highest of all before it, or a fall inside one block.
    """
    out = np.zeros((stats.shape[0], _N_WINDOW))
    for k in range(stats.shape[0]):
        row = out[k]
        growth, peak, fall = 1.0, 1.0, 0.0
        for b in range(stats.shape[1]):
            block = stats[k, b]
            for j in range(_N_SUMS):
                row[j] += block[_SUMS[j]]
            fall = max(fall, block[WORST], 1.0 - block[LOWEST] * growth / peak)
            peak = max(peak, block[HIGHEST] * growth)
            growth *= block[GROWTH]
        row[_N_SUMS], row[_N_SUMS + 1] = growth, fall
    return out


@kernel
def join_into(stats, assets, points, columns, joined):
    """Put the blocks of (asset, trial, block, statistic) together and write them where `assets` and `points` say.

    columns : (column,) int64, those of `WINDOW` that are written
    joined : (len(WINDOW), asset, point)
    """
    for i in range(assets.size):
        own = join_blocks(stats[i])
        for j in columns:
            column = joined[j, assets[i]]
            for k in range(points.size):
                column[points[k]] = own[k, j]
