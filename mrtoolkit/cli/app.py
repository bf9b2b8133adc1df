"""The `mrtoolkit` command: what each subcommand takes; the work is in a file a command, imported when it is used."""

from __future__ import annotations

import importlib
import sys
import traceback
import warnings
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import typer

from mrtoolkit.cli.say import say
from mrtoolkit.errors import MrtoolkitError

EXIT_CODES = """\b
Exit codes:
  0    done
  1    refused or failed, or no trial satisfies the constraints (study and
       report are written then); one line on stderr says what and what to do
  2    the command line itself was wrong
  70   a defect of mrtoolkit: please report what it printed
  130  interrupted with Ctrl-C; what was finished is saved, and the last line says where
"""

PURPOSE = (
    "Tune trading strategies level by level: each indicator is computed once, the search zooms in on what is good."
)

app = typer.Typer(
    name="mrtoolkit",
    help=PURPOSE,
    epilog=f"""\b
Begin with:
  mrtoolkit demo                     the main job on real prices, in seconds
  mrtoolkit lab                      the search live, in JupyterLab, and more notebooks
  mrtoolkit run --example > my.toml  a file to change, then: mrtoolkit run my.toml

{EXIT_CODES}""",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
store_app = typer.Typer(
    help="Look into a feature store, check it, clean it up, take it elsewhere.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(store_app, name="store")

OutFolder = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the study and the report; made if needed.")
]
Open = Annotated[bool, typer.Option("--open/--no-open", help="Open the report in the browser when it is written.")]
StoreFolder = Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a feature store.")]
Names = Annotated[str | None, typer.Option(metavar="NAME,...", help="Only features of these names, as in ema,rsi.")]


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without these letters shows "?", not a traceback
    app(prog_name="mrtoolkit")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 (typer calls it with the option's value)
    if wanted:
        typer.echo(f"mrtoolkit {installed_version('mrtoolkit')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Tune trading strategies level by level: each indicator is computed once, the search zooms in on what is good."""
    context.obj = debug


@app.command(epilog=EXIT_CODES)
def demo(
    context: typer.Context,
    *,
    asset: Annotated[str, typer.Option(help="Which of the bundled shares is searched and reported in full.")] = "AAPL",
    out: OutFolder = Path("mrtoolkit-demo"),
    others: Annotated[
        bool, typer.Option("--others/--no-others", help="Search the other bundled shares too, a line each.")
    ] = True,
    open_report: Open = False,
) -> None:
    """Search the textbook's EMA cross on real prices, in three levels.

    Buys when a fast moving average is above a slow one, pays 0.1 percent a fill, and searches which two
    averages did best. Shows what was computed and what was reused, measures what the plain way would
    have cost, and writes a report that opens offline.
    """
    _run(context, "demo", asset=asset, out=out, others=others, open_report=open_report)


@app.command(epilog=EXIT_CODES)
def run(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG.toml", help="Prices, strategy, space and search.")
    ] = None,
    *,
    out: OutFolder = Path("mrtoolkit-run"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the study in --out while it grows, and go on from one that is there.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what all of the space would take: features, memory, time; and end.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print every table and key that the file may have, and end.")
    ] = False,
    example: Annotated[bool, typer.Option("--example", help="Print a file that runs, and end.")] = False,
    open_report: Open = False,
) -> None:
    """Search what a file describes: any prices, any strategy, any space.

    The file is TOML. Rules are text, such as entry = "ema(P.fast) > ema(P.slow)", read by a small grammar
    and never executed. A wrong key is named with the nearest right one. Prices are looked for beside the file.
    """
    if schema or example:
        _run(context, "schema", example=example)
        return
    if config is None:
        raise typer.BadParameter("name a file, or see --example and --schema", param_hint="CONFIG.toml")
    _run(context, "run", config=config, out=out, resume=resume, plan=plan, open_report=open_report)


@app.command(epilog=EXIT_CODES)
def report(
    context: typer.Context,
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A saved study: a folder, or one .zarr.zip file.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The HTML file to write.")] = Path(
        "report.html"
    ),
    open_report: Open = False,
) -> None:
    """Write the report of a saved study, as one HTML file that opens offline."""
    _run(context, "report", study=study, out=out, open_report=open_report)


@store_app.command("info", epilog=EXIT_CODES)
def store_info(context: typer.Context, path: StoreFolder) -> None:
    """Say what a feature store holds, what it takes, and what a look-up does."""
    _run(context, "store", path=path)


@store_app.command("verify", epilog=EXIT_CODES)
def store_verify(context: typer.Context, path: StoreFolder) -> None:
    """Read every byte of a feature store and name what is damaged; ends with 1 where something is."""
    _run(context, "store_verify", path=path)


@store_app.command("prune", epilog=EXIT_CODES)
def store_prune(
    context: typer.Context,
    path: StoreFolder,
    *,
    names: Names = None,
    everything: Annotated[bool, typer.Option("--everything", help="Also what is still of use.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and end.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it without asking.")] = False,
) -> None:
    """Remove what is of no more use: features of old code, bars that were extended since, leftovers.

    Shows what would go and asks first. Indicators of your own are not known here: of those, all but what
    was written last goes. Whatever is removed is computed again when it is asked for.
    """
    _run(context, "store_prune", path=path, names=names, everything=everything, dry_run=dry_run, yes=yes)


@store_app.command("export", epilog=EXIT_CODES)
def store_export(
    context: typer.Context,
    path: StoreFolder,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The Parquet file to write.")] = Path(
        "features.parquet"
    ),
    data: Annotated[
        str, typer.Option(metavar="FINGERPRINT", help="Of which bars: the first letters that `store info` shows.")
    ] = "",
    names: Names = None,
) -> None:
    """Write the features of one data set to a Parquet file: a row a bar, a column a feature."""
    _run(context, "store_export", path=path, out=out, data=data, names=names)


