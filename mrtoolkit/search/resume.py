"""A study kept on disk while it grows, and gone on with when it is there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit.errors import StudyError
from mrtoolkit.search.digest import UNKNOWN
from mrtoolkit.search.plain_json import plain_json
from mrtoolkit.search.settings import differences
from mrtoolkit.search.storage import read_study
from mrtoolkit.search.study import Study
from mrtoolkit.search.study_lock import StudyLock
from mrtoolkit.search.study_paths import (
    check_study_path,
    is_study_there,
    naming_damage,
    read_record,
)
from mrtoolkit.search.study_writer import StudyWriter
from mrtoolkit.search.trial_log import TrialLog


class UnsavedStudyError(StudyError):
    """A study that could not be written while it was searched.

    Attributes
    ----------
    study : Study
        What was searched so far; `save` writes it elsewhere.
    """

    def __init__(self, message: str, study: Study) -> None:
        super().__init__(message)
        self.study = study


class SavedTrials:
    """The file of a growing study, and the trials that an earlier run left in it.

    The search goes its way from the start again and takes the results of trials from the file, so a study that was
    killed and gone on with is the study that was not killed. The first batch writes the study whole, each after it is
    appended to its journal, by a thread, behind the next batch; the end writes it whole again.
    """

    def __init__(self, study: Study, path: str | Path | None) -> None:
        self._study = study
        self._path = None if path is None else check_study_path(path)
        self._failures: dict[int, str] = {}
        self._earlier: Study | None = None
        self._has_batches = False  # of the file that are in no array yet
        self._has_written = False
        self._n_seen = 0
        self._n_told = (0, 0)
        self._is_broken = False
        self.notice = ""  # what the user should know of the file
        self._has_ended = False
        self._goes_on = False
        self.log = TrialLog(study.space, study.direction, study.log.metric_names)
        if self._path is None:
            return
        self._writer = StudyWriter(self._path)
        self._lock = StudyLock(self._path, is_search=True, before_release=self._writer.close)
        self._lock.acquire()
        try:
            if is_study_there(self._path):
                self._open(self._path)
        except BaseException:  # also Ctrl-C: whoever comes next is not to wait for ever
            self._lock.release()
            raise

    def failures_of(self, trials: np.ndarray, first: int) -> dict[int, str]:
        """Return what was raised at trials of the file, for when they are taken over as trial `first` and following."""
        said = self._failures
        return {first + i: said[trial] for i, trial in enumerate(trials.tolist()) if trial in said} if said else {}

    @contextmanager
    def running(self, give_way: Callable[[], None] | None = None) -> Iterator[None]:
        """While this lasts, no other search of this process takes the file over, unless `give_way` ends this one."""
        if self._path is None:
            yield
            return
        self._lock.is_running, self._lock.give_way = True, give_way
        try:
            yield
        finally:
            self._lock.is_running, self._lock.give_way = False, None

    def pass_over(self) -> None:
        """Take the trials of the study so far as those of the file."""
        self._n_seen = len(self._study)

    def go_on(self) -> None:
        """Take the study again that `save` has let go, for a search that goes on after its end.

        Raises
        ------
        StudyError
            If it is being written, or was changed, by another search.
        """
        if self._path is None or self._lock.is_held:
            return
        self._lock.acquire()
        try:
            self._check_unchanged()
        except BaseException:  # also Ctrl-C: whoever comes next is not to wait for ever
            self._lock.release()
            raise
        self._has_ended, self._goes_on, self.notice = False, True, ""

    def note(self) -> None:
        """Have what the study's notes say written, without a trial."""
        if self._path is not None and self._lock.is_held and self._writer.can_append:
            self._try(self._writer.wait)
            if not self._is_still_there():
                self._writer.write(self._with_left_over().to_file())
                return
            self._has_written = True
            new = slice(self._n_seen, self._n_seen)
            self._writer.append(self._study.log.rows.take(new), self._changes(new))

    def n_left(self) -> int:
        """Return how many trials of the file this search has not come to yet."""
        return int(np.count_nonzero(self._study.log.find(self.log.keys) < 0)) if len(self.log) else 0

    def add(self) -> None:
        """Have what is new of the study written; wait only for what was being written before.

        Raises
        ------
        StudyError
            If it, or what was written before, could not be written.
        """
        if self._path is None:
            return
        if not self._lock.is_held:
            self._add_late()
            return
        new = slice(self._n_seen, len(self._study))
        if new.start == new.stop:
            return
        self._try(self._writer.wait)
        self._n_seen, self._has_written = new.stop, True
        if self._writer.can_append and self._is_still_there():
            self._writer.append(self._study.log.rows.take(new), self._changes(new))
        else:
            self._writer.write(self._with_left_over().to_file())

    def save(self) -> None:
        """Write the study whole, with the trials of the earlier run that this one has not come to, and let it go.

        Nothing is written while there is nothing that the file does not hold.
        """
        if self._path is None or not self._lock.is_held:
            return
        self._has_ended = True
        try:
            self._try(self._writer.wait)
            if self._is_known():
                self._writer.remove_journal()
            elif len(self._study):
                self._write_now()
        finally:
            self._lock.release()

    def _is_still_there(self) -> bool:
        """Say whether what is appended to is there; where somebody has deleted it, the search's notice says so."""
        assert self._path is not None  # noqa: S101 - for the type checker
        is_there = is_study_there(self._path)
        if not is_there:
            self.notice = (
                f"the study {self._path.name} was deleted during the search and is written again, with all trials; to "
                "be rid of it, delete it after the search"
            )
        return is_there

    def _is_known(self) -> bool:
        """Say whether every trial so far came from the file's arrays, and the search has not ended otherwise."""
        if self._earlier is None or self._has_written or self._has_batches:
            return False
        return self._study.stopped in ("", self._earlier.stopped) and self._n_seen == len(self._study)

    def _write_now(self) -> None:
        self._writer.write(self._with_left_over().to_file())
        self._try(self._writer.wait)

    def _add_late(self) -> None:
        """Write what was told after the end of the search."""
        assert self._path is not None  # noqa: S101 - for the type checker
        if not self._has_ended:
            raise StudyError(
                f"another search of this process goes on with the study at {self._path}, so this one cannot; use that "
                "one, or give this one another path."
            )
        self._lock.acquire()
        try:
            self._check_unchanged()
            self._write_now()
        finally:
            self._lock.release()

    def _check_unchanged(self) -> None:
        assert self._path is not None  # noqa: S101 - for the type checker
        # one that was deleted is written again, whole
        if is_study_there(self._path) and read_record(self._path)["attributes"].get("commit") != self._writer.commit:
            raise StudyError(f"the study at {self._path} was changed by another search; save this one elsewhere.")

    def _changes(self, new: slice) -> dict[str, Any]:
        """Return what else of the study changed with the newest trials."""
        study, (n_rows, n_regions) = self._study, self._n_told
        rows, regions = study.rows, study.regions
        self._n_told = (len(rows), len(regions))
        spent = {str(level): list(pair) for level, pair in study.spent.items()}
        said: dict[str, Any] = {"spent": spent, "trial_seconds": study.trial_seconds}
        if len(rows) > n_rows:
            said |= {"rows_from": n_rows, "rows": [row.to_dict() for row in rows[n_rows:]]}
        if len(regions) > n_regions:
            said |= {"regions_from": n_regions, "regions": [region.to_dict() for region in regions[n_regions:]]}
        if study.failures:
            failures = {row - new.start: study.failures.get(row) for row in range(new.start, new.stop)}
            said["failures"] = {row: text for row, text in failures.items() if text is not None}
        if self._goes_on:
            said["goes_on"] = True
        if study.notes:
            said["notes"] = study.notes
        plain: dict[str, Any] = plain_json(said)
        return plain

    def _try(self, wait: Callable[[], None]) -> None:
        """Wait for what is being written, and say once where it could not be."""
        try:
            wait()
        except OSError as error:
            if self._is_broken:
                return  # it was said already
            self._is_broken = True
            study = self._study
            raise UnsavedStudyError(
                f"the study at {self._path} could not be written ({error.strerror or error}), so the search ended "
                f"after {len(study):,} trials; they are in this error's study: save them with error.study.save(path), "
                "or search again with the same words once there is room.",
                study,
            ) from error

    def _open(self, path: Path) -> None:
        file = read_study(path)
        with naming_damage(path):
            self._earlier = Study.from_file(file, goal=self._study.goal, evaluator=self._study.evaluator)
        saved, asked = file.described["keys"], plain_json(self._study.keys)
        found = differences(saved, asked)
        if found:
            shown = "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
            raise StudyError(f"the study at {path} is of another search ({shown}); {_cure(found)}.")
        if UNKNOWN in (asked["evaluator"].get("code"), asked.get("objective_code")):
            raise StudyError(
                f"I cannot tell whether the function of the study at {path} is the one given now, as it has no Python "
                "code to compare; give another path, or wrap it in a function written with def."
            )
        self.log = self._earlier.log
        self._failures = self._earlier.failures
        self._study.spent = dict(self._earlier.spent)
        self._study.notes, self._study.trial_seconds = dict(self._earlier.notes), self._earlier.trial_seconds
        self._has_batches = bool(file.batches)
        if file.commit:
            self._writer.go_on(file.commit)

    def _with_left_over(self) -> Study:
        """Return the study itself, or a copy of it with the trials of the file that it has not taken over yet."""
        if len(self.log) == 0:
            return self._study
        left = np.flatnonzero(self._study.log.find(self.log.keys) < 0)
        if len(left) == 0:
            return self._study
        whole = Study.from_file(self._study.to_file(), goal=self._study.goal, evaluator=self._study.evaluator)
        whole.failures |= self.failures_of(left, len(whole))
        whole.log.add_new(self.log.rows.take(left))
        return whole


def _cure(found: list[str]) -> str:
    """Return how to go on with a study that differs from the search asked for."""
    if any(text.startswith(("evaluator.code:", "evaluator.strategy.code:", "objective_code:")) for text in found):
        return "the function was changed since, so its old results do not count; give another path, or the old function"
    if all(text.startswith("levels") for text in found):
        return (
            "trials= is shared out among preset levels, so more of them make other levels; search with the same "
            "trials= and levels= to go on with it, or give another path for a larger search"
        )
    return "give another path, or search with the same words"
