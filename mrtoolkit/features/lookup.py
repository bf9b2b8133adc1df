"""Finding features or computing them, once: in this process, between processes, and over the days."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from threading import Event, RLock
from weakref import WeakValueDictionary

import numpy as np
import xarray as xr

from mrtoolkit.data.alignment import is_longer, is_own, longer_bars, longer_bars_made
from mrtoolkit.data.fingerprint import block_digests, fingerprint, prefix_fingerprint
from mrtoolkit.errors import warn_caller
from mrtoolkit.expressions.nodes import Call, Node, OnTimeframe
from mrtoolkit.features.ahead import is_ahead
from mrtoolkit.features.claims import Claims
from mrtoolkit.features.costs import Costs
from mrtoolkit.features.counters import Counters
from mrtoolkit.features.disk.chunks import DamagedChunkError
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import ABOUT, Axes
from mrtoolkit.features.faults import StoreWriteWarning, cure_of
from mrtoolkit.features.gather import Gather, Memory, RowTag, output_of
from mrtoolkit.features.key import FeatureKey, family_of, feature_key, indicator_of, on_timeframes, without_output
from mrtoolkit.features.writing import rows_of, write_rows
from mrtoolkit.indicators.registry import is_built_in

_DEAR_SECONDS = 2e-3
"""Of one feature: processes share the work on a family of dearer ones label by label."""
_WORTH_WRITING = 2.0
"""How often reading has to be cheaper than computing for persist="auto" to write."""


class Lookup:
    """Memory, disk and kernels of one store, and what they did.

    Attributes
    ----------
    memory, disk : where features are, disk None where the store has no folder
    costs : Costs
        What computing and reading took so far.
    dtype : str
        Of the rows, "float64" or "float32".
    disk_limit : int or None
        Bytes.
    writes : bool
        Whether what is computed goes to disk without being told to.
    lock : RLock
        Held while features are computed, so that each is computed once.
    """

    def __init__(self, *, memory: Memory, disk: Disk | None, persist: str, dtype: str, disk_limit: int | None) -> None:
        self.memory = memory
        self.disk = disk
        self.costs = Costs()
        self.dtype = dtype
        self.disk_limit = disk_limit
        self.writes = disk is not None and persist != "never"
        self._only_dear = persist == "auto"
        self._claims = None if disk is None else Claims(disk.path / ".claims")
        self._pending: dict[FeatureKey, Call] = {}  # computed, and not on disk
        self.lock = RLock()
        self._tally_lock = RLock()
        self._in_the_making: dict[FeatureKey, Event] = {}  # ahead of being asked for
        self._computed = self._recomputed = self._extended = self._disk_hits = self._ahead = 0
        self._axes: WeakValueDictionary[str, Axes] = WeakValueDictionary()
        self._but_last = ("", "")

    @property
    def counters(self) -> Counters:
        """What was computed, found and evicted so far."""
        return Counters(
            computed=self._computed,
            memory_hits=self.memory.n_hits,
            disk_hits=self._disk_hits,
            evicted=self.memory.n_evicted,
            recomputed=self._recomputed,
            extended=self._extended,
            ahead=self._ahead,
            ahead_used=self.memory.n_ahead_used,
        )

    def axes_of(self, bars: xr.Dataset) -> Axes:
        """Return what features of these bars run along."""
        data = fingerprint(bars)
        axes = self._axes.get(data)
        if axes is None:
            axes = Axes(
                fingerprint=data,
                time=np.asarray(bars.variables["time"].values, dtype="datetime64[ns]"),
                assets=tuple(str(a) for a in bars["asset"].values) if "asset" in bars.dims else None,
                block_digests=tuple(block_digests(bars)),
                attrs={name: _as_text(bars.attrs[name]) for name in ABOUT if name in bars.attrs},
            )
            self._axes[data] = axes
        return axes

    def axes_to_write(self, bars: xr.Dataset) -> Axes:
        """Return what features run along with the name of all bars but the last, which may be revised tomorrow."""
        axes = self.axes_of(bars)
        if self._but_last[0] != axes.fingerprint:
            self._but_last = axes.fingerprint, prefix_fingerprint(bars, len(axes.time) - 1)
        return replace(axes, attrs={**axes.attrs, "but_last": self._but_last[1]})

    def other_timeframes(self, bars: xr.Dataset) -> list[str]:
        """Timeframes longer than that of these bars of which there are features, in memory or on disk."""
        data = fingerprint(bars)
        found = {entry.tag.axes.fingerprint: entry.tag.axes.attrs for _, entry in self.memory.items()}
        found |= {g.fingerprint: g.attrs for g in (() if self.disk is None else self.disk.generations())}
        texts = {str(attrs.get("timeframe", "")) for other, attrs in found.items() if other != data}
        return sorted(text for text in texts if is_longer(bars, text))

    def gather(
        self,
        bars: xr.Dataset,
        nodes: Iterable[Node],
        *,
        may_recompute: bool = True,
        just_made: Container[FeatureKey] = (),
        is_checked: bool = False,
    ) -> Gather:
        """Find or compute all features that some concrete expressions need."""
        gather = Gather(
            bars=bars, axes=self.axes_of(bars), memory=self.memory, disk=None, costs=self.costs, dtype=self.dtype,
            may_recompute=may_recompute, just_made=just_made, is_checked=is_checked,
        )  # fmt: skip
        nodes = list(nodes)
        if self.disk is None and is_ahead():
            self._gather_ahead(gather, nodes)
            return gather
        if self._in_the_making:
            self._wait_for(bars, nodes)
        if self.disk is None and self.lock.acquire(blocking=False):  # nobody computes meanwhile: one look will do
            try:
                for node in nodes:
                    gather.look_up(node)
                self._align(gather)
                self._compute_missing(gather)
            finally:
                self.lock.release()
            return gather
        for node in nodes:
            gather.look_up(node)
        if gather.missing:
            with self.lock:
                gather.look_up_again(nodes, self.disk)
                self._align(gather)
                self._compute_missing(gather)
        else:
            self._align(gather)
        return gather

    def _gather_ahead(self, gather: Gather, nodes: Sequence[Node]) -> None:
        """Find or compute features beside whoever computes what is asked for: nobody waits but for the same ones."""
        for node in nodes:
            gather.look_up(node)
        done = Event()
        keys = [feature_key(gather.axes.fingerprint, call) for call in gather.missing]
        self._in_the_making.update(dict.fromkeys(keys, done))
        try:
            self._align(gather)
            self._compute_missing(gather)
        finally:
            for key in keys:
                self._in_the_making.pop(key, None)
            done.set()

    def _wait_for(self, bars: xr.Dataset, nodes: Sequence[Node]) -> None:
        """Wait until those of some features are there that another thread is computing ahead."""
        data = fingerprint(bars)
        for call in {id(call): call for node in nodes for call in _with_sources(node)}.values():
            done = self._in_the_making.get(feature_key(data, call))
            if done is not None:
                done.wait()

    def _align(self, gather: Gather) -> None:
        """Find or compute what a request lacks of other timeframes, over their bars, and align it."""
        by_timeframe: dict[str, list[OnTimeframe]] = {}
        for node in gather.unaligned:
            by_timeframe.setdefault(node.text, []).append(node)
        for timeframe, nodes in by_timeframe.items():
            longer = longer_bars(gather.bars, timeframe)
            inner = self.gather(
                longer.bars, [node.operand for node in nodes], may_recompute=gather.may_recompute,
                just_made=gather.just_made, is_checked=gather.is_checked,
            )  # fmt: skip
            for node in nodes:
                gather.keep_aligned(node, longer.aligned(inner.row(node.operand)))
        gather.unaligned.clear()

    def _compute_missing(self, gather: Gather) -> None:
        """Compute what a request lacks, and count it; the lock is held."""
        new = [(feature_key(gather.axes.fingerprint, call), call) for call in gather.missing] if self.writes else []
        n_computed = gather.compute_missing()
        self._pending.update(new)
        self.count(computed=n_computed - gather.recomputed, recomputed=gather.recomputed, disk_hits=gather.disk_hits)

    def peek(self, bars: xr.Dataset, call: Node) -> np.ndarray | None:
        """Return what a look-up would find now, float64 (asset, time), without computing or counting."""
        data = fingerprint(bars)
        if isinstance(call, OnTimeframe):
            if is_own(bars, call.text):
                return self.peek(bars, call.operand)
            aligned, longer = self.memory.peek(feature_key(data, call)), longer_bars(bars, call.text)
            inner = self.peek(longer.bars, call.operand) if aligned is None else None
            found = longer.aligned(inner) if inner is not None else None if aligned is None else aligned.values
            return None if found is None else found.astype(np.float64, copy=False)
        if not isinstance(call, Call):
            return None
        entry = self.memory.peek(feature_key(data, call))
        row = None if entry is None else entry.values
        if row is None and self.disk is not None:
            family, labels = family_of(call, self.dtype)
            commit = self.disk.commit(data, family)
            if commit is None or labels not in commit.slots:
                return None
            try:
                row = self.disk.read(commit, commit.slots[labels])
            except DamagedChunkError:
                return None
            row = row if family.outputs else row[0]
        return None if row is None else output_of(call, row).astype(np.float64, copy=False)

    def persist(self, bars: xr.Dataset, calls: Iterable[Call] | None = None) -> int:
        """Write the features of these bars that are not on disk, `calls` or all that were computed; return how many.

        Those that had to leave memory are computed again. Where the disk refuses, a StoreWriteWarning says so.
        """
        if self.disk is None or not self.writes:
            return 0
        axes = self.axes_of(bars)
        n_new = 0
        if calls is None:
            calls = [call for key, call in list(self._pending.items()) if key.data == axes.fingerprint]
            n_new += sum(self.persist(longer.bars) for longer in longer_bars_made(bars))
        try:
            with self.lock:
                for part in self._in_parts([call for call in calls if self._is_worth_writing(call, axes)], axes):
                    n_new += self._write(self.disk, bars, part)
            if n_new:
                self.disk.refresh_tree()
        except OSError as error:
            message = (
                f"features cannot be written to {self.disk.path} ({error}); they stay in memory: {cure_of(error)}."
            )
            warn_caller(message, StoreWriteWarning)
        return n_new

    def share(self, bars: xr.Dataset, calls: Iterable[Node]) -> frozenset[FeatureKey]:
        """Compute and commit features that are missing, together with other processes, each by one of them.

        Where the disk refuses, a StoreWriteWarning says so, and what is missing is computed when it is looked up.
        Returns the keys of those that were neither in memory nor on disk.
        """
        disk, claims = self.disk, self._claims
        if disk is None or claims is None or not self.writes:
            return frozenset()
        axes = self.axes_of(bars)
        calls = list(calls)
        on_longer: frozenset[FeatureKey] = frozenset()
        for timeframe, operands in on_timeframes(calls).items():
            of = bars if is_own(bars, timeframe) else longer_bars(bars, timeframe).bars
            on_longer |= self.share(of, operands)
        families: dict[str, list[Call]] = {}
        for call in {call.key: call for node in calls for call in _with_sources(node)}.values():
            if not self.is_stored(call, axes) and self._may_be_worth_writing(call, axes):
                families.setdefault(family_of(call, self.dtype)[0].folder, []).append(call)
        keys = (feature_key(axes.fingerprint, call) for members in families.values() for call in members)
        made = frozenset(key for key in keys if self.memory.peek(key) is None)
        try:
            for folder, members in sorted(families.items(), key=lambda item: item[1][0].depth):
                name, is_checked = f"{axes.fingerprint}/{folder}", not is_built_in(members[0].name)
                if is_checked:  # of a user's indicator that looks ahead at its largest parameter nothing is kept
                    ends = [members[0], *members[1:][-1:]]
                    claims.share(name, ends, partial(self.compute_and_write, disk, bars), lambda _: True)
                claims.share(
                    name,
                    members,
                    partial(self.compute_and_write, disk, bars, is_checked=is_checked),
                    lambda call: self._is_cheap(bars, call),
                )
            if families:
                disk.refresh_tree()
        except OSError as error:
            message = f"features cannot be written to {disk.path} ({error}); they stay in memory: {cure_of(error)}."
            warn_caller(message, StoreWriteWarning)
        except BaseException:
            if not disk.exists:  # what was refused leaves no folder behind
                claims.withdraw()
                with contextlib.suppress(OSError):
                    disk.path.rmdir()
            raise
        return made | on_longer

    def hold(self, key: FeatureKey, values: np.ndarray, tag: RowTag) -> None:
        """Keep a feature that was extended in memory, and in mind for what is written next."""
        self.memory.put(key, values, tag)
        if self.writes and isinstance(tag.node, Call):
            self._pending[key] = tag.node

    def compute_and_write(
        self, disk: Disk, bars: xr.Dataset, calls: Sequence[Call], *, is_checked: bool = False
    ) -> None:
        """Write features, found in memory or computed, in parts that memory can hold.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        with self.lock:
            for part in self._in_parts(calls, self.axes_of(bars)):
                self._write(disk, bars, part, is_checked=is_checked)

    def _write(self, disk: Disk, bars: xr.Dataset, calls: Sequence[Call], *, is_checked: bool = False) -> int:
        """Write some features, found in memory or computed, and no longer wait for them."""
        axes = self.axes_of(bars)
        missing = [call for call in calls if not self.is_stored(call, axes)]
        keys = [feature_key(axes.fingerprint, call) for call in missing]
        # that writing finds them is no hit
        gather = self.gather(bars, missing, just_made=frozenset(keys), is_checked=is_checked)
        rows: dict[FeatureKey, tuple[Call, np.ndarray, np.ndarray | None]] = {}
        for key, call in zip(keys, missing, strict=True):
            if self._is_worth_writing(call, axes):
                rows[key] = (call, gather.rows[key], gather.states.get(key))
        axes = self.axes_to_write(bars)
        families = rows_of(axes, rows, self.dtype)
        n_new = sum(write_rows(disk, axes, family, self.costs, self.disk_limit) for family in families)
        for call in calls:
            self._pending.pop(feature_key(axes.fingerprint, call), None)
        return n_new

    def _in_parts(self, calls: Sequence[Call], axes: Axes) -> Iterator[Sequence[Call]]:
        """Cut calls so that the values of a part take a quarter of the memory limit or less."""
        n_bytes = 8 * math.prod(axes.shape) * max((max(1, len(indicator_of(c).outputs)) for c in calls), default=1)
        step = max(1, self.memory.budget_bytes // 4 // n_bytes)
        calls = sorted(calls, key=lambda call: (call.depth, call.name))
        for start in range(0, len(calls), step):
            yield calls[start : start + step]

    def is_stored(self, call: Call, axes: Axes) -> bool:
        """Whether a feature is on disk."""
        if self.disk is None:
            return False
        family, labels = family_of(call, self.dtype)
        commit = self.disk.commit(axes.fingerprint, family)
        return commit is not None and labels in commit.slots

    def is_known(self, call: Call, axes: Axes) -> bool:
        """Whether a feature is in memory or on disk."""
        return self.memory.peek(feature_key(axes.fingerprint, call)) is not None or self.is_stored(call, axes)

    def _may_be_worth_writing(self, call: Call, axes: Axes) -> bool:
        return family_of(call, self.dtype)[0].folder not in self.costs or self._is_worth_writing(call, axes)

    def _is_worth_writing(self, call: Call, axes: Axes) -> bool:
        if not self._only_dear:
            return True
        n_values = math.prod(axes.shape)
        compute_ns = self.costs.ns_per_value(family_of(call, self.dtype)[0].folder)
        return compute_ns > _WORTH_WRITING * self.costs.read_ns_per_value(n_values)

    def _is_cheap(self, bars: xr.Dataset, call: Call) -> bool:
        """Whether a feature takes less time than it is worth to share the work on its family; tries it, if need be."""
        folder = family_of(call, self.dtype)[0].folder
        if folder not in self.costs:
            self.gather(bars, [call])
        return self.costs.ns_per_value(folder) * 1e-9 * bars["time"].size * bars.sizes.get("asset", 1) < _DEAR_SECONDS

    def count(self, *, computed: int = 0, recomputed: int = 0, extended: int = 0, disk_hits: int = 0) -> None:
        """Add to the counters what was done."""
        with self._tally_lock:
            self._computed += computed
            self._ahead += computed if is_ahead() else 0
            self._recomputed += recomputed
            self._extended += extended
            self._disk_hits += disk_hits


def _as_text(value: object) -> str:
    """Return what bars say of themselves as a text that any file can hold."""
    return str(value).encode("utf-8", "replace").decode()


def _with_sources(node: Node) -> Iterator[Call]:
    """Yield the calls in an expression as rows are kept, of all outputs together; those on other timeframes not."""
    for child in () if isinstance(node, OnTimeframe) else node.children:
        yield from _with_sources(child)
    if isinstance(node, Call):
        yield without_output(node)
