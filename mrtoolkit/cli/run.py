"""`mrtoolkit run`: the search that a file describes."""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

from mrtoolkit.cli.assembly import build_backtest, build_search, build_space
from mrtoolkit.cli.config import read_config
from mrtoolkit.cli.report import write_report
from mrtoolkit.cli.searching import REPORT_FILE, STUDY_FILE, output_folder, search
from mrtoolkit.cli.summary import bars_text, candidates_text, levels_text, warning_text

GROWING = "study.zarr"  # a folder, written to while the search runs


def command(*, config: Path, out: Path, resume: bool, open_report: bool) -> None:
    """Search what a file describes, print what was found, write the study and the report."""
    tables = read_config(config)
    backtest = build_backtest(config, tables)
    space = build_space(config, tables["space"])
    options = build_search(config, tables)
    folder = output_folder(out)
    if resume:
        options["study"] = folder / GROWING
    width = shutil.get_terminal_size().columns
    typer.echo(bars_text(backtest.bars))
    study = search(backtest, space, out=folder, **options)
    typer.echo(f"\nlevels\n{levels_text(study, width)}\n")
    if study.has_best:
        typer.echo(f"by {study.objective}\n{candidates_text(study, width)}\n\n{warning_text(study, width)}\n")
    else:
        typer.echo(f"  {study.why_no_best()}\n")
    typer.echo(f"study:  {(folder / STUDY_FILE).resolve()}")
    write_report(study, folder / REPORT_FILE, open_report=open_report)
