"""`FeatureStore`: each feature is computed once, kept in memory and on disk, and given out only while it is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import RLock
from typing import Literal
from weakref import WeakValueDictionary

import numpy as np
import xarray as xr

from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.fingerprint import block_digests, fingerprint
from mrtoolkit.errors import StoreError
from mrtoolkit.expressions.nodes import Call, Node
from mrtoolkit.features.chunks import DamagedChunkError
from mrtoolkit.features.counters import Counters
from mrtoolkit.features.disk import Disk
from mrtoolkit.features.family import Axes
from mrtoolkit.features.gather import Gather, Memory, output_of
from mrtoolkit.features.key import check_concrete, family_of, feature_key
from mrtoolkit.features.sizes import parse_size

Persist = Literal["always", "auto", "never"]


class FeatureStore:
    """Indicators' values by bars, code and parameters: memory over an optional Zarr store on disk.

    Parameters
    ----------
    path : path, optional
        Folder of the store, made at the first write; without one the store is memory alone.
    memory : str or int
        Limit of the memory held, "256 MiB" or bytes; what was used least recently goes first.
    persist : "always", "auto" or "never"
        What a finished search or `compute_batch` writes to disk: all that it used, what is dear to compute, or nothing.
        `cache_to_disk` writes what it is given in any case.

    Raises
    ------
    StoreError
        If the path is a file or a folder with something else in it, or a setting means nothing; nothing is written.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> store = mrt.FeatureStore(memory="64 MiB")
    >>> bars = mrt.data.simulate(bars=100, seed=0)
    >>> store.array(bars, mrt.ema(12)).shape
    (100,)
    """

    def __init__(
        self, path: str | Path | None = None, *, memory: str | int = "256 MiB", persist: Persist = "always"
    ) -> None:
        if persist not in ("always", "auto", "never"):
            raise StoreError(f"persist={persist!r} is not one of 'always', 'auto', 'never'; choose one.")
        self._memory: Memory = Memory(parse_size(memory))
        self._disk = None if path is None else Disk(Path(path).expanduser().absolute())
        self._persist = persist
        self._lock = RLock()  # held while features are computed, so that each is computed once
        self._tally_lock = RLock()
        self._computed = self._memory_hits = self._disk_hits = 0
        self._costs: dict[str, float] = {}
        self._axes: WeakValueDictionary[str, Axes] = WeakValueDictionary()

    @property
    def path(self) -> Path | None:
        """Folder of the store, None for memory alone."""
        return None if self._disk is None else self._disk.path

    @property
    def counters(self) -> Counters:
        """What was computed, found and evicted so far."""
        return Counters(
            computed=self._computed,
            memory_hits=self._memory_hits,
            disk_hits=self._disk_hits,
            evicted=self._memory.n_evicted,
        )

    def fetch(self, bars: xr.Dataset, nodes: Sequence[Node]) -> list[np.ndarray]:
        """Return the arrays of concrete expressions over checked bars, read-only, (asset, time); the quick way inside.

        Indicators are looked up (memory, disk, or computed: all missing ones of a family at once); what lies around
        them is evaluated anew. A hit costs about 2 us beside one look at the bars.
        """
        data = fingerprint(bars)
        found: list[np.ndarray] = []
        for node in nodes:
            if type(node) is not Call:
                break
            row = self._memory.get(feature_key(data, node))
            if row is None:
                break
            found.append(row if row.ndim == 2 else output_of(node, row))
        if len(found) == len(nodes):
            self._count(memory_hits=len(found))
            return found
        return self._fetch_all(bars, nodes)

    def array(self, bars: xr.Dataset, node: Node) -> np.ndarray:
        """Return one feature as a read-only array, (time,), or (time, asset) of bars with assets.

        Raises
        ------
        StoreError
            If `node` is a condition or has open parameters.
        """
        bars = as_bars(bars)
        (values,) = self.fetch(bars, [check_concrete(node)])
        return values.T if "asset" in bars.dims else values[0]

    def peek(self, bars: xr.Dataset, node: Call) -> np.ndarray | None:
        """Return what the store would give now, (asset, time), without computing or counting; None for nothing."""
        data = fingerprint(bars)
        row = self._memory.peek(feature_key(data, node))
        if row is None and self._disk is not None:
            family, labels = family_of(node)
            commit = self._disk.commit(data, family)
            if commit is None or labels not in commit.slots:
                return None
            try:
                row = self._disk.read(commit, commit.slots[labels])
            except DamagedChunkError:
                return None
            row = row if family.outputs else row[0]
        return None if row is None else output_of(node, row)

    def _fetch_all(self, bars: xr.Dataset, nodes: Iterable[Node]) -> list[np.ndarray]:
        wanted = [check_concrete(node) for node in nodes]
        gather = self._gather(bars, wanted)
        return [gather.array(node) for node in wanted]

    def _gather(self, bars: xr.Dataset, nodes: Sequence[Node]) -> Gather:
        """Find or compute all features that the expressions need."""
        axes = self._axes_of(bars)
        gather = Gather(bars=bars, axes=axes, memory=self._memory, disk=None)
        for node in nodes:
            gather.look_up(node)
        n_computed = 0
        if gather.missing:
            with self._lock:
                gather = Gather(bars=bars, axes=axes, memory=self._memory, disk=self._disk)
                for node in nodes:
                    gather.look_up(node)
                n_computed = gather.compute_missing()
                for folder, cost in gather.costs.items():
                    self._costs[folder] = min(cost, self._costs.get(folder, cost))
        self._count(computed=n_computed, memory_hits=gather.memory_hits, disk_hits=gather.disk_hits)
        return gather

    def _axes_of(self, bars: xr.Dataset) -> Axes:
        data = fingerprint(bars)
        axes = self._axes.get(data)
        if axes is None:
            about = ("timeframe", "timezone", "source", "licence")
            axes = Axes(
                fingerprint=data,
                time=np.asarray(bars["time"].values, dtype="datetime64[ns]"),
                assets=tuple(str(a) for a in bars["asset"].values) if "asset" in bars.dims else None,
                block_digests=tuple(block_digests(bars)),
                attrs={name: bars.attrs[name] for name in about if name in bars.attrs},
            )
            self._axes[data] = axes
        return axes

    def _count(self, *, computed: int = 0, memory_hits: int = 0, disk_hits: int = 0) -> None:
        with self._tally_lock:
            self._computed += computed
            self._memory_hits += memory_hits
            self._disk_hits += disk_hits
