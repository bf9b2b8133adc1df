"""Features: indicators' values, computed once, labelled, in memory and on disk."""

from __future__ import annotations

from mrtoolkit.features.counters import Counters as Counters
from mrtoolkit.features.faults import DamagedFeatureWarning as DamagedFeatureWarning
from mrtoolkit.features.faults import StoreWriteWarning as StoreWriteWarning
from mrtoolkit.features.session import session_store as session_store
from mrtoolkit.features.store import FeatureStore as FeatureStore
