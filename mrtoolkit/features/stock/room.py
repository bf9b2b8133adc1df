"""Making room below the limit of a store's folder: what nobody needs goes, then what is cheaper than what comes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.stock.disk_usage import freed_by
from mrtoolkit.features.stock.obsolete import obsolete


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is free after room was made.

    Attributes
    ----------
    free : int
        Bytes below the limit; less than 0 where more is there already.
    evicted : tuple of Commit
        Families that were of use and went.
    """

    free: int
    evicted: tuple[Commit, ...] = ()


def make_room(
    disk: Disk, sizes: Sequence[int], limit_bytes: int, *, ns_per_value: float, keep: Collection[Path] = ()
) -> Room:
    """Remove families until the last of `sizes` fits under the limit, or the largest of them that can.

    Old code goes first, then data that longer data extends. A family of use goes only where computing it was measured
    to be cheaper than computing what comes (one that was never measured counts as the cheapest), the cheapest first,
    and none that is not needed for the room.

    Parameters
    ----------
    disk : Disk
    sizes : sequence of int
        Bytes that the first feature takes, the first two, and so on; increasing.
    limit_bytes : int
        What all files together may take.
    ns_per_value : float
        Measured cost of what comes, NaN for unknown.
    keep : collection of Path
        Folders of families that stay, such as those being written.
    """
    free = limit_bytes - disk.n_bytes()
    if free >= sizes[-1]:
        return Room(free=free)
    commits = [commit for _, commit in disk.commits() if commit.path not in set(keep)]
    reasons = obsolete(disk.commits(), disk.generations())
    unused = sorted((c for c in commits if c.path in reasons), key=lambda c: (reasons[c.path].rank, _cost(c), c.path))
    _remove(disk, _first_enough(unused, sizes[-1] - free))
    free = limit_bytes - disk.n_bytes()
    incoming = _known_cost(ns_per_value)
    cheaper = sorted(
        (c for c in commits if c.path not in reasons and _cost(c) < incoming), key=lambda c: (_cost(c), c.path)
    )
    n_fitting = bisect_right(sizes, free + _freed(cheaper))
    if not cheaper or n_fitting <= bisect_right(sizes, free):  # no more would fit than does already
        return Room(free=free)
    evicted = _needed(cheaper, sizes[n_fitting - 1] - free)
    _remove(disk, evicted)
    gone = tuple(commit for commit in evicted if not commit.path.exists())
    return Room(free=limit_bytes - disk.n_bytes(), evicted=gone)


def _first_enough(commits: Sequence[Commit], n_bytes: int) -> list[Commit]:
    """Return the first of the families that free so many bytes together, all where that is too few."""
    chosen: list[Commit] = []
    freed = 0
    for commit, size in zip(commits, freed_by(commit.path for commit in commits), strict=True):
        if freed >= n_bytes:
            break
        chosen.append(commit)
        freed += size
    return chosen


def _needed(commits: Sequence[Commit], n_bytes: int) -> list[Commit]:
    """Return families that free so many bytes together and would not without any one of them, the cheapest ones."""
    chosen = _first_enough(commits, n_bytes)
    for spared in chosen[-2::-1]:  # the dearest first; without the last one it was too little
        others = [commit for commit in chosen if commit is not spared]
        if _freed(others) >= n_bytes:
            chosen = others
    return chosen


def _freed(commits: Iterable[Commit]) -> int:
    return sum(freed_by(commit.path for commit in commits))


def _remove(disk: Disk, commits: Sequence[Commit]) -> None:
    """Remove families but for those that were written since they were looked at."""
    signatures = {commit.path: commit.signature for commit in commits}
    disk.remove(signatures, as_seen=signatures)


def _cost(commit: Commit) -> float:
    return _known_cost(commit.ns_per_bar)


def _known_cost(ns_per_value: float) -> float:
    return -1.0 if math.isnan(ns_per_value) else ns_per_value
