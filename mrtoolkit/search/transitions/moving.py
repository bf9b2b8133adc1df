"""Regions that move while they improve and shrink when they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mrtoolkit.search._kernels.estimate import choose_apart
from mrtoolkit.search.coordinates import coordinates
from mrtoolkit.search.level import Level
from mrtoolkit.search.transitions.candidates import anywhere, around, axes_of
from mrtoolkit.search.transitions.centres import Centre, as_looks, separated
from mrtoolkit.search.transitions.design import first_look, sobol_points
from mrtoolkit.search.transitions.model import Model, learnt_model
from mrtoolkit.search.transitions.pool import Pool
from mrtoolkit.search.transitions.protocol import History, Looking
from mrtoolkit.search.transitions.settling import is_settling, settling_points
from mrtoolkit.search.transitions.wide import beside_best, new_points, wide_round

_ROUNDS = 25  # a level at most, where there are trials for it
_FEWEST = 8  # points a round
_MOST_ESTIMATED = 64  # points a round that are chosen by what the trials promise; more go beside the best
_AROUND = 100  # candidates a region
_ANYWHERE = 100
_WHOLE = 1_000  # trials up to which each estimate looks at all of them
_NEAREST = 192  # trials a region beyond that
_NEW_STARTS = 0.2  # of the points that are not chosen by an estimate
_MANY = 6_000  # trials from which on a round costs more by estimates than they save
_WIDE_ROUNDS = 12  # a level at most
_MANY_ROUNDS = 1_000  # rounds that as many trials as there are would make, at most
_IDLE = 0.2  # scale of a dimension over whose whole range values hardly change
_BUDGET = 100  # new points a region, where a level has no budget


@dataclass(frozen=True, slots=True)
class MovingTransition:
    """Looks over the space, and then from the best separated points on with several regions at once.

    The first level is a Sobol sequence over few labels of each dimension. From then on each round ranks candidates (in
    the regions, at steps that are halved when a region does not improve, and a few anywhere) by how much better than
    the best they are expected to be, given the trials near them, and evaluates those that promise most together. So the
    budget goes where the promise is; a region whose best point is at its edge moves, regions that meet become one, and
    one in which nothing is left gives way to the next best. A label that no trial has yet counts for less, as its
    features are still to be computed; dimensions that do not matter hardly change. Larger rounds also take the
    neighbours of the best points, and new starts.
    The last trials of all go where they say most about the best neighbourhoods, for `study.plateau`.

    Parameters
    ----------
    thrift : float
        What a point is worth for each label that it would be first to use.
    """

    thrift: float = 0.9

    def regions(self, history: History, level: Level, *, index: int, round: int) -> Sequence[Looking]:
        """Return where to look next, and at which points."""
        rng = np.random.default_rng([history.seed, index, round])
        if index == 0:
            return first_look(history, level, rng) if round == 0 else []
        budget = level.budget or _BUDGET * level.regions
        left = budget - int(np.count_nonzero(history.levels == index))
        if left <= 0:
            return []
        count = min(left, max(_FEWEST, -(-budget // _ROUNDS), len(history.codes) // _MANY_ROUNDS))
        if not (history.scores > -np.inf).any():
            return as_looks(history, index, [], sobol_points(history, count, rng))
        axes = axes_of(history.space, level)
        if len(history.codes) > _MANY:
            return wide_round(history, index, max(count, min(left, budget // _WIDE_ROUNDS)), axes, round=round, rng=rng)
        is_free = level.budget is not None and all(axis is None for axis in axes)
        if index == history.n_levels - 1 and is_free and is_settling(history, left, budget):
            pool = Pool.of(history)
            codes = settling_points(history, pool, learnt_model(history, pool), count)
            if len(codes):
                return as_looks(history, index, [], codes)
        return self._next(history, level, index, count, axes, rng)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that says which transition this is."""
        return {"transition": "moving", "thrift": self.thrift}

    def _next(
        self,
        history: History,
        level: Level,
        index: int,
        count: int,
        axes: list[np.ndarray | None],
        rng: np.random.Generator,
    ) -> Sequence[Looking]:
        space, pool = history.space, Pool.of(history)
        model = learnt_model(history, pool)
        centres = separated(history, pool, level.regions, model, axes)
        model = _nearby(model, pool, centres)
        axes = _without_idle(axes, pool, model)
        parts = [around(space, centre.codes, centre.reach, axes, _AROUND, rng) for centre in centres]
        parts.append(anywhere(space, axes, _ANYWHERE, rng))
        wanted = new_points(history, np.concatenate(parts))
        n_estimated = min(count, _MOST_ESTIMATED if len(pool.codes) > _WHOLE else count)
        chosen = self._promising(history, pool, model, wanted, n_estimated)
        if len(chosen) < count:
            n_beside = (count - len(chosen)) - int((count - len(chosen)) * _NEW_STARTS)
            chosen = np.concatenate([chosen, beside_best(history, pool, chosen, n_beside, rng)])
            starts = sobol_points(history, count, rng)
            chosen = space.distinct(np.concatenate([chosen, starts]))[:count]
        return as_looks(history, index, centres, chosen)

    def _promising(
        self, history: History, pool: Pool, model: Model, wanted: np.ndarray, count: int
    ) -> np.ndarray:
        """Return the `count` new points that promise most, best first."""
        if len(wanted) == 0:
            return wanted
        points = coordinates(history.space, wanted)
        is_new = np.stack([np.isin(wanted[:, j], known, invert=True) for j, known in enumerate(pool.labels)], axis=1)
        is_new[:, model.is_category] = False
        chosen = np.empty(count, dtype=np.int64)
        n_chosen = choose_apart(
            points, wanted, model.gain(points), is_new, self.thrift, model.is_category, model.scales, chosen
        )
        return np.asarray(wanted[chosen[:n_chosen]])


def _without_idle(axes: list[np.ndarray | None], pool: Pool, model: Model) -> list[np.ndarray | None]:
    """Return the axes, where a dimension that does not matter keeps to the labels that trials have had."""
    idle = (model.scales <= _IDLE) & ~model.is_category
    return [pool.labels[j] if idle[j] else axis for j, axis in enumerate(axes)]


def _nearby(model: Model, pool: Pool, centres: Sequence[Centre]) -> Model:
    """Return the model of the trials near the centres and of a sample of the rest, where there are very many."""
    if len(pool.codes) <= _WHOLE:
        return model
    taken = [pool.order[:1], np.arange(0, len(pool.codes), -(-len(pool.codes) // _NEAREST))]
    for centre in centres:
        place = pool.points[(pool.codes == centre.codes).all(axis=1)][0]
        away = np.abs(pool.points - place)
        away[:, model.is_category] = away[:, model.is_category] != 0
        taken.append(np.argsort((away * model.scales).sum(axis=1), kind="stable")[:_NEAREST])
    trials = np.unique(np.concatenate(taken))
    return replace(model, points=model.points[trials], values=model.values[trials])
