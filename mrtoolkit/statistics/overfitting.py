"""The probability of back-test over-fitting, by combinatorially symmetric cross-validation (CSCV).

References
----------
Bailey, Borwein, Lopez de Prado and Zhu (2017), The Probability of Backtest Overfitting, Journal of Computational
Finance 20(4).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from mrtoolkit.statistics.blocks import Array

_GROUPS = 16
_AT_ONCE = 250_000  # numbers of a part of the splits: what stays in the cache is done in a third of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What came of choosing the best trial on one half of the time and looking at it on the other.

    Attributes
    ----------
    probability : float
        Share of the splits in which the trial that was best in sample is below the median out of sample; ties count
        half. About a half where the choice is luck, near 0 where it holds, near 1 where it misleads.
    logits : (split,) float64
        log(w / (1 - w)), w the rank out of sample of the best in sample, between 0 (the worst) and 1.
    in_sample, out_of_sample : (split,) float64
        Sharpe ratio per observation of the trial that was best in sample.
    """

    probability: float
    logits: Array
    in_sample: Array
    out_of_sample: Array

    @property
    def n_splits(self) -> int:
        """How many ways there are to halve the time."""
        return len(self.logits)

    @property
    def probability_of_loss(self) -> float:
        """Share of the splits in which the best in sample has a Sharpe ratio below 0 out of sample."""
        return float((self.out_of_sample < 0).mean()) if self.n_splits else math.nan


def overfitting(returns: Array, *, groups: int = _GROUPS) -> Overfitting:
    """Return the probability of back-test over-fitting of trials, from their returns.

    Parameters
    ----------
    returns : (trial, observation) float64
        Returns over bars, or over blocks of time.
    groups : int
        Into how many groups of neighbouring observations the time is cut; an even number, fewer where there are too few
        observations. 16 groups have 12,870 halves.

    Notes
    -----
    Section 2 of Bailey et al., with the Sharpe ratio as performance. A trial without a Sharpe ratio in a half (it never
    traded there) ranks there as one of 0: it neither won nor lost. Fewer than two trials or four observations give NaN
    and no splits.
    """
    n_trials, n_observations = returns.shape
    n_groups = min(groups, n_observations) // 2 * 2
    if n_trials < 2 or n_groups < 4:
        return Overfitting(probability=math.nan, logits=_none(), in_sample=_none(), out_of_sample=_none())
    edges = np.linspace(0, n_observations, n_groups + 1).astype(np.int64)
    sums, squares = (np.add.reduceat(values, edges[:-1], axis=1) for values in (returns, returns**2))
    counts = np.diff(edges).astype(float)
    halves = _halves(n_groups)
    step = max(1, _AT_ONCE // n_trials)
    parts = []
    for start in range(0, len(halves), step):
        first = halves[start : start + step]
        one, other = (_sharpe(sums, squares, counts, half) for half in (first, 1.0 - first))
        parts += [_compare(one, other), _compare(other, one)]
    logits, inside, outside = (np.concatenate(column) for column in zip(*parts, strict=True))
    below = float((logits < 0).mean() + 0.5 * (logits == 0).mean())
    return Overfitting(probability=below, logits=logits, in_sample=inside, out_of_sample=outside)


def _compare(inside: Array, outside: Array) -> tuple[Array, Array, Array]:
    """Return logit, Sharpe ratio in and out of sample of the best in sample, (split,) each."""
    split, best = np.arange(len(inside)), inside.argmax(axis=1)
    chosen = outside[split, best][:, np.newaxis]
    below = (outside < chosen).sum(axis=1) + 0.5 * ((outside == chosen).sum(axis=1) - 1)
    rank = (below + 1.0) / (outside.shape[1] + 1.0)
    return np.log(rank / (1.0 - rank)), inside[split, best], chosen[:, 0]


def _sharpe(sums: Array, squares: Array, counts: Array, halves: Array) -> Array:
    """Return the Sharpe ratio per observation of each trial in each half, (split, trial); 0 for none."""
    n = (halves @ counts)[:, np.newaxis]
    total, total_sq = halves @ sums.T, halves @ squares.T
    variance = (total_sq - total * total / n) / (n - 1.0)
    varies = variance > 1e-14 * total_sq / n  # below that the digits are gone
    return np.where(varies, total / n / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def _halves(n_groups: int) -> Array:
    """Return every half of the groups that holds the first one, (split, group) of 0 and 1; the others mirror these."""
    chosen = np.array([(0, *rest) for rest in itertools.combinations(range(1, n_groups), n_groups // 2 - 1)])
    halves = np.zeros((len(chosen), n_groups))
    np.put_along_axis(halves, chosen, 1.0, axis=1)
    return halves


def _none() -> Array:
    return np.empty(0)
