"""Features in passing: of a few assets at a time, in memory that the next assets' overwrite, kept by nobody.

Where the features of all assets are more than memory may hold they could only be computed to be evicted. And it is
quicker: 1,000 assets by 5,000 bars by 30 averages are 1.2 GB, which take longer to write and to read back (and, where
the memory is fresh, many times longer) than to compute; a few assets' stay in the caches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from mrtoolkit.data.inputs import input_values
from mrtoolkit.expressions.nodes import Call, Input, Node, OnTimeframe
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.evaluate import Value, apply, parameters_of, series
from mrtoolkit.features.key import feature_key, indicator_of, without_output
from mrtoolkit.features.lookup import Lookup
from mrtoolkit.indicators._kernels.moderate import is_moderate
from mrtoolkit.indicators.registry import is_built_in
from mrtoolkit.indicators.resume import State, go_on, initial_states
from mrtoolkit.indicators.spec import Indicator


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Calls of one indicator of the same sources: one kernel call an asset."""

    spec: Indicator
    sources: tuple[Node, ...]
    parameters: np.ndarray
    first: int
    stop: int
    initial: np.ndarray | None
    """States before the first bar, (n, size), of what goes on from some."""

    def compute(self, columns: tuple[np.ndarray, ...], rows: np.ndarray) -> None:
        """Write an asset's values into its rows, as `Indicator.compute` does once it has checked everything."""
        out = rows[self.first : self.stop].reshape(max(1, len(self.spec.outputs)), len(self.parameters), -1)
        if isinstance(self.spec.resume, State) and self.initial is not None:
            go_on(self.spec.resume, columns, self.parameters, self.initial.copy(), out)
        else:
            self.spec.kernel(columns, self.parameters, out)


class Passing:
    """How to make the values of some expressions, for any assets, in rows that the caller has room for.

    What the store has in memory is copied; the rest is computed, and counted once for all assets.

    Attributes
    ----------
    n_rows : int
        Of an asset: of the expressions, and of the indicators inside them.
    places : list of int
        The row of each expression.
    """

    def __init__(self, lookup: Lookup, bars: xr.Dataset, nodes: Sequence[Node]) -> None:
        self.shape = (bars.sizes.get("asset", 1), bars.sizes["time"])
        self.n_rows = 0
        self._rows: dict[str, int] = {}  # of everything that has a row, by its key
        self._families: list[_Family] = []
        self._kept: list[tuple[int, np.ndarray]] = []  # rows that the store has, (asset, time) each
        inputs = {part.name for node in nodes for part in walk(node) if isinstance(part, Input)}
        self._inputs = {name: input_values(bars, name) for name in inputs}
        self._lay_calls(lookup, bars, nodes)
        self._others = [node for node in nodes if not isinstance(node, Call)]
        for node in self._others:
            self._rows[node.key] = self._take(1)
        self.places = [self._rows[node.key] for node in nodes]

    def fill(self, asset: int, rows: np.ndarray) -> bool:
        """Write the values of one asset into `rows` (row, time); whether all are surely whole from their first on."""
        for row, values in self._kept:
            rows[row] = values[asset]
        for family in self._families:
            family.compute(tuple(self._series(source, asset, rows) for source in family.sources), rows)
        for node in self._others:
            rows[self._rows[node.key]] = self._value(node, asset, rows)
        return self._keeps_whole and all(is_moderate(values[asset]) for values in self._inputs.values())

    @cached_property
    def _keeps_whole(self) -> bool:
        """Whether nothing but the inputs decides on whether values are missing amid the others."""
        made = all(
            family.spec.keeps_whole and all(isinstance(source, Input) for source in family.sources)
            for family in self._families
        )
        return made and not self._kept and all(isinstance(node, Input) for node in self._others)

    def _value(self, node: Node, asset: int, rows: np.ndarray) -> Value:
        """The value of an expression on one asset, (1, time), or a number."""
        if isinstance(node, Input):
            return self._inputs[node.name][asset : asset + 1]
        if isinstance(node, Call):
            row = self._rows[node.key]
            return rows[row : row + 1]
        return apply(node, lambda part: self._value(part, asset, rows), (1, self.shape[1]))

    def _series(self, node: Node, asset: int, rows: np.ndarray) -> np.ndarray:
        """The same as a read-only array (time,), as kernels take it."""
        values: np.ndarray
        if isinstance(node, Input):
            values = self._inputs[node.name][asset]
        else:
            values = series(self._value(node, asset, rows), (1, self.shape[1]))[0]
        return values

    def _lay_calls(self, lookup: Lookup, bars: xr.Dataset, nodes: Sequence[Node]) -> None:
        """Give rows to what the store has, and to the families of what it has not, inner ones first."""
        data = lookup.axes_of(bars).fingerprint
        missing: dict[str, Call] = {}
        seen: set[str] = set()
        todo = list(nodes)
        while todo:
            node = todo.pop()
            if node.key in seen:
                continue
            seen.add(node.key)
            if not isinstance(node, Call):
                todo.extend(node.children)
                continue
            call = without_output(node)
            if call.key in missing:
                continue
            entry = lookup.memory.find(feature_key(data, call))
            if entry is None:
                missing[call.key] = call
                todo.extend(call.sources)
            else:
                for name, values in _named(call, entry.values):
                    if name not in self._rows:
                        self._rows[name] = self._take(1)
                        self._kept.append((self._rows[name], values))
        families: dict[tuple[str, ...], list[Call]] = {}
        for call in missing.values():
            families.setdefault((call.name, *(source.key for source in call.sources)), []).append(call)
        for calls in sorted(families.values(), key=lambda calls: calls[0].depth):
            self._families.append(self._lay_family(calls))
        lookup.count(computed=len(missing))

    def _lay_family(self, calls: Sequence[Call]) -> _Family:
        spec = indicator_of(calls[0])
        outputs = spec.outputs or ("",)
        first = self._take(len(outputs) * len(calls))
        for k, output in enumerate(outputs):
            for i, call in enumerate(calls):
                self._rows[f"{call.key}.{output}" if output else call.key] = first + k * len(calls) + i
        states = spec.resume.initial if isinstance(spec.resume, State) else None
        return _Family(
            spec=spec, sources=calls[0].sources, parameters=parameters_of(calls), first=first, stop=self.n_rows,
            initial=None if states is None else initial_states(states, len(calls)),
        )  # fmt: skip

    def _take(self, n: int) -> int:
        self.n_rows += n
        return self.n_rows - n


def can_pass(nodes: Iterable[Node]) -> bool:
    """Whether expressions may be computed in passing: indicators of the user's own are tried on whole bars first."""
    parts = [part for node in nodes for part in walk(node)]
    if any(isinstance(part, OnTimeframe) for part in parts):  # its features are over other bars
        return False
    return all(is_built_in(part.name) for part in parts if isinstance(part, Call))


def _named(call: Call, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The key and the values, (asset, time), of each output of a row in memory."""
    outputs = indicator_of(call).outputs
    if not outputs:
        yield call.key, values
    for k, output in enumerate(outputs):
        yield f"{call.key}.{output}", values[k]
