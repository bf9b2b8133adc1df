"""`FeatureStore`: each feature is computed once, kept in memory and on disk, and given out only while it is right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal
from weakref import ref

import numpy as np
import xarray as xr

from mrtoolkit.data.bars import as_bars
from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.errors import StoreError, check_choice
from mrtoolkit.expressions.nodes import Call, Node, OnTimeframe
from mrtoolkit.features.appending import append
from mrtoolkit.features.columns import computed_columns, is_on_longer, known_columns
from mrtoolkit.features.counters import Counters
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.gather import output_of
from mrtoolkit.features.key import check_call, check_concrete, place_in_memory
from mrtoolkit.features.labelled.datasets import family_dataset, features_dataset
from mrtoolkit.features.labelled.matrix import feature_matrix
from mrtoolkit.features.labelled.opening import open_family
from mrtoolkit.features.labelled.parquet import read_parquet, write_parquet
from mrtoolkit.features.local_paths import parquet_file, store_folder
from mrtoolkit.features.lookup import Lookup
from mrtoolkit.features.memory import ByteLRU
from mrtoolkit.features.sizes import format_size, parse_size
from mrtoolkit.features.stock.info import StoreInfo
from mrtoolkit.features.stock.inventory import store_info
from mrtoolkit.features.stock.prune import prune, prune_plan
from mrtoolkit.features.stock.prune_report import PruneReport
from mrtoolkit.features.stock.verify import verify
from mrtoolkit.features.stock.verify_report import VerifyReport
from mrtoolkit.features.too_short import check_long_enough
from mrtoolkit.features.wanted import wanted_by
from mrtoolkit.features.writing import Rows, write_dataset, write_families


class FeatureStore:
    """Indicators' values by bars, code and parameters: memory over an optional Zarr store on disk.

    Several processes may use one folder at once: each feature is computed by one of them and committed whole.

    Parameters
    ----------
    path : path, optional
        Folder of the store, made at the first write; without one the store is memory alone.
    memory : str or int
        Limit of the memory held, "256 MiB" or bytes; what was used least recently goes first.
    disk : str or int, optional
        Limit of the folder's size. Room is made by removing old code, data that longer data extends, and then (with a
        warning) what is cheaper to compute than what comes; what does not fit is not written, with a warning.
    persist : "always", "auto" or "never"
        What a finished search or `compute_batch` writes to disk: all that it used, what is at least twice as fast to
        read as to compute, or nothing. `cache_to_disk` writes what it is given in any case.
    dtype : "float64" or "float32"
        Of the values kept. "float32" halves them and rounds features, not results, to 7 digits. A third of 4,950 EMA
        crosses then filled at another bar (Sharpe ratios 0.001 apart), and half of 1,600 breakouts of highs (0.008).

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
        self,
        path: str | Path | None = None,
        *,
        memory: str | int = "256 MiB",
        disk: str | int | None = None,
        persist: Literal["always", "auto", "never"] = "always",
        dtype: Literal["float64", "float32"] = "float64",
    ) -> None:
        check_choice("persist", persist, ("always", "auto", "never"), StoreError)
        check_choice("dtype", dtype, ("float64", "float32"), StoreError)
        if disk is not None and path is None:
            raise StoreError(f"disk={disk!r} limits a folder, and this store has none; give a path, or leave it out.")
        budget, limit = parse_size(memory, "memory"), None if disk is None else parse_size(disk, "disk")
        self._persist, self._dtype = persist, dtype
        self._disk = None if path is None else Disk(store_folder(path))
        self._memory = ByteLRU[Any, Any](budget)
        self._lookup = Lookup(memory=self._memory, disk=self._disk, persist=persist, dtype=dtype, disk_limit=limit)
        self._last: ref[xr.Dataset] | None = None
        self._last_has_assets = False

    @property
    def path(self) -> Path | None:
        """Folder of the store, None for memory alone."""
        return None if self._disk is None else self._disk.path

    @property
    def dtype(self) -> Literal["float64", "float32"]:
        """Of the values kept, "float64" or "float32"."""
        return self._dtype

    @property
    def memory_limit(self) -> int:
        """Bytes of features that memory may hold."""
        return self._memory.budget_bytes

    @property
    def memory_used(self) -> int:
        """Bytes of features in memory now."""
        return self._memory.n_bytes

    @property
    def counters(self) -> Counters:
        """What was computed, found and evicted so far."""
        return self._lookup.counters

    def fetch(self, bars: xr.Dataset, nodes: Sequence[Node]) -> list[np.ndarray]:
        """Return the arrays of concrete expressions over checked bars, read-only float64, (asset, time).

        The quick way inside. Indicators are looked up (memory, disk, or computed: all missing ones of a family at
        once); what lies around them is evaluated anew. A hit costs about 2 us beside one look at the bars.
        """
        found: list[np.ndarray | None] = [None] * len(nodes)
        if self.dtype == "float64":
            data = fingerprint(bars)
            for k, node in enumerate(nodes):
                if type(node) is not Call and type(node) is not OnTimeframe:
                    continue
                row = self._memory.get(place_in_memory(data, node))
                found[k] = row if row is None or row.ndim == 2 else output_of(node, row)  # type: ignore[arg-type]
        wanted = [check_concrete(node) for node, row in zip(nodes, found, strict=True) if row is None]
        if not wanted:
            return found  # type: ignore[return-value]
        rest = map(self._lookup.gather(bars, wanted).array, wanted)
        return [next(rest) if row is None else row for row in found]

    def array(self, bars: xr.Dataset, node: Node) -> np.ndarray:
        """Return one feature as a read-only float64 array, (time,), or (time, asset) of bars with assets.

        What is computed stays in memory alone; `persist(bars)` writes it to disk.

        Raises
        ------
        StoreError
            If `node` is a condition or has open parameters.
        IndicatorError
            If the bars are no more than an indicator's warm-up, so that it would have no value at all.
        """
        if self._last is not None and self._last() is bars and type(node) is Call and self._dtype == "float64":
            row = self._memory.get(place_in_memory(fingerprint(bars), node))
            if row is not None and row.ndim == 2:
                return row.T if self._last_has_assets else row[0]
        bars = self._checked(bars)
        check_long_enough([check_concrete(node)], bars)
        (values,) = self.fetch(bars, [node])
        return values.T if self._last_has_assets else values[0]

    def peek(self, bars: xr.Dataset, node: Call | OnTimeframe) -> np.ndarray | None:
        """Return what the store would give now, (asset, time), without computing or counting; None for nothing."""
        return self._lookup.peek(self._checked(bars), check_call(node))

    def compute_batch(self, bars: xr.Dataset, nodes: object) -> xr.Dataset:
        """Return features as labelled data, computing what is not there yet: `features.ema.sel(ema_lookback=10)`.

        What is more than the memory limit is computed part by part, written to the store's folder, and returned as
        lazy data that reads what is selected (`.chunk({"ema_lookback": 1})` gives dask arrays).

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
            For a condition or an open parameter; nothing is computed. If there is more than this machine's memory can
            hold, and the store has no folder.
        IndicatorError
            If the bars are no more than an indicator's warm-up; nothing is computed.
        """
        bars, wanted = self._checked(bars), wanted_by(nodes)
        columns = computed_columns(self._lookup, bars, wanted, persist=self._persist)
        return features_dataset(self._lookup.axes_of(bars), columns)

    def load_features(self, bars: xr.Dataset, names: object) -> xr.Dataset:
        """Return stored features by name, ["ema", "rsi(14)"], labelled as by `compute_batch`, computing none of them.

        Raises
        ------
        StoreError
            If neither memory nor disk has them of these bars and of today's code.
        """
        bars = self._checked(bars)
        return features_dataset(self._lookup.axes_of(bars), known_columns(self._lookup, bars, names))

    def matrix(self, bars: xr.Dataset) -> xr.DataArray:
        """Return all features of these bars as (feature, time[, asset]), indexed by indicator and parameters.

        `store.matrix(bars).sel(indicator="ema", lookback=12)` is one feature, `.to_dataframe()` a table.
        """
        bars = self._checked(bars)
        return feature_matrix(self._lookup.axes_of(bars), known_columns(self._lookup, bars))

    def __getitem__(self, name: str) -> xr.Dataset:
        """Return one family with its plain names, `store["ema"].ema.sel(lookback=12)`; the same as `open(name)`."""
        return self.open(name)

    def open(self, name: str, bars: xr.Dataset | None = None, *, chunks: Any = None) -> xr.Dataset:
        """Return one family with its plain names: `store.open("ema").ema.sel(lookback=12)`.

        Parameters
        ----------
        name : str
            "ema", "ema_of_rsi".
        bars : xr.Dataset, optional
            Of several data sets, whose features; left out, those of the bars last used here.
        chunks : mapping or "auto", optional
            As `xr.open_zarr` takes it, for dask arrays (`pip install "mrtoolkit[dask]"`); without it values are read
            when they are selected.

        Raises
        ------
        StoreError
            If the store has no such family.
        """
        bars = self._meant(bars)
        if self._disk is not None and not is_on_longer(self._lookup, bars, name):
            axes = None if bars is None else self._lookup.axes_of(bars)
            data = None if axes is None else axes.fingerprint
            return open_family(self._disk, name, data, chunks, dtype=self.dtype, axes=axes)
        if bars is None:
            raise StoreError(f"store[{name!r}] has nothing: this store is empty; use compute_batch(bars, [...]) first.")
        family = family_dataset(self._lookup.axes_of(bars), known_columns(self._lookup, bars, name))
        return family if chunks is None else family.chunk(chunks)

    def append(self, bars: xr.Dataset) -> int:
        """Give longer bars every feature of the bars that they go on from, and return how many those are.

        The new bars alone are computed, from the saved state of an indicator or its last window, equal to the bit with
        computing afresh; only indicators that declare neither are computed over all bars. The features of the shorter
        bars stay (`prune` removes them), and share the files that did not change.

        Parameters
        ----------
        bars : xr.Dataset
            The whole history, old bars and new ones.

        Raises
        ------
        StoreError
            If the store has no features of bars that these begin with; the first bars that differ are named.
        """
        return append(self._lookup, self._checked(bars))

    def cache_to_disk(self, features: xr.Dataset) -> int:
        """Write features from `compute_batch` to disk and return how many were not there yet.

        Features on another timeframe are kept as those of the longer bars: `persist(bars)` writes them.

        Raises
        ------
        StoreError
            If a value, label or stamp was changed or the origin is gone (nothing is written), or if the disk refuses.
        """
        return write_dataset(self._on_disk("cached"), features, self._lookup.costs, self._lookup.disk_limit)

    def persist(self, bars: xr.Dataset) -> int:
        """Write what was computed of these bars, as `persist=` says, and return how many features were new on disk.

        Where the disk refuses, a StoreWriteWarning says so and the features stay in memory.
        """
        return self._lookup.persist(self._checked(bars))

    def export_parquet(self, path: str | Path, bars: xr.Dataset | None = None, names: object = None) -> int:
        """Write features to a Parquet file, a column a feature, and return how many; pandas, polars and DuckDB read it.

        A bar without a value (warm-up) is NaN in the file, not NULL.

        Parameters
        ----------
        path : path
            Of the file; replaced where it is there.
        bars : xr.Dataset, optional
            Of which bars; left out, those last used here.
        names : str, node or sequence of these, optional
            Which features, as `load_features` takes them; left out, all.

        Raises
        ------
        StoreError
            If there are none, or the file cannot be written.
        """
        bars = self._meant(bars)
        if bars is None:
            raise StoreError("export_parquet does not know of which bars; give them: store.export_parquet(path, bars).")
        columns = known_columns(self._lookup, bars, names)
        write_parquet(parquet_file(path), self._lookup.axes_of(bars), columns)
        return sum(len(column.rows) for column in columns)

    def import_parquet(self, path: str | Path) -> int:
        """Write the features of a file from `export_parquet` to disk, and return how many were not there yet.

        Raises
        ------
        StoreError
            If the file is none of ours, or a column was changed; nothing of that column is written.
        """
        disk = self._on_disk("imported")
        return sum(
            write_families(disk, axes, [Rows(family, rows)], self._lookup.costs, self._lookup.disk_limit)
            for axes, family, rows in read_parquet(parquet_file(path))
        )

    def prune(self, names: Any = None, *, everything: bool = False) -> PruneReport:
        """Remove from disk what nobody needs any more, and return what that was.

        That are features of old code, of bars that longer ones extend, and what interrupted writes left over.

        Parameters
        ----------
        names : str or sequence of str, optional
            Of families, "ema"; the others stay.
        everything : bool
            Remove all features, needed or not.

        Raises
        ------
        StoreError
            If there is no family of one of the names.
        """
        disk = self._on_disk("pruned")
        return prune(disk, prune_plan(disk, names=names, everything=everything))

    def verify(self) -> VerifyReport:
        """Read and check every committed byte on disk, and return what was found; true if all is whole."""
        return verify(self._on_disk("verified"))

    def info(self) -> StoreInfo:
        """Return what the store holds and did, as a table that prints itself."""
        return store_info(self._memory, self._disk, self._lookup.costs, self.counters, self._lookup.disk_limit)

    def __reduce__(self) -> tuple[Any, ...]:  # another process begins with an empty memory, over the same folder
        memory, disk = self.memory_limit, self._lookup.disk_limit
        return partial(FeatureStore, self.path, memory=memory, disk=disk, persist=self._persist, dtype=self._dtype), ()

    def __repr__(self) -> str:
        held = f"{format_size(self._memory.n_bytes)} of {format_size(self.memory_limit)} in memory"
        return f"feature store {self.path or 'in memory'}: {len(self._memory):,} features, {held}"

    def _on_disk(self, done: str) -> Disk:
        if self._disk is None:
            raise StoreError(
                f"this store is memory alone, so nothing can be {done} on disk; open FeatureStore('features.zarr')."
            )
        return self._disk

    def _meant(self, bars: xr.Dataset | None) -> xr.Dataset | None:
        """Return checked bars, or where none are given those used last, as long as somebody has them."""
        return self._checked(bars) if bars is not None else self._last() if self._last is not None else None

    def _checked(self, bars: xr.Dataset) -> xr.Dataset:
        """Return checked bars; those used last were checked then (about 1 ms saved, and 50 with many assets)."""
        if self._last is None or bars is None or self._last() is not bars:
            bars = as_bars(bars)
            self._last, self._last_has_assets = ref(bars), "asset" in bars.dims
        return bars
