"""Why a user's function failed, in one sentence that names its own line."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numba.core.errors import NumbaError


def why_it_failed(
    name: str, function: Callable[..., Any], error: Exception, *, copy: str, without_numba: str = ""
) -> str:
    """Return what went wrong in a call of `function`, where, and what to do.

    Parameters
    ----------
    name : str
        Of what the function computes, for the message.
    function : callable
        A Python function or a numba dispatcher.
    error : Exception
        What the call raised.
    copy : str
        How a copy of an input is made, as in "values = close.copy()".
    without_numba : str
        What to do where numba cannot compile the line and it cannot be corrected either.
    """
    code = getattr(function, "py_func", function).__code__
    text = str(error)
    if isinstance(error, NumbaError):
        lines = [int(line) for file, line in re.findall(r'File "([^"]+)", line (\d+)', text) if _same(file, code)]
        where = _place(code.co_filename, lines[-1] if lines else getattr(getattr(error, "loc", None), "line", None))
        if "Cannot modify readonly array" in text:
            return f"{name} writes into its input {where}; work on a copy, as in {copy}."
        return f"{name} cannot be compiled {where}: {_reason(text)}; correct that line{without_numba}."
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == code.co_filename]
    where = _place(code.co_filename, frames[-1].lineno if frames else None)
    if isinstance(error, ValueError) and "read-only" in text:
        return f"{name} writes into its input {where}; work on a copy, as in {copy}."
    return f"{name} fails {where}: {type(error).__name__}: {error}; correct that line."


def _place(file: str, line: int | None) -> str:
    """`at file:line, "text of the line"`."""
    if line is None:
        return f"in {file}"
    name = "the notebook's cell, line " if "ipykernel" in file else f"{file}:"
    text = linecache.getline(file, line).strip()
    return f'at {name}{line}, "{text}"' if text else f"at {name}{line}"


def _same(file: str, code: Any) -> bool:
    # numba shows a file relative to the working folder
    return file == code.co_filename or Path(file).name == Path(code.co_filename).name


def _reason(text: str) -> str:
    """The part of numba's message that says what is wrong, on one line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    noise = (
        "Failed in",
        "During:",
        "File ",
        "<source",
        "There are",
        "- Of which",
        "Overload",
        "This error",
        "To find out",
    )
    lines: Sequence[str] = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(noise)]
    shown = kept[:2] if kept and kept[0].endswith(":") else kept[:1]
    return " ".join(shown).rstrip(".;") or "numba knows no type for it"
