"""A saved study, opened again, with its backtest where the file says how to make it.

The one place in the search that knows backtests: to everything else, what is searched is an `Evaluator`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.errors import MrtoolkitError, StudyError
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.search.callables import as_evaluator
from mrtoolkit.search.objective import Goal
from mrtoolkit.search.plain_json import plain_json
from mrtoolkit.search.settings import differences
from mrtoolkit.search.storage import StudyFile, read_study
from mrtoolkit.search.study import Study
from mrtoolkit.search.study_paths import naming_damage


def load_study(path: str | Path, backtest: Any = None) -> Study:
    """Open a study that was saved to a folder or a zip file.

    Parameters
    ----------
    path : path
    backtest : Backtest or other evaluator, optional
        What evaluated its trials. Without it the file's own bars and rules make the backtest again; where it has no
        bars (over 20 MB), or another callable or a position function was searched (no file holds their code), the
        study can be looked at but not verified.

    Raises
    ------
    StudyError
        If there is no study at `path`, it is damaged, or `backtest` is not the one that was searched.
    """
    file = read_study(path)
    said = file.described
    try:
        evaluator = _rebuilt(file) if backtest is None else _matching(file, as_evaluator(backtest), path)
        goal = _goal(said)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        msg = f"the study at {path} is damaged ({type(error).__name__}: {error}); restore it from a copy."
        raise StudyError(msg) from error
    with naming_damage(Path(path)):
        return Study.from_file(file, goal=goal, evaluator=evaluator)


def _rebuilt(file: StudyFile) -> Evaluator | None:
    """Return the backtest that the file describes, None where it does not hold enough to make one."""
    keys = file.described["keys"]["evaluator"]
    if file.described["evaluator"] != Backtest.__name__ or file.bars is None or "position" in keys["strategy"]:
        return None
    rebuilt: Evaluator = Backtest.from_dict(keys, file.bars)
    return rebuilt


def _matching(file: StudyFile, evaluator: Evaluator, path: str | Path) -> Evaluator:
    found = differences(file.described["keys"]["evaluator"], plain_json(evaluator.to_dict()))
    if found:
        shown = "; ".join(found[:3])
        raise StudyError(f"what was given for the study at {path} is not what was searched ({shown}); give that.")
    return evaluator


def _goal(said: Any) -> Goal | None:
    """Return the objective and constraints of the file, None where they were a callable of somebody's program."""
    try:
        return Goal.checked(said["objective"], said["keys"]["constraints"], said["direction"], said["metrics"])
    except MrtoolkitError:
        return None
