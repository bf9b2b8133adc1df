"""What a transition is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from mrtoolkit.search.level import Level
from mrtoolkit.search.region import Region
from mrtoolkit.search.space import Space

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A region that was looked into, and at which labels: `axes` holds (label,) codes a dimension, ascending."""

    region: Region
    axes: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """A region and the points to evaluate in it, where a transition chooses them itself.

    Attributes
    ----------
    region : Region
    codes : (point, dimension) int64
        Canonical lattice codes that satisfy the constraints, in the order in which they are to be run; those that have
        been evaluated are reused.
    """

    region: Region
    codes: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that a transition may know: the trials so far, as whole numbers.

    Attributes
    ----------
    space : Space
    codes : (trial, dimension) int64
        Lattice codes, in the order evaluated; within a round that order may be another when the search is run again.
    scores : (trial,) float64
        Higher is better, whatever the direction; -inf for a trial that does not count.
    levels : (trial,) int64
        Level at which each was evaluated.
    looked : tuple of Looked
        Every region so far with its resolution, in order.
    seed : int
        For whatever is random; the same history and seed must give the same regions.
    n_levels : int
        How many levels the search has.
    chosen : str
        The transition that was chosen by what a trial costs; none yet at the first level.
    find : callable, optional
        Gives the trial of each key of `space.keys(codes)`, -1 for a point that has not been evaluated.
    memory : dict
        What a transition keeps from round to round of one search. A search that is gone on with goes through its rounds
        again, so it finds here what it would have found.
    """

    space: Space
    codes: np.ndarray
    scores: np.ndarray
    levels: np.ndarray
    looked: tuple[Looked, ...]
    seed: int
    n_levels: int = 3
    chosen: str = ""
    find: Callable[[np.ndarray], np.ndarray] | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def is_known(self, codes: np.ndarray) -> np.ndarray:
        """Return which points have been evaluated, (point,) bool."""
        keys = self.space.keys(codes)
        if self.find is not None:
            return np.asarray(self.find(keys) >= 0)
        known = set(self.space.keys(self.codes).tolist())
        return np.array([key in known for key in keys.tolist()], dtype=bool)


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A place in a history's memory, by its name, and the type of what is kept there."""

    name: str

    def get(self, history: History) -> T | None:
        """Return what was kept; None where nothing was."""
        found: T | None = history.memory.get(self.name)
        return found

    def get_or_put(self, history: History, make: Callable[[], T]) -> T:
        """Return what was kept; where nothing was, make it and keep it."""
        if self.name not in history.memory:
            history.memory[self.name] = make()
        found: T = history.memory[self.name]
        return found

    def put(self, history: History, value: T) -> T:
        """Keep a value and return it."""
        history.memory[self.name] = value
        return value


Looking: TypeAlias = Region | Look


@runtime_checkable
class Transition(Protocol):
    """Chooses the regions of a level; one's own is a class with this one method.

    A level goes in rounds: it is asked for regions, their new points are evaluated, and it is asked again, until it
    gives no region or no point of them is new. So a transition that needs one look a level answers at the first round
    alone, and one that lets its regions move answers as long as they improve. A `Region` is filled with points at the
    level's resolution, a `Look` brings its own.
    """

    def regions(self, history: History, level: Level, *, index: int, round: int) -> Sequence[Looking]:
        """Return the regions of level number `index` at this round, best first; none to end the level."""
        ...
