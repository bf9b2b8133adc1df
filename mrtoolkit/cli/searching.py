"""One search on the command line: the notice about compiling, the bars, and Ctrl-C that loses nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit._compiling import hush
from mrtoolkit._jit import is_compiled
from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.cli.output import STUDY_FILE, check_output
from mrtoolkit.cli.say import say
from mrtoolkit.errors import MrtoolkitError, StudyError
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.search.events import Event, LevelStarted
from mrtoolkit.search.optimizer import MultiResOptimizer
from mrtoolkit.search.progress_bars import ProgressBars
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study


def search(backtest: Backtest, space: Space, *, heading: str, out: Path, **options: Any) -> Study:
    """Return the study of a search, drawn as a bar a level and saved; what is refused leaves no trace.

    Parameters
    ----------
    backtest, space
        As `optimize` takes them; `options` too.
    heading : str
        Printed when the search begins, which it does when nothing is left to refuse.
    out : Path
        A folder, made when there is a trial to save; the study is written there as one file.

    Returns
    -------
    Study
        Finished.

    Raises
    ------
    ConfigError
        If the folder cannot take the results.
    StudyError
        If not one trial was run.
    KeyboardInterrupt
        If the search was interrupted; the study so far is saved, and the error says where.
    """

    def head(event: Event) -> None:
        if isinstance(event, LevelStarted) and event.level == 0:
            say(heading)

    check_output(out)
    bars = ProgressBars()
    optimizer = MultiResOptimizer(backtest, space, on_event=(head, bars), **options)
    _compile(backtest, space)
    try:
        study = optimizer.optimize()
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

    The one point that is run, by both engines, has a store of its own, so that nothing of it is found again.
    """
    if not is_compiled():
        say("compiling, once on this machine ...", err=True)
        hush()
    point = space.decode(np.zeros((1, len(space)), dtype=np.int64))
    with suppress(MrtoolkitError):  # a point that cannot be run is the search's to report
        backtest.evaluate_fresh(point)
        alone = FeatureStore(dtype=backtest.store.dtype)
        Backtest.from_dict(backtest.to_dict(), backtest.bars, store=alone).evaluate(point)
