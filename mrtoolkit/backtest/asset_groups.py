"""Many assets, a few at a time: their features and trials while both lie in the caches, for memory that is too small.

Where the features of all assets do not fit into memory together, points would have to be run a few at a time, and
features that several of these share be made again. By groups of assets each is made once, and none is written further
away than the last cache.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mrtoolkit._threads import on_all_cores
from mrtoolkit.backtest.budget import Budget, Cut
from mrtoolkit.backtest.ground import Ground
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.room import room
from mrtoolkit.strategy.passing import PassingSpans
from mrtoolkit.strategy.pieces import Piece
from mrtoolkit.strategy.plan import Plan
from mrtoolkit.strategy.span import Span

_NEAR_BYTES = 8 * 2**20  # of a group's features: what lies in the last cache beside other threads' and tables
_MOST = 32  # assets of a group


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some assets side by side, from `first` on: their market, and what its bars give to all trials."""

    first: int
    market: Market
    ground: Ground


Run = Callable[[Group, Span, np.ndarray], None]
"""Given a group, the span over its assets, and positions of points."""


def group_share(share: int, n_assets: int, threads: int) -> int:
    """Bytes that the arrays of all assets may take, where of one asset a thread they may take a quarter of `share`."""
    return max(share, share // (4 * threads) * n_assets)


def cut_groups(budget: Budget, piece: Piece, n_assets: int, threads: int) -> tuple[Cut, int]:
    """Say on how many threads and in what slices of points a piece is run, and how many assets are run together."""
    n_together = max(1, min(_MOST, n_assets, _NEAR_BYTES * n_assets // piece.n_bytes))
    return budget.cut(in_hand(piece, n_assets, n_together, threads), threads), n_together


def in_hand(piece: Piece, n_assets: int, n_together: int, threads: int) -> Piece:
    """The piece as memory sees it: no thread holds more than the arrays of the assets that it runs together."""
    return replace(piece, kept_bytes=0, own_bytes=threads * n_together * -(-piece.n_bytes // n_assets), passing_bytes=0)


def run_groups(plan: Plan, piece: Piece, cut: Cut, n_together: int, market: Market, ground: Ground, run: Run) -> None:
    """Run a piece's points on all assets, group after group on all cores."""
    spans = PassingSpans(bars=plan.bars, store=plan.store, piece=piece)
    slices = piece.points.slices(cut.slice_points)
    local = threading.local()  # each thread goes on with the memory and the span that it had

    def run_group(first: int) -> None:
        assets = slice(first, first + n_together)
        own = replace(market, prices=market.prices[assets], ends=market.ends[assets])
        rows = room("features", (len(own.prices), *spans.room), np.float64)
        local.span = spans.span(first, rows, getattr(local, "span", None))
        group = Group(first=first, market=own, ground=ground.of_assets(own, first))
        for chosen in slices:
            run(group, local.span, chosen)

    on_all_cores([partial(run_group, first) for first in range(0, len(market.prices), n_together)], cut.threads)
