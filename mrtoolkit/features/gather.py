"""One look-up of many features: memory, then disk, then one kernel call for what a family still lacks."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from mrtoolkit.data.inputs import input_values
from mrtoolkit.errors import MrtoolkitError, StoreError
from mrtoolkit.expressions.nodes import Call, Input, Node, Shift
from mrtoolkit.features.chunks import DamagedChunkError
from mrtoolkit.features.commit import Commit
from mrtoolkit.features.disk import Disk
from mrtoolkit.features.evaluate import Value, apply, compute_rows, parameters_of, series
from mrtoolkit.features.family import Axes, Labels
from mrtoolkit.features.faults import StoreWriteWarning
from mrtoolkit.features.key import FeatureKey, family_of, feature_key, indicator_of, without_output
from mrtoolkit.features.memory import ByteLRU
from mrtoolkit.indicators.look_ahead import check_on_bars
from mrtoolkit.indicators.registry import is_built_in
from mrtoolkit.indicators.spec import Indicator


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a row in memory is: its call (all outputs) and its bars."""

    node: Call
    axes: Axes


Memory = ByteLRU[FeatureKey, Row]


@dataclass(slots=True, kw_only=True)
class Gather:
    """The features of one request, each found or computed once.

    Attributes
    ----------
    bars, axes : the data
    memory, disk : where to look, disk None where the store has no path
    costs : mapping of folder to ns a value
        The least measured so far; updated.
    rows : mapping of key to array
        Every call of the expressions, nested ones too: (asset, time), or (output, asset, time).
    missing : list of Call
        What neither memory nor disk has, in any order.
    """

    bars: xr.Dataset
    axes: Axes
    memory: Memory
    disk: Disk | None
    rows: dict[FeatureKey, np.ndarray] = field(default_factory=dict)
    calls: dict[FeatureKey, Call] = field(default_factory=dict)
    missing: list[Call] = field(default_factory=list)
    damaged: dict[FeatureKey, tuple[Commit, Labels]] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    memory_hits: int = 0
    disk_hits: int = 0
    _values: dict[str, Value] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def look_up(self, node: Node) -> None:
        """Find the features that `node` needs; the parts of one that is found are not looked for."""
        if node.key in self._seen:
            return
        self._seen.add(node.key)
        if not isinstance(node, Call):
            children = (node.operand,) if isinstance(node, Shift) else node.children
            for child in children:
                self.look_up(child)
            return
        key = feature_key(self.axes.fingerprint, node)
        if key in self.rows or key in self.calls:
            return
        self.calls[key] = without_output(node)
        values = self.memory.get(key)
        if values is not None:
            self.memory_hits += 1
        elif self.disk is not None and (values := self._read(self.disk, key)) is not None:
            self.disk_hits += 1
            self.memory.put(key, values, Row(node=self.calls[key], axes=self.axes))
        if values is not None:
            self.rows[key] = values
            return
        self.missing.append(self.calls[key])
        for source in node.sources:
            self.look_up(source)

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
        if isinstance(node, Call):
            return self._output(node)
        value = self._values.get(node.key)
        if value is None:
            if isinstance(node, Input):
                value = series(input_values(self.bars, node.name), self.axes.shape)
            else:
                value = apply(node, self.value, self.axes.shape)
            self._values[node.key] = value
        return value

    def array(self, node: Node) -> np.ndarray:
        """Return the value of an expression as a read-only array (asset, time)."""
        return series(self.value(node), self.axes.shape)

    def _output(self, node: Call) -> np.ndarray:
        return output_of(node, self.rows[feature_key(self.axes.fingerprint, node)])

    def _compute(self, calls: Sequence[Call]) -> None:
        spec = indicator_of(calls[0])
        parameters = parameters_of(calls)
        sources = [self.array(source) for source in calls[0].sources]
        family, _ = family_of(calls[0])
        if family.folder not in self.costs:
            _warm(spec, sources, parameters)
        start = time.perf_counter()
        rows = list(compute_rows(spec, sources, parameters, self.axes.shape))
        cost = (time.perf_counter() - start) * 1e9 / (len(rows) * math.prod(self.axes.shape))
        if not is_built_in(spec.name):
            _check_look_ahead(spec, sources, parameters, rows)
        self.costs[family.folder] = min(cost, self.costs.get(family.folder, math.inf))
        for call, values in zip(calls, rows, strict=True):
            key = feature_key(self.axes.fingerprint, call)
            self.memory.put(key, values, Row(node=call, axes=self.axes))
            self.rows[key] = values
            if key in self.damaged:
                self._repair(key, values)

    def _read(self, disk: Disk, key: FeatureKey) -> np.ndarray | None:
        family, labels = family_of(self.calls[key])
        commit = disk.commit(self.axes.fingerprint, family)
        slot = None if commit is None else commit.slots.get(labels)
        if commit is None or slot is None:
            return None
        try:
            values = disk.read(commit, slot)
        except DamagedChunkError as error:
            message = (
                f"the stored feature {key.text} is damaged ({error}) in {commit.path}; "
                "it was not used and is computed again."
            )
            disk.tell_damage((commit.path, commit.signature, labels), message, stacklevel=5)
            self.damaged[key] = (commit, labels)
            return None
        return values if family.outputs else values[0]

    def _repair(self, key: FeatureKey, values: np.ndarray) -> None:
        commit, labels = self.damaged.pop(key)
        row = values if commit.family.outputs else values[None]
        try:
            if self.disk is not None:
                self.disk.repair(self.axes, commit, labels, row)
        except OSError as error:
            message = f"the damaged feature {key.text} could not be written again ({error}); it stays in memory."
            warnings.warn(message, StoreWriteWarning, stacklevel=4)


def _check_look_ahead(
    spec: Indicator, sources: Sequence[np.ndarray], parameters: np.ndarray, rows: Sequence[np.ndarray]
) -> None:
    """Refuse a user's indicator that looks ahead on these bars, before any of its values is kept.

    For the first and the last of the parameters and the first asset alone: two calls over two thirds of the bars, where
    a batch takes one a set of parameters and an asset.
    """
    for k in sorted({0, len(rows) - 1}):
        result = rows[k][:, 0] if spec.outputs else rows[k][:1]
        check_on_bars(spec, [source[0] for source in sources], parameters[k].tolist(), result)


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
