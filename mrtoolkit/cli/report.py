"""`mrtoolkit report`: the HTML report of a saved study."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from mrtoolkit.cli.output import check_report_file
from mrtoolkit.cli.say import say
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.study import Study
from mrtoolkit.views.report import report


def command(*, study: Path, out: Path, open_report: bool) -> None:
    """Read a study, write its report, say where it is."""
    check_report_file(out)
    write_report(load_study(study), out, open_report=open_report)


def write_report(study: Study, path: Path, *, open_report: bool) -> None:
    """Write one study's report and print where it is, as a path that a terminal makes a link of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report(study, path)
    say(f"report: {path.resolve()}")
    if open_report:
        webbrowser.open(path.resolve().as_uri())
