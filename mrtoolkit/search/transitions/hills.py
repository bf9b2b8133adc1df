"""What the neighbourhoods of points are worth, from the trials and an estimate of the points that have none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoolkit.search._kernels.hill import doubts, low_quantiles
from mrtoolkit.search.boxes import boxes
from mrtoolkit.search.coordinates import coordinates
from mrtoolkit.search.rounding import round_by_text
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.model import Model
from mrtoolkit.search.transitions.pool import Pool

QUANTILE = 0.25
_NEAR = 16  # trials that an estimate is from: it is to be right far from the best too, so twice as many as a search's


@dataclass(frozen=True, slots=True, eq=False)
class Hills:
    """The neighbourhoods of points, and what is known of each point in them.

    Attributes
    ----------
    codes : (point, dimension) int64
        All points of any neighbourhood, in the order of their labels.
    members : (centre, neighbour) int64
        Places in `codes`, -1 for none; the centre itself is the first.
    mean, deviation : (point,) float64
        Standardised; of a trial its own value, and 0.
    """

    codes: np.ndarray
    members: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def around(cls, space: Space, pool: Pool, model: Model, centres: np.ndarray) -> Hills:
        """Return the neighbourhoods of centres (centre, dimension), estimated from the trials of a pool."""
        near, holds = boxes(space, centres)
        flat = near.reshape(-1, near.shape[2])[holds.ravel()]
        keys, first, place = np.unique(space.keys(flat), return_index=True, return_inverse=True)
        members = np.full(holds.shape, -1, dtype=np.int64)
        members[holds] = place
        codes = np.ascontiguousarray(flat[first])
        mean, deviation = model.predict(coordinates(space, codes), n_near=_NEAR)
        deviation = np.sqrt(deviation * deviation + model.nugget)
        known = space.keys(pool.codes)
        trial = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        is_trial = known[trial] == keys
        mean[is_trial], deviation[is_trial] = model.values[trial[is_trial]], 0.0
        return cls(codes, members, mean, deviation)

    def quantiles(self, quantile: float = QUANTILE, *, hope: float = 0.0) -> np.ndarray:
        """Return the low quantile of each neighbourhood, (centre,), with points `hope` deviations over their mean."""
        out = np.empty(len(self.members))
        low_quantiles(self.members, self.mean + hope * self.deviation, self.deviation, quantile, out)
        return round_by_text(out)

    def doubt(self, centres: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return how much each point that is no trial leaves open about centres, (point,) float64."""
        members, out = self.members[centres], np.zeros(len(self.codes))
        level = np.empty(len(members))
        low_quantiles(members, self.mean, self.deviation, QUANTILE, level)
        doubts(members, self.mean, self.deviation, level, weights, out)
        return out
