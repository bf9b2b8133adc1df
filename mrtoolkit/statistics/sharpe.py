"""What a Sharpe ratio is worth: its chance of being real, and what the best of many tries would show by luck alone.

Sharpe ratios here are per observation, never annualised; kurtosis is 3 for normal returns.

References
----------
Bailey and Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2).
Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5).
"""

from __future__ import annotations

import math

import numpy as np

from mrtoolkit.statistics.blocks import Array

_LARGEST = 10**9  # independent trials; nobody makes more


def probabilistic_sharpe(
    sharpe: float, n: int, *, against: float = 0.0, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that the true Sharpe ratio is above `against`, given an estimate from `n` observations.

    Bailey and Lopez de Prado (2012), equation 11: the estimate's error is normal with the variance
    ``(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (n - 1)``. NaN for fewer than two observations, or
    where the estimate is no number.
    """
    from scipy.special import ndtr  # 0.1 s to import, and a search needs it only when it is printed

    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    if n < 2 or not math.isfinite(sharpe) or not variance > 0:
        return math.nan
    return float(ndtr((sharpe - against) * math.sqrt((n - 1) / variance)))


def expected_maximum(n_trials: float) -> float:
    """Return the expected maximum of `n_trials` independent standard normal numbers; 0 for one.

    The approximation of Bailey and Lopez de Prado (2014), equation 7, with Euler's constant; between one and two trials
    on a straight line, as it is meant for many.
    """
    from scipy.special import ndtri

    if n_trials <= 1:
        return 0.0
    if n_trials < 2:
        return (n_trials - 1.0) * expected_maximum(2.0)
    return float(
        (1.0 - np.euler_gamma) * ndtri(1.0 - 1.0 / n_trials) + np.euler_gamma * ndtri(1.0 - 1.0 / (n_trials * math.e))
    )


def deflated_sharpe(
    sharpe: float,
    n: int,
    *,
    n_trials: float,
    variance: float,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Return the deflated Sharpe ratio: the probability that the best of several trials is above what luck gives.

    Parameters
    ----------
    sharpe : float
        Of the best trial, per observation.
    n : int
        Observations.
    n_trials : float
        How many independent trials were made.
    variance : float
        Of the Sharpe ratios over the trials.
    skewness, kurtosis : float
        Of the best trial's returns.

    Notes
    -----
    Bailey and Lopez de Prado (2014), equation 9: `probabilistic_sharpe` against the expected maximum of `n_trials`
    Sharpe ratios without skill, ``sqrt(variance) * expected_maximum(n_trials)``.
    """
    luck = math.sqrt(variance) * expected_maximum(n_trials) if variance >= 0 else math.nan
    return probabilistic_sharpe(sharpe, n, against=luck, skewness=skewness, kurtosis=kurtosis)


def effective_trials(returns: Array, *, draws: int = 1_000, seed: int = 0) -> float:
    """Return how many independent trials would have as high an expected maximum by luck as these have.

    Parameters
    ----------
    returns : (trial, block) float64
        Returns of each trial over blocks of time; trials that share their bets are correlated.
    draws : int
        Samples of luck.
    seed : int

    Returns
    -------
    float
        Between 1 and the number of trials; NaN where no trial has returns that vary.

    Notes
    -----
    Luck is drawn by the wild bootstrap (Wu 1986): the deviations of each block from the trial's mean keep their sizes
    and, by one random sign a block for all trials, how the trials hang together; so the maximum over the trials has
    the null distribution of White's reality check (2000). Its mean is compared with `expected_maximum`.
    """
    deviations = returns - returns.mean(axis=1, keepdims=True)
    length = np.sqrt((deviations**2).sum(axis=1))
    scale = np.abs(returns).max(axis=1, initial=0.0)
    varies = length > 1e-9 * scale * math.sqrt(returns.shape[1])
    unit = deviations[varies] / length[varies, np.newaxis]
    if len(unit) == 0:
        return math.nan
    # rows equal but for rounding are one trial, however often it was made
    unit = np.unique(np.round(unit, 9), axis=0)
    signs = np.where(np.random.default_rng(seed).random((draws, unit.shape[1])) < 0.5, -1.0, 1.0)
    highest = np.max([(signs @ part.T).max(axis=1) for part in _parts(unit)], axis=0)
    return min(float(len(unit)), _trials_of_maximum(float(highest.mean())))


def _parts(rows: Array, size: int = 4_096) -> list[Array]:
    """Cut rows so that the product with the draws stays small."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _trials_of_maximum(maximum: float) -> float:
    """Return for how many independent trials the expected maximum is so high."""
    low, high = 1.0, float(_LARGEST)
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if expected_maximum(middle) < maximum else (low, middle)
    return low
