"""The event kernel beside the dense engine: random bars, masks, settings and costs straight into both kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from oracles.long_form import IS_LONG
from oracles.random_bars import KINDS, random_prices

from mrtoolkit._jit import read_only
from mrtoolkit.backtest._kernels.columns import (
    BARS,
    DOWNSIDE_SQ,
    GAINS,
    GROWTH,
    HELD,
    HIGHEST,
    LOSSES,
    LOWEST,
    POSITION,
    STATISTICS,
    SUM,
    SUM_SQ,
    TRADE,
    TRADES,
    TURNOVER,
    WINS,
    WORST,
)
from mrtoolkit.backtest._kernels.dense import Prices, Setup
from mrtoolkit.backtest._kernels.events import run_events
from mrtoolkit.backtest._kernels.fills import CostRates
from mrtoolkit.backtest._kernels.measure import Scope
from mrtoolkit.backtest._kernels.track import build_track
from mrtoolkit.backtest._kernels.trials import run_trials

TRIALS = 40  # of one market, in one call
MARKETS = 2_500 if IS_LONG else 150
ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class Case(NamedTuple):
    """What both kernels are given."""

    prices: Prices
    masks: np.ndarray  # (rule, row, time) bool
    settings: tuple[np.ndarray, ...]
    index: np.ndarray  # (trial, 9)
    warm: np.ndarray
    setup: Setup
    costs: CostRates
    risk_free: float
    edges: np.ndarray


def words_of(masks: np.ndarray, inverted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of bits, (row, word), of boolean rows that `inverted` turns round; bits past the last bar are noise."""
    n_rows, n_bars = masks.shape
    padded = rng.random((n_rows, (n_bars + 63) // 64 * 64)) < 0.5
    padded[:, :n_bars] = masks ^ inverted[:, None]
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def run_dense(case: Case, *, with_drawdown: bool = True) -> np.ndarray:
    n_bars = case.edges[-1]
    stats = np.zeros((len(case.index), len(case.edges) - 1, len(STATISTICS)))
    room = (np.empty(n_bars, np.uint8), np.empty(n_bars), np.empty((n_bars + 1, len(TRADE))))
    scope = Scope(case.risk_free, case.edges, with_drawdown, True)
    run_trials(
        case.prices, tuple(case.masks), case.settings, case.index, case.warm, case.setup, case.costs, scope,
        room, stats,
    )  # fmt: skip
    return stats


def run_kernel(case: Case, *, with_drawdown: bool = True, with_rest: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    stats = np.zeros((len(case.index), len(case.edges) - 1, len(STATISTICS)))
    exact = np.full(len(case.index), 7, np.uint8)
    n_rules, n_rows, n_bars = case.masks.shape
    turned = rng.random(n_rules) < 0.5
    words = words_of(case.masks.reshape(-1, n_bars), np.repeat(turned, n_rows), rng)
    rules = np.ascontiguousarray(case.index[:, :4] + n_rows * np.arange(4))
    track = build_track(case.prices, case.setup.start)
    run_events(
        case.prices, track, words, np.where(turned, ALL, np.uint64(0)), rules, case.settings,
        np.ascontiguousarray(case.index[:, 4:]), case.warm, case.setup, case.costs,
        Scope(case.risk_free, case.edges, with_drawdown, with_rest), stats, exact,
    )  # fmt: skip
    assert set(exact) <= {0, 1}
    return stats, exact


def random_market(rng: np.random.Generator) -> Prices:
    """Prices of any length, quiet to absurd: jumps of a million, leading holes, a delisting, flat runs."""
    n_bars = int(rng.choice([1, 2, 3, 5, 20, 64, 65, 130, 300, 700], p=[0.03, 0.03, 0.02] + [0.08] * 3 + [0.17] * 4))
    columns = random_prices(rng, n_bars, str(rng.choice(KINDS)))
    if rng.random() < 0.15:  # one bar changes the scale of all that follow
        jump = 10.0 ** rng.uniform(-6.0, 6.0)
        since = int(rng.integers(n_bars))
        for name in columns:
            columns[name][since:] *= jump
    if rng.random() < 0.15:  # prices begin late or end early
        first, last = np.sort(rng.integers(0, n_bars + 1, 2))
        for name, column in columns.items():
            if rng.random() < 0.8 or name == "close":
                column[:first] = np.nan
                column[last:] = np.nan
    if rng.random() < 0.01:
        for column in columns.values():
            column[:] = np.nan
    return Prices(*(read_only(columns[name]) for name in ("open", "high", "low", "close")))


def random_masks(rng: np.random.Generator, n_bars: int, n_rows: int) -> np.ndarray:
    """Rules from never to always, in runs of one bar to hundreds."""
    masks = np.zeros((4, n_rows, n_bars), bool)
    for kind in range(4):
        for row in range(1, n_rows):
            share, run = rng.choice([0.02, 0.1, 0.5, 0.9, 1.0]), int(rng.choice([1, 3, 20, 100]))
            draws = rng.random(n_bars // run + 2) < share
            masks[kind, row] = np.repeat(draws, run)[rng.integers(run) :][:n_bars]
    if rng.random() < 0.3:  # exit is the entry's opposite, and the other side the first one's mirror
        masks[1] = ~masks[0]
        masks[2], masks[3] = masks[1], masks[0]
    return masks


def random_settings(rng: np.random.Generator, n_bars: int) -> tuple[np.ndarray, ...]:
    """Size, stop_loss, take_profit, trailing_stop, max_bars: a few rows each, constant or bar by bar."""
    stops = np.array([np.inf, np.inf, 0.001, 0.02, 0.05, 0.1, 0.5, 1.5, np.nan, -0.1])
    likely = np.array([0.2, 0.2, 0.06, 0.14, 0.12, 0.12, 0.1, 0.04, 0.01, 0.01])
    limits = np.array([np.inf, np.inf, 0.5, 1.0, 2.0, 2.5, 5.0, 40.0, np.nan, 0.0])
    sizes = np.array([1.0, 1.0, 1.0, 0.3, 2.5, 1.5, 1e-9, np.nan, -1.0, 0.0])
    rows = []
    for values in (sizes, stops, stops, stops, limits):
        n_columns = n_bars if rng.random() < 0.3 else 1
        drawn = rng.choice(values, (4, n_columns), p=likely)
        drawn[0] = values[0]
        rows.append(drawn)
    return tuple(rows)


def random_costs(rng: np.random.Generator, cash: float) -> CostRates:
    if rng.random() < 0.4:
        return CostRates(float(rng.choice([0.0, 0.001])), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    few, carry = [0.0, 0.0, 0.001, 0.01, 0.2], [0.0, 0.0, 0.1 / 252.0, 0.005]
    return CostRates(
        float(rng.choice(few)), float(rng.choice(few)), float(rng.choice([0.0, 0.0, 0.1, 5.0])),
        float(rng.choice([0.0, 0.0, 0.05])), float(rng.choice([0.0, 0.0, 0.003, 0.2111])) * cash,
        float(rng.choice(carry)), float(rng.choice(carry)),
    )  # fmt: skip


def random_case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    prices = random_market(rng)
    n_bars = prices.close.size
    known = np.flatnonzero(~np.isnan(prices.close))
    end = int(known[-1]) + 1 if known.size else 0
    start = int(rng.integers(n_bars)) if rng.random() < 0.3 else 0
    cash = float(rng.choice([1.0, 10_000.0]))
    masks = random_masks(rng, n_bars, 6)
    sides = rng.choice(3, TRIALS)  # long, short, both
    index = np.concatenate([rng.integers(0, 6, (TRIALS, 4)), rng.integers(0, 4, (TRIALS, 5))], axis=1)
    index[sides == 0, 2] = 0  # row 0 of the rules is never true
    index[sides == 1, 0] = 0
    index[:, 5:] *= rng.random((TRIALS, 4)) < 0.6
    blocks = int(rng.choice([1, 3, 64]))
    edges = np.unique(np.linspace(start, n_bars, min(blocks, n_bars - start) + 1).round().astype(np.int64))
    warm = np.where(rng.random(TRIALS) < 0.5, 0, rng.integers(0, n_bars + 2, TRIALS))
    setup = Setup(start, end, bool(rng.random() < 0.5), bool(rng.random() < 0.6), cash)
    risk_free = float(rng.choice([0.0, 2e-4, -1e-4]))
    return Case(
        prices, masks, random_settings(rng, n_bars), index, warm, setup, random_costs(rng, cash), risk_free, edges
    )


def differences(got: np.ndarray, expected: np.ndarray) -> dict[str, Any]:
    """The statistics, (trial, block, statistic), that differ by more than 1e-9 of their scale; counts exactly.

    A return is equity over equity minus 1, so that it holds 15 digits of 1 and not of itself.
    """
    bars = expected[..., BARS]
    size = np.sqrt(bars * expected[..., SUM_SQ])  # of the sum of the returns' absolute values
    scale = np.abs(expected).copy()
    scale[..., SUM] = size
    scale[..., DOWNSIDE_SQ] += 1e-6 * expected[..., SUM_SQ]
    for column in (GAINS, LOSSES):
        scale[..., column] = expected[..., GAINS] + expected[..., LOSSES]
    scale[..., WORST] = 1.0
    allowed = 1e-9 * scale + 1e-25
    allowed[..., SUM] += 4e-15 * bars
    for column in (SUM_SQ, DOWNSIDE_SQ):
        allowed[..., column] += 4e-15 * size + 16e-30 * bars
    for column in (GAINS, LOSSES):
        allowed[..., column] += 1e-14 * expected[..., TRADES]
    allowed[..., [BARS, TRADES, WINS, HELD]] = 0.0
    wrong = ~(np.abs(got - expected) <= allowed)
    return {name: np.argwhere(wrong[..., k]) for k, name in enumerate(STATISTICS) if wrong[..., k].any()}


def check(seed: int) -> int:
    """Compare both kernels on one market; how many trials the event kernel gave up."""
    case = random_case(seed)
    expected = run_dense(case)
    stats, exact = run_kernel(case)
    done = exact == 1
    assert not differences(stats[done], expected[done]), f"seed {seed}: {differences(stats[done], expected[done])}"
    for with_drawdown, with_rest in ((False, True), (True, False), (False, False)):
        part, _ = run_kernel(case, with_drawdown=with_drawdown, with_rest=with_rest)
        wanted = [BARS, SUM, SUM_SQ, GROWTH, TRADES, WINS]
        wanted += [HIGHEST, LOWEST, WORST] if with_drawdown else []
        wanted += [DOWNSIDE_SQ, GAINS, LOSSES, HELD, TURNOVER, POSITION] if with_rest else []
        whole = expected[done].copy()
        whole[..., wanted] = part[done][..., wanted]
        assert not differences(whole, expected[done]), f"seed {seed}: {differences(whole, expected[done])}"
    return int((~done).sum())


@pytest.mark.parametrize("part", range(10))
def test_event_kernel_equals_the_dense_engine_on_random_markets(part):
    given_up = 0
    for seed in range(part, MARKETS, 10):
        n = check(seed)
        given_up += n if random_case(seed).costs.minimum == 0.0 else 0  # with it an account may be unable to pay
    assert given_up <= 0.02 * TRIALS * MARKETS / 10 + TRIALS  # those of one market, which begins without prices
