"""`mrtoolkit store verify`: whether every byte of a feature store is as it was written."""

from __future__ import annotations

from pathlib import Path

import typer

from mrtoolkit.cli.say import say
from mrtoolkit.cli.store import existing, terminal_columns
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.stock.verify import verify


def command(*, path: Path) -> None:
    """Print the result, and end with 1 where something is damaged."""
    report = verify(Disk(existing(path)))
    say(report.to_text(terminal_columns(), is_command=True))
    if not report:
        raise typer.Exit(1)
