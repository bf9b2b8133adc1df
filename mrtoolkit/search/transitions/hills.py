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
    def around(
        cls, space: Space, pool: Pool, model: Model, centres: np.ndarray, *, kept: dict[int, np.ndarray] | None = None,
        before: Hills | None = None,
    ) -> Hills:  # fmt: skip
        """Return the neighbourhoods of centres (centre, dimension), estimated from the trials of a pool.

        `kept` holds the neighbourhoods of the last call, by the centre's key, and is given those of this one; `before`
        has estimates from the same trials.
        """
        near = _neighbourhoods(space, centres, {} if kept is None else kept)
        flat, counts = np.concatenate(near), np.array([len(points) for points in near])
        keys, first, place = np.unique(space.keys(flat), return_index=True, return_inverse=True)
        members = np.full((len(near), int(counts.max())), -1, dtype=np.int64)
        members[np.arange(members.shape[1]) < counts[:, np.newaxis]] = place
        codes = np.ascontiguousarray(flat[first])
        mean, deviation = np.empty(len(keys)), np.zeros(len(keys))
        trial, is_left = _places_in(space.keys(pool.codes), keys)
        mean[~is_left] = model.values[trial[~is_left]]
        if before is not None:
            place, is_new = _places_in(space.keys(before.codes), keys)
            mean[~is_new], deviation[~is_new] = before.mean[place[~is_new]], before.deviation[place[~is_new]]
            is_left &= is_new
        found, doubt = model.predict(coordinates(space, codes[is_left]), n_near=_NEAR)
        mean[is_left], deviation[is_left] = found, np.sqrt(doubt * doubt + model.nugget)
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


def _neighbourhoods(space: Space, centres: np.ndarray, kept: dict[int, np.ndarray]) -> list[np.ndarray]:
    """Return the points around each centre, (point, dimension), itself the first."""
    keys = space.keys(centres).tolist()
    fresh = [place for place, key in enumerate(keys) if key not in kept]
    found = dict(kept)
    if fresh:
        near, holds = boxes(space, centres[fresh])
        found |= {keys[place]: near[i][holds[i]] for i, place in enumerate(fresh)}
    kept.clear()
    kept.update((key, found[key]) for key in keys)
    return [found[key] for key in keys]


def _places_in(known: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where keys are among known ones, ascending, and which are not there."""
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return place, known[place] != keys
