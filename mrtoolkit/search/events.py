"""What a search says while it runs: plain frozen values, for whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from mrtoolkit.errors import StudyError
from mrtoolkit.search.region import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """A row of the table of levels.

    Attributes
    ----------
    level : str
        Name.
    points : int
        Distinct points of the level that satisfy the space's constraints.
    reused, run : int
        Those evaluated at an earlier level already, and those evaluated now.
    features_used, features_reused, features_computed : int
        Distinct features that all of its points use; those of them that were there, and those computed now.
    best : float
        The objective of the best of its points, reused ones included; NaN where none has one.
    seconds : float
        Wall time.
    """

    level: str
    points: int
    reused: int
    run: int
    features_used: int
    features_reused: int
    features_computed: int
    best: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelStarted:
    """A level begins: `to_run` of its `points` are new, and `at_most` so many trials may come of it."""

    level: int
    name: str
    points: int
    reused: int
    to_run: int
    at_most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDone:
    """`done` of the `total` new points of a level are evaluated; `best` is the best of the whole search so far.

    Of several objectives, or of neighbourhoods, it is the best as of some batches ago, once it takes long to find.
    """

    level: int
    done: int
    total: int
    trials: int
    best: float
    best_params: Mapping[str, Any] | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFound:
    """A level will look into this region."""

    region: Region


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelEnded:
    """A level is done; `row` is its row in the table of levels."""

    level: int
    row: LevelRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The search ended, and why, in one sentence; `is_interrupted` where it was the user who ended it."""

    reason: str
    trials: int
    seconds: float
    is_interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """A search that runs in a thread of its own is "running", "paused", "stopping", "done" or "failed" now, and why."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """The user has sent the search into this region."""

    region: Region


Event: TypeAlias = LevelStarted | BatchDone | RegionFound | LevelEnded | Stopped | StateChanged | Steered
Listener: TypeAlias = Callable[[Event], Any]


def as_listeners(value: Listener | Iterable[Listener] | None) -> tuple[Listener, ...]:
    """Return one callable, several, or none, as a tuple.

    Raises
    ------
    StudyError
        For what cannot be called.
    """
    if value is None:
        return ()
    found = (value,) if callable(value) else tuple(value) if isinstance(value, Iterable) else (value,)
    for listener in found:
        if not callable(listener):
            raise StudyError(f"on_event holds {listener!r}, which cannot be called; give functions of one event.")
    return found


def tell_all(listeners: Iterable[Listener], event: Event) -> None:
    """Call all listeners."""
    for listener in tuple(listeners):  # one that is called may end its subscription
        listener(event)
