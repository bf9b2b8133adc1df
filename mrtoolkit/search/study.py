"""The study: everything a search has tried, and what is asked of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.search.candidate import Candidate, candidate_of
from mrtoolkit.search.dimensions import Categorical
from mrtoolkit.search.events import LevelRow
from mrtoolkit.search.exports import trial_table, write_csv, write_parquet
from mrtoolkit.search.inference import Inference, infer
from mrtoolkit.search.objective import Goal
from mrtoolkit.search.plateau import plateau_trial
from mrtoolkit.search.region import Region
from mrtoolkit.search.saved_codes import check_codes, saved_codes
from mrtoolkit.search.scoring import Scoring
from mrtoolkit.search.space import Space
from mrtoolkit.search.steering import told
from mrtoolkit.search.storage import StudyFile, write_study
from mrtoolkit.search.study_text import study_html, study_text
from mrtoolkit.search.trial_log import TrialLog, TrialRows
from mrtoolkit.search.verification import Verification, verify_trials
from mrtoolkit.search.why_no_best import why_no_best
from mrtoolkit.tables import as_table

LEVEL_COLUMNS = {field.name: field.name.replace("_", " ") for field in fields(LevelRow)}
"""The columns of the table of levels, by the name of their field."""
_COLUMNS = ("level", "region", "value", "feasible")  # of the log, beside parameters and metrics


class Study:
    """All trials of a search, with their levels and regions. It grows while the search runs, and can be used meanwhile.

    Parameters
    ----------
    space : Space
    goal : Goal, optional
        Objective and constraints; None for a study read from a file whose objective was a callable.
    objective : str
        The objective as text.
    direction : {"maximize", "minimize"}
    evaluator : Evaluator, optional
        What evaluated the trials; None for a study read from a file that does not say how to make it.
    seed : int
    keys : mapping
        What another search must share to go on with this one: data, rules, space, levels, objective, seed.
    metrics : sequence of str
        Names of the metrics of a trial.

    Attributes
    ----------
    failures : dict of trial to str
        What the evaluator raised, for the trials at which it did; these have no value and never win.
    """

    def __init__(
        self,
        *,
        space: Space,
        goal: Goal | None,
        objective: str,
        direction: str,
        evaluator: Evaluator | None,
        seed: int,
        keys: Mapping[str, Any],
        metrics: tuple[str, ...],
    ) -> None:
        self.space = space
        self.goal = goal
        self.objective = objective
        self.direction = direction
        self.evaluator = evaluator
        self.seed = seed
        self.keys = keys
        self.log = TrialLog(space, direction, metrics)
        self.scoring = Scoring(space, goal, self.log)
        self._rows: list[LevelRow] = []
        self._unread_rows: list[Callable[[], LevelRow]] = []
        self._reading = RLock()
        self.regions: list[Region] = []
        self.stopped = ""
        self.is_interrupted = False
        self.spent: dict[int, tuple[int, float]] = {}
        self.memory: dict[int, float] = {}  # bytes of features held as a level ended, in this process
        self.failures: dict[int, str] = {}
        self.trial_seconds = float("inf")  # the least that a batch has taken a trial
        self.notes: dict[str, Any] = {}  # JSON: what a search has decided on its way, for when it is gone on with
        self._benchmark: dict[str, float] | None = None
        self._plateau: tuple[int, int | None] = (0, None)
        self._inference: tuple[int, Inference] | None = None

    def __len__(self) -> int:
        return len(self.log)

    def __repr__(self) -> str:
        return study_text(self)

    def _repr_html_(self) -> str:
        return study_html(self)

    @property
    def backtest(self) -> Any:
        """The backtest that evaluated the trials, None where it was another callable or is not known."""
        return None if self.evaluator is None or self.evaluator.bars is None else self.evaluator

    @property
    def has_best(self) -> bool:
        """Whether any trial satisfies the constraints and has a value, so that there are a best and a plateau."""
        return self.scoring.best() is not None

    @property
    def best(self) -> Candidate:
        """The trial of the best objective that satisfies the constraints; of equal ones, that of the lowest labels.

        Of several objectives the trial of the front that is nearest to the best of all of them.
        """
        return self._candidate(self.scoring.best())

    @property
    def value_name(self) -> str:
        """What a trial's `value` is: the objective, of several the first."""
        return self.goal.objective.text if self.goal is not None and self.goal.others else self.objective

    @property
    def front(self) -> pd.DataFrame:
        """The Pareto front: the trials that no other beats in every objective, as `to_pandas` has them."""
        return as_table(self.to_pandas().iloc[self.scoring.front()])

    @property
    def plateau(self) -> Candidate:
        """The trial whose neighbourhood is best by its low quantile: what is recommended, as a peak seldom lasts.

        Neighbours are all lattice points within 5 percent of the range; see `plateau.plateau_trial`.
        """
        if self._plateau[0] != len(self.log):
            self._plateau = (len(self.log), plateau_trial(self.space, self.log))
        return self._candidate(self._plateau[1])

    @property
    def inference(self) -> Inference:
        """How much of the winner may be luck: effective trials, deflated Sharpe ratio, probability of over-fitting."""
        if self._inference is None or self._inference[0] != len(self.log):
            self._inference = (len(self.log), infer(self.space, self.log, self.scoring.best(), seed=self.seed))
        return self._inference[1]

    @property
    def benchmark(self) -> dict[str, float] | None:
        """The same metrics for buy and hold, None where the evaluator has no such thing."""
        if self._benchmark is None and self.evaluator is not None:
            found = self.evaluator.benchmark()
            self._benchmark = None if found is None else {name: float(value) for name, value in found.items()}
        return self._benchmark

    @property
    def benchmark_value(self) -> float:
        """The objective of buy and hold, NaN where there is none."""
        return float("nan") if self.goal is None else self.goal.value_of(self.benchmark)

    @property
    def rows(self) -> list[LevelRow]:
        """The rows of the table of levels; the features that a level used are counted when its row is first read."""
        with self._reading:  # two that read at once would take a row twice, or none
            while self._unread_rows:
                self._rows.append(self._unread_rows[0]())
                del self._unread_rows[0]
            return self._rows

    @property
    def n_rows(self) -> int:
        """How many levels have ended."""
        with self._reading:
            return len(self._rows) + len(self._unread_rows)

    def add_row(self, row: Callable[[], LevelRow]) -> None:
        """Add the row of a level that has ended: a function that gives it."""
        self._unread_rows.append(row)

    @property
    def steering(self) -> list[dict[str, Any]]:
        """What the user asked of the search on its way, as JSON; `MultiResOptimizer(..., steering=...)` does it too.

        After how many trials (`after`), how many were asked for (`trials`) and `made` (None if not known), between
        which `bounds` (None: anywhere), and whether the search had been `stopped` there.
        """
        return told(self.notes, self.log.rows)

    @property
    def has_failed_alone(self) -> bool:
        """Whether every trial so far has failed, if there are any."""
        return len(self.failures) == len(self.log)

    @property
    def seconds(self) -> float:
        """Wall time of all levels together."""
        return sum(row.seconds for row in self.rows)

    @property
    def trials(self) -> xr.Dataset:
        """All trials in the order evaluated.

        Returns
        -------
        Dataset (trial)
            Coordinates: the parameters. Variables: level, region, value, feasible, and a metric each.
        """
        log = self.log.rows  # as they are now: the log may grow meanwhile
        points = self.space.decode(log.codes)
        # fastpath: xarray would turn None among texts into NaN
        coords = {name: xr.Variable("trial", points[name].to_numpy(), fastpath=True) for name in self.space}
        columns = {name: getattr(log, name) for name in _COLUMNS}
        # a callable's one metric is named `value` too; the objective is what `value` means
        variables = {name: ("trial", v.copy()) for name, v in {**columns, **log.metrics, **columns}.items()}
        attrs = {"objective": self.objective, "direction": self.direction}
        return xr.Dataset(variables, coords={"trial": np.arange(len(log)), **coords}, attrs=attrs)

    @property
    def levels(self) -> pd.DataFrame:
        """A row a level: points, reused, run, features used, reused and computed, the best of its points, seconds."""
        table = pd.DataFrame([row.to_dict() for row in self.rows], columns=list(LEVEL_COLUMNS))
        return as_table(table.rename(columns=LEVEL_COLUMNS))

    def to_pandas(self) -> pd.DataFrame:
        """Return all trials as a table: parameters, level, region, value, feasible, metrics; constants in its attrs.

        A parameter that does not matter at a trial is missing there, as `pd.isna` says; in `trials` it has a label.
        """
        return trial_table(self, _COLUMNS)

    def to_csv(self, path: str | Path) -> Path:
        """Write `to_pandas` as a CSV file and return its path; None and NaN are empty.

        Raises
        ------
        StudyError
            If the file cannot be written.
        """
        return write_csv(self, path)

    def to_parquet(self, path: str | Path) -> Path:
        """Write `to_pandas` as a Parquet file and return its path.

        A column each, of one type; what is the same for all trials as JSON in the metadata, under "mrtoolkit".

        Raises
        ------
        StudyError
            If the file cannot be written.
        """
        return write_parquet(self, path)

    def top(self, n: int = 10) -> pd.DataFrame:
        """Return the n best trials that satisfy the constraints, best first, as `to_pandas` has them."""
        check_count("top(n): n", n, StudyError)
        return self.to_pandas().iloc[self.log.ranking(n)]

    def verify(self, n: int = 20) -> Verification:
        """Evaluate n random trials and the best again with the reference engine and no cache, and compare.

        Also compares every feature that the store holds for these trials with its value computed now.

        Raises
        ------
        StudyError
            If the study has no trials, or was read from a file and has no evaluator.
        """
        return verify_trials(self.space, self.log, self.needed_evaluator(), n, self.seed)

    def save(self, path: str | Path) -> Path:
        """Write the study to a folder, or to one file where `path` ends in .zip; return the path.

        It replaces a study that is there, also one of an older format, whole or not at all.

        Raises
        ------
        StudyError
            If something else is there, or nothing can be written there.
        """
        return write_study(self.to_file(), path)

    def needed_evaluator(self) -> Evaluator:
        """Return the evaluator, or say how to give the study one."""
        if self.evaluator is None:
            raise StudyError(
                f"this study was read from a file and has no evaluator{_function_of(self.keys)}; load it with "
                "mrt.load_study(path, backtest=...)."
            )
        return self.evaluator

    def to_file(self) -> StudyFile:
        """Return what is kept on disk: plain JSON and plain arrays."""
        described = {
            "space": self.space.to_dict(),
            "objective": self.objective,
            "direction": self.direction,
            "seed": self.seed,
            "keys": self.keys,
            "metrics": list(self.log.metric_names),
            "rows": [row.to_dict() for row in self.rows],
            "regions": [region.to_dict() for region in self.regions],
            "spent": {str(level): list(pair) for level, pair in self.spent.items()},
            "failures": {str(trial): text for trial, text in self.failures.items()},
            "notes": self.notes,
            "trial_seconds": self.trial_seconds,
            "stopped": self.stopped,
            "is_interrupted": self.is_interrupted,
            "benchmark": self.benchmark,
            "evaluator": type(self.evaluator).__name__,
        }
        log, points = self.log, self.space.decode(self.log.codes)
        params = {
            name: log.codes[:, j] if isinstance(self.space[name], Categorical) else points[name].to_numpy()
            for j, name in enumerate(self.space)
        }
        return StudyFile(
            described=described,
            params=params,
            columns={name: getattr(log, name) for name in _COLUMNS},
            metrics=log.metrics,
            blocks=log.blocks,
            bars=None if self.evaluator is None else self.evaluator.bars,
        )

    @classmethod
    def from_file(cls, file: StudyFile, *, goal: Goal | None, evaluator: Evaluator | None) -> Study:
        """Return the study that `to_file` described.

        Raises
        ------
        StudyError
            If a trial is not a point of the study's space.
        """
        said = file.described
        study = cls(
            space=Space.from_dict(said["space"]),
            goal=goal,
            objective=said["objective"],
            direction=said["direction"],
            evaluator=evaluator,
            seed=said["seed"],
            keys=said["keys"],
            metrics=tuple(said["metrics"]),
        )
        codes = saved_codes(study.space, file.params)
        study.log.append(TrialRows(codes=codes, metrics=file.metrics, blocks=file.blocks, **file.columns))
        study._tell(said)
        study.failures = {int(trial): str(text) for trial, text in said.get("failures", {}).items()}
        for batch in file.batches:
            check_codes(study.space, batch.rows.codes)
            n_before, texts = len(study), batch.said.get("failures", {})
            added = study.log.add_new(batch.rows).tolist()
            study.failures |= {n_before + i: str(texts[str(row)]) for i, row in enumerate(added) if str(row) in texts}
            study._tell(batch.said)
        goes_on = any(batch.said.get("goes_on") for batch in file.batches)  # after its end
        study.stopped, study.is_interrupted = "" if goes_on else said["stopped"], not goes_on and said["is_interrupted"]
        if said["benchmark"] is not None:
            study._benchmark = {name: float(value) for name, value in said["benchmark"].items()}
        return study

    def _tell(self, said: Mapping[str, Any]) -> None:
        """Take over what a file says beside the trials: of rows and regions, those from a number on."""
        rows = [LevelRow(**{**row, "best": float(row["best"])}) for row in said.get("rows", ())]
        self._rows[said.get("rows_from", len(self._rows)) :] = rows
        regions = [Region.from_dict(region) for region in said.get("regions", ())]
        self.regions[said.get("regions_from", len(self.regions)) :] = regions
        spent = said.get("spent", {})
        self.spent |= {int(level): (int(pair[0]), float(pair[1])) for level, pair in spent.items()}
        self.notes |= said.get("notes", {})
        self.trial_seconds = float(said.get("trial_seconds", self.trial_seconds))

    def take_answers(self, other: Study) -> None:
        """Take over what a study of the same search was asked already; what is of other trials is found again."""
        self._benchmark, self._plateau, self._inference = other._benchmark, other._plateau, other._inference

    def _candidate(self, trial: int | None) -> Candidate:
        if trial is None:
            raise StudyError(self.why_no_best())
        return candidate_of(self.space, self.log, trial)

    def why_no_best(self) -> str:
        """Say why no trial is the best."""
        return why_no_best(self)


def _function_of(keys: Mapping[str, Any]) -> str:
    """What was searched, where it was a function: its name, for its code is in no file."""
    searched = keys.get("evaluator", {})
    rules = searched.get("strategy", {})
    name = f"the position function {rules['position']}" if "position" in rules else searched.get("callable", "")
    return f", as it searched {name}, whose code no file holds" if name else ""
