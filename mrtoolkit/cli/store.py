"""`mrtoolkit store info`: what a feature store holds."""

from __future__ import annotations

from pathlib import Path

import typer

from mrtoolkit.errors import StoreError
from mrtoolkit.features.store import FeatureStore


def command(*, path: Path) -> None:
    """Print the table of one store; a folder that is none is refused, never made one."""
    if not path.exists():
        msg = (
            f"there is no feature store at {str(path)!r}; FeatureStore(path), or [store] path in a run file, makes one."
        )
        raise StoreError(msg)
    typer.echo(repr(FeatureStore(path).info()))
