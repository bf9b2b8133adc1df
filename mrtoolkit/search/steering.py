"""What a user asks of a search on its way: more trials, or a look into a box; recorded, and taken again when it is run.

Each wish says after how many trials it was taken. So a search that was killed, or is made again with
``MultiResOptimizer(..., steering=study.steering)``, takes it at the same trial, and makes the same trials after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mrtoolkit.errors import SpaceError, StudyError, check_count
from mrtoolkit.search.looking import as_bounds
from mrtoolkit.search.space import Space
from mrtoolkit.search.trial_log import TrialRows

MOST = 10_000_000  # trials in one wish: at 1,000 a second three hours, and gigabytes
NOTE = "steering"
"""Under which the wishes stand in a study's notes."""
PLACES = "steered"
"""Under which stand the level and the region of each wish that was taken; -1 for no region, but the whole level."""
_MADE = "made"  # what `told` adds to a wish


def check_trials(name: str, trials: Any) -> None:
    """Refuse what is no number of trials to be wished for.

    Raises
    ------
    StudyError
        If it is no whole number from 1 to 10,000,000.
    """
    check_count(name, trials, StudyError)
    if trials > MOST:
        raise StudyError(
            f"{name} is {trials:,}, but one wish may be for {MOST:,} at most (three hours at 1,000 trials a second); "
            "ask for fewer, and for more once these are made."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One thing that was asked.

    Attributes
    ----------
    after : int
        Trials that had been made.
    trials : int
        How many it is to be.
    bounds : mapping of parameter to (low, high), optional
        Labels between which to look; None for more trials wherever the search would make them.
    stopped : bool
        Whether the search had been stopped there, so that it goes on from there and not from where it was going.
    number : int
        Of the wish among all of the search; `Steering` gives it.
    """

    after: int
    trials: int
    bounds: Mapping[str, Sequence[Any]] | None = None
    stopped: bool = False
    number: int = field(default=-1, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON from which the same wish is made."""
        bounds = None if self.bounds is None else {name: list(pair) for name, pair in self.bounds.items()}
        return {"after": self.after, "trials": self.trials, "bounds": bounds, "stopped": self.stopped}

    def note_place(self, notes: dict[str, Any], level: int, region: int = -1) -> None:
        """Take down in a study's notes in which level and region the wish is done."""
        notes.setdefault(PLACES, {})[str(self.number)] = [level, region]


def told(notes: Mapping[str, Any], rows: TrialRows) -> list[dict[str, Any]]:
    """Return the wishes in a study's notes, and of how many trials each was `made`, which may be fewer than asked for.

    A look among the trials of another wish takes them from it: each trial counts once. A wish of which no trial was
    made yet, or that a stop gave up, has 0, one in a study of an earlier version None.
    """
    wishes = [dict(wish) for wish in notes.get(NOTE, ())]
    if not wishes:
        return wishes
    places = notes.get(PLACES)
    if places is None:
        return [wish | {_MADE: None} for wish in wishes]
    taken = {number: tuple(place) for number, place in places.copy().items()}  # a search may add to it meanwhile
    made = {place: _made(rows, *place) for place in taken.values()}
    for level, region in made:
        if region == -1:
            made[level, region] -= sum(n for place, n in made.items() if place[0] == level and place[1] >= 0)
    return [wish | {_MADE: made.get(taken.get(str(i), ()), 0)} for i, wish in enumerate(wishes)]


def _made(rows: TrialRows, level: int, region: int) -> int:
    is_there = rows.level == level
    return int(np.count_nonzero(is_there if region == -1 else is_there & (rows.region == region)))


class Steering:
    """The wishes of a search, in order, and which of them are still to be taken.

    Parameters
    ----------
    space : Space
    notes : dict
        Of the study: the wishes stand in them as JSON.
    given : sequence of mappings, optional
        Wishes of another study that is to be made again.

    Raises
    ------
    StudyError
        For what is no such list, or where the study on disk was led elsewhere.
    """

    def __init__(self, space: Space, notes: dict[str, Any], given: Any) -> None:
        self._notes = notes
        saved = notes.get(NOTE, [])
        asked = [] if given is None else [wish.to_dict() for wish in _checked(space, given)]
        n_both = min(len(saved), len(asked))
        if saved[:n_both] != asked[:n_both]:
            raise StudyError(
                f"the study that is gone on with was steered {len(saved)} times, and not as steering= says; leave "
                "steering= out to go on with it, or give another path."
            )
        if asked or saved:
            notes[NOTE] = max(saved, asked, key=len)
            notes.setdefault(PLACES, {})
        self._pending = [Wish(**said, number=i) for i, said in enumerate(notes.get(NOTE, []))]

    def add(self, wish: Wish) -> None:
        """Take a wish down."""
        said = self._notes.setdefault(NOTE, [])
        self._notes.setdefault(PLACES, {})
        self._pending.append(replace(wish, number=len(said)))
        said.append(wish.to_dict())

    def up_to_next(self, n: int | None, n_trials: int) -> int | None:
        """Return how many points may be asked for, so that the next wish is taken at the trial that it says."""
        left = [wish.after - n_trials for wish in self._pending if wish.after > n_trials]
        return n if not left else min(left) if n is None else min(n, *left)

    def n_more(self) -> int:
        """Return how many trials begin where the search would end, as its user asked for them."""
        return sum(wish.trials for wish in tuple(self._pending) if wish.bounds is None)

    def look_now(self, n_trials: int) -> Wish | None:
        """Return the look that is to be taken now, while the search goes on; None for none."""
        for wish in self._pending:
            if wish.bounds is not None and not wish.stopped and wish.after <= n_trials:
                self._pending.remove(wish)
                return wish
        return None

    def is_stopped(self, n_trials: int) -> bool:
        """Say whether the search's own way ends here, as it was stopped here and then gone on with."""
        for place, wish in enumerate(self._pending):
            if wish.stopped and wish.after <= n_trials:
                del self._pending[:place]  # what was asked before the stop was given up with it
                return True
        return False

    def at_end(self, n_trials: int, *, by_itself: bool) -> Wish | None:
        """Return what is to be done where the search would end; None to let it end.

        Where the clock or the memory ended it, it would not end there again: that is taken down.
        """
        for place, wish in enumerate(self._pending):
            if wish.after > n_trials:
                continue
            del self._pending[place]
            if not by_itself and not wish.stopped:
                self._notes[NOTE][wish.number] = replace(wish, after=n_trials, stopped=True).to_dict()
            return wish
        return None


def _checked(space: Space, given: Any) -> list[Wish]:
    cure = "give the steering of a study, as in MultiResOptimizer(..., steering=study.steering)"
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
        raise StudyError(f"steering={given!r} was asked for; {cure}.")
    found = []
    for said in given:
        try:
            wish = Wish(**{name: value for name, value in {**said}.items() if name != _MADE})
            if wish.bounds is not None:
                wish = replace(wish, bounds=as_bounds(space, wish.bounds))
        except (TypeError, SpaceError) as error:
            raise StudyError(f"steering= holds {said!r} ({error}); {cure}.") from error
        if any(type(n) is not int or n < low for n, low in ((wish.after, 0), (wish.trials, 1))):
            raise StudyError(f"steering= holds {said!r}, whose numbers are no counts of trials; {cure}.")
        check_trials("steering= holds a wish whose trials", wish.trials)
        found.append(wish)
    return found
