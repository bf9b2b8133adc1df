"""From the points of a plan to block statistics and metrics, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias, TypeVar

import numpy as np

from mrtoolkit._threads import meanwhile, n_threads, on_all_cores
from mrtoolkit.backtest import dense, event
from mrtoolkit.backtest._kernels.columns import STATISTICS
from mrtoolkit.backtest._kernels.window import LEAN, WINDOW, join_into
from mrtoolkit.backtest.asset_groups import Group, cut_groups, group_share, run_groups
from mrtoolkit.backtest.budget import Budget, Cut, parts_of
from mrtoolkit.backtest.event import Wanted
from mrtoolkit.backtest.ground import Ground
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.metrics import DRAWDOWN_METRICS, LEAN_METRICS, METRICS, join, metrics_of_joined
from mrtoolkit.backtest.room import release_room
from mrtoolkit.backtest.targets import evaluate_targets, record_targets
from mrtoolkit.backtest.windows import windowed_metrics
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.features.for_engines import lend
from mrtoolkit.features.passing import can_pass
from mrtoolkit.strategy.pieces import Piece
from mrtoolkit.strategy.plan import Plan
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.position_plan import PositionPlan, PositionSpan, Targets
from mrtoolkit.strategy.signals import BitSignals
from mrtoolkit.strategy.span import Span

_FEW_SHARED = 8  # points to a row of bits that several of them share
_T = TypeVar("_T")
AnySpan: TypeAlias = Span | PositionSpan

Take = Callable[[Span | PositionSpan, np.ndarray, np.ndarray, np.ndarray], None]
"""Given a span, assets, positions in the span, and their statistics, (asset, trial, block, statistic)."""


TakeJoined = Callable[[Span | PositionSpan, int, np.ndarray, np.ndarray, np.ndarray], None]
"""Given a span, an asset, positions in the span, and what `event.TakeJoined` says."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """One backtest's engine: points in, statistics and metrics out.

    Parameters
    ----------
    plan : Plan or PositionPlan
    market : Market
    engine : {"auto", "event", "dense"}
        Of rules; a position function runs on the dense one.
    """

    plan: Plan | PositionPlan
    market: Market
    engine: str
    _whole: Market = field(init=False)
    budget: Budget = field(init=False)
    """Of memory, where all metrics and the sums of all blocks are asked for, as a search does."""
    _block_budget: Budget = field(init=False)
    _lean_budget: Budget = field(init=False)
    _ground: Ground = field(init=False)

    def __post_init__(self) -> None:
        whole = replace(self.market, edges=self.market.edges[[0, -1]])
        object.__setattr__(self, "_whole", whole)
        limit = self.plan.store.memory_limit
        ground = Ground(self.market, limit // 4)
        runs = "function" if isinstance(self.plan, PositionPlan) else "dense" if self.engine == "dense" else "event"
        object.__setattr__(self, "_ground", ground)
        object.__setattr__(self, "budget", Budget(self.market, ground, limit=limit, engine=runs))
        of_blocks = Budget(self.market, ground, limit=limit, engine=runs, asked="blocks")
        object.__setattr__(self, "_block_budget", of_blocks)
        object.__setattr__(self, "_lean_budget", Budget(whole, ground, limit=limit, engine=runs, asked="lean"))

    def block_statistics(self, points: Points) -> np.ndarray:
        """Block statistics of all points, (point, asset, block, statistic)."""
        market = self.market
        result = np.empty((points.n, len(market.prices), len(market.edges) - 1, len(STATISTICS)))

        def take(span: AnySpan, assets: np.ndarray, chosen: np.ndarray, stats: np.ndarray) -> None:
            result[span.positions[chosen], assets[:, np.newaxis]] = stats

        self._run(points, market, Wanted(), take)
        return result

    def metrics(self, points: Points, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Metrics of all points, (point, asset), holding the statistics of one slice a core at a time."""
        if any(name not in METRICS for name in names):  # of windows of time, which need all blocks
            return self.evaluation(points, names)[0]
        n_assets = len(self.market.prices)
        wanted = Wanted(rest=not LEAN_METRICS.issuperset(names), drawdown=not DRAWDOWN_METRICS.isdisjoint(names))
        market = self.market if wanted.rest else self._whole

        joined = np.zeros((len(WINDOW), n_assets, points.n))  # memory that nobody writes to is none
        columns = np.arange(len(WINDOW)) if wanted.rest else np.array(LEAN)

        def take(span: AnySpan, assets: np.ndarray, chosen: np.ndarray, stats: np.ndarray) -> None:
            join_into(np.ascontiguousarray(stats), assets, span.positions[chosen], columns, joined)

        def take_joined(span: AnySpan, asset: int, chosen: np.ndarray, whole: np.ndarray, _: np.ndarray) -> None:
            joined[:, asset, span.positions[chosen]] = whole.T

        self._run(points, market, wanted, take, take_joined)
        return metrics_of_joined(joined.T, names, market)

    def evaluation(self, points: Points, names: tuple[str, ...]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Metrics of all points, (point, asset), and of their blocks sum and sum_sq, means over assets, (point, block).

        Holds the statistics of one slice a core at a time, which are ten times as large.
        """
        n_assets, n_blocks = len(self.market.prices), len(self.market.edges) - 1
        joined = np.empty((len(WINDOW), n_assets, points.n)).T
        sums = {name: np.empty((points.n, n_assets, n_blocks)) for name in ("sum", "sum_sq")}
        windowed = {name: np.empty((points.n, n_assets)) for name in names if name not in METRICS}

        def take(span: AnySpan, assets: np.ndarray, chosen: np.ndarray, stats: np.ndarray) -> None:
            where = span.positions[chosen], assets[:, np.newaxis]
            joined[where] = join(stats)
            for name, each in sums.items():
                each[where] = stats[..., STATISTICS.index(name)]
            for name, values in windowed_metrics(stats, windowed, self.market).items():
                windowed[name][where] = values

        def take_joined(span: AnySpan, asset: int, chosen: np.ndarray, whole: np.ndarray, both: np.ndarray) -> None:
            where = span.positions[chosen], asset
            joined[where] = whole
            for each, found in zip(sums.values(), both, strict=True):
                each[where] = found

        # windows of time are made of whole statistics a block
        self._run(points, self.market, Wanted(), take, None if windowed else take_joined)
        metrics = metrics_of_joined(joined, [name for name in names if name not in windowed], self.market)
        blocks = {name: each[:, 0] if n_assets == 1 else each.mean(axis=1) for name, each in sums.items()}
        return metrics | windowed, blocks

    def record(self, points: Points) -> tuple[np.ndarray, list[dense.Recording]]:
        """Block statistics of one point, (asset, block, statistic), and what it did bar by bar, an asset each."""
        (signals,) = self.plan.signals(points)
        market, assets = self.market, range(len(self.market.prices))
        try:
            if isinstance(signals, Targets):
                stats = evaluate_targets(market, signals)[0]
                return stats, [record_targets(market, signals, asset) for asset in assets]
            return dense.evaluate(market, signals)[0], [dense.record(market, signals, asset) for asset in assets]
        finally:
            release_room()

    def cut(self, points: Points, budget: Budget) -> list[tuple[Piece, Cut, int | None]]:
        """Points in pieces that fit into memory, how each is run, and how many assets at a time if not all.

        Raises
        ------
        StrategyError
            If one trial does not fit.
        """
        n_assets, threads = len(self.market.prices), n_threads()

        def share(nodes: Mapping[str, Node]) -> int:
            whole = budget.share(nodes)
            return group_share(whole, n_assets, threads) if self._may_group(nodes) else whole

        made: list[tuple[Piece, Cut, int | None]] = []
        for piece in self.plan.pieces(points, share):
            if piece.n_bytes <= budget.share(piece.nodes) or not self._may_group(piece.nodes):
                made.append((piece, budget.cut(piece, threads), None))
            else:
                made.append((piece, *cut_groups(budget, piece, n_assets, threads)))
        return made

    def _may_group(self, nodes: Mapping[str, Node]) -> bool:
        """Whether features of a few assets at a time will do."""
        store, is_event = self.plan.store, isinstance(self.plan, Plan) and self.engine != "dense"
        is_kept = store.path is not None or store.dtype != "float64"  # or rounded
        return is_event and len(self.market.prices) > 1 and not is_kept and can_pass(nodes.values())

    def _run(
        self, points: Points, market: Market, wanted: Wanted, take: Take, take_joined: TakeJoined | None = None
    ) -> None:
        """Run all points, slice by slice on all cores, and give their statistics to `take`, or what is joined."""

        def with_span(span: AnySpan) -> event.TakeJoined | None:
            return None if take_joined is None else partial(take_joined, span)

        def run(span: AnySpan, chosen: np.ndarray, bits: BitSignals | None = None) -> None:
            if isinstance(span, PositionSpan) or self.engine == "dense":
                stats = self._bar_by_bar(market, span, chosen, wanted).swapaxes(0, 1)
                take(span, np.arange(len(stats)), chosen, stats)
            else:
                event.evaluate(market, self._ground, span, chosen, wanted, partial(take, span), with_span(span), bits)

        def run_group(group: Group, span: Span, chosen: np.ndarray) -> None:
            def take_group(assets: np.ndarray, positions: np.ndarray, stats: np.ndarray) -> None:
                take(span, assets + group.first, positions, stats)

            of_span = with_span(span)
            moved = None if of_span is None else lambda asset, *found: of_span(asset + group.first, *found)
            event.evaluate(group.market, group.ground, span, chosen, wanted, take_group, moved)

        all_joined = self.budget if take_joined else self._block_budget
        budget = self._lean_budget if market is self._whole else all_joined
        cuts = self.cut(points, budget)  # what does not fit is refused first
        joins = wanted.rest and take_joined is not None
        tables = self._ground.tables_ahead(market.edges, with_falls=wanted.rest, with_extremes=joins)
        try:
            for piece, cut, n_together in cuts:
                with lend(self.plan.store, cut.lent_bytes):
                    if n_together is not None and isinstance(self.plan, Plan):
                        run_groups(self.plan, piece, cut, n_together, market, self._ground, run_group)
                    else:
                        self._run_piece(piece, cut, run, tables if cut.need.kind == "long" else None)
        finally:
            release_room()

    def _run_piece(self, piece: Piece, cut: Cut, run: Callable[..., None], tables: Callable[[], None] | None) -> None:
        """Run points whose features fit into memory together; they are dropped before the next piece's are made."""
        slices = _slices(piece, cut)
        with meanwhile(tables):  # which `run` needs beside the features
            span = self.plan.span(piece)
            work = [partial(run, span, chosen) for chosen in slices]
            if isinstance(span, Span):
                span.prepare()
                if 1 < len(slices) <= cut.threads and self.engine != "dense":
                    # one after the other: side by side each thread would wait for Python at every step of the other
                    work = [partial(each, bits=span.bits(chosen)) for each, chosen in zip(work, slices, strict=True)]
        on_all_cores(work, cut.threads)

    def _bar_by_bar(self, market: Market, span: AnySpan, chosen: np.ndarray, wanted: Wanted) -> np.ndarray:
        if isinstance(span, PositionSpan):
            return evaluate_targets(market, span.signals(chosen), with_drawdown=wanted.drawdown)
        return dense.evaluate(market, span.signals(chosen), with_drawdown=wanted.drawdown)


def _slices(piece: Piece, cut: Cut) -> list[np.ndarray]:
    """Positions of the points of each slice.

    Where each thread has one, and hardly two trials share a condition, it is every so manieth point: those next to each
    other trade as often, and one thread would have most of the trades.
    """
    points = piece.points
    slices = points.slices(cut.slice_points)
    if not 1 < len(slices) <= cut.threads:
        return slices
    n_rows = sum(len(points.rows(part.params)[0]) for part in parts_of(piece.nodes))
    own_rows = max((len(points.rows(part.params)[0]) for part in parts_of(piece.nodes)), default=0)
    if own_rows < points.n or n_rows - own_rows > points.n // _FEW_SHARED:
        return slices
    return [np.arange(k, points.n, len(slices)) for k in range(len(slices))]


def mean_of_assets(values: np.ndarray) -> np.ndarray:
    """Mean over assets of (point, asset) values that are not missing; NaN where all are."""
    if values.shape[1] == 1:
        return np.asarray(values[:, 0])
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1))
