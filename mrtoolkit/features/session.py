"""The store of this process, taken where none is given."""

from __future__ import annotations

from threading import Lock

from mrtoolkit.features.store import FeatureStore

_lock = Lock()
_stores: list[FeatureStore] = []


def session_store() -> FeatureStore:
    """Return the process's own store, memory alone (256 MiB), so that a cell run again reuses its features."""
    with _lock:
        if not _stores:
            _stores.append(FeatureStore())
        return _stores[0]
