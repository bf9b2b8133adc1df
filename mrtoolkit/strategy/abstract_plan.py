"""The plan of a batch: what its points have in common is computed once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import xarray as xr

from mrtoolkit.expressions.nodes import Call, Node, OnTimeframe
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.groups import Group, distinct_calls, groups_of, structural_of, warmups
from mrtoolkit.strategy.operands import Operands, fetch_operands
from mrtoolkit.strategy.pieces import Piece, Share, pieces_of
from mrtoolkit.strategy.points import Points


class _AnySpan(Protocol):
    """Points whose features are in memory."""

    @property
    def points(self) -> Points: ...

    @property
    def dense_slice(self) -> int:
        """How many points the dense engine takes at once."""

    def signals(self, chosen: np.ndarray) -> Any:
        """What the dense engine needs of the points at some positions of this span."""


SpanT = TypeVar("SpanT", bound=_AnySpan)
SignalsT = TypeVar("SignalsT")


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstractPlan(ABC, Generic[SpanT, SignalsT]):
    """Something to be run over bars, ready to be asked for the signals of points."""

    bars: xr.Dataset
    store: FeatureStore
    nodes: Mapping[str, Node] = field(init=False, repr=False)
    """What is computed of the bars, by name, whatever the points leave of it."""
    structural: frozenset[str] = field(init=False, repr=False)
    """Parameters that decide what the nodes are made of."""

    def __post_init__(self) -> None:
        nodes = self._named_nodes()
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "structural", structural_of(nodes.values()))

    @abstractmethod
    def _named_nodes(self) -> Mapping[str, Node]:
        """What is computed of the bars, by name."""

    @abstractmethod
    def check(self, points: Points) -> None:
        """Refuse points that cannot be run; computes nothing.

        Raises
        ------
        StrategyError, IndicatorError, ExpressionError
            Naming the value, what is allowed, and what to do.
        """

    @abstractmethod
    def _span(self, operands: Operands, piece: Piece) -> SpanT:
        """The points of a piece beside their features."""

    def signals(self, points: Points) -> Iterator[SignalsT]:
        """Yield what the dense engine needs of all points, in slices that are small in memory."""
        for span in self.spans(points):
            for chosen in span.points.slices(span.dense_slice):
                yield span.signals(chosen)

    def spans(self, points: Points) -> Iterator[SpanT]:
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

    def span(self, piece: Piece) -> SpanT:
        """Find or compute the features of a piece."""
        return self._span(fetch_operands(self.bars, self.store, piece.points, piece.nodes.values()), piece)

    def warmups(self, points: Points) -> np.ndarray:
        """Leading bars for which each point has no value, (point,), as the indicators declare it; computes nothing."""
        return warmups(points, self._groups(points), self.bars)

    def calls(self, points: Points) -> list[Call | OnTimeframe]:
        """The distinct indicator calls that the points use, with their values; computes nothing."""
        return distinct_calls(points, self._groups(points), self.bars)

    def _groups(self, points: Points) -> Iterator[Group]:
        """Points that share flags, selectors and categories, and the nodes that these leave."""
        return groups_of(points, self.nodes, self.structural)
