"""`FeatureStore`: each feature is computed once, kept in memory and on disk, and given out only while it is right."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from threading import RLock
from typing import Literal
from weakref import WeakValueDictionary, ref

import numpy as np
import xarray as xr

from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.fingerprint import block_digests, fingerprint
from mrtoolkit.errors import StoreError, check_choice
from mrtoolkit.expressions.nodes import Call, Node
from mrtoolkit.features.chunks import DamagedChunkError
from mrtoolkit.features.counters import Counters
from mrtoolkit.features.disk import Disk
from mrtoolkit.features.family import ABOUT, Axes
from mrtoolkit.features.faults import StoreWriteWarning
from mrtoolkit.features.gather import Gather, Memory, output_of
from mrtoolkit.features.info import StoreInfo
from mrtoolkit.features.inventory import store_info
from mrtoolkit.features.key import FeatureKey, check_concrete, family_of, feature_key
from mrtoolkit.features.labelled import Column, family_dataset, features_dataset
from mrtoolkit.features.matrix import feature_matrix
from mrtoolkit.features.opening import open_family
from mrtoolkit.features.sizes import check_fits, parse_size
from mrtoolkit.features.too_short import check_long_enough
from mrtoolkit.features.wanted import Wanted, known_to, named, wanted_by
from mrtoolkit.features.writing import write_dataset, write_rows

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
        check_choice("persist", persist, ("always", "auto", "never"), StoreError)
        if path is not None and not isinstance(path, str | PathLike):
            raise StoreError(
                f"the path of a FeatureStore is {path!r} ({type(path).__name__}), but must be that of a folder, as in "
                "'features.zarr'; leave it out for memory alone (memory='256 MiB' limits that)."
            )
        self._memory: Memory = Memory(parse_size(memory))
        self._disk = None if path is None else Disk(Path(path).expanduser().absolute())
        self._persist = persist
        self._lock = RLock()  # held while features are computed, so that each is computed once
        self._tally_lock = RLock()
        self._computed = self._memory_hits = self._disk_hits = 0
        self._costs: dict[str, float] = {}
        self._last: ref[xr.Dataset] | None = None
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
        IndicatorError
            If the bars are no more than an indicator's warm-up, so that it would have no value at all.
        """
        bars = self._checked(bars)
        check_long_enough([check_concrete(node)], bars.sizes["time"])
        (values,) = self.fetch(bars, [node])
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

    def compute_batch(self, bars: xr.Dataset, nodes: object) -> xr.Dataset:
        """Return features as labelled data, computing what is not there yet: `features.ema.sel(ema_lookback=10)`.

        Parameters
        ----------
        bars : xr.Dataset
        nodes : node or sequence of nodes
            Numbers a bar; a list for an argument (`mrt.ema([5, 10])`) is multiplied out with the others.

        Returns
        -------
        xr.Dataset
            A variable a family over (its parameters..., time[, asset]), `ema` over `ema_lookback`; its origin is in
            the attributes.

        Raises
        ------
        StoreError
            For a condition or an open parameter; nothing is computed.
        IndicatorError
            If the bars are no more than an indicator's warm-up; nothing is computed.
        """
        bars, wanted = self._checked(bars), wanted_by(nodes)
        for one in wanted:
            check_long_enough(one.nodes, bars.sizes["time"])
        return self._labelled(bars, wanted)

    def load_features(self, bars: xr.Dataset, names: object) -> xr.Dataset:
        """Return stored features by name, ["ema", "rsi(14)"], labelled as by `compute_batch`, computing none of them.

        Raises
        ------
        StoreError
            If neither memory nor disk has them of these bars and of today's code.
        """
        bars = self._checked(bars)
        return self._labelled(bars, named(self._known(bars), names))

    def matrix(self, bars: xr.Dataset) -> xr.DataArray:
        """Return all features of these bars as (feature, time[, asset]), indexed by indicator and parameters.

        `store.matrix(bars).sel(indicator="ema", lookback=12)` is one feature, `.to_dataframe()` a table.
        """
        bars = self._checked(bars)
        columns = [self._column(bars, wanted) for wanted in self._known(bars)]
        return feature_matrix(self._axes_of(bars), columns)

    def __getitem__(self, name: str) -> xr.Dataset:
        """Return one family with its plain names, `store["ema"].ema.sel(lookback=12)`.

        What is on disk is opened lazily; a store without a path gives what memory holds. Of several data sets, that of
        the bars last used here is taken.
        """
        bars = None if self._last is None else self._last()
        if self._disk is not None:
            return open_family(self._disk, name, None if bars is None else fingerprint(bars))
        if bars is None:
            raise StoreError(f"store[{name!r}] has nothing: this store is empty; use compute_batch(bars, [...]) first.")
        columns = [self._column(bars, wanted) for wanted in named(self._known(bars), name)]
        return family_dataset(self._axes_of(bars), columns)

    def cache_to_disk(self, features: xr.Dataset) -> int:
        """Write features from `compute_batch` to disk and return how many were not there yet.

        Raises
        ------
        StoreError
            If a value, label or stamp was changed or the origin is gone (nothing is written), or if the disk refuses.
        """
        if self._disk is None:
            raise StoreError(
                "this store is memory alone, so nothing can be cached on disk; open FeatureStore('features.zarr')."
            )
        return write_dataset(self._disk, features, self._costs)

    def persist(self, bars: xr.Dataset) -> int:
        """Write what memory holds of these bars, as `persist=` says, and return how many features were new on disk.

        Where the disk refuses, a StoreWriteWarning says so and the features stay in memory.
        """
        data = fingerprint(bars)
        rows = {key: (entry.tag.node, entry.values) for key, entry in self._memory.items() if key.data == data}
        return self._persist_rows(self._axes_of(bars), rows)

    def info(self) -> StoreInfo:
        """Return what the store holds and did, as a table that prints itself."""
        return store_info(self._memory, self._disk, self._costs, self.counters)

    def __repr__(self) -> str:
        return repr(self.info()).partition("\n")[0]

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
                gather = Gather(bars=bars, axes=axes, memory=self._memory, disk=self._disk, costs=self._costs)
                for node in nodes:
                    gather.look_up(node)
                n_computed = gather.compute_missing()
        self._count(computed=n_computed, memory_hits=gather.memory_hits, disk_hits=gather.disk_hits)
        return gather

    def _checked(self, bars: xr.Dataset) -> xr.Dataset:
        """Return checked bars; those used last were checked then (about 1 ms saved, and 50 with many assets)."""
        return bars if self._last is not None and self._last() is bars else as_bars(bars)

    def _known(self, bars: xr.Dataset) -> list[Wanted]:
        return known_to(self._memory, self._disk, fingerprint(bars))

    def _labelled(self, bars: xr.Dataset, wanted: Sequence[Wanted]) -> xr.Dataset:
        n_features = sum(len(one.labels) for one in wanted)
        check_fits(n_features, self._axes_of(bars).shape)
        return features_dataset(self._axes_of(bars), [self._column(bars, one) for one in wanted])

    def _column(self, bars: xr.Dataset, wanted: Wanted) -> Column:
        nodes = wanted.nodes
        gather = self._gather(bars, nodes)
        column = wanted.column([gather.array(node) for node in nodes])
        if self._persist == "always":
            self._persist_rows(gather.axes, {key: (gather.calls[key], row) for key, row in gather.rows.items()})
        return column

    def _persist_rows(self, axes: Axes, rows: Mapping[FeatureKey, tuple[Call, np.ndarray]]) -> int:
        if self._disk is None or self._persist == "never":
            return 0
        try:
            return write_rows(self._disk, axes, rows, self._costs, only_dear=self._persist == "auto")
        except OSError as error:
            message = f"features cannot be written to {self.path} ({error}); they stay in memory."
            warnings.warn(message, StoreWriteWarning, stacklevel=3)
            return 0

    def _axes_of(self, bars: xr.Dataset) -> Axes:
        data = fingerprint(bars)
        axes = self._axes.get(data)
        if axes is None:
            axes = Axes(
                fingerprint=data,
                time=np.asarray(bars["time"].values, dtype="datetime64[ns]"),
                assets=tuple(str(a) for a in bars["asset"].values) if "asset" in bars.dims else None,
                block_digests=tuple(block_digests(bars)),
                attrs={name: bars.attrs[name] for name in ABOUT if name in bars.attrs},
            )
            self._axes[data] = axes
        self._last = ref(bars)
        return axes

    def _count(self, *, computed: int = 0, memory_hits: int = 0, disk_hits: int = 0) -> None:
        with self._tally_lock:
            self._computed += computed
            self._memory_hits += memory_hits
            self._disk_hits += disk_hits
