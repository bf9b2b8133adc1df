"""`mrtoolkit lab`: JupyterLab on the notebooks, from a clone or from a wheel alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import typer

from mrtoolkit.cli.output import check_writable
from mrtoolkit.cli.say import say
from mrtoolkit.errors import ConfigError

FIRST = "01-the-main-job.ipynb"
LIVE = "05-the-live-search.ipynb"
COPY = "mrtoolkit-notebooks"


def command(*, notebook: str | None, folder: Path | None, browser: bool, extra: tuple[str, ...]) -> None:
    """Open JupyterLab on one of the notebooks and wait until it ends."""
    if find_spec("jupyterlab") is None:
        msg = "JupyterLab is not installed in this environment; install it with: pip install jupyterlab"
        raise ConfigError(msg)
    home = notebook_folder(folder)
    say(f"notebooks: {home.resolve()}")
    shown = chosen(home, notebook)
    line = [sys.executable, "-m", "jupyterlab", str(shown), *([] if browser else ["--no-browser"]), *extra]
    process = subprocess.Popen(line)  # not exec: Windows has none that keeps the terminal
    while True:
        try:
            status = process.wait()
            break
        except KeyboardInterrupt:
            continue  # JupyterLab has had the same Ctrl-C, asks whether to end, and is waited for
    if status:
        raise typer.Exit(1)


def notebook_folder(folder: Path | None) -> Path:
    """Return the folder to open: a clone's own notebooks, or a copy of the installed ones that may be written to.

    Parameters
    ----------
    folder : Path or None
        Where the caller wants them; by default ./notebooks of a clone, else ./mrtoolkit-notebooks.

    Returns
    -------
    Path
        A folder that holds the first notebook; files that were there are left as they are.

    Raises
    ------
    ConfigError
        If this installation came without notebooks, or a file is in the way.
    """
    if folder is None and Path("notebooks", FIRST).is_file():
        return Path("notebooks")
    target = folder or Path(COPY)
    if (target / FIRST).is_file():
        return target
    source = installed_notebooks()
    if source is None:
        msg = f"this installation came without notebooks; run it in the clone, or give a --folder that holds {FIRST}."
        raise ConfigError(msg)
    if target.exists() and not target.is_dir():
        msg = f"{str(target)!r} is a file, but the notebooks need a folder; give another with --folder."
        raise ConfigError(msg)
    check_writable(target, option="--folder")
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_file() and not copy.exists() and ".ipynb_checkpoints" not in path.parts:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return target


def chosen(home: Path, name: str | None) -> Path:
    """Return the notebook of a folder whose name begins with `name`; without a name the live search, if it is there.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name is None:
        return home / (LIVE if (home / LIVE).is_file() else FIRST)
    there = sorted(home.glob("*.ipynb"))
    found = [path for path in there if path.name.startswith(name)]
    if not found or not name:
        names = ", ".join(path.name for path in there)
        msg = f"no notebook in {str(home)!r} begins with {name!r}; there are {names}: give one with --notebook."
        raise ConfigError(msg)
    return found[0]


def installed_notebooks() -> Path | None:
    """Return the notebooks that came with this package: in the wheel, or beside the package in a clone."""
    package = Path(str(files("mrtoolkit")))
    for place in (package / "notebooks", package.parent / "notebooks"):
        if (place / FIRST).is_file():
            return place
    return None
