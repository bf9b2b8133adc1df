"""Long positions of many assets in one call: a few thousand bars of one take less time than the Python around them."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.long_only import C_GROWTH, LongMarket, finish_lean, run_lean
from mrtoolkit.backtest._kernels.tables import TILE
from mrtoolkit.strategy._kernels.words import NONE, numbers_at


@kernel
def run_lean_assets(assets, signals, asset_bytes, warm, market, raws, marks, start, work, stats, exact):
    """Run all trials of a slice on some assets, from their first tile to their last, as `run_lean` does on one.

    Parameters
    ----------
    assets : (k,) int64
    signals : LongSignals
        Its places are those of the first asset; `first` is overwritten with what each asset's is.
    asset_bytes : int
        Bytes from one asset's numbers to the next one's.
    warm : (asset, trial) int64
    market : LongMarket
        Of any of the assets, which end at the same bar, with room for the tables of one tile.
    raws, marks : (asset,) uint64
        Addresses of prices of fills, and of last known closes.
    start : int
        The first measured bar.
    work : bits, fills, carried and sums as `run_lean` takes them
    stats : (k, trial, statistic) float64
        Zeroed by the caller.
    exact : (asset, trial) uint8
    """
    bits, fills, carried, sums = work
    n_bars, first_places = market.mark.size, signals.places.copy()
    tiles = start // TILE, market.cells.of_tile.size - 1
    for i in range(assets.size):
        asset = assets[i]
        for k in range(first_places.size):
            moves = signals.steps[k] != NONE
            signals.places[k] = first_places[k] + (np.uint64(asset * asset_bytes) if moves else NONE)
        for k in range(signals.first.size):
            signals.first[k] = max(warm[asset, k], start)
        own = LongMarket(
            numbers_at(raws[asset], n_bars), numbers_at(marks[asset], n_bars), market.costs, market.risk_free,
            market.at_close, market.end, market.cells, False, market.tables, market.totals,
        )  # fmt: skip
        carried[:] = NONE
        sums[:] = 0.0
        sums[:, C_GROWTH] = 1.0
        run_lean(signals, own, tiles, bits, fills, carried, sums)
        finish_lean(own.mark[own.end - 1], n_bars - start, carried, sums, stats[i], exact[asset])
    signals.places[:] = first_places
