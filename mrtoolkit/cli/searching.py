"""One search on the command line: the notice about compiling, the bars, and Ctrl-C that loses nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import typer

from mrtoolkit._jit import is_compiled
from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.cli.progress import Bars
from mrtoolkit.errors import ConfigError, MrtoolkitError, StudyError
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study

STUDY_FILE = "study.zarr.zip"
REPORT_FILE = "report.html"


def output_folder(path: Path) -> Path:
    """Return the folder that results go to, made before any work is done for them."""
    if path.exists() and not path.is_dir():
        msg = f"--out {str(path)!r} is a file, but results need a folder; give another name."
        raise ConfigError(msg)
    path.mkdir(parents=True, exist_ok=True)
    return path


def search(backtest: Backtest, space: Space, *, out: Path, **options: Any) -> Study:
    """Return the study of a search, drawn as a bar a level and saved.

    Parameters
    ----------
    backtest, space
        As `optimize` takes them; `options` too.
    out : Path
        An existing folder; the study is written there as one file.

    Returns
    -------
    Study
        Finished.

    Raises
    ------
    StudyError
        If not one trial was run.
    KeyboardInterrupt
        If the search was interrupted; the study so far is saved, and the error says where.
    """
    _compile(backtest, space)
    bars = Bars()
    try:
        study = optimize(backtest, space, on_event=bars, **options)
    finally:
        bars.close()
    path = out / STUDY_FILE
    if len(study):
        study.save(path)
    if study.is_interrupted:
        kept = (
            f"the {len(study):,} trials that were finished are saved in {path}; `mrtoolkit report {path}` shows them."
        )
        raise KeyboardInterrupt(kept if len(study) else "no trial was finished yet, so nothing is saved.")
    if not len(study):
        msg = f"the search ended before its first trial: {study.stopped} Give it more time, or more trials."
        raise StudyError(msg)
    return study


def _compile(backtest: Backtest, space: Space) -> None:
    """Load the kernels, and say so where they have to be made first: the search's own seconds are then the search's.

    The one point that is run has a store of its own, so that nothing of it is found again.
    """
    if not is_compiled():
        typer.echo("compiling, once on this machine ...", err=True)
    point = space.decode(np.zeros((1, len(space)), dtype=np.int64))
    with suppress(MrtoolkitError):  # a point that cannot be run is the search's to report
        backtest.evaluate_fresh(point)
