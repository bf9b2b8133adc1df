"""The plan of a batch: what its points have in common is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from mrtoolkit.expressions.nodes import Call, Constant, Node
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.groups import Group, bound_operands, distinct_calls, groups_of, structural_of, warmups
from mrtoolkit.strategy.operands import Operands, operands_of
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.signals import Signals
from mrtoolkit.strategy.span import Span
from mrtoolkit.strategy.strategy import SETTINGS, Strategy, check_setting

_SPAN_BYTES = 256 * 2**20
_NEVER = Constant(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A strategy over bars, ready to be asked for the signals of points."""

    strategy: Strategy
    bars: xr.Dataset
    store: FeatureStore
    nodes: Mapping[str, Node] = field(init=False, repr=False)
    """The rules in normal form and the settings, by name; a rule that there is not is never true."""
    structural: frozenset[str] = field(init=False, repr=False)
    """Parameters that decide what the nodes are made of."""

    def __post_init__(self) -> None:
        rules = {name: _NEVER if rule is None else rule for name, rule in self.strategy.rules.items()}
        nodes = {**rules, **self.strategy.settings}
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "structural", structural_of(nodes.values()))

    def signals(self, points: Points) -> Iterator[Signals]:
        """Yield the signals of all points, a byte a bar, in slices that are small in memory."""
        for span in self.spans(points):
            for chosen in span.slices(span.dense_slice):
                yield span.signals(chosen)

    def spans(self, points: Points) -> Iterator[Span]:
        """Yield all points in spans whose features fit into memory together; drop each before the next is made."""
        for positions, nodes in self._groups(points):
            group = points.take(positions)
            for chosen in self._fitting(group, nodes, np.arange(group.n)):
                span_points = group.take(chosen)
                operands = Operands(self.bars, self.store, span_points, nodes.values())
                yield Span(operands=operands, points=span_points, positions=positions[chosen], nodes=nodes)

    def check(self, points: Points) -> None:
        """Refuse points that cannot be run; computes nothing.

        Raises
        ------
        StrategyError, IndicatorError, ExpressionError
            Naming the value, what is allowed, and what to do.
        """
        for positions, nodes in self._groups(points):
            for name, bound in bound_operands(points.take(positions), nodes, self.bars.sizes["time"]):
                for node in bound:
                    if name in SETTINGS and isinstance(node, Constant):
                        check_setting(name, node.value)

    def warmups(self, points: Points) -> np.ndarray:
        """Leading bars for which each point has no value, (point,), as the indicators declare it; computes nothing."""
        return warmups(points, self._groups(points), self.bars.sizes["time"])

    def calls(self, points: Points) -> list[Call]:
        """The distinct indicator calls that the points use, with their values; computes nothing."""
        return distinct_calls(points, self._groups(points))

    def _groups(self, points: Points) -> Iterator[Group]:
        """Points that share flags, selectors and categories, and the rules and settings that these leave."""
        return groups_of(points, self.nodes, self.structural)

    def _fitting(self, group: Points, nodes: Mapping[str, Node], chosen: np.ndarray) -> Iterator[np.ndarray]:
        """Cut points until the distinct features of each piece fit into half of the store's memory."""
        points = group.take(chosen)
        series = [o for o in {id(o): o for node in nodes.values() for o in operands_of(node)}.values() if o.is_series]
        series += [nodes[name] for name in SETTINGS if nodes[name].is_series]  # they are copied, side by side
        n_rows = sum(len(points.rows(node.params)[0]) for node in series)
        n_values = self.bars.sizes["time"] * self.bars.sizes.get("asset", 1)
        if points.n == 1 or 8 * n_values * n_rows <= min(_SPAN_BYTES, self.store.memory_limit // 2):
            yield chosen
        else:
            for half in np.array_split(chosen, 2):
                yield from self._fitting(group, nodes, half)
