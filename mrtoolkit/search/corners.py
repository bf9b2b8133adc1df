"""The ends of a space, tried before a search: what cannot be run is said before anything is searched or written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrtoolkit.errors import SpaceError, warn_caller
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.search.dimensions import Categorical
from mrtoolkit.search.level import Level
from mrtoolkit.search.points import points_for
from mrtoolkit.search.space import Space

_DRAWN, _EACH = 256, 16  # points drawn, and those of them in which an end is tried
_MAX_CATEGORIES = 32  # of a longer list so many are tried, evenly spread


class ComparisonWarning(UserWarning):
    """Points of a space are not measured alike, or two searches are of different problems: hard to compare."""


def try_corners(evaluator: Evaluator, space: Space, levels: Sequence[Level]) -> None:
    """Let the evaluator check the ends of a space, which computes nothing; a callable has nothing to check.

    A lookback longer than the history, or a stop of 100 percent, would otherwise end a search at whichever level comes
    to it. What makes the ends hard to compare is warned of, as a `ComparisonWarning`.

    Raises
    ------
    SpaceError
        If a point cannot be run: names it, and says why.
    """
    corners = corner_codes(space, levels)
    if len(corners) == 0:
        return
    points = points_for(evaluator, space, corners)
    try:
        evaluator.check(points)
    except (TypeError, ValueError):
        for codes in corners:  # which of them?
            _check_one(evaluator, space, codes)
        raise
    caution = evaluator.caution(points)
    if caution is not None:
        warn_caller(caution, ComparisonWarning)


def _check_one(evaluator: Evaluator, space: Space, codes: np.ndarray) -> None:
    try:
        evaluator.check(points_for(evaluator, space, codes[np.newaxis]))
    except (TypeError, ValueError) as error:
        raise SpaceError(
            f"the space holds {space.point(codes)}, which cannot be run; change its bounds, or rule such points "
            f"out by where=: {error}"
        ) from error


def corner_codes(space: Space, levels: Sequence[Level]) -> np.ndarray:
    """Return few points that satisfy `where` and between them have the ends of every dimension and all categories.

    Returns
    -------
    (point, dimension) int64
        Lattice codes. Labels that no point of those looked at can have under `where` are left out.
    """
    ends = [_ends(space, name, levels).tolist() for name in space]
    rows = [[codes[i % len(codes)] for codes in ends] for i in range(max(map(len, ends)))]
    for others in (0, 0.5, 1):  # where lows do not go with lows
        rest = [codes[int(others * (len(codes) - 1))] for codes in ends]
        rows += [[*rest[:j], code, *rest[j + 1 :]] for j, codes in enumerate(ends) for code in codes]
    candidates = np.array(rows, dtype=np.int64)
    candidates = candidates[space.holds(candidates)]
    if space.has_conditions or not len(candidates):  # ends that matter at few points, or points that are few
        candidates = np.concatenate([candidates, _drawn(space, ends)])
    active = space.active(candidates).tolist()
    chosen, covered = [], set[tuple[int, int]]()
    for row, matters in zip(space.canonical(candidates).tolist(), active, strict=True):
        has = {(j, code) for j, code in enumerate(row) if matters[j] and code in ends[j]}
        if not has <= covered:
            covered |= has
            chosen.append(row)
    return np.array(chosen, dtype=np.int64).reshape(-1, len(space))


def _drawn(space: Space, ends: Sequence[Sequence[int]]) -> np.ndarray:
    """Return points drawn from the space, each end in the place of what some of those have at which it matters."""
    drawn = space.sample(_DRAWN)
    active = space.active(drawn)
    found = [drawn[:1]]
    for j, codes in enumerate(ends):
        some = np.repeat(drawn[active[:, j]][:_EACH], len(codes), axis=0)
        some[:, j] = np.tile(codes, len(some) // len(codes))
        found.append(some)
    rows = np.concatenate(found)
    return np.asarray(rows[space.holds(rows)])


def _ends(space: Space, name: str, levels: Sequence[Level]) -> np.ndarray:
    """Return the codes to try of a dimension: of the labels that its grids name, where all levels have one."""
    dimension = space[name]
    grids = [level.grid[name] for level in levels if level.grid is not None and name in level.grid]
    if len(grids) == len(levels):
        every = {code for labels in grids for code in space.axis(name, tuple(labels)).tolist()}
        codes = np.array(sorted(every))
    elif isinstance(dimension, Categorical):
        codes = np.arange(dimension.size)
    else:
        codes = np.array(sorted({0, min(1, dimension.size - 1), dimension.size - 1}))
    if not isinstance(dimension, Categorical):
        return codes[sorted({0, min(1, len(codes) - 1), len(codes) - 1})]  # the second has the step's fraction
    places = np.linspace(0, len(codes) - 1, min(len(codes), _MAX_CATEGORIES))
    return np.asarray(codes[np.asarray(places, dtype=np.int64)], dtype=np.int64)
