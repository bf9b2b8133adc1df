"""The event engine: from bits of conditions to block statistics, without touching the bars on which nothing happens.

Two kernels: long positions of the whole account need two look-ups a trade (`_kernels/long_only.py`); everything else of
the trading model goes from event to event (`_kernels/events.py`). A trial whose sums might have lost digits, or that
meets what the event engine cannot do exactly, says so and runs on the dense engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mrtoolkit.backtest import dense
from mrtoolkit.backtest._kernels.columns import STATISTICS
from mrtoolkit.backtest._kernels.events import run_events
from mrtoolkit.backtest._kernels.long_assets import run_lean_assets
from mrtoolkit.backtest._kernels.long_blocks import STATE, begin_blocks, finish_blocks, run_full
from mrtoolkit.backtest._kernels.long_joined import JOINED_STATE, begin_joined, finish_joined, run_joined
from mrtoolkit.backtest._kernels.long_only import SUMS, TILE_WORDS, LongMarket, LongSignals, finish_lean, run_lean
from mrtoolkit.backtest._kernels.tables import TILE
from mrtoolkit.backtest._kernels.window import WINDOW
from mrtoolkit.backtest.ground import Ground
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.room import room
from mrtoolkit.strategy._kernels.conditions import fill_rows
from mrtoolkit.strategy.signals import BitSignals
from mrtoolkit.strategy.span import Span

_CALL_BARS = 150_000_000  # bars times trials of one kernel call: well under 50 ms
_CALL_BARS_FULL = 60_000_000  # the same where all statistics of all blocks are booked


_ASSETS_AT_ONCE, _RESULTS_AT_ONCE = 32, 8_192  # assets of one call, and their trials: a megabyte of statistics


TakeJoined: TypeAlias = Callable[[int, np.ndarray, np.ndarray, np.ndarray], None]
"""Given an asset, positions, statistics of the whole, (trial, `WINDOW`), and sums of blocks, (2, trial, block)."""
_Prepared: TypeAlias = tuple[LongMarket, LongSignals, np.ndarray, np.ndarray, np.ndarray, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which statistics are asked for; the rest is not computed and stays zero.

    Attributes
    ----------
    rest : bool
        More than bars, sum, sum_sq, growth, trades and wins.
    drawdown : bool
        Highest, lowest and worst too.
    """

    rest: bool = True
    drawdown: bool = True


