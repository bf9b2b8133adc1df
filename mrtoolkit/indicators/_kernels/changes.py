"""Changes between bars: rate of change, true range, and Wilder's relative strength."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel

_STRETCH = 512  # bars


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
    # As in smoothing.py each bar waits for the bar before, and four lookbacks wait together. Their losses go through a
    # stretch that stays in the cache, so that the divisions are done eight at once: 1.3 ns a bar each, alone 2.7.
    losses = np.empty((4, _STRETCH))
    for k in range(0, lookbacks.size, 4):
        group = slice(k, min(k + 4, lookbacks.size))
        first = 0
        for lane in range(group.start, group.stop):
            first = max(first, _seeded_from(x, int(states[lane, 3]), seeds[lane]))
        if group.stop - k == 1:
            first = x.size
        for lane in range(group.start, group.stop):
            _relative_strength(x[:first], 1.0 / lookbacks[lane], seeds[lane], states[lane], out[lane])
        for start in range(first, x.size, _STRETCH):
            _four_strengths(x[start : start + _STRETCH], lookbacks[group], states[group], losses, start, out[group])


@kernel
def _seeded_from(x: np.ndarray, count: int, seed: int) -> int:  # the bar from which there are `seed` changes
    bar = 0
    while bar < x.size and count <= seed:
        count += np.isfinite(x[bar])
        bar += 1
    return bar


@kernel
def _four_strengths(
    x: np.ndarray, lookbacks: np.ndarray, states: np.ndarray, losses: np.ndarray, start: int, out: np.ndarray
) -> None:  # the steps of _relative_strength after the seed, for up to four rows at the bars of out from `start` on
    last = lookbacks.size - 1
    k1, k2 = min(1, last), min(2, last)  # where there are fewer, the last is done again
    alpha0, alpha1, alpha2, alpha3 = 1.0 / lookbacks[0], 1.0 / lookbacks[k1], 1.0 / lookbacks[k2], 1.0 / lookbacks[last]
    previous, gain0, loss0, count = states[0, 0], states[0, 1], states[0, 2], states[0, 3]
    gain1, gain2, gain3 = states[k1, 1], states[k2, 1], states[last, 1]
    loss1, loss2, loss3 = states[k1, 2], states[k2, 2], states[last, 2]
    gains0, gains1, gains2, gains3 = out[0, start:], out[k1, start:], out[k2, start:], out[last, start:]
    losses0, losses1, losses2, losses3 = losses[0], losses[1], losses[2], losses[3]
    for bar in range(x.size):
        value = x[bar]
        if np.isfinite(value):
            change = value - previous
            previous = value
            count += 1.0
            up, down = max(change, 0.0), max(-change, 0.0)
            gain0 += alpha0 * (up - gain0)
            gain1 += alpha1 * (up - gain1)
            gain2 += alpha2 * (up - gain2)
            gain3 += alpha3 * (up - gain3)
            loss0 += alpha0 * (down - loss0)
            loss1 += alpha1 * (down - loss1)
            loss2 += alpha2 * (down - loss2)
            loss3 += alpha3 * (down - loss3)
            gains0[bar], gains1[bar], gains2[bar], gains3[bar] = gain0, gain1, gain2, gain3
            losses0[bar], losses1[bar], losses2[bar], losses3[bar] = loss0, loss1, loss2, loss3
        else:
            gains0[bar], gains1[bar], gains2[bar], gains3[bar] = np.nan, np.nan, np.nan, np.nan
    for k in range(last + 1):
        states[k, 0], states[k, 3] = previous, count
        _share(losses[min(k, 3)], out[k, start : start + x.size])
    states[0, 1], states[k1, 1], states[k2, 1], states[last, 1] = gain0, gain1, gain2, gain3
    states[0, 2], states[k1, 2], states[k2, 2], states[last, 2] = loss0, loss1, loss2, loss3


@kernel
def _share(losses: np.ndarray, row: np.ndarray) -> None:  # gains in row -> what they are of all movement, in percent
    for i in range(row.size):
        moved = row[i] + losses[i]
        row[i] = 50.0 if moved == 0.0 else 100.0 * row[i] / moved


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
