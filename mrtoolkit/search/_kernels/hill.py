"""The low quantile of values of which some are known and others are estimates."""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel

_HALVINGS = 26
_FAR = 4.0  # deviations beyond which next to nothing lies


@kernel(inline=True)
def normal_share(z):
    """Return the standard normal distribution up to z, by Abramowitz and Stegun 26.2.19, to 2e-7."""
    x = abs(z)
    base = 5.383e-6
    for term in (4.88906e-5, 3.80036e-5, 3.2776263e-3, 2.11410061e-2, 4.9867347e-2, 1.0):
        base = base * x + term
    base *= base
    base *= base
    base *= base
    base *= base
    tail = 0.5 / base
    return tail if z < 0.0 else 1.0 - tail


@kernel(inline=True)
def share_below(level, mean, deviation):
    """Return the probability that a value is at most `level`; one that is known has no deviation."""
    if deviation <= 0.0:
        return 1.0 if mean <= level else 0.0
    z = (level - mean) / deviation
    if z > _FAR:
        return 1.0
    return 0.0 if z < -_FAR else normal_share(z)


@kernel
def low_quantiles(members, mean, deviation, quantile, out):
    """Write for each row of members (row, member) the level below which the share `quantile` of them is expected.

    `mean` and `deviation` are those of all points; a member is a place in them, or -1 for none.
    """
    for r in range(len(members)):
        low, high, count = np.inf, -np.inf, 0
        for i in members[r]:
            if i >= 0:
                low = min(low, mean[i] - _FAR * deviation[i])
                high = max(high, mean[i] + _FAR * deviation[i])
                count += 1
        if count == 0:
            out[r] = -np.inf
            continue
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            below = 0.0
            for i in members[r]:
                if i >= 0:
                    below += share_below(middle, mean[i], deviation[i])
            if below < quantile * count:
                low = middle
            else:
                high = middle
        out[r] = high


@kernel
def doubts(members, mean, deviation, level, weight, out):
    """Add to `out`, a number a point, how much it leaves open which share of each row lies below the row's level."""
    for r in range(len(members)):
        count = 0
        for i in members[r]:
            count += 1 if i >= 0 else 0
        for i in members[r]:
            if i >= 0 and deviation[i] > 0.0:
                share = share_below(level[r], mean[i], deviation[i])
                out[i] += weight[r] * share * (1.0 - share) / count
