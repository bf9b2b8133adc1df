"""Making the plan of a batch: counting what its points have in common, and trying a few of them on a few bars."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mrtoolkit.backtest._kernels.columns import STATISTICS
from mrtoolkit.backtest.asset_groups import in_hand
from mrtoolkit.backtest.budget import Cut, parts_of
from mrtoolkit.backtest.forecast import BatchPlan
from mrtoolkit.backtest.metrics import METRICS
from mrtoolkit.backtest.points import as_request
from mrtoolkit.backtest.running import Runner
from mrtoolkit.errors import MrtoolkitError, StrategyError
from mrtoolkit.evaluation import CodedPoints
from mrtoolkit.expressions.nodes import Call
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.outlook import Outlook
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.operands import calls_of
from mrtoolkit.strategy.pieces import Piece
from mrtoolkit.strategy.points import Points

if TYPE_CHECKING:
    from mrtoolkit.backtest.backtest import Backtest

_ENUMERATED = 200_000  # points of a lattice
_SAMPLED = 4_096
_SLACK_BYTES = 2 * 2**20  # of Python's objects and what threads begin with
_TRIED_SECONDS = 0.01
_TRIED_VALUES = 3_000_000  # bars times points times assets: under what is worth threads
_TRIED_BARS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The points that a plan is for: all of them, or some of `n` of a space that is too large to be gone through.

    Attributes
    ----------
    points : CodedPoints or DataFrame
    n : int
        How many there are in all.
    sizes : mapping of name to int
        Labels a parameter of a space.
    """

    points: Any
    n: int
    sizes: Mapping[str, int] = field(default_factory=dict)

    def grown(self, calls: Sequence[Call], sampled: int) -> float:
        """How many times more features all points have than the sampled ones, where the sets of labels are free."""
        if not self.sizes:
            return 1.0
        rows = {part.key: part for call in calls for part in walk(call) if isinstance(part, Call)}
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
        points = space.coded(codes[space.satisfies(codes)])
        return Asked(points=points, n=points.n)
    drawn = np.random.default_rng(0).integers(0, space.sizes, (_SAMPLED, len(space.sizes)))
    codes = drawn[space.satisfies(drawn)]
    if not len(codes):
        raise StrategyError(
            f"the constraints of the space leave none of {_SAMPLED:,} points drawn from it, so nothing can be said "
            "of them all; plan a table of points instead."
        )
    n = max(len(codes), int(space.count()[0]))
    return Asked(points=space.coded(codes), n=n, sizes=dict(zip(space.params, space.sizes, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a few trials over a few bars took.

    Attributes
    ----------
    trial_seconds : float
        Of one trial over the whole history on one thread.
    call_seconds : float
        Of running a piece, however few its trials.
    backtest : Backtest
        Which was run; its store knows what its features cost.
    longer : float
        By how much the whole history is longer.
    """

    trial_seconds: float
    call_seconds: float
    backtest: Backtest
    longer: float

    def seconds_of(self, calls: Sequence[Call]) -> float:
        """Seconds that computing features takes over the whole history, of those that were tried."""
        known = self.backtest.store.outlook(self.backtest.bars, calls, anew=True)
        return known.compute_seconds * self.longer


def plan_batch(backtest: Backtest, runner: Runner, points: Any) -> BatchPlan:
    """Return the plan of points, or of a space."""
    if hasattr(points, "dimensions"):
        asked = points_of_space(points)
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
    outlook = plan.store.outlook(plan.bars, calls)
    grown = asked.grown([call for node in plan.nodes.values() for call in calls_of(node)], len(calls))
    groups = plan.pieces(points, lambda _: 2**62)
    conditions = sum(len(g.points.rows(part.params)[0]) for g in groups for part in parts_of(g.nodes))
    more = n / points.n
    slices = sum(-(-piece.points.n // cut.slice_points) for piece, cut in zip(pieces, cuts, strict=True))
    threads = max(cut.threads for cut in cuts)
    feature_bytes, times = _feature_bytes(outlook, grown, pieces, cuts, plan.store.memory_limit)
    feature_seconds = outlook.compute_seconds + (tried.seconds_of(outlook.unknown) if tried else math.nan)
    trial_seconds = (
        n * tried.trial_seconds / min(threads, slices) + len(pieces) * tried.call_seconds if tried else math.nan
    )
    kinds = tuple(dict.fromkeys(cut.need.kind for cut in cuts))
    return BatchPlan(
        n_trials=n,
        n_bars=market.n_bars,
        n_assets=n_assets,
        engine="dense" if {"dense", "function"}.intersection(kinds) else "event",
        kinds=kinds,
        features=round(grown * len(calls)),
        to_compute=round(grown * len(outlook.missing)),
        in_memory=round(grown * outlook.in_memory),
        on_disk=round(grown * outlook.on_disk),
        conditions=math.ceil(conditions * more),
        spans=math.ceil(len(pieces) * more),
        slices=math.ceil(slices * more),
        threads=threads,
        memory_limit=budget.limit,
        feature_bytes=feature_bytes,
        work_bytes=_work_bytes(runner, pieces, cuts),
        result_bytes=8 * n * (n_assets * len(METRICS) + 4 * len(points.labels)),
        block_bytes=8 * n * n_assets * n_blocks * len(STATISTICS),
        disk_bytes=round(grown * outlook.disk_bytes),
        feature_seconds=grown * (outlook.read_seconds + times * feature_seconds),
        trial_seconds=trial_seconds,
        is_sample=n > points.n,
    )


def _feature_bytes(
    outlook: Outlook, grown: float, pieces: Sequence[Piece], cuts: Sequence[Cut], limit: int
) -> tuple[int, float]:
    """How much more the store will hold with what is made at once, and how often a feature is made."""
    if not any(piece.kept_bytes for piece in pieces):  # computed in passing
        return 0, 1.0
    held, new = outlook.held_bytes, round(grown * outlook.missing_bytes)
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
        largest = max(largest, piece.own_bytes + worked_in)
    kept = max(cut.need.kept for cut in cuts)
    return max(0, kept - runner.budget.held_bytes) + largest + _SLACK_BYTES


def try_out(backtest: Backtest, points: Points) -> Tried | None:
    """Run some of the points over the last bars, features and all, and then again until it can be timed.

    None where they cannot be run there.
    """
    n_bars, n_assets = backtest.bars.sizes["time"], backtest.bars.sizes.get("asset", 1)
    few = min(n_bars, max(1_000, min(_TRIED_BARS, _TRIED_VALUES // (8 * n_assets))))
    with contextlib.suppress(MrtoolkitError):
        shorter = _of_last(backtest, few)
        n, least = min(points.n, 8), math.inf
        while True:
            chosen = points.take(np.unique(np.linspace(0, points.n - 1, n).astype(np.int64)))
            shorter.evaluate(_coded(chosen))  # makes the features, and what is to be compiled
            seconds = _seconds_of(shorter, chosen)
            least = min(least, _seconds_of(shorter, chosen.take(np.arange(1))))  # of which most is not the trial's
            more = min(4 * n, points.n, _TRIED_VALUES // (few * n_assets))
            if seconds > _TRIED_SECONDS or more <= n:
                each = (seconds - least) / (chosen.n - 1) if chosen.n > 1 and seconds > least else seconds / chosen.n
                return Tried(
                    trial_seconds=each * n_bars / few, call_seconds=least, backtest=shorter, longer=n_bars / few
                )
            n = more
    return None


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
