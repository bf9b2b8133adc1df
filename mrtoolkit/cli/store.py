"""`mrtoolkit store info`: what a feature store holds."""

from __future__ import annotations

import shutil
from pathlib import Path

from mrtoolkit.cli.say import say
from mrtoolkit.cli.table import table
from mrtoolkit.errors import StoreError
from mrtoolkit.features.info import StoreInfo
from mrtoolkit.features.sizes import format_size
from mrtoolkit.features.store import FeatureStore

_HEADER = ("features of", "bars", "number", "size", "ns a value", "code")


def command(*, path: Path) -> None:
    """Print the table of one store; a folder that is none is refused, never made one."""
    if not path.exists():
        msg = (
            f"there is no feature store at {str(path)!r}; FeatureStore(path), or [store] path in a run file, makes one."
        )
        raise StoreError(msg)
    folder = path.resolve()
    say(store_text(folder, FeatureStore(folder).info(), shutil.get_terminal_size().columns))


def store_text(folder: Path, info: StoreInfo, width: int = 80) -> str:
    """Return what is on disk: a line of totals, and a line a family; memory and counters are this process's own."""
    count = sum(family.on_disk for family in info.families)
    total = f"feature store {folder}: {count:,} features, {format_size(info.disk_bytes)} on disk"
    if not info.families:
        return total
    rows = [
        (
            family.expression, family.fingerprint[:8], f"{family.on_disk:,}", format_size(family.disk_bytes),
            "" if family.ns_per_bar != family.ns_per_bar else f"{family.ns_per_bar:.1f}", family.code,
        )
        for family in info.families
    ]  # fmt: skip
    return f"{total}\n{table(rows, _HEADER, width=width)}"