def evaluate(
    market: Market, ground: Ground, span: Span, chosen: np.ndarray, wanted: Wanted,
    take: Callable[[np.ndarray, np.ndarray, np.ndarray], None], take_joined: TakeJoined | None = None,
    signals: BitSignals | None = None,
) -> None:  # fmt: skip
    """Run the points at some positions of a span, one asset after the other, or some small ones in one call.

    Parameters
    ----------
    market : Market
        Its edges are the borders of the blocks.
    ground : Ground
        What the same market's bars give to all trials.
    take : callable
        Is given assets, positions in the span, and their statistics, (asset, trial, block, statistic), in memory that
        is overwritten afterwards. Of an asset and position it keeps what it was given last.
    take_joined : callable, optional
        Is given those that can be had at once, without all statistics of all blocks, in the place of `take`.
    signals : BitSignals, optional
        What `span.bits(chosen)` gives, if that is known.
    """
    signals = span.bits(chosen) if signals is None else signals
    n_assets, n_blocks = span.shape[0], len(market.edges) - 1
    exact = np.zeros((n_assets, len(chosen)), dtype=np.uint8)
    may_be_plain = span.is_plain
    plain = [may_be_plain and ground.is_plain(asset) for asset in range(n_assets)]
    single = np.arange(n_assets)
    n_together = min(_ASSETS_AT_ONCE, _RESULTS_AT_ONCE // len(chosen), _CALL_BARS // (market.n_bars * len(chosen)))
    if n_together > 1 and n_assets > 1 and n_blocks == 1 and not wanted.rest and not ground.keeps:
        for assets in _together(market, np.flatnonzero(plain), n_together):
            take(assets, chosen, _run_assets(market, ground, signals, assets, exact))
        single = np.flatnonzero(~np.array(plain))
    for asset in single.tolist():
        if plain[asset] and take_joined is not None and wanted.rest:
            take_joined(asset, chosen, *_run_joined(market, ground, signals, asset, wanted, exact[asset]))
            continue
        stats = room("stats", (len(chosen), n_blocks, len(STATISTICS)), np.float64)
        run = _run_long if plain[asset] else _run_events
        run(market, ground, signals, asset, wanted, stats, exact[asset])
        take(np.array([asset]), chosen, stats[np.newaxis])
    if exact.all():
        return
    again = np.flatnonzero(~exact.all(axis=0))
    for part in np.array_split(again, -(-again.size // span.dense_slice)):
        signals_again = span.signals(chosen[part])
        for asset in np.flatnonzero(~exact[:, part].all(axis=1)).tolist():
            bar_by_bar = dense.evaluate_asset(market, signals_again, asset, with_drawdown=wanted.drawdown)
            take(np.array([asset]), chosen[part], bar_by_bar[np.newaxis])


def _together(market: Market, assets: np.ndarray, at_most: int) -> Iterator[np.ndarray]:
    """Cut assets into groups whose closes end at the same bar."""
    ends = np.array(market.ends)[assets]
    for end in np.unique(ends):
        alike = assets[ends == end]
        yield from (alike[k : k + at_most] for k in range(0, len(alike), at_most))


def _run_assets(
    market: Market, ground: Ground, signals: BitSignals, assets: np.ndarray, exact: np.ndarray
) -> np.ndarray:
    """All trials of a slice on some assets in one call; their lean statistics, (asset, trial, block, statistic)."""
    n_trials = len(signals.points)
    place = ground.long_market(int(assets[0]), market.edges)
    n_words = -(-place.end // 64)
    work = (  # of few words no more: rows 1,024 bytes apart would all share a few lines of the first cache
        room("bits", (len(signals.rows), n_words if signals.has_shifts else min(n_words, TILE_WORDS)), np.uint64),
        room("fills", (TILE + 64,), np.int32),
        np.empty((n_trials, 2), dtype=np.uint64),
        np.empty((n_trials, len(SUMS))),
    )
    recipes = LongSignals(
        signals.rows, signals.n_compared, signals.places.of_asset(0), signals.places.steps,
        signals.groups, signals.rules, signals.flips, np.empty(n_trials, dtype=np.int64),
    )  # fmt: skip
    raws, marks = ground.addresses
    stats = room("stats", (len(assets), n_trials, len(STATISTICS)), np.float64)
    stats[:] = 0.0
    run_lean_assets(
        assets, recipes, signals.places.asset_bytes, signals.warm, place, raws, marks, market.start, work, stats, exact
    )
    return stats[:, :, np.newaxis]


def _run_joined(
    market: Market, ground: Ground, signals: BitSignals, asset: int, wanted: Wanted, exact: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All trials of a slice on one asset: the statistics of the whole, (trial, `WINDOW`), sums, (2, trial, block)."""
    n_trials, n_blocks = len(signals.points), len(market.edges) - 1
    joined = room("joined", (n_trials, len(WINDOW)), np.float64)
    sums = room("sums", (2, n_trials, n_blocks), np.float64)
    state = room("state", (n_trials, len(JOINED_STATE)), np.float64)
    place, recipes, bits, fills, carried, calls = _prepared(market, ground, signals, asset, _CALL_BARS_FULL)
    falls, highs = ground.falls(asset), ground.extremes(asset)
    begin_joined(state, joined, sums)
    for tiles in calls:
        run_joined(
            recipes, place, falls, highs, wanted.drawdown, tiles, bits, fills, carried, state, joined, sums
        )
    finish_joined(market.n_bars - market.start, market.risk_free_bar, carried, state, joined, exact)
    return joined, sums


def _prepared(market: Market, ground: Ground, signals: BitSignals, asset: int, call_bars: int) -> _Prepared:
    """What the kernels of long positions take, and the tiles of each call."""
    n_trials = len(signals.points)
    place = ground.long_market(asset, market.edges)
    n_words = -(-place.end // 64)
    bits = room("bits", (len(signals.rows), n_words if signals.has_shifts else TILE_WORDS), np.uint64)
    fills = room("fills", (TILE + 64,), np.int32)
    recipes = LongSignals(
        signals.rows, signals.n_compared, signals.places.of_asset(asset), signals.places.steps,
        signals.groups, signals.rules, signals.flips, np.maximum(signals.warm[asset], market.start),
    )  # fmt: skip
    n_tiles = len(place.cells.of_tile) - 1
    step = max(1, call_bars // (TILE * n_trials))
    calls = [(tile, min(tile + step, n_tiles)) for tile in range(market.start // TILE, n_tiles, step)]
    return place, recipes, bits, fills, np.zeros((n_trials, 2), dtype=np.uint64), calls


def _run_long(
    market: Market, ground: Ground, signals: BitSignals, asset: int, wanted: Wanted, stats: np.ndarray,
    exact: np.ndarray,
) -> None:  # fmt: skip
    """All trials of a slice on one asset, tile after tile, in calls of under 50 ms."""
    n_trials, is_full = len(signals.points), wanted.rest or len(market.edges) > 2
    call_bars = _CALL_BARS_FULL if is_full else _CALL_BARS
    place, recipes, bits, fills, carried, calls = _prepared(market, ground, signals, asset, call_bars)
    if is_full:
        state = np.zeros((n_trials, len(STATE)))
        state[:, :7] = (1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0)  # as much of anything as at the begin
        begin_blocks(market.edges, market.risk_free_bar, stats)
        falls = ground.falls(asset)
        for tiles in calls:
            run_full(recipes, place, falls, wanted.drawdown, market.edges, tiles, bits, fills, carried, state, stats)
        finish_blocks(market.risk_free_bar, carried, state, stats, exact)
    else:
        stats[:] = 0.0
        sums = np.zeros((n_trials, len(SUMS)))
        sums[:, SUMS.index("growth")] = 1.0
        for tiles in calls:
            run_lean(recipes, place, tiles, bits, fills, carried, sums)
        finish_lean(place.mark[place.end - 1], market.n_bars - market.start, carried, sums, stats[:, 0], exact)


def _run_events(
    market: Market,
    ground: Ground,
    signals: BitSignals,
    asset: int,
    wanted: Wanted,
    stats: np.ndarray,
    exact: np.ndarray,
) -> None:  # fmt: skip
    n_words = -(-market.n_bars // 64)
    bits = room("bits", (len(signals.rows), n_words), np.uint64)
    places = signals.places
    fill_rows(
        signals.rows, signals.n_compared, places.of_asset(asset), places.steps, signals.groups,
        0, n_words, 0, market.n_bars, bits,
    )  # fmt: skip
    stats[:] = 0.0
    settings = tuple(values[asset] for values in signals.settings)
    scope = market.scope(with_drawdown=wanted.drawdown, with_rest=wanted.rest)
    run_events(
        market.prices[asset], ground.track(asset), bits, signals.flips, signals.rules, settings,
        signals.index, signals.warm[asset], market.setup(asset), market.costs, scope, stats, exact,
    )  # fmt: skip
