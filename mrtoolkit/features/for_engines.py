"""What an engine asks of a store beside features: what they would cost, memory of its limit, features in passing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import xarray as xr

from mrtoolkit.expressions.nodes import Call, Node, OnTimeframe
from mrtoolkit.features.outlook import Outlook, look_out
from mrtoolkit.features.passing import Passing
from mrtoolkit.features.store import FeatureStore


def outlook(
    store: FeatureStore, bars: xr.Dataset, calls: Sequence[Call | OnTimeframe], *, anew: bool = False
) -> Outlook:
    """Return what fetching indicators would find and compute (`anew`: all of them), computing nothing."""
    return look_out(store._lookup, bars, calls, anew=anew)  # noqa: SLF001 (the store's own room)


def lend(store: FeatureStore, n_bytes: int) -> AbstractContextManager[None]:
    """Let a store hold so many bytes less than its limit within a `with`, as whoever computes holds them."""
    return store._memory.lend(n_bytes)  # noqa: SLF001


def passing(store: FeatureStore, bars: xr.Dataset, nodes: Sequence[Node]) -> Passing:
    """Return how to compute concrete expressions for some assets after others; `passing.py` says when."""
    return Passing(store._lookup, bars, nodes)  # noqa: SLF001
