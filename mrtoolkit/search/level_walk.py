"""The way through the levels: which points come next, and when there are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from mrtoolkit.errors import SpaceError
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.search.budgets import trials_spent
from mrtoolkit.search.events import Event, LevelRow, LevelStarted, RegionFound
from mrtoolkit.search.filling import fill, filling_of, region_of_grid
from mrtoolkit.search.improvement import ImprovementStop
from mrtoolkit.search.in_time import levels_in_time, measured_cost
from mrtoolkit.search.level import Level
from mrtoolkit.search.level_run import LevelRun
from mrtoolkit.search.points import points_for
from mrtoolkit.search.settings import Settings
from mrtoolkit.search.study import Study
from mrtoolkit.search.transitions.mixture import AutomaticTransition, choice
from mrtoolkit.search.transitions.protocol import History, Look, Looked, Looking
from mrtoolkit.search.work_clock import WorkClock


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
        self._run: LevelRun | None = None
        self._looked: list[Looked] = []
        self._memory: dict[str, Any] = {}
        self._improvement = ImprovementStop(settings.tolerance, settings.patience)
        self._level_started = 0.0

    @property
    def level_index(self) -> int:
        """The level that is being run."""
        return 0 if self._run is None else self._run.index

    def next_codes(self, count: int | None) -> np.ndarray:
        """Return up to `count` points that the round still wants, as lattice codes; none when it is done."""
        if self._run is None:
            return np.empty((0, len(self._space)), dtype=np.int64)
        return np.asarray(self._run.codes[self._run.next_points(count)])

    def region_of(self, codes: np.ndarray) -> np.ndarray:
        """Return the region in which the running level asked for each point, -1 where it did not."""
        if self._run is None:
            return np.full(len(codes), -1)
        return self._run.region_of(self._space.keys(codes))

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
        left, limit = float(self.n_left_of_level()), self._settings.trials
        for level in self._levels[0 if self._run is None else self.level_index + 1 :]:
            n_points = float("nan") if level.budget is None else float(level.budget)
            if level.is_explicit(self._space):
                n_points = float(math.prod(len(labels) for labels in (level.grid or {}).values()))
            left += n_points
        return left if limit is None else float(np.fmin(left, limit - len(self._study)))

    def n_left_of_level(self) -> int:
        """Return how many trials the running level still makes, at most: its transition may end it before."""
        run = self._run
        if run is None or self._study.n_rows > run.index:
            return 0
        done, total = self.progress()
        limit = self._settings.trials
        left = max(total, run.level.budget or 0) - done
        return left if limit is None else min(left, limit - len(self._study))

    def progress(self) -> tuple[int, int]:
        """Return how many trials the running level has made, and of how many."""
        done = 0 if self._run is None else self._run.n_run
        return done, max(done, 0 if self._run is None else self._run.n_to_run)

    def advance(self) -> str:
        """Find the next round or level; return why the search ends instead, or nothing where it goes on."""
        run = self._run
        if run is None:
            self._start_level(0)
            return ""
        if run.is_cut and self._settings.trials is not None:
            return trials_spent(self._settings.trials)
        if not run.level.is_explicit(self._space):
            run.round += 1
            if self._add_points(run, self._regions(run)):
                return ""
        self.close()
        if run.index == 0 and self._settings.is_timed:
            self._levels = (self._levels[0], *self._levels_in_time())
        n_levels, after = len(self._levels), f"after {len(self._study):,} trials."
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
        done = run.codes[trials >= 0]
        best = study.log.best(trials[trials >= 0])
        row = LevelRow(
            level=run.level.name,
            points=run.n_points,
            reused=run.n_reused,
            run=run.n_run,
            features_used=0,
            features_reused=0,
            features_computed=computed,
            best=float("nan") if best is None else float(study.log.value[best]),
            seconds=seconds,
        )
        evaluator, space = self._evaluator, self._space

        def counted() -> LevelRow:
            used = len(evaluator.features(points_for(evaluator, space, done))) if len(done) else 0
            return replace(row, features_used=used, features_reused=max(0, used - computed))

        study.add_row(counted)  # features are counted when somebody looks
        self._on_level_end(run.index)

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
        limit = None if settings.trials is None else max(0, settings.trials - len(study))
        n_new = 0
        regions = [look.region if isinstance(look, Look) else look for look in looking]
        if regions:
            rng = cache(partial(np.random.default_rng, [settings.seed, run.index, run.round]))
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
            self._emit(LevelStarted(level=run.index, name=run.level.name, **counts))
        for region in regions:
            self._emit(RegionFound(region=region))
        return n_new

    def _regions(self, run: LevelRun) -> list[Looking]:
        """Ask the transition for the regions of this round."""
        log, study = self._study.log, self._study
        if run.index > 0 and "transition" not in study.notes and self._settings.transition == AutomaticTransition():
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
        return list(self._settings.transition.regions(history, run.level, index=run.index, round=run.round))