@store_app.command("import", epilog=EXIT_CODES)
def store_import(
    context: typer.Context,
    path: StoreFolder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Parquet file that `store export` wrote.")],
) -> None:
    """Take the features of a Parquet file into a store, which is made where it is not there; each is checked."""
    _run(context, "store_import", path=path, file=file)


@app.command(
    epilog=EXIT_CODES,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def lab(
    context: typer.Context,
    *,
    notebook: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which one to open: its number, or how its name begins.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the notebooks are, or are to be copied to.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Whether JupyterLab opens a browser.")] = True,
) -> None:
    """Open JupyterLab on the live search; the other notebooks lie beside it.

    In a clone these are its own; elsewhere they are copied to ./mrtoolkit-notebooks first, and a copy that is
    already there is left as it is. What follows a -- goes to JupyterLab, as in: mrtoolkit lab -- --port 9999
    """
    _run(context, "lab", notebook=notebook, folder=folder, browser=browser, extra=tuple(context.args))


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Print a warning as an error is printed: the line of code it came from says nothing to who types a command."""
    say(f"mrtoolkit: {category.__name__}: {' '.join(str(message).split())}", err=True)


def _run(context: typer.Context, command: str, **arguments: Any) -> None:
    """Import one command and run it; turn what goes wrong into a line and an exit code."""
    debug = bool(context.find_root().obj)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            importlib.import_module(f"mrtoolkit.cli.{command}").command(**arguments)
    except (MrtoolkitError, OSError) as error:
        if debug:
            raise
        say(f"mrtoolkit: {type(error).__name__}: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        if debug:
            raise
        say(f"mrtoolkit: interrupted{f'; {error}' if str(error) else ''}", err=True)
        raise typer.Exit(130) from error
    except typer.Exit:
        raise
    except Exception:
        say("mrtoolkit: a defect; please report the command and the lines below.", err=True)
        traceback.print_exc()
        raise typer.Exit(70) from None
