"""Many trials of the dense engine in one call."""

from __future__ import annotations

from mrtoolkit._jit import kernel
from mrtoolkit.backtest._kernels.dense import Settings, combine, simulate
from mrtoolkit.backtest._kernels.measure import measure


@kernel
def run_trials(prices, masks, settings, index, warm, setup, costs, scope, room, stats):
    """Simulate and measure trials on one asset.

    masks : entry, exit, short_entry, short_exit, each (row, time) bool
    settings : size, stop_loss, take_profit, trailing_stop, max_bars, each (row, time) or (row, 1)
    index : (trial, 9), which row of each mask and setting is the trial's
    warm : (trial,), first bar whose signal counts
    scope : `measure.Scope`; all but drawdowns is measured in any case
    room : signals (time,) uint8, equity (time,), trades (time + 1, column), overwritten
    stats : (trial, block, statistic), zeroed by the caller
    """
    entry, exit_, short_entry, short_exit = masks
    size, stop_loss, take_profit, trailing_stop, max_bars = settings
    signals, equity, trades = room
    for i in range(index.shape[0]):
        row = index[i]
        combine(entry[row[0]], exit_[row[1]], short_entry[row[2]], short_exit[row[3]], signals)
        read = Settings(size[row[4]], stop_loss[row[5]], take_profit[row[6]], trailing_stop[row[7]], max_bars[row[8]])
        n = simulate(prices, signals, read, warm[i], setup, costs, equity, trades)
        measure(equity, trades[:n], prices.close, setup.cash, scope, stats[i])
