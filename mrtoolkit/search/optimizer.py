"""The multi-resolution optimizer: asks for points level by level, and is told what came of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from mrtoolkit.errors import SpaceError, StudyError
from mrtoolkit.search.budgets import LOOK, up_to_look, why_spent, why_target
from mrtoolkit.search.callables import (
    as_evaluation,
    as_evaluator,
    close_workers,
    reopen_workers,
    with_metrics_for,
    with_workers,
)
from mrtoolkit.search.corners import try_corners
from mrtoolkit.search.events import BatchDone, Steered, Stopped, as_listeners, tell_all
from mrtoolkit.search.failures import failure_text
from mrtoolkit.search.gate import Gate
from mrtoolkit.search.handing_out import HandedOut
from mrtoolkit.search.level_walk import LevelWalk, end_level
from mrtoolkit.search.loop import run_search
from mrtoolkit.search.objective import Goal
from mrtoolkit.search.resume import SavedTrials
from mrtoolkit.search.running import RunningSearch
from mrtoolkit.search.settings import SearchOptions, Settings, check_fit, search_keys
from mrtoolkit.search.slots import first_places
from mrtoolkit.search.space import Space, as_frame
from mrtoolkit.search.steering import Steering, Wish
from mrtoolkit.search.study import Study
from mrtoolkit.search.trial_log import TrialRows, rows_of
from mrtoolkit.search.words import check_words, with_words_of
from mrtoolkit.search.work_clock import WorkClock


class MultiResOptimizer:
    """Searches a space level by level, coarse to fine, and evaluates no point twice.

    Parameters
    ----------
    evaluator : Evaluator or callable
        A backtest; or a callable of a dict of parameters that gives a number; or one with a method `batch` that takes
        a DataFrame of points; or None, where only `ask` and `tell` are used.
    space : Space
    objective : str, expression of metrics, callable of the metrics Dataset, one of `mrt.robust`, or a list, optional
        Default: "sharpe" where there is such a metric, else the evaluator's first. Only finite values count: a trial
        whose objective is NaN or infinite is never the best. A list of several asks for their Pareto front.
    constraints : condition of metrics, or several
        What a trial must satisfy to count, as in ``M.trades >= 30``.
    direction : {"maximize", "minimize"}, or a list of them
        Of the objective; of several objectives one for all, or one for each.
    levels : sequence of Level, optional
        Default: `levels(trials, count=3)`, or the whole lattice where it has no more points than `trials`.
    trials : int, optional
        At most so many trials; default 400 for the preset levels, no limit for levels that you list.
    seconds : float, optional
        No batch but a run's first begins later than this after its first points were found. Without `trials` and
        `levels` these follow from it and from the cost of a first level: the whole lattice where that fits the time.
    seed : int
        For whatever is random.
    study : path, optional
        Where the study is kept while it runs. A study of the same data, rules, space and levels that is there is gone
        on with.
    **options
        `target`, `memory`, `tolerance`, `patience`, `transition`, `on_event`: see `SearchOptions`.

    Raises
    ------
    SpaceError, StudyError
        For parts that do not fit each other, before anything is evaluated or written.
    """

    def __init__(
        self,
        evaluator: Any,
        space: Space,
        *,
        objective: Any = None,
        constraints: Any = (),
        direction: str | Sequence[str] = "maximize",
        levels: Any = None,
        trials: int | None = None,
        seconds: float | None = None,
        seed: int = 0,
        study: str | Path | None = None,
        **options: Unpack[SearchOptions],
    ) -> None:
        check_words(options, MultiResOptimizer)
        self.evaluator = with_metrics_for(as_evaluator(evaluator), objective, constraints)
        self.evaluator = with_workers(self.evaluator, options.get("workers"))
        check_fit(self.evaluator, space)
        self.space = space
        self.goal = Goal.checked(objective, constraints, direction, self.evaluator.metrics)
        self.settings = Settings.checked(
            space, levels=levels, trials=trials, seconds=seconds, seed=seed, options=options
        )
        self.listeners = list(as_listeners(options.get("on_event")))
        keys = search_keys(self.evaluator, space, self.goal, self.settings)
        self.study = Study(
            space=space,
            goal=self.goal,
            objective=self.goal.text,
            direction=self.goal.direction,
            evaluator=self.evaluator,
            seed=self.settings.seed,
            keys=keys,
            metrics=tuple(self.evaluator.metrics),
        )
        self.saved = SavedTrials(self.study, study)
        self.wishes = Steering(space, self.study.notes, options.get("steering"))
        self._is_at_end = False  # of its own way, where another run of it would end too
        # functions of the parts, not of the whole: in a circle features and tables live until a garbage collection
        self.emit = partial(tell_all, self.listeners)
        self.clock = WorkClock()
        self.walk = LevelWalk(
            self.settings,
            self.study,
            self.evaluator,
            clock=self.clock,
            emit=self.emit,
            on_level_end=partial(end_level, self.study, self.listeners),
        )
        self._is_tried = self._has_recorded = False
        self._lock = threading.RLock()
        self._handed_out = HandedOut()

    @property
    def is_done(self) -> bool:
        """Whether the search has ended; `study.stopped` says why."""
        return bool(self.study.stopped)

    def optimize(self) -> Study:
        """Run the search to its end and return its study; Ctrl-C ends it early, with the study so far."""
        with self.saved.running():
            run_search(self)
        return self.study

    def run_at(self, gate: Gate, *, give_way: Callable[[], None]) -> None:
        """Run the search to its end, as `optimize` does, and wait at a gate between its batches.

        `give_way` ends it for another search of the same study.
        """
        with self.saved.running(give_way):
            run_search(self, gate)

    def start(self, *, pace: str | float | None = None, alongside: bool = False) -> RunningSearch:
        """Run the search in a thread of its own and return what it is watched and led by; see `RunningSearch`.

        Parameters
        ----------
        pace : str or float, optional
            How fast it may go for the eye, as "5 trials/s"; None: as fast as it goes.
        alongside : bool
            Whether other searches of this process go on; else they are stopped.

        Raises
        ------
        StudyError
            For a pace that is none, or where this search runs already.
        """
        return RunningSearch.begun(self, pace=pace, alongside=alongside)

    def ask(self, n: int | None = None) -> pd.DataFrame:
        """Return points to evaluate next, a row a point: up to `n`, or all that the level still wants; none at the end.

        Any thread may ask, and tell. A thread is given the same points again until they are told, and other threads
        other points; only where a level has no others left it is given theirs too, in case a worker has died. The
        first call tries the ends of the space over the evaluator's bars, and raises SpaceError where one cannot be run:
        before anything is written.
        """
        if n is not None and n < 1:
            raise StudyError(f"ask({n!r}) was called; ask for 1 point or more.")
        with self._lock:
            codes = self.next_codes(None)
            return self.space.decode(codes[self._handed_out.choose(self.space.keys(codes), n)])

    def next_codes(self, n: int | None = None) -> np.ndarray:
        """Return what `ask` returns as lattice codes, (point, dimension) int64."""
        if not self._is_tried:
            try_corners(self.evaluator, self.space, self.settings.levels)
            self._is_tried = True
        while not self.is_done:
            n_trials, settings = len(self.study), self._limits
            if self.wishes.is_stopped(n_trials):
                self._end("")
                continue
            wanted = self.wishes.up_to_next(up_to_look(n, n_trials, settings), n_trials)
            codes = self.walk.next_codes(wanted)
            if len(codes) == 0 or n_trials % LOOK == 0:
                reason = why_target(self.study, settings)
                if reason:
                    self._end(reason)
                    continue
            if len(codes) == 0:
                reason = self.walk.advance()
                if reason:
                    self._end(reason)
            elif spent := why_spent(self.study, settings, self._worked()):
                self._end(spent, by_itself=False)
            elif wish := self.wishes.look_now(n_trials):
                self.emit(Steered(region=self.walk.look(wish)))
            elif not self.recall(codes):
                return codes
        return np.empty((0, len(self.space)), dtype=np.int64)

    def _worked(self) -> float:
        """Start the clock at the first points; return the seconds since, 0 until a first batch: that is always made."""
        self.clock.start()
        return self.elapsed() if self._has_recorded else 0.0

    @property
    def _limits(self) -> Settings:
        """The settings, of which a level that the user added after the end only keeps the limit of memory."""
        return replace(self.settings, seconds=None, target=None) if self.walk.is_extra else self.settings

    def _end(self, reason: str, *, by_itself: bool = True) -> None:
        """End the search, or go on where its user wants more than its own way had."""
        wish = self.wishes.at_end(len(self.study), by_itself=by_itself)
        if wish is None:
            self._is_at_end = by_itself
            self.stop(reason)
            return
        self.walk.extend(wish)
        if wish.bounds is not None:
            self.emit(Steered(region=self.study.regions[-1]))

    def wish(self, trials: int, bounds: Mapping[str, Any] | None = None) -> None:
        """Take down more trials, or a look between bounds that `as_bounds` has checked; taken before the next batch.

        Raises
        ------
        StudyError
            If the search has ended, and its study on disk cannot be taken again.
        """
        n_trials = len(self.study) + self.saved.n_left()
        stopped, self._is_at_end = self.is_done and not self._is_at_end, False
        self.saved.go_on()
        reopen_workers(self.evaluator)
        self.wishes.add(Wish(after=n_trials, trials=trials, bounds=bounds, stopped=stopped))
        self.study.stopped, self.study.is_interrupted = "", False
        self.saved.note()

    def peek(self, codes: np.ndarray, n: int) -> np.ndarray:
        """Return points that `next_codes` has given, and up to `n` in all that the level will want after them."""
        found = self.walk.next_codes(n)
        if len(self.saved.log):
            found = found[self.saved.log.find(self.space.keys(found)) < 0]
        return found if len(found) > len(codes) else codes

    def tell(self, points: Any, result: Any) -> None:
        """Record what points gave; points that are in the study already are left as they are.

        Parameters
        ----------
        points : DataFrame, dict, or list of dicts
            Asked for, or other points of the space.
        result : Evaluation, or a number a point
            Numbers are values of the objective where that is one metric.
        """
        frame = as_frame(points)
        codes = self.space.encode(frame)
        holds = self.space.holds(codes)
        if not holds.all():
            bad = frame.iloc[int(np.argmin(holds))].to_dict()
            msg = (
                f"tell was given the point {bad}, which is not in the space; tell points of its lattice "
                "that satisfy where."
            )
            raise SpaceError(msg)
        self.record(codes, result)

    def record(self, codes: np.ndarray, result: Any) -> None:
        """Record what points of the space gave, as `tell` does, by their lattice codes (point, dimension)."""
        with self._lock:
            self._record_all(codes, result)

    def _record_all(self, codes: np.ndarray, result: Any) -> None:
        self._has_recorded = True
        evaluation = as_evaluation(result, len(codes), self.goal)
        keys = self.space.keys(codes)
        first = first_places(keys)
        rows = first[self.study.log.find(keys[first]) < 0]
        metrics = {name: np.asarray(values, dtype=np.float64) for name, values in evaluation.metrics.items()}
        metrics |= {name: np.full(len(codes), np.nan) for name in self.evaluator.metrics if name not in metrics}
        value, feasible = self.goal.values(metrics, len(codes)), self.goal.feasible(metrics, len(codes))
        feasible[list(evaluation.failures)] = False
        computed, seconds = self.study.spent.get(self.walk.level_index, (0, 0.0))
        self.study.spent[self.walk.level_index] = (computed + evaluation.features_computed, seconds)
        if evaluation.failures:
            known = {int(row): len(self.study) + place for place, row in enumerate(rows.tolist())}
            self.study.failures |= {known[i]: failure_text(e) for i, e in evaluation.failures.items() if i in known}
        self._record(
            (codes[rows], keys[rows]),
            (value[rows], feasible[rows]),
            rows_of(metrics, rows, len(codes)),
            rows_of(evaluation.blocks, rows, len(codes)),
        )
        self._handed_out.told(keys)
        self.saved.add()

    def stop(self, reason: str, *, is_interrupted: bool = False) -> None:
        """End the search now, for a reason of one sentence; what was evaluated is kept."""
        if self.is_done:
            return
        if self.walk.progress()[0]:
            self.walk.close()
        self.study.stopped, self.study.is_interrupted = reason, is_interrupted
        if len(self.study):
            self.evaluator.persist()
        try:
            self.saved.save()
        finally:
            close_workers(self.evaluator)
            trials, seconds = len(self.study), self.elapsed()
            self.emit(Stopped(reason=reason, trials=trials, seconds=seconds, is_interrupted=is_interrupted))

    def let_go(self) -> None:
        """Leave the path of the study to others, without a word in it: for a search that has made no trial."""
        self.saved.save()

    def elapsed(self) -> float:
        """Return the seconds since the first points were found, less those that a search has waited for its user."""
        return self.clock.elapsed()

    def recall(self, codes: np.ndarray) -> bool:
        """Record those of some points that the study on disk has evaluated already; say whether there were any."""
        log = self.saved.log
        trials = log.find(self.space.keys(codes)) if len(log) else np.empty(0, dtype=np.int64)
        if not (trials >= 0).any():
            return False
        found = trials[trials >= 0]
        self.study.failures |= self.saved.failures_of(found, len(self.study))
        self._record(
            (codes[trials >= 0], log.keys[found]),
            (log.value[found], log.feasible[found]),
            rows_of(log.metrics, found, -1),
            rows_of(log.blocks, found, -1),
        )
        self.saved.pass_over()
        return True

    def _record(
        self,
        points: tuple[np.ndarray, np.ndarray],
        outcome: tuple[np.ndarray, np.ndarray],
        metrics: dict[str, np.ndarray],
        blocks: dict[str, np.ndarray],
    ) -> None:
        log, walk, (codes, keys) = self.study.log, self.walk, points
        log.append(
            TrialRows(
                codes=codes,
                level=np.full(len(codes), walk.level_index),
                region=walk.region_of(keys),
                value=outcome[0],
                feasible=outcome[1],
                metrics=metrics,
                blocks=blocks,
            ),
            keys,
        )
        if not self.listeners:
            return
        best = self.study.scoring.best_so_far()
        done, total = walk.progress()
        self.emit(
            BatchDone(
                level=walk.level_index,
                done=done,
                total=total,
                trials=len(log),
                best=float("nan") if best is None else float(log.value[best]),
                best_params=None if best is None else self.space.point(log.codes[best]),
                seconds=self.elapsed(),
            )
        )


@with_words_of(MultiResOptimizer)
def optimize(*parts: Any, **words: Any) -> Study:
    """Search a space level by level and return the study; the words are those of `MultiResOptimizer`.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> study = mrt.optimize(lambda p: -((p["x"] - 0.3) ** 2), mrt.Space(x=mrt.Real(0, 1)), trials=40)
    >>> study.best.params
    {'x': 0.3}
    """
    return MultiResOptimizer(*parts, **words).optimize()
