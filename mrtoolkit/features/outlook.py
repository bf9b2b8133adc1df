"""What a look-up of many features would find, and what the rest would cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mrtoolkit.data.alignment import is_own, longer_bars
from mrtoolkit.expressions.nodes import Call, OnTimeframe
from mrtoolkit.features.family import Axes
from mrtoolkit.features.key import call_of, family_of, feature_key, indicator_of
from mrtoolkit.features.lookup import Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Features of one request: those that are there, and those that are not.

    Attributes
    ----------
    in_memory, on_disk : int
        Features that would be found, those on disk only where they are not in memory.
    missing : tuple of Call
        What would be computed, indicators inside others too.
    missing_bytes : int
        Of memory that these and those on disk would take in the store.
    disk_bytes : int
        Of the missing ones as values; on disk they are packed.
    held_bytes : int
        In the store's memory now, of anything.
    read_seconds : float
        For those on disk.
    compute_seconds : float
        For those missing whose family was measured before.
    unknown : tuple of Call
        The missing ones whose family was never measured.
    """

    in_memory: int
    on_disk: int
    missing: tuple[Call | OnTimeframe, ...]
    missing_bytes: int
    disk_bytes: int
    held_bytes: int
    read_seconds: float
    compute_seconds: float
    unknown: tuple[Call | OnTimeframe, ...]


def look_out(
    lookup: Lookup, bars: xr.Dataset, calls: Sequence[Call | OnTimeframe], *, anew: bool = False
) -> Outlook:
    """Take stock of distinct indicators with their values, those inside others among them.

    With `anew` as if none of them were there.
    """
    in_memory = on_disk = missing_bytes = disk_bytes = 0
    missing, unknown = [], []
    read_seconds = compute_seconds = 0.0
    for asked in calls:
        axes, call = _computed_on(lookup, bars, asked)
        n_values = math.prod(axes.shape)
        if not anew and lookup.memory.peek(feature_key(axes.fingerprint, call)) is not None:
            in_memory += 1
            continue
        n_all = n_values * max(1, len(indicator_of(call).outputs))
        n_bytes = np.dtype(lookup.dtype).itemsize * n_all
        missing_bytes += n_bytes
        if not anew and lookup.is_stored(call, axes):
            on_disk += 1
            read_seconds += 1e-9 * n_all * lookup.costs.read_ns_per_value(n_all)
            continue
        missing.append(asked)
        disk_bytes += n_bytes
        seconds = 1e-9 * n_values * lookup.costs.ns_per_value(family_of(call, lookup.dtype)[0].folder)
        if math.isnan(seconds):
            unknown.append(asked)
        else:
            compute_seconds += seconds
    return Outlook(
        in_memory=in_memory, on_disk=on_disk, missing=tuple(missing), missing_bytes=missing_bytes,
        disk_bytes=disk_bytes if lookup.writes else 0, held_bytes=lookup.memory.n_bytes, read_seconds=read_seconds,
        compute_seconds=compute_seconds, unknown=tuple(unknown),
    )  # fmt: skip


def _computed_on(lookup: Lookup, bars: xr.Dataset, asked: Call | OnTimeframe) -> tuple[Axes, Call]:
    """The indicator itself, and what it is computed along: longer bars where it is on another timeframe."""
    if isinstance(asked, Call):
        return lookup.axes_of(bars), asked
    of = bars if is_own(bars, asked.text) else longer_bars(bars, asked.text).bars
    return lookup.axes_of(of), call_of(asked)
