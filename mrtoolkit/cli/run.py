"""`mrtoolkit run`: the search that a file describes."""

from __future__ import annotations

import shutil
from pathlib import Path

from mrtoolkit.cli.assembly import build_backtest, build_search, build_space
from mrtoolkit.cli.config import read_config
from mrtoolkit.cli.output import REPORT_FILE, STUDY_FILE
from mrtoolkit.cli.report import write_report
from mrtoolkit.cli.say import say
from mrtoolkit.cli.searching import search
from mrtoolkit.cli.summary import bars_text, candidates_text, levels_text, warning_text
from mrtoolkit.errors import StudyError

GROWING = "study.zarr"  # a folder, written to while the search runs


def command(*, config: Path, out: Path, resume: bool, plan: bool, open_report: bool) -> None:
    """Search what a file describes, print what was found, write study and report; end with 1 where no trial counts.

    With `plan` say what all of the space would take, and end.
    """
    tables = read_config(config)
    backtest = build_backtest(config, tables)
    space = build_space(config, tables["space"])
    if plan:
        say(repr(backtest.plan(space)))
        return
    options = build_search(config, tables)
    if resume:
        options["study"] = out / GROWING
    width = shutil.get_terminal_size().columns
    study = search(backtest, space, heading=bars_text(backtest.bars), out=out, **options)
    say(f"\nlevels\n{levels_text(study, width)}\n")
    if study.has_best:
        say(f"by {study.objective}\n{candidates_text(study, width)}\n\n{warning_text(study, width)}\n")
    say(f"study:  {(out / STUDY_FILE).resolve()}")
    write_report(study, out / REPORT_FILE, open_report=open_report)
    if not study.has_best:
        raise StudyError(study.why_no_best())
