"""The rows of variables: arrays where memory holds them, rows on disk where they are too many for it."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

import xarray as xr

from mrtoolkit.data.alignment import longer_bars
from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.errors import BarsError
from mrtoolkit.expressions.nodes import Call
from mrtoolkit.features.family import Axes, Labels
from mrtoolkit.features.key import FeatureKey, calls_in, family_of
from mrtoolkit.features.labelled.datasets import Column
from mrtoolkit.features.labelled.lazy import StoredRow
from mrtoolkit.features.lookup import Lookup
from mrtoolkit.features.sizes import check_fits
from mrtoolkit.features.too_short import check_long_enough
from mrtoolkit.features.wanted import Wanted, known_to, named, on_timeframe


def known_columns(lookup: Lookup, bars: xr.Dataset, names: object = None) -> list[Column]:
    """Return the features of these bars that are there, those of the names alone if any are given.

    Raises
    ------
    StoreError
        If there is none of a name.
    """
    known = known_to(lookup.memory, lookup.disk, fingerprint(bars), lookup.dtype)
    known += [one for timeframe in lookup.other_timeframes(bars) for one in _known_on(lookup, bars, timeframe)]
    wanted = known if names is None else named(known, names)
    is_lazy = n_bytes_of(wanted, lookup.axes_of(bars), lookup.dtype) > lookup.memory.budget_bytes
    return [column_of(lookup, bars, one, is_lazy=is_lazy) for one in wanted]


def computed_columns(lookup: Lookup, bars: xr.Dataset, wanted: Sequence[Wanted], *, persist: str) -> list[Column]:
    """Return features, computing what is not there yet; rows on disk where all of them are more than memory may hold.

    Raises
    ------
    StoreError
        If there is more than this machine's memory can hold, and no disk.
    IndicatorError
        If the bars are no more than an indicator's warm-up; nothing is computed.
    """
    axes = lookup.axes_of(bars)
    for one in wanted:
        check_long_enough(one.nodes, bars)
    is_lazy = lookup.writes and n_bytes_of(wanted, axes, lookup.dtype) > lookup.memory.budget_bytes
    if not is_lazy:
        check_fits(sum(len(one.labels) for one in wanted), axes.shape)
    made: frozenset[FeatureKey] = frozenset()
    for one in wanted:
        if persist == "always" or is_lazy:
            made |= lookup.share(bars, calls_in(one.nodes))
    columns = [column_of(lookup, bars, one, is_lazy=is_lazy, just_made=made) for one in wanted]
    if persist == "auto":
        lookup.persist(bars)
    return columns


def _known_on(lookup: Lookup, bars: xr.Dataset, timeframe: str) -> list[Wanted]:
    """Features of the bars of a longer timeframe that these make: proven by their content."""
    try:
        data = fingerprint(longer_bars(bars, timeframe).bars)
    except BarsError:  # other bars, that these could not make
        return []
    return on_timeframe(known_to(lookup.memory, lookup.disk, data, lookup.dtype), timeframe)


def is_on_longer(lookup: Lookup, bars: xr.Dataset | None, name: str) -> bool:
    """Whether a name may be that of a family on a longer timeframe, "ema_4h"."""
    return bars is not None and any(name.endswith(f"_{timeframe}") for timeframe in lookup.other_timeframes(bars))


def column_of(
    lookup: Lookup, bars: xr.Dataset, wanted: Wanted, *, is_lazy: bool, just_made: Container[FeatureKey] = ()
) -> Column:
    """Return one variable, of rows on disk as far as it is lazy; what is not there is computed."""
    nodes = dict(zip(wanted.labels, wanted.nodes, strict=True))
    stored = _stored_rows(lookup, bars, wanted) if is_lazy else {}
    held = [node for labels, node in nodes.items() if labels not in stored]
    gather = lookup.gather(bars, held, may_recompute=False, just_made=just_made)
    rows = [stored[labels] if labels in stored else gather.row(node) for labels, node in nodes.items()]
    return wanted.column(rows, lookup.dtype)


def n_bytes_of(wanted: Sequence[Wanted], axes: Axes, dtype: str) -> int:
    """Return the bytes of all values wanted."""
    return (4 if dtype == "float32" else 8) * math.prod(axes.shape) * sum(len(one.labels) for one in wanted)


def _stored_rows(lookup: Lookup, bars: xr.Dataset, wanted: Wanted) -> dict[Labels, StoredRow]:
    example = wanted.nodes[0]
    if lookup.disk is None or not isinstance(wanted.pattern, Call) or not isinstance(example, Call):
        return {}
    family, _ = family_of(example, lookup.dtype)
    commit = lookup.disk.commit(fingerprint(bars), family)
    if commit is None:
        return {}
    output = family.outputs.index(wanted.pattern.output) if wanted.pattern.output else 0
    return {
        labels: StoredRow(disk=lookup.disk, commit=commit, output=output, slot=commit.slots[labels])
        for labels in wanted.labels
        if labels in commit.slots
    }
