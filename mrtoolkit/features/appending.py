"""Longer bars get the features of the bars that they go on from: on disk, in memory, the new bars alone computed."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import xarray as xr

from mrtoolkit.data.alignment import longer_bars
from mrtoolkit.errors import BarsError, StoreError, warn_caller
from mrtoolkit.expressions.nodes import Call, OnTimeframe
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes
from mrtoolkit.features.faults import StoreWriteWarning
from mrtoolkit.features.gather import RowTag
from mrtoolkit.features.key import feature_key, is_todays
from mrtoolkit.features.limit import within_limit
from mrtoolkit.features.lookup import Lookup
from mrtoolkit.features.tails import (
    Shorter,
    Stored,
    batches,
    extended_by,
    going_on,
    stored_calls,
    stored_states,
    tails,
)
from mrtoolkit.features.writing import Rows


def append(lookup: Lookup, bars: xr.Dataset) -> int:
    """Give these bars every feature of those that they extend, computing the new bars alone; return how many.

    Also the bars of longer timeframes that they make, where the longer bars that were there are complete.

    Raises
    ------
    StoreError
        If the store has no features of bars that these begin with.
    """
    n_done = 0
    with lookup.lock:
        for timeframe in lookup.other_timeframes(bars):
            with contextlib.suppress(BarsError, StoreError):  # other bars, or nothing that theirs go on from
                n_done += append(lookup, longer_bars(bars, timeframe).bars)
        with contextlib.suppress(*((StoreError,) if n_done else ())):
            for shorter in extended_by(bars, _known(lookup)):
                n_done += _append_stored(lookup, bars, shorter)
                n_done += _append_held(lookup, bars, shorter)
    if lookup.writes:
        lookup.persist(bars)
    return n_done


def _known(lookup: Lookup) -> list[Shorter]:
    """Return the data sets of which something is on disk or in memory."""
    on_disk = [] if lookup.disk is None else lookup.disk.generations()
    known = [
        Shorter(
            fingerprint=g.fingerprint,
            n_bars=g.n_bars,
            block_digests=g.block_digests,
            but_last=str(g.attrs.get("but_last", "")),
        )
        for g in on_disk
    ]
    for _, entry in lookup.memory.items():
        of = entry.tag.axes
        known.append(Shorter(fingerprint=of.fingerprint, n_bars=len(of.time), block_digests=of.block_digests))
    return known


def _append_stored(lookup: Lookup, bars: xr.Dataset, shorter: Shorter) -> int:
    """Extend what is on disk of shorter bars."""
    disk, n_done = lookup.disk, 0
    if disk is None or not lookup.writes:
        return 0
    axes = lookup.axes_to_write(bars)
    axes = replace(axes, attrs={**axes.attrs, "extends": shorter.fingerprint})
    try:
        for stored in stored_calls(disk, shorter.fingerprint, lookup.dtype):
            grid = stored.commit.grid
            if (grid.n_assets, grid.n_bars) == (axes.shape[0], shorter.n_bars):
                n_done += _append_family(lookup, disk, bars, axes, stored)
        if n_done:
            disk.refresh_tree()
    except OSError as error:
        message = f"features cannot be written to {disk.path} ({error}); they are extended in memory alone."
        warn_caller(message, StoreWriteWarning)
    return n_done


def _append_family(lookup: Lookup, disk: Disk, bars: xr.Dataset, axes: Axes, stored: Stored) -> int:
    """Extend what is on disk of one family: tails where it can go on, whole features where it cannot."""
    family, first = stored.commit.family, stored.commit.shape[-1]
    lookup.costs.known(family.folder, stored.commit.ns_per_bar)
    ns_per_value, states = lookup.costs.ns_per_value(family.folder), stored_states(disk, stored)
    labels = {call.key: row for row, call in stored.calls.items() if not lookup.is_stored(call, axes)}
    missing = [call for call in stored.calls.values() if call.key in labels]
    n_done = 0
    for calls in batches(missing, (len(axes.time) - first) * axes.shape[0]):
        going, begin, anew = going_on(calls, states)
        rows = Rows(family)
        for tail in tails(lookup.gather(bars, going[0].sources), going, first, begin) if going else ():
            row = labels[tail.call.key]
            rows.values[row] = tail.values
            if tail.states is not None:
                rows.states[row] = tail.states
        if lookup.disk_limit is not None:
            limit = lookup.disk_limit
            rows.values = within_limit(disk, axes, family, rows.values, limit, ns_per_value=ns_per_value)
        if rows.values:
            n = disk.extend(stored.commit, axes, family, rows.values, ns_per_value, states=rows.states)
            lookup.count(extended=n)
            n_done += n
        if anew:
            lookup.compute_and_write(disk, bars, anew)
            n_done += len(anew)
    return n_done


def _append_held(lookup: Lookup, bars: xr.Dataset, shorter: Shorter) -> int:
    """Extend what is in memory alone of shorter bars."""
    axes = lookup.axes_of(bars)
    held: dict[str, tuple[Call, np.ndarray, np.ndarray | None]] = {}
    for key, entry in lookup.memory.items():
        call = entry.tag.node
        if isinstance(call, OnTimeframe):  # aligned anew, from the longer bars' features
            continue
        if key.data != shorter.fingerprint or not is_todays(key, call) or lookup.is_known(call, axes):
            continue
        held[call.key] = call, entry.values, entry.tag.states
    states = {key: begin for key, (_, _, begin) in held.items() if begin is not None}
    n_done = 0
    for calls in batches([call for call, _, _ in held.values()], axes.shape[0] * len(axes.time)):
        going, begin, anew = going_on(calls, states)
        if going:
            for tail in tails(lookup.gather(bars, going[0].sources), going, shorter.n_bars, begin):
                old = held[tail.call.key][1]
                new = tail.values if old.ndim == 3 else tail.values[0]
                values = np.concatenate([old, new], axis=-1)
                tag = RowTag(node=tail.call, axes=axes, states=tail.states)
                lookup.hold(feature_key(axes.fingerprint, tail.call), values, tag)
            lookup.count(extended=len(going))
        lookup.gather(bars, anew)
        n_done += len(calls)
    return n_done
