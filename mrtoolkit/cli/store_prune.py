"""`mrtoolkit store prune`: what is of no more use in a feature store, and removing it."""

from __future__ import annotations

from pathlib import Path

import typer

from mrtoolkit.cli.say import say
from mrtoolkit.cli.store import existing, name_list, terminal_columns
from mrtoolkit.errors import ConfigError
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.sizes import format_size
from mrtoolkit.features.stock.prune import prune, prune_plan
from mrtoolkit.features.stock.prune_report import counted, plan_text


def command(*, path: Path, names: str | None, everything: bool, dry_run: bool, yes: bool) -> None:
    """Show what would go, ask, and remove it."""
    disk = Disk(existing(path))
    plan = prune_plan(disk, names=name_list(names), everything=everything)
    if not plan:
        say(f"feature store {disk.path}: nothing to remove")
        return
    size = format_size(sum(one.n_bytes for one in plan))
    say(f"feature store {disk.path}: {counted(plan)} can go, {size} on disk")
    say(plan_text(plan, terminal_columns()))
    if dry_run:
        return
    if not (yes or _confirmed()):
        say("nothing was removed")
        return
    report = prune(disk, plan)
    say(f"removed; {format_size(report.n_bytes)} freed in {report.seconds:.1f} s")


def _confirmed() -> bool:
    """Whether who sits there says yes.

    Raises
    ------
    ConfigError
        If nobody answers.
    """
    try:
        return typer.confirm("remove this?")
    except typer.Abort as error:
        msg = "nobody answered whether to remove this, so nothing was removed; give --yes, or --dry-run to look only."
        raise ConfigError(msg) from error
