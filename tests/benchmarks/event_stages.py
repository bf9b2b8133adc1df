"""The stages of the event engine's sweep: what each of them moves and computes, and how long it takes here.

The stages of a slice run tile by tile within one kernel. So the kernel's place is taken by one that does the same up to
a stage's end; a stage's time is the difference to the one before it, in seconds that the thread was at work. Bytes and
operations are those of the way that the engine goes, counted once each: a roofline says how far a stage is from what
the machine allows *that* way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

import numba
import numpy as np
from event_machine import Machine
from event_rules import CROSSES, METRICS, pairs_of
from event_threads import with_threads
from figures import cpu_seconds_of

import mrtoolkit as mrt
from mrtoolkit.backtest import event
from mrtoolkit.backtest._kernels.columns import STATISTICS, TRADES
from mrtoolkit.backtest._kernels.long_only import TILE_WORDS, tile_bits, tile_fills
from mrtoolkit.backtest._kernels.pointers import pointer_to
from mrtoolkit.backtest._kernels.window import WINDOW
from mrtoolkit.strategy._kernels.conditions import compare_rows
from mrtoolkit.strategy._kernels.words import BITS

_SLICE = 8_192  # points
_SCALAR = 4  # instructions a cycle that work on one number: as many as processors of today begin


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of the sweep.

    Attributes
    ----------
    read, write : mapping of level to bytes
        Where they come from and go to.
    operations : float
        On one number each.
    per_cycle : float
        How many of them the processor could do in a cycle.
    seconds : float
        Taken.
    is_instead : bool
        Whether it takes the place of the stage before it.
    """

    name: str
    read: dict[str, float]
    write: dict[str, float]
    operations: float
    per_cycle: float
    seconds: float
    is_instead: bool = False

    @property
    def bytes(self) -> float:
        """All that is moved."""
        return sum(self.read.values()) + sum(self.write.values())

    def by_memory(self, machine: Machine) -> float:
        """Seconds that the machine's memory allows: reads and writes of all levels at once, the slowest counts."""
        needs = [n / machine.read[level] for level, n in self.read.items()]
        needs += [n / machine.write[level] for level, n in self.write.items()]
        return 1e-9 * max(needs)

    def by_clock(self, machine: Machine) -> float:
        """Seconds that its clock allows."""
        return 1e-9 * self.operations / (machine.ghz * self.per_cycle)

    def allowed(self, machine: Machine) -> float:
        """Seconds that both allow."""
        return max(self.by_memory(machine), self.by_clock(machine))


