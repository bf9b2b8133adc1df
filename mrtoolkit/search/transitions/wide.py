"""Rounds of many points at once, chosen without any estimate: beside the best trials, and anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrtoolkit.search.objective import ranking
from mrtoolkit.search.transitions.candidates import anywhere, beside
from mrtoolkit.search.transitions.centres import as_looks, first_reach
from mrtoolkit.search.transitions.pool import Pool
from mrtoolkit.search.transitions.protocol import History, Kept, Looking

_LEADERS = 1_024  # best trials whose neighbours a wide round takes
_NEW_STARTS = 0.2  # of the points of a round
_HALVED_EVERY = 3  # rounds

_SURROUNDED: Kept[dict[tuple[int, ...], set[int]]] = Kept("surrounded")  # keys of trials, by stride
_BEST: Kept[tuple[np.ndarray, np.ndarray, int]] = Kept("leaders")  # codes, scores, and of how many trials they are


def new_points(history: History, codes: np.ndarray) -> np.ndarray:
    """Return the points that satisfy the constraints and have not been evaluated, each once."""
    codes = history.space.distinct(codes)
    return np.asarray(codes[~history.is_known(codes)]) if len(codes) else codes


def beside_best(
    history: History, pool: Pool, chosen: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Return up to `count` new points, none of them chosen, beside the best trials: those of the best trial first."""
    codes = pool.codes[pool.order]
    return _beside(history, codes, chosen, count, rng, np.ones(codes.shape[1], dtype=np.int64))


def wide_round(
    history: History,
    index: int,
    count: int,
    axes: Sequence[np.ndarray | None],
    *,
    round: int,
    rng: np.random.Generator,
) -> Sequence[Looking]:
    """Return a round of `count` points: the neighbours of the best trials, best first, and a fifth new starts.

    At the last level neighbours are one label away; before it as far as regions reach, half as far every few rounds.
    """
    space = history.space
    stride = np.ones(len(space), dtype=np.int64)
    if index < history.n_levels - 1:
        stride = np.maximum(1, first_reach(history, [None] * len(space)) >> (1 + round // _HALVED_EVERY))
    none = np.empty((0, len(space)), dtype=np.int64)
    chosen = _beside(history, _leaders(history), none, count - int(count * _NEW_STARTS), rng, stride)
    for size in (count - len(chosen), 4 * count):
        starts = new_points(history, anywhere(space, axes, size + size // 4 + 8, rng))
        chosen = space.distinct(np.concatenate([chosen, starts]))[:count]
        if len(chosen) == count:
            break
    return as_looks(history, index, [], chosen)


def _beside(
    history: History, codes: np.ndarray, chosen: np.ndarray, count: int, rng: np.random.Generator, stride: np.ndarray
) -> np.ndarray:
    space = history.space
    surrounded = _SURROUNDED.get_or_put(history, dict).setdefault(tuple(stride.tolist()), set())
    found, first, size = chosen, 0, 32
    keys = space.keys(codes).tolist()
    while len(found) < len(chosen) + count and first < len(codes):
        part = slice(first, first + size)
        fresh = [first + i for i, key in enumerate(keys[part]) if key not in surrounded]
        if fresh:
            near = new_points(history, beside(space, codes[fresh], rng, stride))
            found = space.distinct(np.concatenate([found, near])) if len(found) else near
        if len(found) <= len(chosen) + count:
            surrounded.update(keys[part])
        first, size = first + size, size * 2
    return np.asarray(found[len(chosen) : len(chosen) + count])


def _leaders(history: History) -> np.ndarray:
    """Return the best trials, best first; a round costs what is new and good enough to be among them."""
    space = history.space
    codes, scores, n_seen = _BEST.get(history) or (history.codes[:0], history.scores[:0], 0)
    least = scores[-1] if len(scores) == _LEADERS else -np.inf
    fresh = n_seen + np.flatnonzero(history.scores[n_seen:] >= least)
    codes, scores = np.concatenate([codes, history.codes[fresh]]), np.concatenate([scores, history.scores[fresh]])
    order = ranking(scores, space.keys(codes), _LEADERS)
    _BEST.put(history, (codes[order], scores[order], len(history.codes)))
    return np.asarray(codes[order])
