"""The limit of the disk: room is made, and no more is written than fits."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from mrtoolkit.errors import warn_caller
from mrtoolkit.features.disk.chunks import LABEL_CHUNK, row_chunks
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes, Family, Labels
from mrtoolkit.features.faults import StoreWriteWarning
from mrtoolkit.features.sizes import format_size
from mrtoolkit.features.stock.room import make_room

_RECORDS = 64 * 2**10


def within_limit(
    disk: Disk, axes: Axes, family: Family, rows: Mapping[Labels, np.ndarray], limit: int, *, ns_per_value: float
) -> dict[Labels, np.ndarray]:
    """Return those of the rows that fit below the limit, after room was made for them.

    A StoreWriteWarning says which families of use went for them, as they are cheaper to compute than what comes
    (`ns_per_value`, NaN for unknown), and how many rows do not fit.
    """
    if not rows:
        return {}
    each = row_bytes(axes, family)
    around = 8 * len(axes.time) + 8 * LABEL_CHUNK * max(1, len(family.parameters)) + _RECORDS
    sizes = range(around + each, around + each * len(rows) + 1, each)
    family_folder = disk.path / axes.fingerprint / family.folder
    room = make_room(disk, sizes, limit, ns_per_value=ns_per_value, keep=[family_folder])
    if room.evicted:
        warn_caller(_evicted(disk, family, room.evicted, limit, ns_per_value), StoreWriteWarning)
    n_fitting = bisect_right(sizes, room.free)
    if n_fitting < len(rows):
        message = (
            f"{len(rows) - n_fitting:,} of {len(rows):,} features {family.pattern} do not fit below the limit of "
            f"{format_size(limit)} of {disk.path}, and stay in memory; give a higher limit, disk=, or prune()."
        )
        warn_caller(message, StoreWriteWarning)
    return dict(itertools.islice(rows.items(), n_fitting))


def _evicted(disk: Disk, family: Family, gone: Sequence[Commit], limit: int, ns_per_value: float) -> str:
    def cost(ns: float) -> str:
        return "of unknown cost" if math.isnan(ns) else f"{ns:,.3g} ns a value"

    names = ", ".join(
        f"{commit.family.pattern} ({len(commit.slots):,} of the bars {commit.path.parent.name[:8]}, "
        f"{cost(commit.ns_per_bar)})"
        for commit in gone
    )
    return (
        f"features were removed from {disk.path}, of which the limit is {format_size(limit)}, to make room for "
        f"{family.pattern} ({cost(ns_per_value)}), which is dearer to compute: {names}; give a higher limit, disk=, "
        "to keep them."
    )


def row_bytes(axes: Axes, family: Family) -> int:
    """Bytes that one feature takes on disk: whole chunks, their checksums, and what it goes on from."""
    n_assets = None if axes.assets is None else len(axes.assets)
    chunks = row_chunks(len(axes.time), n_assets)
    shape = (len(axes.time),) if n_assets is None else (n_assets, len(axes.time))
    n_chunks = math.prod(-(-n // c) for n, c in zip(shape, chunks, strict=True))
    item = 4 if family.dtype == "float32" else 8
    return len(family.variables) * n_chunks * (item * math.prod(chunks) + 4) + 64 * (n_assets or 1)
