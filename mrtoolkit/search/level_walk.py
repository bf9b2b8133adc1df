"""The way through the levels: which points come next, and when there are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from mrtoolkit.errors import SpaceError
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.search.budgets import trials_spent
from mrtoolkit.search.events import Event, LevelEnded, LevelStarted, Listener, RegionFound, tell_all
from mrtoolkit.search.filling import Filling, fill, filling_of, region_of_grid
from mrtoolkit.search.improvement import ImprovementStop
from mrtoolkit.search.in_time import levels_in_time, measured_cost
from mrtoolkit.search.level import Level
from mrtoolkit.search.level_run import LevelRun
from mrtoolkit.search.level_table import add_level_row
from mrtoolkit.search.looking import points_of, region_of
from mrtoolkit.search.region import Region
from mrtoolkit.search.settings import Settings
from mrtoolkit.search.steering import Wish
from mrtoolkit.search.study import Study
from mrtoolkit.search.transitions.mixture import AutomaticTransition, choice
from mrtoolkit.search.transitions.moving import MovingTransition
from mrtoolkit.search.transitions.protocol import History, Look, Looked, Looking
from mrtoolkit.search.work_clock import WorkClock
from mrtoolkit.words import counted


class LevelWalk:
    """Goes from level to level, and within a level from round to round, over the trials in a study's log."""

    def __init__(
        self,
        settings: Settings,
        study: Study,
        evaluator: Evaluator,
        *,
        clock: WorkClock,
        emit: Callable[[Event], None],
        on_level_end: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._study = study
        self._space = study.space
        self._evaluator = evaluator
        self._clock = clock
        self._emit = emit
        self._on_level_end = on_level_end
        self._levels = settings.levels
        self._transition = settings.transition
        self.limit = settings.trials
        self._wish: Wish | None = None  # what the running level was added for
        self._run: LevelRun | None = None
        self._looked: list[Looked] = []
        self._memory: dict[str, Any] = {}
        self._improvement = ImprovementStop(settings.tolerance, settings.patience)
        self._level_started = 0.0

    @property
    def level_index(self) -> int:
        """The level that is being run."""
        return 0 if self._run is None else self._run.index

    def next_codes(self, n: int | None) -> np.ndarray:
        """Return up to `n` points that the round still wants, as lattice codes; none when it is done."""
        if self._run is None:
            return np.empty((0, len(self._space)), dtype=np.int64)
        return np.asarray(self._run.codes[self._run.next_points(n)])

    def region_of(self, keys: np.ndarray) -> np.ndarray:
        """Return the region in which the running level asked for each point, -1 where it did not."""
        return np.full(len(keys), -1) if self._run is None else self._run.region_of(keys)

    @property
    def level_name(self) -> str:
        """The name of the level that is being run."""
        return self._levels[self.level_index].name

    @property
    def n_levels(self) -> int:
        """How many levels there are, as far as that is known."""
        return len(self._levels)

    def n_left(self) -> float:
        """Return how many trials are still to be made, at most; NaN where that is not known."""
        left, limit = float(self.n_left_of_level()), self.limit
        for level in self._levels[0 if self._run is None else self.level_index + 1 :]:
            n_points = float("nan") if level.budget is None else float(level.budget)
            if level.is_explicit(self._space):
                n_points = float(math.prod(len(labels) for labels in (level.grid or {}).values()))
            left += n_points
        return left if limit is None else float(np.fmin(left, limit - len(self._study)))

    def n_left_of_level(self) -> int:
        """Return how many trials the running level still makes, at most: its transition may end it before."""
        done, total = self._progress_at_most()
        return total - done

    def progress(self) -> tuple[int, int]:
        """Return how many trials the running level has made, and of how many."""
        done = 0 if self._run is None else self._run.n_run
        return done, max(done, 0 if self._run is None else self._run.n_to_run)

    def whole_progress(self) -> tuple[int, int]:
        """Return how many trials the running level has made, and of how many at most, the rounds to come among them."""
        done, total = self._progress_at_most()
        return done, max(total, 0 if self._run is None else self._run.n_to_run)

    def _progress_at_most(self) -> tuple[int, int]:
        run = self._run
        if run is None:
            return 0, 0
        done, trials = run.made()  # one reading: a view asks while trials are made
        if self._study.n_rows > run.index:
            return done, done
        total, limit = max(done, run.n_to_run, run.level.budget or 0), self.limit
        return done, total if limit is None else min(total, done + max(0, limit - trials))

    def advance(self) -> str:
        """Find the next round or level; return why the search ends instead, or nothing where it goes on."""
        run = self._run
        if run is None:
            self._start_level(0)
            return ""
        if run.is_cut and self.limit is not None:
            return trials_spent(self.limit)
        if not run.level.is_explicit(self._space):
            run.round += 1
            if self._add_points(run, self._regions(run)):
                return ""
        if self._wish is not None and self._wish.bounds is None and self._transition != MovingTransition():
            self._transition = MovingTransition()  # its own finds nothing new, as the textbook's zoom soon does
            return self.advance()
        self.close()
        if run.index == 0 and self._settings.is_timed and self._wish is None:
            self._levels = (self._levels[0], *self._levels_in_time())
        n_levels, after = len(self._levels), f"after {counted(len(self._study), 'trial')}."
        if run.index > 0 and self._settings.is_timed and run.level.is_explicit(self._space):
            return f"all {len(self._study):,} points of the lattice are evaluated, as the seconds allowed."
        if run.index + 1 == n_levels:
            return f"all {n_levels} levels are done {after}" if n_levels > 1 else f"the one level is done {after}"
        if self._improvement.is_over(self._study.scoring.progress()):
            beyond = f"by more than {self._settings.tolerance:g}" if self._settings.tolerance else "at all"
            return f"level {run.level.name!r} did not improve the best {beyond}, {after}"
        self._start_level(run.index + 1)
        return ""

    def close(self) -> None:
        """Write the row of the running level, finished or not, if that has not been done."""
        run, study = self._run, self._study
        if run is None or study.n_rows > run.index:
            return
        computed, seconds = study.spent.get(run.index, (0, 0.0))
        seconds += self._clock.now() - self._level_started
        study.spent[run.index] = (computed, seconds)
        trials = study.log.find(run.keys)
        add_level_row(
            study,
            self._evaluator,
            run.codes[trials >= 0],
            index=run.index,
            level=run.level.name,
            points=run.n_points,
            reused=run.n_reused,
            run=run.n_run,
            best=study.log.best(trials[trials >= 0]),
            seconds=seconds,
        )
        self._on_level_end(run.index)

    @property
    def is_extra(self) -> bool:
        """Whether the running level was asked for by the user, after those of the search."""
        return self._wish is not None

    def look(self, wish: Wish) -> Region:
        """Put points in a box before all others that the running level wants, and return the box."""
        run, study = self._run, self._study
        assert run is not None  # noqa: S101 - for the type checker
        region = region_of(self._space, wish.bounds or {}, level=run.index, index=len(run.looked))
        room = None if self.limit is None else max(wish.trials, self.limit - len(study))
        wish.note_place(study.notes, region.level, region.index)
        run.n_looks += 1
        n_new = run.steer(region, self._look_at(wish, region, run.n_looks), room)
        if self.limit is not None:
            self.limit = max(self.limit, len(study) + n_new)
        self._looked += run.looked[-1:]
        study.regions.append(region)
        self._emit(RegionFound(region=region))
        return region

    def extend(self, wish: Wish) -> None:
        """Start a level that the user asked for, after the running one, which is closed and was the last."""
        self.close()
        index = 0 if self._run is None else self._run.index + 1
        names, kind = {level.name for level in self._levels}, "more" if wish.bounds is None else "look"
        name = next(name for name in (f"{kind} {i}" for i in count(1)) if name not in names)
        regions = max([4, *(level.regions for level in self._levels)]) if wish.bounds is None else 1
        self._study.notes.setdefault("added_levels", {})[str(index)] = name  # for who shows it while it runs
        wish.note_place(self._study.notes, index, -1 if wish.bounds is None else 0)
        self._levels = (*self._levels[:index], Level(name, budget=wish.trials, regions=regions))
        self._transition, self._wish = self._settings.transition, wish
        self.limit = len(self._study) + wish.trials
        self._start_level(index)

    def _look_at(self, wish: Wish, region: Region, turn: int) -> Filling:
        study, best, bounds = self._study, self._study.scoring.best(), wish.bounds or {}
        labels = [] if best is None else study.log.codes[best].tolist()
        fixed = {j: code for j, (name, code) in enumerate(zip(self._space, labels, strict=False)) if name not in bounds}
        seed = [self._settings.seed, region.level, turn, 1]
        return points_of(self._space, region, wish.trials, study.log, seed, fixed=fixed)

    def _start_level(self, index: int) -> None:
        level, log = self._levels[index], self._study.log
        self._level_started = self._clock.now()
        run = self._run = LevelRun(index, level, self._space, log)
        if level.is_explicit(self._space):
            best = log.best()
            regions: list[Looking] = [
                region_of_grid(self._space, level, index, None if best is None else log.codes[best])
            ]
        else:
            regions = self._regions(run)
        self._add_points(run, regions)
        if index == 0:  # what was imported and compiled for the first points is no time of the search
            self._level_started = self._clock.now()
        if index == 0 and run.n_points == 0:
            text = " & ".join(node.key for node in self._space.where)
            msg = (
                f"no point of level {level.name!r} satisfies where={text}; give the level more labels, or "
                "relax the constraint."
            )
            raise SpaceError(msg)

    def _levels_in_time(self) -> list[Level]:
        """Return the levels after the first for the seconds that are left; kept with the study, as the clock is not."""
        settings, study = self._settings, self._study
        if "levels" not in study.notes:
            cost = measured_cost(study)
            left = (settings.seconds or 0.0) - (self._clock.now() - self._level_started)
            found = levels_in_time(study, left, cost)
            study.notes["levels"] = [level.to_dict() for level in found]
        return [Level.from_dict(said) for said in study.notes["levels"]]

    def _add_points(self, run: LevelRun, looking: Sequence[Looking]) -> int:
        """Fill regions with points of the level; return how many are new."""
        settings, study = self._settings, self._study
        limit = None if self.limit is None else max(0, self.limit - len(study))
        n_new = 0
        regions = [look.region if isinstance(look, Look) else look for look in looking]
        if regions:
            rng = _Generator([settings.seed, run.index, run.round])
            looks = [look for look in looking if isinstance(look, Look)]
            if looks:
                filling = filling_of(self._space, looks)
            else:
                filling = fill(self._space, run.level, regions, rng, lambda keys: study.log.find(keys) >= 0)
            n_new = run.add(regions, filling, limit, rng)
            self._looked += run.looked[-len(regions) :]
            study.regions += regions
        if run.round == 0:
            counts = {"points": run.n_points, "reused": run.n_reused, "to_run": run.n_to_run}
            counts["at_most"] = self.n_left_of_level()
            self._emit(LevelStarted(level=run.index, name=run.level.name, **counts))
        for region in regions:
            self._emit(RegionFound(region=region))
        return n_new

    def _regions(self, run: LevelRun) -> list[Looking]:
        """Ask the transition for the regions of this round."""
        log, study = self._study.log, self._study
        if self._wish is not None and self._wish.bounds is not None:
            if run.round > 0:
                return []
            region = region_of(self._space, self._wish.bounds, level=run.index, index=0)
            return [Look(region=region, codes=self._look_at(self._wish, region, 0).codes)]
        if run.index > 0 and "transition" not in study.notes and self._transition == AutomaticTransition():
            study.notes["transition"] = choice(study.trial_seconds)
        history = History(
            space=self._space,
            codes=log.codes,
            scores=self._study.scoring.scores(),
            levels=log.level,
            looked=tuple(self._looked),
            seed=self._settings.seed,
            n_levels=len(self._levels),
            chosen=study.notes.get("transition", ""),
            find=log.find,
            memory=self._memory,
        )
        found = self._transition.regions(history, run.level, index=run.index, round=run.round)
        return [_shifted(look, run.n_looks) for look in found] if run.n_looks else list(found)


class _Generator:
    """The generator of a round, made when it is first asked for."""

    def __init__(self, seed: list[int]) -> None:
        self._seed = seed
        self._made: np.random.Generator | None = None

    def __call__(self) -> np.random.Generator:
        if self._made is None:
            self._made = np.random.default_rng(self._seed)
        return self._made


def _shifted(looking: Looking, n: int) -> Looking:
    """Return what a transition answered, where its level has n regions that it knows nothing of."""
    region = looking.region if isinstance(looking, Look) else looking
    moved = replace(region, index=region.index + n)
    return replace(looking, region=moved) if isinstance(looking, Look) else moved


def end_level(study: Study, listeners: Sequence[Listener], index: int) -> None:
    """Tell listeners that a level has ended."""
    if listeners:  # a row counts features when it is looked at
        tell_all(listeners, LevelEnded(level=index, row=study.rows[index]))
