"""The plan of a batch: what its points have in common is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import xarray as xr

from mrtoolkit.expressions.nodes import Call, Constant, Node
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.batch import Batch
from mrtoolkit.strategy.groups import Group, bound_operands, distinct_calls, groups_of, structural_of, warmups
from mrtoolkit.strategy.operands import Operands, operands_of
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.strategy import RULES, SETTINGS, Strategy, check_setting

_SPAN_BYTES = 256 * 2**20
_SLICE_BYTES = 64 * 2**20
_SLICE_BARS = 12_000_000  # about 50 ms of the dense engine: pause, progress and Ctrl-C wait for no longer
_WORTH_A_SLICE = 250_000  # bars times points: about a millisecond
_NEVER = Constant(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What an engine needs of some points.

    Attributes
    ----------
    points : (trial,) int64
        Positions of the points.
    masks : tuple of (asset, row, time) bool
        Where entry, exit, short_entry and short_exit are true.
    settings : tuple of (asset, row, time or 1) float64
        Size, stop_loss, take_profit, trailing_stop and max_bars; infinite where there is none.
    index : (trial, 9) int64
        Which row of each of the masks and settings is the trial's.
    warm : (asset, trial) int64
        First bar at which every indicator in effect has had a value.
    """

    points: np.ndarray
    masks: tuple[np.ndarray, ...]
    settings: tuple[np.ndarray, ...]
    index: np.ndarray
    warm: np.ndarray


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
        """Yield the signals of all points, in slices that are small in memory and time."""
        for span in self.spans(points):
            for part in span:
                yield part()

    def spans(self, points: Points, at_least: int = 1) -> Iterator[list[Callable[[], Signals]]]:
        """Yield the signals of spans of points, as functions that compute a slice each, in any order, from any thread.

        The features of a span are fetched when it is yielded, and are all in memory until the next one is. A span that
        is worth it has `at_least` so many slices.
        """
        for positions, nodes in self._groups(points):
            span = self._span_length(nodes)
            for start in range(0, len(positions), span):
                chosen = positions[start : start + span]
                span_points = points.take(chosen)
                operands = Operands(self.bars, self.store, span_points, nodes.values())
                worth = len(chosen) * self.bars.sizes["time"] >= _WORTH_A_SLICE
                step = min(self._slice_length(nodes), -(-len(chosen) // (at_least if worth else 1)))
                places = [np.arange(a, min(a + step, len(chosen))) for a in range(0, len(chosen), step)]
                yield [partial(self._slice, operands, span_points, chosen, place, nodes) for place in places]

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

    def _slice_length(self, nodes: dict[str, Node]) -> int:
        n_values = self.bars.sizes["time"] * self.bars.sizes.get("asset", 1)
        conditions = {id(part) for name in RULES for part in walk(nodes[name]) if part.is_condition and part.params}
        settings = sum(8 for name in SETTINGS if nodes[name].is_series)
        return max(1, min(_SLICE_BYTES // ((len(conditions) + settings + 1) * n_values), _SLICE_BARS // n_values))

    def _span_length(self, nodes: dict[str, Node]) -> int:
        """Points whose features fit into half of the store's memory together even if no two points share one."""
        operands = {id(o): o for node in nodes.values() for o in operands_of(node) if o.is_series}
        n_values = self.bars.sizes["time"] * self.bars.sizes.get("asset", 1)
        return max(1, min(_SPAN_BYTES, self.store.memory_limit // 2) // (8 * n_values * max(1, len(operands))))

    def _slice(
        self, operands: Operands, span: Points, positions: np.ndarray, chosen: np.ndarray, nodes: dict[str, Node]
    ) -> Signals:
        batch = Batch(operands, span.take(chosen), chosen)
        masks = [batch.mask(nodes[name]) for name in RULES]
        settings = [batch.setting(name, nodes[name]) for name in SETTINGS]
        warm = [batch.warm(node) for node in nodes.values()]
        return Signals(
            points=positions[chosen],
            masks=tuple(mask for mask, _ in masks),
            settings=tuple(values for values, _ in settings),
            index=np.stack([index for _, index in (*masks, *settings)], axis=1).astype(np.int64),
            warm=np.maximum.reduce(warm),
        )
