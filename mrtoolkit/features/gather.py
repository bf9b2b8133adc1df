"""One look-up of many features: memory, then disk, then one kernel call for what a family still lacks."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
import xarray as xr

from mrtoolkit.data.alignment import is_own
from mrtoolkit.data.inputs import input_values
from mrtoolkit.errors import MrtoolkitError, StoreError, warn_caller
from mrtoolkit.expressions.nodes import Call, Input, Node, OnTimeframe, Shift
from mrtoolkit.features.ahead import is_ahead
from mrtoolkit.features.costs import Costs
from mrtoolkit.features.disk.chunks import DamagedChunkError
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.evaluate import Value, apply, compute_rows, parameters_of, series
from mrtoolkit.features.family import Axes, Code, Labels
from mrtoolkit.features.faults import StoreWriteWarning
from mrtoolkit.features.key import FeatureKey, family_of, feature_key, indicator_of, without_output
from mrtoolkit.features.memory import ByteLRU
from mrtoolkit.indicators.look_ahead import check_on_bars
from mrtoolkit.indicators.registry import is_built_in
from mrtoolkit.indicators.spec import Indicator


class RowTag(NamedTuple):
    """What a row in memory is: its call (all outputs), its bars, and what it goes on from, (asset, state).

    Or what is on another timeframe, aligned with its bars.
    """

    node: Call | OnTimeframe
    axes: Axes
    states: np.ndarray | None = None


_WARM: set[Code] = set()  # indicators whose kernels are compiled
Memory = ByteLRU[FeatureKey, RowTag]
_Made: TypeAlias = list[tuple[np.ndarray, np.ndarray | None]]
_SHARE_NS = 400_000.0  # nanoseconds of features that are worth handing to another thread, which takes 0.1 to 0.2 ms


@dataclass(slots=True, kw_only=True)
class Gather:
    """The features of one request, each found or computed once.

    Attributes
    ----------
    bars, axes : the data
    memory, disk : where to look, disk None where the store has no path or memory may be enough
    costs : Costs
        Decides between reading and computing; learns from both.
    dtype : str
        Of the rows.
    may_recompute : bool
        Whether what is on disk is computed anew where that is cheaper than reading.
    just_made : collection of keys
        Of features whose being in memory is no hit, as the same request has just computed them.
    is_checked : bool
        Whether the indicators, if they are users', were seen not to look ahead on these bars.
    rows : mapping of key to array
        Every call of the expressions, nested ones too: (asset, time), or (output, asset, time).
    states : mapping of key to (asset, state)
        Of those rows that know what they go on from.
    missing : list of Call
        What is to be computed, in any order.
    unaligned : list of OnTimeframe
        What is to be found over the bars of other timeframes, and given to `keep_aligned`, before that.
    """

    bars: xr.Dataset
    axes: Axes
    memory: Memory
    disk: Disk | None
    costs: Costs
    dtype: str = "float64"
    may_recompute: bool = True
    just_made: Container[FeatureKey] = ()
    is_checked: bool = False
    rows: dict[FeatureKey, np.ndarray] = field(default_factory=dict)
    states: dict[FeatureKey, np.ndarray | None] = field(default_factory=dict)
    calls: dict[FeatureKey, Call] = field(default_factory=dict)
    missing: list[Call] = field(default_factory=list)
    unaligned: list[OnTimeframe] = field(default_factory=list)
    damaged: dict[FeatureKey, tuple[Commit, Labels]] = field(default_factory=dict)
    disk_hits: int = 0
    recomputed: int = 0
    _values: dict[str, Value] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _keys: dict[int, tuple[Node, FeatureKey]] = field(default_factory=dict)  # with the node, whose id is its own then

    def look_up(self, node: Node) -> None:
        """Find the features that `node` needs; the parts of one that is found are not looked for."""
        if node.key in self._seen:
            return
        self._seen.add(node.key)
        if isinstance(node, OnTimeframe):
            self._look_up_aligned(node)
            return
        if not isinstance(node, Call):
            children = (node.operand,) if isinstance(node, Shift) else node.children
            for child in children:
                self.look_up(child)
            return
        key = self._key(node)
        if key in self.rows or key in self.calls:
            return
        self.calls[key] = without_output(node)
        entry = self.memory.find(key, is_hit=key not in self.just_made)
        if entry is not None:
            self.rows[key], self.states[key] = entry.values, entry.tag.states
            return
        values = None if self.disk is None else self._read(self.disk, key)
        if values is not None:
            self.rows[key] = values
            return
        self.missing.append(self.calls[key])
        for source in node.sources:
            self.look_up(source)

    def _look_up_aligned(self, node: OnTimeframe) -> None:
        """Find what is on another timeframe; on the bars' own it is what it would be without."""
        if is_own(self.bars, node.text):
            self.look_up(node.operand)
            return
        key = self._key(node)
        entry = None if key in self.rows else self.memory.find(key, is_hit=key not in self.just_made)
        if entry is not None:
            self.rows[key] = entry.values
        elif key not in self.rows:
            self.unaligned.append(node)

    def keep_aligned(self, node: OnTimeframe, values: np.ndarray) -> None:
        """Take what is on another timeframe, aligned with these bars, (asset, time)."""
        key = self._key(node)
        values.flags.writeable = False
        self.memory.put(key, values, RowTag(node=node, axes=self.axes))
        self.rows[key] = values

    def look_up_again(self, nodes: Iterable[Node], disk: Disk | None) -> None:
        """Look once more, on disk too, for what is missing: others may have computed it meanwhile."""
        self.disk = disk
        self.missing.clear()
        self.unaligned.clear()
        self._seen.clear()
        self.calls = {key: call for key, call in self.calls.items() if key in self.rows}
        for node in nodes:
            self.look_up(node)

    def compute_missing(self) -> int:
        """Compute what is missing, inner features first, and return how many features that were."""
        groups: dict[tuple[str, ...], list[Call]] = {}
        for call in self.missing:
            groups.setdefault((call.name, *(source.key for source in call.sources)), []).append(call)
        for calls in sorted(groups.values(), key=lambda calls: calls[0].depth):
            self._compute(calls)
        n_computed, self.missing = len(self.missing), []
        return n_computed

    def value(self, node: Node) -> Value:
        """Return the value of an expression from the rows that were found and computed."""
        if isinstance(node, Call | OnTimeframe):
            return self._row(node)
        value = self._values.get(node.key)
        if value is None:
            if isinstance(node, Input):
                value = series(input_values(self.bars, node.name), self.axes.shape)
            else:
                value = apply(node, self.value, self.axes.shape)
            self._values[node.key] = value
        return value

    def array(self, node: Node) -> np.ndarray:
        """Return the value of an expression as a read-only float64 array (asset, time)."""
        row = self.rows[self._key(node)] if type(node) is Call and self.dtype == "float64" else None
        return row if row is not None and row.ndim == 2 else series(self.value(node), self.axes.shape)

    def row(self, node: Node) -> np.ndarray:
        """Return the value of an expression, (asset, time), of the store's dtype where it is a feature."""
        return self._row(node) if isinstance(node, Call | OnTimeframe) else self.array(node)

    def _row(self, node: Call | OnTimeframe) -> np.ndarray:
        if isinstance(node, Call):
            return output_of(node, self.rows[self._key(node)])
        return self.row(node.operand) if is_own(self.bars, node.text) else self.rows[self._key(node)]

    def _key(self, node: Call | OnTimeframe) -> FeatureKey:
        """The key of a call, made once a request."""
        known = self._keys.get(id(node))
        if known is None:
            known = self._keys[id(node)] = node, feature_key(self.axes.fingerprint, node)
        return known[1]

    def _compute(self, calls: Sequence[Call]) -> None:
        spec = indicator_of(calls[0])
        parameters = parameters_of(calls)
        sources = [self.array(source) for source in calls[0].sources]
        family, _ = family_of(calls[0], self.dtype)
        if family.folder not in self.costs and family.code not in _WARM:
            _warm(spec, sources, parameters)
            _WARM.add(family.code)
        if not is_built_in(spec.name):
            self._forget_older_code(calls[0])
        last = len(calls) - 1
        n_values = math.prod(self.axes.shape)
        is_ours = is_built_in(spec.name)
        kept: list[FeatureKey] = []
        taken = 0.0
        size = _side_by_side(self.costs.ns_per_value(family.folder) * n_values) if is_ours else None
        rows = compute_rows(spec, sources, parameters, self.axes.shape, side_by_side=size)
        for taken, made in _timed(rows):  # noqa: B007 (used below)
            while made:
                values, states = made.pop()
                call = calls[len(kept)]
                if len(kept) in (0, last) and not self.is_checked and not is_ours:
                    self._check_look_ahead(spec, sources, parameters[len(kept)], values, kept)
                kept.append(self._key(call))
                self._keep(kept[-1], call, values, states)
        self.costs.computed(family.folder, taken, len(calls) * n_values)

    def _keep(self, key: FeatureKey, call: Call, values: np.ndarray, states: np.ndarray | None) -> None:
        values = values.astype(self.dtype, copy=False)
        self.memory.put(key, values, RowTag(call, self.axes, states), ahead=is_ahead())
        self.rows[key] = values
        self.states[key] = states
        if self.damaged and key in self.damaged:
            self._repair(key, values)

    def _check_look_ahead(
        self,
        spec: Indicator,
        sources: Sequence[np.ndarray],
        parameters: np.ndarray,
        values: np.ndarray,
        kept: Sequence[FeatureKey],
    ) -> None:
        """Refuse a user's indicator that looks ahead on these bars, and forget what was kept of it.

        For the first and the last of the parameters and the first asset alone: two calls over two thirds of the bars,
        where a batch takes one a set of parameters and an asset.
        """
        result = values[:, 0] if spec.outputs else values[:1]
        try:
            check_on_bars(spec, [source[0] for source in sources], parameters.tolist(), result)
        except MrtoolkitError:
            self.memory.discard(frozenset(kept).__contains__)
            raise

    def _forget_older_code(self, call: Call) -> None:
        """Take features that were made by the same indicator before its last edit out of memory."""
        spec = indicator_of(call)
        today = (spec.version, spec.source_hash)
        self.memory.discard(lambda key: _is_made_by(key, spec.name, today))

    def _read(self, disk: Disk, key: FeatureKey) -> np.ndarray | None:
        call = self.calls[key]
        family, labels = family_of(call, self.dtype)
        commit = disk.commit(self.axes.fingerprint, family)
        slot = None if commit is None else commit.slots.get(labels)
        if commit is None or slot is None:
            return None
        n_values = math.prod(self.axes.shape) * len(family.variables)
        self.costs.known(family.folder, commit.ns_per_bar)
        is_nested = any(
            not isinstance(source, Input) for source in call.sources
        )  # it takes more than itself to compute
        if self.may_recompute and not is_nested and not self.costs.decision(family.folder, n_values).reads:
            self.recomputed += 1
            return None
        if math.prod(commit.shape) != math.prod(self.axes.shape):
            message = f"{commit.path} has features of {commit.shape} values, and its bars {self.axes.shape}; not used."
            disk.tell_damage((commit.path, commit.signature, "shape"), message)
            return None
        start = time.perf_counter()
        try:
            values = disk.read(commit, slot)
        except DamagedChunkError as error:
            self._tell_damage(disk, commit, key, labels, error)
            return None
        self.costs.read(time.perf_counter() - start, n_values)
        self.disk_hits += 1
        values = values if family.outputs else values[0]
        self.memory.put(key, values, RowTag(node=call, axes=self.axes))
        return values

    def _tell_damage(
        self, disk: Disk, commit: Commit, key: FeatureKey, labels: Labels, error: DamagedChunkError
    ) -> None:
        if not disk.is_current(commit):  # pruned or written anew between two looks
            return
        message = (
            f"the stored feature {key.text} is damaged ({error}) in {commit.path}; "
            "it was not used and is computed again."
        )
        disk.tell_damage((commit.path, commit.signature, labels), message)
        self.damaged[key] = (commit, labels)

    def _repair(self, key: FeatureKey, values: np.ndarray) -> None:
        commit, labels = self.damaged.pop(key)
        row = values if commit.family.outputs else values[None]
        try:
            if self.disk is not None:
                self.disk.repair(self.axes, commit, labels, row)
        except OSError as error:
            message = f"the damaged feature {key.text} could not be written again ({error}); it stays in memory."
            warn_caller(message, StoreWriteWarning)


