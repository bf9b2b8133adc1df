"""`mrtoolkit store import`: features of a Parquet file taken into a store."""

from __future__ import annotations

from pathlib import Path

from mrtoolkit.cli.say import say
from mrtoolkit.features.store import FeatureStore


def command(*, path: Path, file: Path) -> None:
    """Take them in, each after a look at its digest, and say how many were new."""
    store = FeatureStore(path.resolve())
    count = store.import_parquet(file)
    say(f"feature store {store.path}: {count:,} features of {file.name} taken in")