@numba.njit(nogil=True)
def _up_to_codes(signals, market, tiles, bits, fills, carried, sums):
    for tile in range(tiles[0], tiles[1]):
        first, last = tile * TILE_WORDS, min((tile + 1) * TILE_WORDS, (market.end + BITS - 1) // BITS)
        none = signals.rows[:0]  # no comparison, so that memory is waited for: beside them it brings what is next
        compare_rows(none, signals.places, signals.steps, signals.groups, first, last, market.mark.size, bits)


@numba.njit(nogil=True)
def _up_to_bits(signals, market, tiles, bits, fills, carried, sums):
    for tile in range(tiles[0], tiles[1]):
        tile_bits(signals, market, tile, bits)


@numba.njit(nogil=True)
def _up_to_fills(signals, market, tiles, bits, fills, carried, sums):
    for tile in range(tiles[0], tiles[1]):
        here = tile_bits(signals, market, tile, bits)
        for k in range(signals.rules.shape[0]):
            sums[k, 0] += tile_fills(signals, market, k, tile, here, bits, carried, pointer_to(fills))


class Sweep:
    """All pairs of some averages, cut as the engine cuts them, to be run up to a stage's end."""

    def __init__(self, n_bars: int, lookbacks: Sequence[int]) -> None:
        self.bars = mrt.data.simulate(bars=n_bars, freq="1h", seed=1)
        self.points, self.nodes = pairs_of(lookbacks), [mrt.ema(k) for k in lookbacks]
        backtest = CROSSES.backtest(self.bars, mrt.FeatureStore(memory="1 GiB"))
        self.result = backtest.run(self.points, metrics=METRICS)
        self._blocks, self._runner = backtest._market, backtest._runner
        (self._span,) = backtest._plan.spans(backtest._points(self.points))
        self._slices = [self._span.bits(chosen) for chosen in self._span.points.slices(_SLICE)]
        self.rows = sum(len(signals.rows) for signals in self._slices)

    def up_to(self, stage: str) -> float:
        """Run all slices up to the end of a stage: "codes", "bits", "fills", "sums" or "blocks"; the trades booked."""
        if stage == "blocks":
            return self._all_statistics()
        wanted, market = event.Wanted(rest=False, drawdown=False), self._runner._whole
        driver = {"codes": _up_to_codes, "bits": _up_to_bits, "fills": _up_to_fills}.get(stage, event.run_lean)
        trades = 0.0
        with patch.object(event, "run_lean", driver):
            for signals in self._slices:
                n = len(signals.points)
                stats, exact = np.zeros((n, len(market.edges) - 1, len(STATISTICS))), np.zeros(n, dtype=np.uint8)
                event._run_long(market, self._runner._ground, signals, 0, wanted, stats, exact)
                trades += stats[:, :, TRADES].sum()
        return trades

    def _all_statistics(self) -> float:
        trades = 0.0
        for signals in self._slices:
            exact = np.zeros(len(signals.points), dtype=np.uint8)
            joined, _ = event._run_joined(self._blocks, self._runner._ground, signals, 0, event.Wanted(), exact)
            trades += joined[:, WINDOW.index("trades")].sum()
        return float(trades)

    def features(self) -> object:
        """Compute all averages anew."""
        return mrt.FeatureStore(memory="1 GiB").fetch(self.bars, self.nodes)

    def all_in(self) -> object:
        """The whole sweep, as in the table of the benchmark."""
        return CROSSES.backtest(self.bars).run(self.points, metrics=METRICS)


def stages(n_bars: int, lookbacks: Sequence[int], machine: Machine, repeats: int) -> tuple[list[Stage], float]:
    """The stages of a sweep, and the seconds of all of it with what stands around them (plan, labels)."""
    sweep = Sweep(n_bars, lookbacks)
    jobs: dict[str, Callable[[], object]] = {
        "features": sweep.features,
        **{stage: partial(sweep.up_to, stage) for stage in ("codes", "bits", "fills", "sums", "blocks")},
        "all": sweep.all_in,
    }
    with with_threads(1):
        turns = [{name: cpu_seconds_of(job) for name, job in jobs.items()} for _ in range(repeats + 1)]
    taken = {name: min(turn[name] for turn in turns[1:]) for name in jobs}  # the first compiles
    n_trades = sweep.up_to("sums")
    n_fills = 2 * n_trades
    n_features, n_trials = len(lookbacks), len(sweep.points)
    values, words = float(sweep.rows * n_bars), float(n_trials * n_bars / 64)
    made = [
        Stage(
            name="features (EMA)", seconds=taken["features"], operations=2.0 * n_features * n_bars,
            per_cycle=machine.vector / machine.ghz,
            read={"L2": 8.0 * n_features * n_bars}, write={"L3": 8.0 * n_features * n_bars},
        ),
        Stage(
            name="codes", seconds=taken["codes"], operations=6.0 * n_features * n_bars,
            per_cycle=machine.vector / machine.ghz,
            read={"DRAM": 8.0 * n_features * n_bars, "L2": 8.0 * n_features * n_bars},
            write={"L2": 2.0 * n_features * n_bars},
        ),  # once for the range, once for the code
        Stage(
            name="comparisons to bits", seconds=taken["bits"] - taken["codes"], operations=3.0 * values,
            per_cycle=4.0 * machine.vector / machine.ghz,
            read={"L1": 2.0 * values, "L2": 2.0 * values}, write={"L3": values / 8},
        ),  # 16 bits each: four times as many to a vector; the left side stays, row after row, the right one comes anew
        Stage(
            name="bits to fills", seconds=taken["fills"] - taken["bits"], operations=16.0 * words + 4.0 * n_fills,
            per_cycle=_SCALAR, read={"L3": 8.0 * words}, write={"L1": 4.0 * n_fills},
        ),
        Stage(
            name="trades to sums", seconds=taken["sums"] - taken["fills"], operations=16.0 * n_trades,
            per_cycle=_SCALAR, read={"L2": 128.0 * n_trades, "L1": 4.0 * n_fills}, write={},
        ),  # a cache line of the entry, one of the exit
        Stage(
            name="instead: to all statistics, and 64 blocks' sums", seconds=taken["blocks"] - taken["fills"],
            operations=40.0 * n_trades, per_cycle=_SCALAR, is_instead=True,
            read={"L2": 256.0 * n_trades, "L1": 4.0 * n_fills},
            write={"L2": 8.0 * n_trials * (2 * 64 + len(WINDOW))},
        ),  # two lines more, of the lowest prices
    ]  # fmt: skip
    return made, taken["all"]
