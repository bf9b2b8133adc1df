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
    high: np.ndarray, low: np.ndarray, close: np.ndarray, previous: float, out: np.ndarray
) -> float:  # (time,) each -> out (time,); returns the last close
    # `previous` is the close of the last whole bar before these; not finite where there is none, and the first whole
    # bar has no range then.
    for bar in range(close.size):
        value = max(high[bar], previous) - min(low[bar], previous)
        is_whole = np.isfinite(high[bar]) and np.isfinite(low[bar]) and np.isfinite(close[bar])
        out[bar] = value if is_whole and np.isfinite(previous) else np.nan
        if is_whole:  # a bar with a missing price is passed over: the next one is measured from the last whole one
            previous = close[bar]
    return previous


@kernel
def relative_strength(
    x: np.ndarray, lookbacks: np.ndarray, seeds: np.ndarray, states: np.ndarray, out: np.ndarray
) -> None:  # x (time,), lookbacks (n,), seeds (n,), states (n, 4) -> out (n, time), states after the last bar
    for k in range(lookbacks.size):
        _relative_strength(x, 1.0 / lookbacks[k], seeds[k], states[k], out[k])


@kernel
def _relative_strength(x: np.ndarray, alpha: float, seed: int, state: np.ndarray, row: np.ndarray) -> None:
    # Gains and losses each start at the mean of the first `seed` changes (TA-Lib), then are smoothed by 1 / lookback.
    # The state: the last value, the gain and the loss (sums until there are `seed` changes), the values counted so far.
    previous, gain, loss, count = state[0], state[1], state[2], int(state[3]) - 1
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
    state[0], state[1], state[2], state[3] = previous, gain, loss, count + 1