def _is_made_by(key: FeatureKey, name: str, today: tuple[int, str]) -> bool:
    """Whether a feature was made by other code of an indicator than today's."""
    if not isinstance(key.code, tuple) or name not in key.text:
        return False
    if isinstance(key.code[0], tuple):  # an expression of several indicators
        return any(part[0] == name and part[1:] != today for part in key.code)
    return key.text.startswith(f"{name}(") and key.code != today


def _side_by_side(nanoseconds: float) -> int | None:
    """Return of how many features that cost so much each a thread makes a share; None where threads do not pay."""
    if not nanoseconds > 0:
        return None
    fewest = math.ceil(_SHARE_NS / nanoseconds)
    return fewest if fewest <= 8 else -(-fewest // 8) * 8  # as many as kernels compute side by side


def _timed(made: Iterator[_Made]) -> Iterator[tuple[float, _Made]]:
    """Yield the seconds that making features took so far, and what was made."""
    seconds = 0.0
    while True:
        start = time.perf_counter()
        some = next(made, None)
        seconds += time.perf_counter() - start
        if some is None:
            return
        yield seconds, some


def _warm(spec: Indicator, sources: Sequence[np.ndarray], parameters: np.ndarray) -> None:
    """Run a kernel on a few bars, so that its compilation is not taken for its cost."""
    few = [np.ascontiguousarray(source[0, :64]) for source in sources]
    with contextlib.suppress(MrtoolkitError):  # what is wrong shows over all bars as well, or is due to their number
        spec.compute(few, parameters[:1], np.empty((max(1, len(spec.outputs)), 1, few[0].size)))


def output_of(node: Call, row: np.ndarray) -> np.ndarray:
    """Return the output that a call names, (asset, time), of its row.

    Raises
    ------
    StoreError
        If the indicator has several outputs and the call names none.
    """
    outputs = indicator_of(node).outputs
    if not outputs:
        return row
    if node.output not in outputs:
        message = f"{node.key} has the outputs {', '.join(outputs)}; name one, as in {node.key}.{outputs[0]}."
        raise StoreError(message)
    return row[outputs.index(node.output)]  # type: ignore[no-any-return]
