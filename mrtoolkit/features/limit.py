"""The limit of the disk: room is made, and no more is written than fits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np

from mrtoolkit.errors import warn_caller
from mrtoolkit.features.disk.chunks import LABEL_CHUNK, row_chunks
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes, Family, Labels
from mrtoolkit.features.faults import StoreWriteWarning
from mrtoolkit.features.sizes import format_size
from mrtoolkit.features.stock.prune import make_room

_RECORDS = 64 * 2**10


def within_limit(
    disk: Disk, axes: Axes, family: Family, rows: Mapping[Labels, np.ndarray], limit: int
) -> dict[Labels, np.ndarray]:
    """Return those of the rows that fit below the limit, after room was made for them.

    A StoreWriteWarning says how many do not fit.
    """
    if not rows:
        return {}
    each = row_bytes(axes, family)
    around = 8 * len(axes.time) + 8 * LABEL_CHUNK * max(1, len(family.parameters)) + _RECORDS
    family_folder = disk.path / axes.fingerprint / family.folder
    free = make_room(disk, around + each * len(rows), limit, keep=[family_folder])
    n_fitting = max(0, min(len(rows), (free - around) // each))
    if n_fitting < len(rows):
        message = (
            f"{len(rows) - n_fitting:,} of {len(rows):,} features {family.pattern} do not fit below the limit of "
            f"{format_size(limit)} of {disk.path}, and stay in memory; give a higher limit, disk=, or prune()."
        )
        warn_caller(message, StoreWriteWarning)
    return dict(itertools.islice(rows.items(), n_fitting))


def row_bytes(axes: Axes, family: Family) -> int:
    """Bytes that one feature takes on disk: whole chunks, their checksums, and what it goes on from."""
    n_assets = None if axes.assets is None else len(axes.assets)
    chunks = row_chunks(len(axes.time), n_assets)
    shape = (len(axes.time),) if n_assets is None else (n_assets, len(axes.time))
    n_chunks = math.prod(-(-n // c) for n, c in zip(shape, chunks, strict=True))
    item = 4 if family.dtype == "float32" else 8
    return len(family.variables) * n_chunks * (item * math.prod(chunks) + 4) + 64 * (n_assets or 1)
