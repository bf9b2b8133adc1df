"""A Gaussian process from scikit-learn chooses where to look: for trials that cost more than it does."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mrtoolkit.search._kernels.estimate import choose_apart, expected_gain
from mrtoolkit.search.coordinates import coordinates
from mrtoolkit.search.level import Level
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.candidates import anywhere, around, beside
from mrtoolkit.search.transitions.centres import as_looks, separated
from mrtoolkit.search.transitions.design import first_look, sobol_points
from mrtoolkit.search.transitions.model import Model, learnt_model
from mrtoolkit.search.transitions.pool import Pool
from mrtoolkit.search.transitions.protocol import History, Kept, Looking

_ROUNDS = 25  # a level at most
_FEWEST = 4  # points a round
_WHOLE = 20_000  # points of a lattice that are all candidates
_DRAWN = 4_000  # candidates of a larger one, beside those in the regions
_AROUND = 500  # candidates a region
_MOST = 800  # trials that a process is fitted to: its time grows with their cube
_AT_ONCE = 4_096  # candidates: their covariances with the trials stay under 30 MB
_BUDGET = 50  # new points a region, where a level has no budget

_LATTICE: Kept[np.ndarray] = Kept("lattice")
_PROCESS: Kept[tuple[Any, int]] = Kept("process")  # its kernel, and how many trials that was learnt from


@dataclass(frozen=True, slots=True)
class GaussianProcessTransition:
    """Looks over the space, and then where a Gaussian process expects most improvement.

    Covariances fall with the sum of scaled distances along the dimensions (a Laplacian kernel; see `_kernels.estimate`
    for why), the scales are learnt from how well trials foretell each other, the process's own scale and noise by its
    likelihood. Candidates are all points of a small lattice; of a large one points drawn over it, points in the regions
    around the best separated trials, and neighbours of the best. A round is several points whose expected improvement
    is high together.
    """

    def regions(self, history: History, level: Level, *, index: int, round: int) -> Sequence[Looking]:
        """Return where to look next, and at which points."""
        rng = np.random.default_rng([history.seed, index, round])
        if index == 0:
            return first_look(history, level, rng) if round == 0 else []
        budget = level.budget or _BUDGET * level.regions
        left = budget - int(np.count_nonzero(history.levels == index))
        if left <= 0:
            return []
        count = min(left, max(_FEWEST, -(-budget // _ROUNDS)))
        pool = Pool.of(history)
        if len(pool.order) == 0:
            return as_looks(history, index, [], sobol_points(history, count, rng))
        model = learnt_model(history, pool)
        axes: list[np.ndarray | None] = [None] * len(history.space)
        centres = separated(history, pool, level.regions, model, axes)
        codes = _candidates(history)
        if codes is None:
            near = [around(history.space, c.codes, c.reach, axes, _AROUND, rng) for c in centres]
            near.append(beside(history.space, pool.codes[pool.order[:8]], rng))
            codes = history.space.distinct(np.concatenate([anywhere(history.space, axes, _DRAWN, rng), *near]))
        codes = codes[~history.is_known(codes)]
        if len(codes) == 0:
            return []
        return as_looks(history, index, centres, _promising(history, pool, model, codes, count))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that says which transition this is."""
        return {"transition": "gp"}


def _candidates(history: History) -> np.ndarray | None:
    """Return all points of a small lattice that satisfy the constraints, None for a large one."""
    space = history.space
    if space.size > _WHOLE:
        return None

    def lattice() -> np.ndarray:
        every = np.stack(np.unravel_index(np.arange(space.size), space.sizes), axis=1).astype(np.int64)
        return space.distinct(every)

    return _LATTICE.get_or_put(history, lattice)


def _promising(history: History, pool: Pool, model: Model, codes: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` candidates that promise most together, by the process."""
    trials = pool.order[:_MOST] if len(pool.codes) > _MOST else np.arange(len(pool.codes))
    process = _fitted(history, _scaled(history.space, pool.codes[trials], model), model.values[trials])
    points = coordinates(history.space, codes)
    mean, deviation = np.empty(len(codes)), np.empty(len(codes))
    for first in range(0, len(codes), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        mean[part], deviation[part] = process.predict(_scaled(history.space, codes[part], model), return_std=True)
    gain = np.empty(len(codes))
    expected_gain(np.round(mean, 8), np.round(np.maximum(deviation, 1e-6), 8), float(model.values.max()), gain)
    chosen = np.empty(min(count, len(codes)), dtype=np.int64)
    is_new = np.zeros(codes.shape, dtype=bool)
    n_chosen = choose_apart(points, codes, gain, is_new, 1.0, model.is_category, model.scales, chosen)
    if n_chosen == 0:  # nothing is expected to improve, as where all trials are alike: the lowest labels
        return np.asarray(codes[np.argsort(history.space.keys(codes), kind="stable")[:count]])
    return np.asarray(codes[chosen[:n_chosen]])


def _scaled(space: Space, codes: np.ndarray, model: Model) -> np.ndarray:
    """Return coordinates in units of the learnt scales; a category as columns of which two differ."""
    points = coordinates(space, codes)
    columns = [points[:, ~model.is_category] * model.scales[~model.is_category]]
    for j in np.flatnonzero(model.is_category):
        columns.append((codes[:, j, np.newaxis] == np.arange(space.sizes[j])) * (0.5 * model.scales[j]))
    return np.concatenate(columns, axis=1)


def _fitted(history: History, points: np.ndarray, values: np.ndarray) -> Any:
    """Return a process fitted to trials; its scale and noise are sought again when there are a quarter more of them."""
    from sklearn.exceptions import ConvergenceWarning  # a second to import, and only this transition needs it
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import WhiteKernel

    kernel, n_before = _PROCESS.get(history) or (None, 0)
    is_learning = kernel is None or len(points) >= 1.25 * n_before
    if kernel is None:
        kernel = _laplacian() + WhiteKernel(1e-2, (1e-6, 0.5))
    process = GaussianProcessRegressor(kernel, optimizer="fmin_l_bfgs_b" if is_learning else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(points, values)
    if is_learning:
        _PROCESS.put(history, (process.kernel_, len(points)))
    return process


@cache
def _laplacian_kernel() -> type:
    """Return scikit-learn's Laplacian kernel with a diagonal of ones: its own takes a call a point, minutes in all."""
    from sklearn.gaussian_process.kernels import PairwiseKernel

    class Laplacian(PairwiseKernel):  # type: ignore[misc]
        def diag(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
            return np.ones(len(X))

    return Laplacian


def _laplacian() -> Any:
    return _laplacian_kernel()(gamma=1.0, gamma_bounds=(0.2, 5.0), metric="laplacian")
