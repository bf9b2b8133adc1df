"""Printing that survives a reader who has seen enough, as in `mrtoolkit demo | head -2`."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import typer

_CLOSED = (errno.EPIPE, errno.EINVAL)  # Windows says so by the second


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text; where its reader is gone, drop it and all that follows, so that the work is still finished."""
    try:
        typer.echo(text, err=err, nl=nl)
    except OSError as error:
        if error.errno not in _CLOSED:
            raise
        stream = sys.stderr if err else sys.stdout
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
