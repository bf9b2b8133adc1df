"""Taking stock of a store: families in memory and on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mrtoolkit.errors import MrtoolkitError
from mrtoolkit.features.counters import Counters
from mrtoolkit.features.disk import Disk
from mrtoolkit.features.family import Family
from mrtoolkit.features.gather import Memory
from mrtoolkit.features.info import FamilyInfo, StoreInfo
from mrtoolkit.features.key import family_of


def store_info(memory: Memory, disk: Disk | None, costs: Mapping[str, float], counters: Counters) -> StoreInfo:
    """Return what memory and disk hold, family by family."""
    stock: dict[tuple[str, str], Family] = {}
    in_memory: dict[tuple[str, str], list[int]] = {}
    on_disk: dict[tuple[str, str], list[int]] = {}
    known_costs = dict(costs)
    for key, entry in memory.items():
        try:
            family, _ = family_of(entry.tag.node)
        except MrtoolkitError:  # an indicator that is no longer registered
            continue
        place = (key.data, family.folder)
        stock[place] = family
        in_memory.setdefault(place, []).append(entry.values.nbytes)
    for data, commit in [] if disk is None else disk.commits():
        place = (data, commit.path.name)
        stock[place] = commit.family
        n_bytes = 8 * math.prod(commit.shape) * len(commit.family.variables)
        on_disk[place] = [n_bytes] * len(commit.slots)
        if commit.ns_per_bar == commit.ns_per_bar:
            known_costs[commit.path.name] = min(commit.ns_per_bar, known_costs.get(commit.path.name, math.inf))
    families = tuple(
        FamilyInfo(
            expression=family.pattern,
            fingerprint=place[0],
            in_memory=len(in_memory.get(place, ())),
            on_disk=len(on_disk.get(place, ())),
            memory_bytes=sum(in_memory.get(place, ())),
            disk_bytes=sum(on_disk.get(place, ())),
            ns_per_bar=known_costs.get(place[1], math.nan),
            code=", ".join(f"{name}@{version}" for name, version, _ in family.code),
        )
        for place, family in sorted(stock.items(), key=lambda item: (item[0][0], item[1].pattern))
    )
    return StoreInfo(
        path=None if disk is None else str(disk.path),
        families=families,
        counters=counters,
        memory_bytes=memory.n_bytes,
        memory_limit=memory.budget_bytes,
        disk_bytes=sum(family.disk_bytes for family in families),
    )
