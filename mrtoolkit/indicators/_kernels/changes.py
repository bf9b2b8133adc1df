"""Changes between bars: rate of change, true range, and Wilder's relative strength."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel


@kernel
def rate_of_change(
    x: np.ndarray, lookbacks: np.ndarray, out: np.ndarray
) -> None:  # x (time,), lookbacks (n,) -> out (n, time), in percent
    for k in range(lookbacks.size):
        lookback = lookbacks[k]
        out[k, :lookback] = np.nan
        for bar in range(lookback, x.size):
            value = (x[bar] / x[bar - lookback] - 1.0) * 100.0
            out[k, bar] = value if np.isfinite(value) else np.nan


@kernel
def true_range(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, out: np.ndarray
) -> None:  # (time,) each -> out (time,); NaN at the first bar: it has no bar before
    previous = np.nan
    for bar in range(close.size):
        value = max(high[bar], previous) - min(low[bar], previous)
        is_whole = np.isfinite(high[bar]) and np.isfinite(low[bar]) and np.isfinite(close[bar])
        out[bar] = value if is_whole and np.isfinite(previous) else np.nan
        if is_whole:  # a bar with a missing price is passed over: the next one is measured from the last whole one
            previous = close[bar]


@kernel
def relative_strength(
    x: np.ndarray, lookbacks: np.ndarray, seeds: np.ndarray, out: np.ndarray
) -> None:  # x (time,), lookbacks (n,), seeds (n,) -> out (n, time)
    for k in range(lookbacks.size):
        _relative_strength(x, 1.0 / lookbacks[k], seeds[k], out[k])


@kernel
def _relative_strength(x: np.ndarray, alpha: float, seed: int, row: np.ndarray) -> None:
    # Gains and losses each start at the mean of the first `seed` changes (TA-Lib), then are smoothed by 1 / lookback.
    previous, gain, loss, count = np.nan, 0.0, 0.0, -1
    for bar in range(x.size):
        row[bar] = np.nan
        value = x[bar]
        if not np.isfinite(value):
            continue
        change = value - previous
        previous = value
        count += 1
        if count == 0:
            continue
        up, down = max(change, 0.0), max(-change, 0.0)
        if count <= seed:
            gain += up
            loss += down
            if count < seed:
                continue
            gain /= seed
            loss /= seed
        else:
            gain += alpha * (up - gain)
            loss += alpha * (down - loss)
        moved = gain + loss
        row[bar] = 100.0 * gain / moved if moved > 0.0 else 50.0
