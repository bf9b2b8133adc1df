"""One level while it runs: its points, which of them are new, and where each came from."""

from __future__ import annotations

import numpy as np

from mrtoolkit.search.filling import Drawing, Filling
from mrtoolkit.search.level import Level
from mrtoolkit.search.places import Places
from mrtoolkit.search.region import Region
from mrtoolkit.search.space import Space
from mrtoolkit.search.transitions.protocol import Looked
from mrtoolkit.search.trial_log import TrialLog


class LevelRun:
    """The points of one level, round by round. Which of them are done is read from the log alone."""

    def __init__(self, index: int, level: Level, space: Space, log: TrialLog) -> None:
        self.index = index
        self.level = level
        self.round = 0
        self.n_reused = 0
        self.n_looks = 0  # that the user has taken
        self.is_cut = False
        self.looked: list[Looked] = []
        self.codes = np.empty((0, len(space)), dtype=np.int64)
        self.keys = space.keys(self.codes)
        self._space = space
        self._log = log
        self._region_of = Places(space)
        self._queue = np.empty(0, dtype=np.int64)
        self._cursor = 0

    @property
    def n_points(self) -> int:
        """Distinct points of the level so far."""
        return len(self.codes)

    @property
    def n_to_run(self) -> int:
        """Points that are or were to be evaluated at this level."""
        return len(self._queue)

    @property
    def n_run(self) -> int:
        """Trials made at this level."""
        return self.made()[0]

    def made(self) -> tuple[int, int]:
        """Return how many trials were made at this level and at all, both of one moment of a growing log."""
        levels = self._log.level
        return int(np.count_nonzero(levels == self.index)), len(levels)

    def add(self, regions: list[Region], filling: Filling, limit: int | None, rng: Drawing) -> int:
        """Add a round's points; return how many are new. At most `limit` of them are queued, drawn at random."""
        first = len(self.looked)
        self.looked += [Looked(region=r, axes=axes) for r, axes in zip(regions, filling.axes, strict=True)]
        keys = self._space.keys(filling.codes)
        codes, regions_of = filling.codes, filling.regions + first
        is_new = self._region_of.find(keys) < 0
        if not is_new.all():
            codes, keys, regions_of = codes[is_new], keys[is_new], regions_of[is_new]
        self._region_of.put(keys, regions_of)
        new = np.flatnonzero(self._log.find(keys) < 0)
        self.n_reused += len(keys) - len(new)
        if limit is not None and len(new) > limit:
            new = np.sort(rng().permutation(new)[:limit])
            self.is_cut = True
        self._queue = np.concatenate([self._queue, new + len(self.codes)])
        self.codes = np.concatenate([self.codes, codes])
        self.keys = np.concatenate([self.keys, keys])
        return len(new)

    def steer(self, region: Region, filling: Filling, room: int | None) -> int:
        """Put a region's points before all others, also those that wait already; return how many there are to run.

        At most `room` points wait afterwards, if more do: the region's go before the rest.
        """
        first = len(self.looked)
        self.looked.append(Looked(region=region, axes=filling.axes[0]))
        keys = self._space.keys(filling.codes)
        is_new = self._region_of.find(keys) < 0
        self.codes = np.concatenate([self.codes, filling.codes[is_new]])
        self.keys = np.concatenate([self.keys, keys[is_new]])
        self._region_of.put(keys, np.full(len(keys), first))
        order = np.argsort(self.keys, kind="stable")
        places = order[np.searchsorted(self.keys[order], keys)]
        is_known = self._log.find(keys) >= 0
        self.n_reused += int(np.count_nonzero(is_known & is_new))
        wanted = places[~is_known]
        done, waiting = self._queue[: self._cursor], self._queue[self._cursor :]
        waiting = waiting[(self._log.find(self.keys[waiting]) < 0) & ~np.isin(waiting, wanted)]
        if room is not None and len(wanted) + len(waiting) > room:
            waiting, self.is_cut = waiting[: max(0, room - len(wanted))], True
        self._queue = np.concatenate([done, wanted, waiting])
        return len(wanted)

    def next_points(self, count: int | None) -> np.ndarray:
        """Return up to `count` places of points still to be evaluated, in order; none when the round is done."""
        size = max(1, len(self._queue) if count is None else count)
        if self._cursor == len(self._queue):
            return self._queue[:0]
        found, n_found, place = [self._queue[:0]], 0, self._cursor
        while place < len(self._queue) and n_found < size:
            window = self._queue[place : place + size]
            waiting = window[self._log.find(self.keys[window]) < 0]
            place += len(window)
            if n_found == 0 and len(waiting) == 0:
                self._cursor = place
            found.append(waiting)
            n_found += len(waiting)
        return np.concatenate(found)[:size] if len(found) > 2 else found[-1]

    def region_of(self, keys: np.ndarray) -> np.ndarray:
        """Return the region of each point, -1 for one that this level did not ask for."""
        return self._region_of.find(keys)
