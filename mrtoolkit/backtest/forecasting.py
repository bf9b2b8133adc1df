"""Making the plan of a batch: counting what its points have in common, and trying a few of them on a few bars."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mrtoolkit.backtest._kernels.columns import STATISTICS
from mrtoolkit.backtest._kernels.window import WINDOW
from mrtoolkit.backtest.asset_groups import in_hand
from mrtoolkit.backtest.budget import Cut, parts_of
from mrtoolkit.backtest.forecast import BatchPlan
from mrtoolkit.backtest.metrics import METRICS
from mrtoolkit.backtest.points import as_request
from mrtoolkit.backtest.running import Runner
from mrtoolkit.errors import MrtoolkitError, StrategyError
from mrtoolkit.evaluation import CodedPoints
from mrtoolkit.expressions.nodes import Call, OnTimeframe
from mrtoolkit.features.for_engines import outlook
from mrtoolkit.features.outlook import Outlook
from mrtoolkit.features.row_memory import LARGE_PAGE, SMALLEST
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.operands import calls_of
from mrtoolkit.strategy.pieces import Piece
from mrtoolkit.strategy.points import Points

if TYPE_CHECKING:
    from mrtoolkit.backtest.backtest import Backtest

_ENUMERATED = 1_000_000  # points of a lattice
_SAMPLED = 4_096
_SLACK_BYTES = 2**20  # of Python's objects and what threads begin with
_CARRIED_BYTES = 8 * (len(WINDOW) + 10)  # of a point until all are done: its statistics, codes, rows and first bar
_TRIED_SECONDS = 0.02
_TRIED_VALUES = 24_000_000  # bars times points times assets
_TRIED_BARS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The points that a plan is for: all of them, or some of `n` of a space that is too large to be gone through.

    Attributes
    ----------
    points : CodedPoints or DataFrame
    n : int
        How many there are in all.
    is_counted : bool
        `n` is exact.
    sizes : mapping of name to int
        Labels a parameter of a space.
    """

    points: Any
    n: int
    is_counted: bool = True
    sizes: Mapping[str, int] = field(default_factory=dict)

    def grown(self, calls: Sequence[Call | OnTimeframe], sampled: int) -> float:
        """How many times more features all points have than the sampled ones, where the sets of labels are free."""
        if not self.sizes:
            return 1.0
        rows = {part.key: part for call in calls for part in calls_of(call)}
        n = sum(min(self.n, math.prod(self.sizes[name] for name in call.params)) for call in rows.values())
        return max(1.0, n / max(1, sampled))


