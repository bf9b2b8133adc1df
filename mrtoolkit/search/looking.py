"""A box that a user draws: checked, put on the lattice, filled with points."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from mrtoolkit.errors import SpaceError, nearest
from mrtoolkit.search.dimensions import Categorical, Dimension
from mrtoolkit.search.filling import Filling, fill
from mrtoolkit.search.level import Level
from mrtoolkit.search.region import Region
from mrtoolkit.search.slots import first_places
from mrtoolkit.search.space import Space
from mrtoolkit.search.trial_log import TrialLog
from mrtoolkit.words import label

TRIALS = 25  # of a look: five labels in each of two parameters
_CURE = 'as in look_into({"fast": (5, 20), "slow": (40, 80)})'


class EmptyBoxError(SpaceError):
    """A box in which there is nothing to evaluate.

    Attributes
    ----------
    why : str
        The same for who drew the box and named no function.
    """

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


def as_bounds(space: Space, bounds: Any) -> dict[str, tuple[Any, Any]]:
    """Return the first and the last label in each parameter of a box: on the lattice, in the space, two cells at least.

    Parameters
    ----------
    space : Space
    bounds : mapping of parameter to (low, high)
        Numbers in either order; for categories the first and the last one, or one alone. A parameter that is left out
        is not bounded.

    Raises
    ------
    SpaceError
        For a parameter that the space lacks, for no numbers, and for a box beside the space.
    """
    if not isinstance(bounds, Mapping) or not bounds:
        raise SpaceError(f"look_into was given {bounds!r}; give the bounds of one parameter or more, {_CURE}.")
    for name in bounds:
        if name not in space:
            has = ", ".join(space)
            raise SpaceError(
                f"look_into was given {name!r}, which the space lacks{nearest(str(name), space)}; it has {has}."
            )
    found = {}
    for name, pair in bounds.items():
        dimension = space[name]
        is_single = isinstance(dimension, Categorical) and (isinstance(pair, str) or not isinstance(pair, Sequence))
        if not is_single and (not isinstance(pair, Sequence | np.ndarray) or isinstance(pair, str) or len(pair) != 2):
            raise SpaceError(f"look_into was given {name}={pair!r}; give its low and its high end, {_CURE}.")
        ends = [pair, pair] if is_single else list(pair)
        codes = (_categories if isinstance(dimension, Categorical) else _cells)(name, dimension, ends)
        low, high = dimension.decode(np.array(codes)).tolist()
        found[name] = (low, high)
    return found


def refuse_seen(space: Space, bounds: Mapping[str, Sequence[Any]], log: TrialLog) -> None:
    """Refuse a box in which there is nothing to evaluate.

    Raises
    ------
    EmptyBoxError
        If no point of it satisfies the space's constraints, or all have been evaluated.
    """
    codes = points_of(space, region_of(space, bounds, level=0, index=0), TRIALS, log, [0]).codes
    shown = ", ".join(f"{name} from {low!r} to {high!r}" for name, (low, high) in bounds.items())
    box = ", ".join(f"{name} {label(low)} to {label(high)}" for name, (low, high) in bounds.items())
    if len(codes) == 0:
        text = " & ".join(node.key for node in space.where)
        raise EmptyBoxError(
            f"look_into was given {shown}, where no point satisfies where={text}; look elsewhere.",
            f"This box has no trial to make: nowhere in {box} holds {text}; draw it elsewhere.",
        )
    if (log.find(space.keys(codes)) >= 0).all():
        made = "its one trial is made" if len(codes) == 1 else f"all its {len(codes):,} trials are made"
        raise EmptyBoxError(
            f"look_into was given {shown}, whose {len(codes):,} points have all been evaluated; look elsewhere, or "
            "into a larger box.",
            f"This box has no trial to make: {made} ({box}); draw it larger, or elsewhere.",
        )


def region_of(space: Space, bounds: Mapping[str, Sequence[Any]], *, level: int, index: int) -> Region:
    """Return the region between bounds that `as_bounds` has checked."""
    lower = np.zeros(len(space), dtype=np.int64)
    upper = np.array(space.sizes, dtype=np.int64) - 1
    for j, name in enumerate(space):
        if name in bounds:
            lower[j], upper[j] = space[name].encode(list(bounds[name]))
    return Region.from_codes(space, lower, upper, level=level, index=index)


def points_of(
    space: Space,
    region: Region,
    trials: int,
    log: TrialLog,
    seed: Sequence[int],
    *,
    fixed: Mapping[int, int] | None = None,
) -> Filling:
    """Return up to so many points of a region that have not been evaluated, and those among them that have.

    Half of them have the codes that `fixed` gives some dimensions, those of the best trial: over 120 looks of 25 points
    into two of four parameters (crossings with a filter and with stops, and a formula) that found almost what all of
    them found there, where the others hardly depend on the box, and almost what points over the whole range of the
    others found, where they do.
    """
    rng, first = partial(np.random.default_rng, seed), np.empty((0, len(space)), dtype=np.int64)
    if fixed:
        lower, upper = (corner.copy() for corner in region.codes(space))
        lower[list(fixed)] = upper[list(fixed)] = list(fixed.values())
        narrow = Region.from_codes(space, lower, upper, level=region.level, index=region.index)
        level = Level("look", budget=max(1, trials // 2))
        first = fill(space, level, [narrow], rng, lambda keys: log.find(keys) >= 0).codes
    keys = space.keys(first)
    n_first = int(np.count_nonzero(log.find(keys) < 0))
    if n_first >= trials:  # of one
        axes = tuple(np.unique(first[:, j]) for j in range(len(space)))
        return Filling(codes=first, regions=np.zeros(len(first), dtype=np.int64), axes=(axes,))
    level = Level("look", budget=trials - n_first)
    rest = fill(space, level, [region], rng, lambda other: (log.find(other) >= 0) | np.isin(other, keys))
    codes = np.concatenate([first, rest.codes])
    codes = codes[first_places(space.keys(codes))]
    return Filling(codes=codes, regions=np.zeros(len(codes), dtype=np.int64), axes=rest.axes)


def _categories(name: str, dimension: Any, ends: Sequence[Any]) -> list[int]:
    codes = dimension.encode(list(ends)).tolist()
    if min(codes) < 0:
        wrong = ends[codes.index(min(codes))]
        raise SpaceError(
            f"look_into was given {name}={wrong!r}; its categories are {list(dimension.values)!r}: give the first "
            "and the last of those to look at."
        )
    return sorted(codes)


def _cells(name: str, dimension: Dimension, ends: Sequence[Any]) -> list[int]:
    """Return the first and the last label between two numbers, clipped to the dimension; two at least."""
    labels = [_plain(end) for end in ends]
    if any(label is None for label in labels):
        raise SpaceError(f"look_into was given {name}={tuple(ends)!r}; give two numbers, {_CURE}.")
    low, high = sorted(float(label) for label in labels if label is not None)
    first, last = dimension.decode(np.array([0, dimension.size - 1])).tolist()
    if high < first or low > last:
        raise EmptyBoxError(
            f"look_into was given {name} from {low:g} to {high:g}, but the space has it from {first:g} to {last:g}; "
            "look within.",
            f"This box has no trial to make: {name} is {label(low)} to {label(high)} there, and the search has it from "
            f"{label(first)} to {label(last)}; choose one within.",
        )
    codes = [_nearest_code(dimension, low), _nearest_code(dimension, high)]
    if codes[0] == codes[1] and dimension.size > 1:
        codes = [codes[0], codes[0] + 1] if codes[0] + 1 < dimension.size else [codes[0] - 1, codes[0]]
    return codes


def _plain(value: Any) -> float | None:
    is_number = isinstance(value, numbers.Real | np.number) and not isinstance(value, bool | np.bool_)
    return float(value) if is_number and np.isfinite(float(value)) else None


def _nearest_code(dimension: Dimension, value: float) -> int:
    """Return the code of the label nearest to a number, by halving: a lattice may have more labels than memory."""
    low, high = 0, dimension.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if dimension.decode(np.array([middle]))[0] <= value:
            low = middle
        else:
            high = middle
    labels = np.asarray(dimension.decode(np.array([low, high])), dtype=np.float64)
    return [low, high][int(np.argmin(np.abs(labels - value)))]
