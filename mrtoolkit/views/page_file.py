"""Where a page is written: looked at before anything is made, written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from mrtoolkit.errors import StudyError

_SHOWN = 120  # letters of a path that are said


def checked_path(path: Any, what: str) -> Path:
    """Return the absolute path of a file to be written, refusing what cannot be one; `what` names the page."""
    if not isinstance(path, str | os.PathLike):
        msg = f"the {what} was to be written to {path!r}, which is no path; give a file, such as 'study.html'."
        raise StudyError(msg)
    shown = str(path) if len(str(path)) <= _SHOWN else f"{str(path)[:_SHOWN]}..."
    asked = f"the {what} was to be written to {shown!r}"
    try:
        target = Path(path).expanduser().absolute()
        is_folder = stat.S_ISDIR(target.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_folder = False
    except (OSError, ValueError, RuntimeError) as fault:  # too long, a zero byte, no such home
        why = getattr(fault, "strerror", None) or str(fault)
        raise StudyError(f"{asked}, which names no file ({why}); choose another.") from fault
    if is_folder:
        msg = f"{asked}, but that is a folder; name a file in it, such as {str(Path(path) / 'study.html')!r}."
        raise StudyError(msg)
    if not target.parent.is_dir():
        msg = f"{asked}, but there is no folder {str(target.parent)!r}; make it first or choose another."
        raise StudyError(msg)
    return target


def write_page(target: Path, html: str, what: str) -> None:
    """Write the file under another name beside its place and then move it there, so that no half of it is ever seen."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:20]}.", suffix=".tmp", dir=target.parent)
    except OSError as fault:
        refused = f"its folder refuses new files ({fault.strerror})"
        msg = f"the {what} was to be written to {str(target)!r}, but {refused}; choose another."
        raise StudyError(msg) from fault
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(html)
        draft.chmod(0o644)  # mkstemp makes files that only their owner reads
        draft.replace(target)
    except BaseException:  # also Ctrl-C: no half of it stays
        draft.unlink(missing_ok=True)
        raise
