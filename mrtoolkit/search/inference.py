"""How much of a winner is luck: what a search says about itself beside its best trial."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mrtoolkit.search.space import Space
from mrtoolkit.search.trial_log import TrialLog
from mrtoolkit.statistics.overfitting import overfitting
from mrtoolkit.statistics.sharpe import deflated_sharpe, effective_trials

_SURE, _LIKELY = 0.9, 0.5  # probabilities from which on the two contradict each other
_MOST_SPLIT = 1_000  # trials that are compared over all 12,870 splits: 0.2 s


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Inference:
    """What the number of trials does to the best of them.

    Attributes
    ----------
    trials : int
        Made by the search, failed ones included.
    effective_trials : float
        How many independent trials would show as high a maximum by luck (see `statistics.sharpe`); NaN where the
        evaluator gives no returns over blocks of time.
    deflated_sharpe : float
        Probability that the best trial's Sharpe ratio is above what the best of so many independent trials shows by
        luck (Bailey and Lopez de Prado 2014), with the returns of its blocks as observations; NaN without blocks.
    probability_of_overfitting : float
        Share of the ways to halve the time in which the trial that is best in one half is below the median in the other
        (Bailey et al. 2017); of more than 1,000 trials of that many, evenly spaced, and the best. NaN without blocks.
    seen : float
        Part of the lattice points that satisfy the constraints that the search has looked at, 0 to 1.
    is_exact : bool
        Whether the points of the lattice are counted; of some very large ones their number is estimated.
    """

    trials: int
    effective_trials: float
    deflated_sharpe: float
    probability_of_overfitting: float
    seen: float
    is_exact: bool

    @property
    def contradiction(self) -> str:
        """What to make of the two probabilities where they say different things; nothing where they do not."""
        if not (self.deflated_sharpe >= _SURE and self.probability_of_overfitting >= _LIKELY):
            return ""
        return (
            "So there is something to find, but what is best in one half of the time is seldom so in the other: trust "
            "the rule before these parameters."
        )

    def __repr__(self) -> str:
        about = "" if self.is_exact else "about "
        rows = [
            ("trials", f"{self.trials:,}"),
            ("as many as independent ones", f"{self.effective_trials:.3g}"),
            ("deflated Sharpe ratio", f"{self.deflated_sharpe:.3f}"),
            ("probability of over-fitting", f"{self.probability_of_overfitting:.3f}"),
            ("of the lattice seen", f"{about}{100 * self.seen:.3g} %"),
        ]
        lines = [f"{name:<29}{value if value != 'nan' else '-'}" for name, value in rows]
        return "\n".join([*lines, *([self.contradiction] if self.contradiction else [])])


def infer(space: Space, log: TrialLog, best: int | None, *, seed: int = 0) -> Inference:
    """Return what the trials of a log say about the one that is best."""
    points, is_exact = space.count()
    returns, place = _block_returns(log, best)
    effective = effective_trials(returns, seed=seed) if len(returns) else math.nan
    deflated, overfit = math.nan, math.nan
    if place is not None:
        deflated = _deflated(returns, place, effective)
        overfit = overfitting(_some(returns, place)).probability
    return Inference(
        trials=len(log),
        effective_trials=effective,
        deflated_sharpe=deflated,
        probability_of_overfitting=overfit,
        seen=min(1.0, len(log) / points) if points else math.nan,
        is_exact=is_exact,
    )


def _block_returns(log: TrialLog, best: int | None) -> tuple[np.ndarray, int | None]:
    """Return the returns over blocks of the trials that have some, (trial, block), and the best one's place there."""
    sums = log.blocks.get("sum")
    if sums is None or sums.shape[1] < 4:
        return np.empty((0, 0)), None
    known = np.isfinite(sums).all(axis=1)
    place = int(known[:best].sum()) if best is not None and known[best] else None
    return sums[known].astype(np.float64), place


def _deflated(returns: np.ndarray, place: int, effective: float) -> float:
    from scipy.stats import kurtosis, skew  # 0.3 s to import, and a search needs it only when it is printed

    with np.errstate(invalid="ignore", divide="ignore"):
        sharpe = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
    known = np.isfinite(sharpe)
    if not known[place]:
        return math.nan
    return deflated_sharpe(
        float(sharpe[place]),
        returns.shape[1],
        n_trials=effective,
        variance=float(sharpe[known].var(ddof=1)) if known.sum() > 1 else 0.0,
        skewness=float(skew(returns[place])),
        kurtosis=float(kurtosis(returns[place], fisher=False)),
    )


def _some(returns: np.ndarray, place: int) -> np.ndarray:
    if len(returns) <= _MOST_SPLIT:
        return returns
    chosen = np.linspace(0, len(returns) - 1, _MOST_SPLIT - 1).astype(np.int64)
    return np.asarray(returns[np.union1d(chosen, [place])])
