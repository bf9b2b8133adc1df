"""Taking stock of a store: families in memory and on disk."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from mrtoolkit.errors import MrtoolkitError
from mrtoolkit.expressions.nodes import OnTimeframe
from mrtoolkit.features.costs import Costs
from mrtoolkit.features.counters import Counters
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.disk.generation import Generation
from mrtoolkit.features.family import Axes, Code, Family, Labels
from mrtoolkit.features.gather import Memory, RowTag
from mrtoolkit.features.key import FeatureKey, family_of, request_of
from mrtoolkit.features.memory import Entry
from mrtoolkit.features.stock.disk_usage import usage
from mrtoolkit.features.stock.info import DataInfo, FamilyInfo, StoreInfo
from mrtoolkit.features.stock.todays import standing


@dataclass(slots=True)
class _Stock:
    """What was counted of one family over one data set."""

    family: Family
    labels: set[Labels] = field(default_factory=set)
    in_memory: int = 0
    memory_bytes: int = 0
    commit: Commit | None = None
    disk_bytes: int = 0


def store_info(
    memory: Memory,
    disk: Disk | None,
    costs: Costs,
    counters: Counters,
    disk_limit: int | None = None,
) -> StoreInfo:
    """Return what memory and disk hold, family by family; every file is asked for its size.

    Parameters
    ----------
    memory, disk
        What to take stock of, disk None where the store has no folder.
    costs : Costs
        As measured in this process; what the disk says of other processes' measurements is added to it.
    counters : Counters
    disk_limit : int, optional
        Bytes.
    """
    stock: dict[tuple[str, str], _Stock] = {}
    data: dict[str, DataInfo] = {}
    for key, entry in memory.items():
        if isinstance(entry.tag.node, OnTimeframe) and not key.code[1:]:  # type: ignore[index]
            continue  # a column of longer bars, aligned
        family, labels = _family_in_memory(key, entry)
        place = stock.setdefault((key.data, family.folder), _Stock(family))
        place.labels.add(labels)
        place.in_memory += 1
        place.memory_bytes += entry.values.nbytes
        data.setdefault(key.data, _data_in_memory(entry.tag.axes))
    commits = [] if disk is None else disk.commits()
    n_bytes, sizes = (0, []) if disk is None else usage(disk.path, [commit.path for _, commit in commits])
    for (name, commit), size in zip(commits, sizes, strict=True):
        place = stock.setdefault((name, commit.path.name), _Stock(commit.family))
        place.labels.update(commit.slots)
        place.commit, place.disk_bytes = commit, size
        costs.known(commit.path.name, commit.ns_per_bar)
    data.update({found.fingerprint: _data_on_disk(found) for found in ([] if disk is None else disk.generations())})
    ordered = sorted(stock.items(), key=lambda item: (item[0][0], item[1].family.pattern, item[0][1]))
    shown = dict.fromkeys(fingerprint for (fingerprint, _), _ in ordered)
    return StoreInfo(
        path=None if disk is None else str(disk.path),
        families=tuple(_family_info(place, found, costs) for place, found in ordered),
        data=tuple(data[fingerprint] for fingerprint in shown if fingerprint in data),
        counters=counters,
        memory_bytes=memory.n_bytes,
        memory_limit=memory.budget_bytes,
        disk_bytes=n_bytes,
        disk_limit=disk_limit,
    )


def _family_info(place: tuple[str, str], found: _Stock, costs: Costs) -> FamilyInfo:
    family, commit, folder = found.family, found.commit, place[1]
    return FamilyInfo(
        expression=family.pattern,
        fingerprint=place[0],
        parameters=family.parameters,
        label_values=tuple(sorted(found.labels)),
        in_memory=found.in_memory,
        on_disk=0 if commit is None else len(commit.slots),
        memory_bytes=found.memory_bytes,
        disk_bytes=found.disk_bytes,
        decision=None if commit is None else costs.decision(folder, math.prod(commit.shape)),
        ns_per_bar=costs.ns_per_value(folder),
        units=family.units,
        dtype=family.dtype,
        code=", ".join(dict.fromkeys(f"{name}@{version}" for name, version, _ in family.code)),
        standing=standing(family.code),
    )


def _family_in_memory(key: FeatureKey, entry: Entry[RowTag]) -> tuple[Family, Labels]:
    """Return what a row in memory is of; its code is that of its key, which may be older than the registry's."""
    node, dtype = entry.tag.node, entry.values.dtype.name
    if isinstance(node, OnTimeframe):
        return _aligned_family(key, node, dtype)
    try:
        family, labels = family_of(node)
    except MrtoolkitError:  # no longer registered, so that nobody knows what its parameters are called
        code = _code_in(key.code, node.name)
        return Family(name=node.name, pattern=key.text, parameters=(), code=code, dtype=dtype), ()
    return replace(family, code=_code_in(key.code, node.name), dtype=dtype), labels


def _aligned_family(key: FeatureKey, node: OnTimeframe, dtype: str) -> tuple[Family, Labels]:
    """Return what a row that is aligned with shorter bars is of: such rows are in memory alone."""
    code: Any = key.code
    try:
        request = request_of(node)
    except MrtoolkitError:
        return Family(name=node.text, pattern=key.text, parameters=(), code=code[1:], dtype=dtype), ()
    labels: Any = tuple(values[0] for values in request.values)
    pattern = request.pattern.key
    return (
        Family(name=request.name, pattern=pattern, parameters=request.parameters, code=code[1:], dtype=dtype),
        labels,
    )


def _code_in(code: Any, name: str) -> Code:
    """Return the code of a key, which is that of all calls where they are nested, else (version, hash) of the one."""
    return code if isinstance(code[0], tuple) else ((name, code[0], code[1]),)


def _data_in_memory(axes: Axes) -> DataInfo:
    return DataInfo(
        fingerprint=axes.fingerprint,
        source=str(axes.attrs.get("source", "")),
        timeframe=str(axes.attrs.get("timeframe", "")),
        n_bars=len(axes.time),
        n_assets=None if axes.assets is None else len(axes.assets),
        start=axes.time[0],
        stop=axes.time[-1],
        extends=str(axes.attrs.get("extends", "")),
    )


def _data_on_disk(found: Generation) -> DataInfo:
    return DataInfo(
        fingerprint=found.fingerprint,
        source=str(found.attrs.get("source", "")),
        timeframe=str(found.attrs.get("timeframe", "")),
        n_bars=found.n_bars,
        n_assets=found.n_assets,
        start=found.start,
        stop=found.stop,
        extends=str(found.attrs.get("extends", "")),
    )
