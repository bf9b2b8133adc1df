"""How fast the objective changes along each dimension, and what it promises elsewhere: kriging over near trials."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mrtoolkit.search._kernels.estimate import estimate, expected_gain
from mrtoolkit.search.coordinates import categories
from mrtoolkit.search.transitions.pool import Pool, mixed_order
from mrtoolkit.search.transitions.protocol import History, Kept

_SCALES = tuple(0.15 * 2.0**k for k in range(9))  # correlation lengths from seven ranges to a fortieth of one
_NUGGETS = (1e-4, 1e-2, 5e-2, 2e-1)  # share of the variance that no neighbour explains
_NEAR = 8
_SWEEPS = 2
_LOW = 0.5  # of the way from the median to the best: worse values all count as if they were that far below the median
_LEARN_AGAIN = 1.45  # times as many trials
_LEARN_UP_TO = 2_000
_LEARNT = 256  # trials at most from which scales are learnt


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The trials as kriging takes them.

    Attributes
    ----------
    points : (trial, dimension) float64
        Coordinates.
    values : (trial,) float64
        Scores, low ones cut off, of mean 0 and deviation 1.
    is_category : (dimension,) bool
    scales : (dimension,) float64
        How much correlation a whole range costs; a small one says that a dimension does not matter.
    nugget : float
    """

    points: np.ndarray
    values: np.ndarray
    is_category: np.ndarray
    scales: np.ndarray
    nugget: float

    def predict(
        self, points: np.ndarray, usable: np.ndarray | None = None, *, n_near: int = _NEAR
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and deviation at points (point, dimension), each given the first `usable` trials, or all."""
        mean, deviation = np.empty(len(points)), np.empty(len(points))
        if usable is None:
            usable = np.full(len(points), len(self.points))
        axis = self._widest()
        order = np.argsort(self.points[:, axis], kind="stable")
        known = (self.points, self.values, order, axis, usable, self.is_category, self.scales, self.nugget, n_near)
        estimate(points, *known, mean, deviation)
        return mean, deviation

    def _widest(self) -> int:
        """Return the dimension along which the trials lie farthest apart, numbers before categories."""
        spread = self.points.max(axis=0, initial=0.0) - self.points.min(axis=0, initial=0.0)
        return int(np.argmax(np.where(self.is_category, -1.0, self.scales * spread)))

    def gain(self, points: np.ndarray) -> np.ndarray:
        """Return the expected improvement at points over the best trial, (point,) float64."""
        mean, deviation = self.predict(points)
        out = np.empty(len(points))
        expected_gain(mean, deviation, self.values.max(), out)
        return out


_LEARNT_FROM: Kept[tuple[Model, int]] = Kept("model")  # and how many trials its scales were learnt from


def learnt_model(history: History, pool: Pool) -> Model:
    """Return the model of the pool's trials, whose scales are learnt anew when there are half as many again."""
    before, n_learnt = _LEARNT_FROM.get(history) or (None, 0)
    values, is_category, n_trials = standardised(pool.scores), categories(history.space), len(history.codes)
    if before is None or (n_trials >= _LEARN_AGAIN * n_learnt and n_trials <= _LEARN_UP_TO):
        model = learn(pool.points, values, is_category, before)
        n_learnt = n_trials
    else:
        model = Model(pool.points, values, is_category, before.scales, before.nugget)
    _LEARNT_FROM.put(history, (model, n_learnt))
    return model


def standardised(scores: np.ndarray) -> np.ndarray:
    """Return scores for kriging: -inf and all low ones as one low value, then of mean 0 and deviation 1."""
    counts = scores > -np.inf
    if not counts.any():
        return np.zeros(len(scores))
    best, middle = float(scores[counts].max()), float(np.median(scores[counts]))
    floor = middle - _LOW * (best - middle)
    values = np.where(counts, np.maximum(scores, floor), floor)
    values = values - values.mean()
    deviation = float(np.sqrt(np.mean(values * values)))
    return np.asarray(values / deviation if deviation > 0 and math.isfinite(deviation) else np.zeros(len(values)))


def learn(points: np.ndarray, values: np.ndarray, is_category: np.ndarray, start: Model | None) -> Model:
    """Return the model under which the trials are most likely, by a search along each scale in turn.

    The likelihood is the product over trials of that of each given the nearest of those before it (Vecchia, 1988), in
    an order that is as good as random: given all others, scales come out too short once trials crowd the best.
    """
    order = mixed_order(np.round(points * 2.0**40).astype(np.int64))
    ordered, ordered_values = points[order], values[order]
    n_dimensions = points.shape[1]
    settings = np.full(n_dimensions + 1, _SCALES.index(2.4)) if start is None else _places_of(start)
    if start is None:
        settings[-1] = 1
    step = max(1, -(-len(points) // _LEARNT))

    def model(choice: np.ndarray) -> Model:
        scales = np.array([_SCALES[k] for k in choice[:-1]])
        return Model(ordered, ordered_values, is_category, scales, _NUGGETS[choice[-1]])

    def misfit(choice: np.ndarray) -> float:
        return _misfit(model(choice), np.arange(0, len(points), step))

    least = misfit(settings)
    for _ in range(_SWEEPS):
        before = settings.copy()
        for j in range(n_dimensions + 1):
            n_choices = len(_SCALES) if j < n_dimensions else len(_NUGGETS)
            for move in (-1, 1):
                while 0 <= settings[j] + move < n_choices:
                    other = settings.copy()
                    other[j] += move
                    found = misfit(other)
                    if found >= least:
                        break
                    settings, least = other, found
        if (settings == before).all():
            break
    return replace(model(settings), points=points, values=values)


def _misfit(model: Model, trials: np.ndarray) -> float:
    """Return the negative log-likelihood of trials, each given those before it, rounded."""
    mean, deviation = model.predict(model.points[trials], usable=trials)
    variance = deviation * deviation + model.nugget
    errors = model.values[trials] - mean
    total = float(np.mean(errors * errors / variance))
    return float(f"{0.5 * math.log(total + 1e-12) + 0.5 * float(np.mean(np.log(variance))):.8e}")


def _places_of(model: Model) -> np.ndarray:
    return np.array([*(_SCALES.index(scale) for scale in model.scales), _NUGGETS.index(model.nugget)])
