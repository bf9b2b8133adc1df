"""The targets of a batch of points: features computed once each, the function called once a point and asset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from mrtoolkit._jit import read_only
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.expressions.scalars import scalar_text
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.abstract_plan import AbstractPlan
from mrtoolkit.strategy.groups import bound_operands
from mrtoolkit.strategy.operands import Operands
from mrtoolkit.strategy.pieces import Piece
from mrtoolkit.strategy.plan import Plan
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.position_tests import MARGIN, PositionCall
from mrtoolkit.strategy.positions import Positions
from mrtoolkit.strategy.strategy import Strategy

_SLICE_VALUES = 2**20  # 8 MiB of targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What the dense engine needs of some points.

    Attributes
    ----------
    points : (trial,) int64
        Positions of the points.
    values : (asset, trial, time) float64
        Signed fractions of equity at each close, NaN where what is held is kept.
    warm : (asset, trial) int64
        First bar at which every feature has had a value.
    """

    points: np.ndarray
    values: np.ndarray
    warm: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSpan:
    """Points whose features are in memory, ready to be cut into slices.

    Attributes
    ----------
    strategy : Positions
    operands : Operands
        Holds the features.
    points : Points
    positions : (point,) int64
        Of the points among all.
    nodes : mapping of name to node
        The features, their structural parameters bound.
    """

    strategy: Positions
    operands: Operands
    points: Points
    positions: np.ndarray
    nodes: Mapping[str, Node]

    @property
    def shape(self) -> tuple[int, int]:
        """Assets and bars."""
        return self.operands.shape

    @property
    def dense_slice(self) -> int:
        """How many points the engine takes at once: few enough for small arrays of targets."""
        return max(1, _SLICE_VALUES // math.prod(self.shape))

    @property
    def warm(self) -> np.ndarray:
        """The first bar at which every feature has had a value, (asset, point)."""
        return np.asarray(np.maximum.reduce([self.operands.warm(node) for node in self.nodes.values()]))

    def signals(self, chosen: np.ndarray) -> Targets:
        """The targets of the points at some positions of this span; called from any thread."""
        n_assets, n_bars = self.shape
        values = np.empty((n_assets, len(chosen), n_bars + MARGIN))
        warm = np.empty((n_assets, len(chosen)), dtype=np.int64)
        for asset in range(n_assets):
            for k, point in enumerate(chosen):
                call = self._call(int(point), asset)
                call.write(values[asset, k])
                warm[asset, k] = call.warm
        return Targets(points=self.positions[chosen], values=values[..., :n_bars], warm=warm)

    def test(self, *, thoroughly: bool) -> None:
        """Test the function at the first and the last point, on the first asset that has all features."""
        for point in sorted({0, self.points.n - 1}):
            calls = (self._call(point, asset) for asset in range(self.shape[0]))
            call = next((call for call in calls if call.warm < call.n_bars), None)
            if call is None:
                continue
            call.check() if thoroughly else call.check_on_bars()

    def _call(self, point: int, asset: int) -> PositionCall:
        features, warm = {}, 0
        for name, node in self.nodes.items():
            rows, index = self.operands.values(node)
            value = rows[index[point]]
            array = value[asset] if isinstance(value, np.ndarray) else np.full(self.shape[1], value)
            features[name] = read_only(array)
            warm = max(warm, int(self.operands.warm(node)[asset, point]))
        given = self.points.values(point)
        return PositionCall(
            positions=self.strategy,
            features=features,
            values={name: self.strategy.typed(name, given[name]) for name in self.strategy.kinds},
            shown=f"{self.strategy.name}({', '.join(f'{k}={scalar_text(v)}' for k, v in given.items())})",
            warm=warm,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPlan(AbstractPlan[PositionSpan, Targets]):
    """A position function over bars, ready to be asked for the targets of points; for rules there is `Plan`."""

    strategy: Positions
    _tested: list[bool] = field(init=False, repr=False, default_factory=list)

    def check(self, points: Points) -> None:
        """Refuse points that cannot be run; computes nothing.

        Raises
        ------
        StrategyError, IndicatorError, ExpressionError
            Naming the value, what is allowed, and what to do.
        """
        for name in self.strategy.kinds:
            for label in points.labels[name]:
                self.strategy.typed(name, label)
        for positions, nodes in self._groups(points):
            for _ in bound_operands(points.take(positions), nodes, self.bars):
                pass

    def _named_nodes(self) -> Mapping[str, Node]:
        return self.strategy.features

    def _span(self, operands: Operands, piece: Piece) -> PositionSpan:
        """The points of a piece; the function is tested at the first and the last, thoroughly in the first piece."""
        span = PositionSpan(
            strategy=self.strategy, operands=operands, points=piece.points, positions=piece.positions, nodes=piece.nodes
        )
        span.test(thoroughly=not self._tested)
        self._tested.append(True)
        return span


def plan_of(strategy: Strategy | Positions, bars: xr.Dataset, store: FeatureStore) -> Plan | PositionPlan:
    """Return the plan of rules, or of a position function."""
    if isinstance(strategy, Positions):
        return PositionPlan(strategy=strategy, bars=bars, store=store)
    return Plan(strategy=strategy, bars=bars, store=store)
