"""`mrtoolkit run`: the search that a file describes."""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

from mrtoolkit.cli.assembly import build_backtest, build_search, build_space
from mrtoolkit.cli.config import read_config
from mrtoolkit.cli.report import write_report
from mrtoolkit.cli.schema import EXAMPLE, describe
from mrtoolkit.cli.searching import REPORT_FILE, STUDY_FILE, output_folder, search
from mrtoolkit.cli.summary import bars_text, candidates_text, has_best, levels_text, warning_text


def command(*, config: Path | None, out: Path, schema: bool, example: bool, open_report: bool) -> None:
    """Search what a file describes; or print the schema or an example of such a file."""
    if schema:
        typer.echo(describe())
    if example:
        typer.echo(EXAMPLE, nl=False)
    if config is None or schema or example:
        return
    tables = read_config(config)
    backtest = build_backtest(config, tables)
    space = build_space(config, tables["space"])
    options = build_search(config, tables)
    folder = output_folder(out)
    width = shutil.get_terminal_size().columns
    typer.echo(bars_text(backtest.bars))
    study = search(backtest, space, out=folder, **options)
    typer.echo(f"\nlevels\n{levels_text(study, width)}\n")
    if has_best(study):
        typer.echo(f"by {study.objective}\n{candidates_text(study, width)}\n\n{warning_text(study)}\n")
    else:
        typer.echo(f"  {study.why_no_best()}\n")
    typer.echo(f"study:  {(folder / STUDY_FILE).resolve()}")
    write_report(study, folder / REPORT_FILE, open_report=open_report)
