"""A study kept on disk while it grows, and gone on with when it is there already."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from mrtoolkit.errors import StudyError
from mrtoolkit.search.digest import UNKNOWN
from mrtoolkit.search.settings import differences
from mrtoolkit.search.storage import check_study_path, plain_json, read_study
from mrtoolkit.search.study import Study
from mrtoolkit.search.trial_log import TrialLog

_SAVING_SHARE = 0.1  # of the time at most goes into saving between levels


class SavedTrials:
    """The file of a growing study, and the trials that an earlier run left in it.

    The search goes its way from the start again and takes the results of trials from the file, so a study that was
    killed and gone on with is the study that was not killed.
    """

    def __init__(self, study: Study, path: str | Path | None) -> None:
        self._study = study
        self._path = None if path is None else check_study_path(path)
        self._last_save = time.perf_counter()
        self._save_seconds = 0.0
        self._written = (0, "")
        self._stopped = ""
        self._failures: dict[int, str] = {}
        self.log = TrialLog(study.space, study.direction, study.log.metric_names)
        if self._path is not None and self._path.exists() and (self._path.is_file() or any(self._path.iterdir())):
            self._open(self._path)

    def failures_of(self, trials: np.ndarray, first: int) -> dict[int, str]:
        """Return what was raised at trials of the file, for when they are taken over as trial `first` and following."""
        said = self._failures
        return {first + i: said[trial] for i, trial in enumerate(trials.tolist()) if trial in said} if said else {}

    def save_sometimes(self) -> None:
        """Save unless that was done so recently that saving would take more than a tenth of the time."""
        if time.perf_counter() - self._last_save >= self._save_seconds / _SAVING_SHARE:
            self.save()

    def save(self) -> None:
        """Write the study, with the trials of the earlier run that this one has not come to yet.

        Nothing is written while there is nothing that the file does not hold.
        """
        state = (len(self._study), self._study.stopped)
        if self._path is None or len(self._study) == 0 or state == self._written or self._is_replaying():
            return
        started = time.perf_counter()
        self._with_left_over().save(self._path)
        self._last_save = time.perf_counter()
        self._save_seconds = self._last_save - started
        self._written = state

    def _is_replaying(self) -> bool:
        """Say whether every trial so far came from the file, and the search has not ended otherwise than it did."""
        if len(self.log) == 0 or self._study.stopped not in ("", self._stopped):
            return False
        return bool((self.log.find(self._study.log.keys) >= 0).all())

    def _open(self, path: Path) -> None:
        file = read_study(path)
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
        earlier = Study.from_file(file, goal=self._study.goal, evaluator=self._study.evaluator)
        self.log = earlier.log
        self._failures = earlier.failures
        self._stopped = earlier.stopped
        self._study.spent = dict(earlier.spent)

    def _with_left_over(self) -> Study:
        """Return the study itself, or a copy of it with the trials of the file that it has not taken over yet."""
        if len(self.log) == 0:
            return self._study
        left = np.flatnonzero(self._study.log.find(self.log.keys) < 0)
        if len(left) == 0:
            return self._study
        whole = Study.from_file(self._study.to_file(), goal=self._study.goal, evaluator=self._study.evaluator)
        log = self.log
        whole.failures |= self.failures_of(left, len(whole))
        whole.log.append(
            log.codes[left],
            level=log.level[left],
            region=log.region[left],
            value=log.value[left],
            feasible=log.feasible[left],
            metrics={name: values[left] for name, values in log.metrics.items()},
            blocks={name: values[left] for name, values in log.blocks.items()},
        )
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
