"""The plan of a batch: what its points have in common is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from mrtoolkit.expressions.nodes import Call, Constant, Node
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.groups import Group, bound_operands, distinct_calls, groups_of, structural_of, warmups
from mrtoolkit.strategy.operands import Operands
from mrtoolkit.strategy.pieces import Piece, Share, pieces_of
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.signals import Signals
from mrtoolkit.strategy.span import Span
from mrtoolkit.strategy.strategy import SETTINGS, Strategy, check_setting

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
        """Yield all points in spans whose features fit into memory together."""
        for piece in self.pieces(points):
            yield self.span(piece)

    def pieces(self, points: Points, share: Share | None = None) -> list[Piece]:
        """Cut all points so that the arrays of each piece fit into its share of memory; computes nothing.

        Parameters
        ----------
        points : Points
        share : function of nodes, optional
            Bytes that the arrays of points with these nodes may take. Default: half of the store's memory.
        """
        return pieces_of(points, self._groups(points), self.bars, self.store, share)

    def span(self, piece: Piece) -> Span:
        """Find or compute the features of a piece."""
        operands = Operands(self.bars, self.store, piece.points, piece.nodes.values())
        return Span(operands=operands, points=piece.points, positions=piece.positions, nodes=piece.nodes)

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
