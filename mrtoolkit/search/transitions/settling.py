"""The last rounds of a search that moves: around the points whose neighbourhoods are best, so as to know them."""

from __future__ import annotations

import numpy as np

from mrtoolkit.search._kernels.estimate import choose_apart
from mrtoolkit.search.coordinates import coordinates
from mrtoolkit.search.transitions.hills import Hills
from mrtoolkit.search.transitions.model import Model
from mrtoolkit.search.transitions.pool import Pool
from mrtoolkit.search.transitions.protocol import History, Kept

_SHARE = 0.2  # of the trials of a search
_MOST = 120  # trials: a hill wants as many of them whatever the search has
_LEADERS = 128  # best trials whose neighbourhoods are looked at
_HOPED = 64  # points beside them that have no trial, and are expected to be good
_HILLS = 16  # neighbourhoods that a round looks into
_HOPE = 0.7  # deviations by which a point without a trial may be better than is expected
_CENTRE = 0.75  # what its own trial is worth to a neighbourhood that has none: only a trial is recommended

_NEIGHBOURHOODS: Kept[dict[int, np.ndarray]] = Kept("neighbourhoods")  # of the last round, by the centre's key


def is_settling(history: History, left: int, budget: int) -> bool:
    """Whether the `left` trials of the last level are those that look around the best neighbourhoods."""
    share = min(_MOST, int(_SHARE * (len(history.codes) + left)), 3 * budget // 4)
    return left <= share


def settling_points(history: History, pool: Pool, model: Model, count: int) -> np.ndarray:
    """Return up to `count` new points that say most about the neighbourhoods that seem best."""
    space = history.space
    leaders = pool.codes[pool.order[:_LEADERS]]
    kept = _NEIGHBOURHOODS.get_or_put(history, dict)
    hills = Hills.around(space, pool, model, leaders, kept=kept)
    fresh = hills.deviation > 0.0
    by_mean = np.lexsort((np.arange(len(hills.mean)), -np.round(hills.mean, 9), ~fresh))
    hoped = hills.codes[by_mean[: min(_HOPED, int(fresh.sum()))]]
    hills = Hills.around(space, pool, model, np.concatenate([leaders, hoped]), kept=kept, before=hills)
    best = np.argsort(-hills.quantiles(hope=_HOPE), kind="stable")[:_HILLS]
    weights = 1.0 / np.arange(1, len(best) + 1)
    gain = hills.doubt(best, weights)
    for centre, weight in zip(best, weights, strict=True):
        place = hills.members[centre, 0]
        if hills.deviation[place] > 0.0:
            gain[place] += _CENTRE * weight / np.count_nonzero(hills.members[centre] >= 0)
    wanted = np.flatnonzero(gain > 0.0)
    wanted = wanted[~history.is_known(hills.codes[wanted])] if len(wanted) else wanted
    chosen = np.empty(min(count, len(wanted)), dtype=np.int64)
    codes = hills.codes[wanted]
    n_chosen = choose_apart(
        coordinates(space, codes), codes, gain[wanted], np.zeros(codes.shape, dtype=bool), 1.0, model.is_category,
        model.scales, chosen,
    )  # fmt: skip
    return np.asarray(codes[chosen[:n_chosen]])
