"""Where results go: checked before any work is done for them, and left as it was until there is something to write."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from mrtoolkit.errors import ConfigError, StudyError
from mrtoolkit.search.study_paths import check_study_path

STUDY_FILE = "study.zarr.zip"
REPORT_FILE = "report.html"


def check_output(folder: Path) -> None:
    """Refuse a folder that cannot take a study and its report; leave nothing in its place.

    Raises
    ------
    ConfigError
        If it is a file, refuses new files, or holds what would not be replaced: a folder of the report's name, or a
        study of a format that is not known, or anything else of its name.
    """
    if folder.exists() and not folder.is_dir():
        msg = f"--out {str(folder)!r} is a file, but results need a folder; give another name."
        raise ConfigError(msg)
    check_writable(folder)
    try:
        check_study_path(folder / STUDY_FILE)
    except StudyError as error:
        msg = f"{error} The results would replace it: move it away, or give another folder with --out."
        raise ConfigError(msg) from error
    check_report_file(folder / REPORT_FILE)


def check_report_file(path: Path) -> None:
    """Refuse a report's path that is a folder, or in one that refuses new files."""
    if path.is_dir():
        msg = f"{str(path)!r} is a folder, but the report is one HTML file; give --out {path / REPORT_FILE}."
        raise ConfigError(msg)
    check_writable(path.parent)


def check_writable(folder: Path, *, option: str = "--out") -> None:
    """Refuse a folder that cannot be made or refuses new files.

    It is tried and not asked: root may write where the mode says no, and may not write in /proc whatever it says.
    """
    missing: list[Path] = []
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        msg = (
            f"the folder {str(folder.absolute())!r} cannot be written to ({error.strerror}); "
            f"give one that can be, with {option}."
        )
        raise ConfigError(msg) from error
    finally:
        for path in missing:  # the innermost first
            with suppress(OSError):
                path.rmdir()