def points_of_space(space: Any) -> Asked:
    """Return a space's lattice where it is small, else a sample of it.

    Raises
    ------
    StrategyError
        If its constraints leave so little that a sample finds nothing.
    """
    if space.size <= _ENUMERATED:
        codes = np.indices(space.sizes).reshape(len(space.sizes), -1).T
        points = space.coded(space.distinct(codes))
        return Asked(points=points, n=points.n)
    codes = space.distinct(space.sample(_SAMPLED))
    if not len(codes):
        raise StrategyError(
            f"the constraints of the space leave none of {_SAMPLED:,} points drawn from it, so nothing can be said "
            "of them all; plan a table of points instead."
        )
    count = space.count()
    sizes = dict(zip(space.params, space.sizes, strict=True))
    n = max(len(codes), count.n)
    return Asked(points=space.coded(codes), n=n, is_counted=count.is_exact, sizes=sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What some batches over a few bars took.

    Attributes
    ----------
    call_seconds : float
        Of running a piece, however few its trials and bars.
    work_seconds : (3,) float64
        Of one thread over the whole history: a feature that is there already, a distinct condition, a trial.
    backtest : Backtest
        Which was run; its store knows what its features cost.
    longer : float
        By how much the whole history is longer.
    """

    call_seconds: float
    work_seconds: np.ndarray
    backtest: Backtest
    longer: float

    def seconds_of(self, calls: Sequence[Call | OnTimeframe]) -> float:
        """Seconds that computing features takes over the whole history, of those that were tried."""
        known = outlook(self.backtest.store, self.backtest.bars, calls, anew=True)
        return known.compute_seconds * self.longer


def plan_batch(backtest: Backtest, runner: Runner, points: Any) -> BatchPlan:
    """Return the plan of points, or of a space."""
    if hasattr(points, "dimensions"):
        asked = points_of_space(points)
    elif not isinstance(points, Mapping | pd.DataFrame | Iterable) or isinstance(points, str):
        raise StrategyError(
            f"points are {type(points).__name__}, but a plan is of a Space (of a study its study.space), a grid such "
            "as {'fast': [5, 10], 'slow': 40}, a table with a column a parameter, or a list of points."
        )
    else:
        given = as_request(points).points
        asked = Asked(points=given, n=len(given))
    made = Points.from_frame(asked.points, backtest.params)
    if not made.n:
        raise StrategyError("there are no points, so there is nothing to plan; give at least one.")
    return forecast(runner, made, asked, try_out(backtest, made))


def forecast(runner: Runner, points: Points, asked: Asked, tried: Tried | None) -> BatchPlan:
    """Count what the points need and return it as a plan; `points` are what was asked for, or a sample of it."""
    n = asked.n
    plan, market, budget = runner.plan, runner.market, runner.budget
    n_assets, n_blocks = len(market.prices), len(market.edges) - 1
    made = runner.cut(points, budget)
    pieces = [piece if k is None else in_hand(piece, n_assets, k, cut.threads) for piece, cut, k in made]
    cuts = [cut for _, cut, _ in made]
    calls = plan.calls(points)
    found = outlook(plan.store, plan.bars, calls)
    grown = asked.grown([call for node in plan.nodes.values() for call in calls_of(node)], len(calls))
    groups = plan.pieces(points, lambda _: 2**62)
    conditions = sum(len(g.points.rows(part.params)[0]) for g in groups for part in parts_of(g.nodes))
    more = n / points.n
    slices = sum(-(-piece.points.n // cut.slice_points) for piece, cut in zip(pieces, cuts, strict=True))
    threads = max(cut.threads for cut in cuts)
    feature_bytes, times = _feature_bytes(found, grown, pieces, cuts, plan.store.memory_limit)
    feature_seconds = found.compute_seconds + (tried.seconds_of(found.unknown) if tried else math.nan)
    work = work_of(runner, points)
    trial_seconds = math.nan
    if tried:
        trial_seconds = more * float(work @ np.array([tried.call_seconds, *tried.work_seconds]))
    kinds = tuple(dict.fromkeys(cut.need.kind for cut in cuts))
    return BatchPlan(
        n_trials=n,
        n_bars=market.n_bars,
        n_assets=n_assets,
        engine="dense" if {"dense", "function"}.intersection(kinds) else "event",
        kinds=kinds,
        features=round(grown * len(calls)),
        to_compute=round(grown * len(found.missing)),
        in_memory=round(grown * found.in_memory),
        on_disk=round(grown * found.on_disk),
        conditions=math.ceil(conditions * more),
        spans=math.ceil(len(pieces) * more),
        slices=math.ceil(slices * more),
        threads=threads,
        memory_limit=budget.limit,
        feature_bytes=feature_bytes,
        work_bytes=_work_bytes(runner, pieces, cuts) + _CARRIED_BYTES * n * n_assets,
        result_bytes=8 * n * (n_assets * len(METRICS) + 4 * len(points.labels)),
        block_bytes=8 * n * n_assets * n_blocks * len(STATISTICS),
        disk_bytes=round(grown * found.disk_bytes),
        feature_seconds=grown * (found.read_seconds + times * feature_seconds),
        trial_seconds=trial_seconds,
        n_sampled=points.n if n > points.n else 0,
        is_counted=asked.is_counted,
    )


def _feature_bytes(
    found: Outlook, grown: float, pieces: Sequence[Piece], cuts: Sequence[Cut], limit: int
) -> tuple[int, float]:
    """How much more the store will hold with what is made at once, and how often a feature is made."""
    if not any(piece.kept_bytes for piece in pieces):  # computed in passing
        return 0, 1.0
    held, new = found.held_bytes, round(grown * found.missing_bytes)
    room = limit - max(cut.lent_bytes for cut in cuts)
    if held + new <= room:
        return new, 1.0
    together = min(new, max(piece.kept_bytes for piece in pieces))
    made = min(new, max(cut.made_bytes for cut in cuts))
    return max(room - held, together) + made, max(1.0, sum(piece.kept_bytes for piece in pieces) / max(1, new))


def _work_bytes(runner: Runner, pieces: Sequence[Piece], cuts: Sequence[Cut]) -> int:
    """What the largest piece works in, and what is kept of the market from now on."""
    largest = 0
    for piece, cut in zip(pieces, cuts, strict=True):
        need, n = cut.need, cut.slice_points
        at_work = min(cut.threads, -(-piece.points.n // n))
        first = piece.points.take(np.arange(n))
        rows = sum(len(first.rows(part.params)[0]) for part in parts_of(piece.nodes))
        rows = n if need.kind == "function" else rows + 1
        worked_in = at_work * (need.thread + n * need.point + rows * need.row)
        largest = max(largest, piece.own_bytes, piece.own_bytes - piece.passing_bytes + worked_in)
    kept = max(cut.need.kept for cut in cuts)
    return max(0, kept - runner.budget.held_bytes) + largest + _SLACK_BYTES + _page_bytes(runner, pieces, kept)


def _page_bytes(runner: Runner, pieces: Sequence[Piece], kept: int) -> int:
    """Of large pages that rows leave unused: about half of one, for each table of the market and family of features."""
    row_bytes = 8 * runner.market.n_bars
    if row_bytes * len(runner.market.prices) < SMALLEST:
        return 0
    nodes = {id(node): node for piece in pieces for node in piece.nodes.values()}
    families = {call.name for node in nodes.values() for call in calls_of(node) if isinstance(call, Call)}
    n_tables = sum(kept // row_bytes >= 8 * n for n in (1, 2))  # each takes eight numbers a bar
    return (len(families) + n_tables) * LARGE_PAGE // 2


def try_out(backtest: Backtest, points: Points) -> Tried | None:
    """Run larger and larger batches of the points over the last bars, and tell apart what of the time grows with what.

    None where they cannot be run there.
    """
    n_bars, n_assets = backtest.bars.sizes["time"], backtest.bars.sizes.get("asset", 1)
    few = min(n_bars, max(1_000, min(_TRIED_BARS, _TRIED_VALUES // (64 * n_assets))))
    most = max(1, min(points.n, _TRIED_VALUES // (few * n_assets)))
    works, taken = [], []
    with contextlib.suppress(MrtoolkitError):
        shorter = _of_last(backtest, few)
        for n in sorted({1, max(1, most // 16), max(1, most // 4), most}):
            chosen = alike(points, n)
            shorter.evaluate(_coded(chosen))  # makes the features, and what is to be compiled
            taken.append(_seconds_of(shorter, chosen))
            works.append(work_of(shorter._runner, chosen))  # noqa: SLF001
            if taken[-1] > _TRIED_SECONDS:
                break
        call, *work = _fitted(np.array(works), np.array(taken))
        longer = n_bars / few
        return Tried(call_seconds=call, work_seconds=longer * np.array(work), backtest=shorter, longer=longer)
    return None


def work_of(runner: Runner, points: Points) -> np.ndarray:
    """Pieces, and the features, distinct conditions and trials of all of them, the latter three a thread."""
    cuts = runner.cut(points, runner.budget)
    feature_bytes = np.dtype(runner.plan.store.dtype).itemsize * runner.market.n_bars * len(runner.market.prices)
    total = np.array([float(len(cuts)), 0.0, 0.0, 0.0])
    for piece, cut, n_together in cuts:
        rows = sum(len(piece.points.rows(part.params)[0]) for part in parts_of(piece.nodes))
        n_slices = -(-piece.points.n // cut.slice_points)
        side_by_side = cut.threads if n_together is not None else min(cut.threads, n_slices)
        total[1:] += np.array([piece.kept_bytes / feature_bytes, rows, piece.points.n]) / side_by_side
    return total


def alike(points: Points, n: int) -> Points:
    """Some `n` of the points, which have about as much in common with each other as all have: a coarser grid of a grid.

    Of points that are no grid, such as drawn ones, every so manieth.
    """
    several = {name: codes for name, codes in points.codes.items() if len(points.labels[name]) > 1}
    share = (n / points.n) ** (1.0 / max(1, len(several)))
    is_kept = np.ones(points.n, dtype=bool)
    for name, codes in several.items():
        n_labels = len(points.labels[name])
        kept = np.zeros(n_labels, dtype=bool)
        kept[np.linspace(0, n_labels - 1, max(1, math.ceil(share * n_labels))).astype(np.int64)] = True
        is_kept &= kept[codes]
    found = np.flatnonzero(is_kept)
    if len(found) < max(1, n // 2):
        found = np.linspace(0, points.n - 1, n).astype(np.int64)
    return points.take(np.unique(found[np.linspace(0, len(found) - 1, min(n, len(found))).astype(np.int64)]))


def _fitted(works: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Seconds of each kind of work, none below 0, that come closest to what the batches took, in parts of it."""
    from scipy.optimize import nnls

    relative = works / taken[:, np.newaxis]
    scale = np.maximum(np.abs(relative).max(axis=0), 1e-300)
    found, _ = nnls(relative / scale, np.ones(len(taken)))
    return np.asarray(found / scale)


def _seconds_of(backtest: Backtest, points: Points) -> float:
    """Seconds of one evaluation, the better of two."""
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        backtest.evaluate(_coded(points))
        taken.append(time.perf_counter() - start)
    return min(taken)


def _coded(points: Points) -> CodedPoints:
    return CodedPoints(n=points.n, labels=points.labels, codes=points.codes)


def _of_last(backtest: Backtest, n_bars: int) -> Backtest:
    """The same backtest over the last bars alone, in blocks as long as its own, with a store of its own."""
    blocks = max(1, round(backtest.n_blocks * n_bars / backtest.bars.sizes["time"]))
    return type(backtest)(
        backtest.bars.isel(time=slice(-n_bars, None)), backtest.strategy, costs=backtest.costs, fill=backtest.fill,
        store=FeatureStore(dtype=backtest.store.dtype), engine=backtest.engine, blocks=blocks,
        periods_per_year=backtest.periods_per_year, risk_free=backtest.risk_free, cash=backtest.cash,
    )  # fmt: skip
