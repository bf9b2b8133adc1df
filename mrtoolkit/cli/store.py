"""`mrtoolkit store info`: what a feature store holds."""

from __future__ import annotations

import shutil
from pathlib import Path

from mrtoolkit.cli.say import say
from mrtoolkit.errors import StoreError
from mrtoolkit.features.local_paths import store_folder
from mrtoolkit.features.store import FeatureStore


def command(*, path: Path) -> None:
    """Print the table of one store; memory and counters are this process's own, so they are left out."""
    say(FeatureStore(existing(path)).info().disk_text(terminal_columns()))


def existing(path: Path) -> Path:
    """Return the folder of a store; what is not there is refused, never made."""
    if not store_folder(path).exists():
        msg = (
            f"there is no feature store at {str(path)!r}; FeatureStore(path), or [store] path in a run file, makes one."
        )
        raise StoreError(msg)
    return path.resolve()


def terminal_columns() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size().columns


def name_list(names: str | None) -> list[str] | None:
    """Return the names in "ema,rsi" or "ema(26),macd(12, 26, 9)", None for all."""
    parts, depth = [""], 0
    for letter in names or "":
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()] or None
