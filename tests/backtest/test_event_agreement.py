"""The event engine beside the dense one and `naive.py`: random backtests of everything the trading model has.

The bulk is drawn from seeds, quickly: about a thousand points a second. A failure names its seed, and
`random_case(seed)` is the case again. What hypothesis draws is smaller and shrinks.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from oracles.agreement import (
    EVENT,
    assert_metrics_follow,
    assert_same_blocks,
    assert_same_metrics,
    assert_same_statistics,
    gearing_of,
    naive_trial,
    statistics_of,
)
from oracles.drawn_cases import bars_drawn, costs_drawn, points_drawn, settings_drawn, words_drawn
from oracles.long_form import IS_LONG
from oracles.random_bars import as_dataset, random_prices
from oracles.random_cases import CASH, Case, random_case

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.backtest._kernels.tables import TILE
from mrtoolkit.backtest.metrics import LEAN_METRICS, compute_metrics
from mrtoolkit.strategy.points import Points

N_CASES = 5_000 if IS_LONG else 48  # of 24 points each
N_LONG_HISTORIES = 60 if IS_LONG else 3
N_NAIVE = 1_500 if IS_LONG else 25
SOME = settings(max_examples=1_000 if IS_LONG else 20, deadline=None, suppress_health_check=list(HealthCheck))
GROUPS = 4
BORDERS = (63, 64, 65, 127, 128, 129, 192, TILE - 1, TILE, TILE + 1)


def assert_engines_agree(case, dtype="float64"):
    """All statistics of all blocks and all metrics, of every point, of both engines; a failure names the case.

    Metrics are asked for together and, where fewer statistics are enough for some, those alone: another way through the
    engine.
    """
    try:
        event, dense = (case.backtest(engine, store=mrt.FeatureStore(dtype=dtype)) for engine in (EVENT, "dense"))
        rows = case.rows()
        found, wanted = statistics_of(event, rows), statistics_of(dense, rows)
        gearing = gearing_of(dense, rows)
        assert_same_statistics(found, wanted, gearing)
        for names in (event.metrics, tuple(LEAN_METRICS)):
            assert_metrics_follow(metrics_of(event, rows, names), wanted, metrics_from_blocks(event, names), gearing)
    except Exception as error:
        n_bars = case.bars.sizes["time"]
        error.add_note(f"{case.name}, {n_bars} bars: {case.words}, {case.costs}, {case.choices}")
        raise


def metrics_of(backtest, rows, names):
    """Metrics of a run by name, (point, asset)."""
    run = backtest.run(rows, metrics=names)
    return {name: run[name].values.reshape(len(rows), -1) for name in names}


def metrics_from_blocks(backtest, names):
    """The metrics of block statistics, as a function."""
    return lambda blocks: compute_metrics(blocks, names, backtest._market)


@pytest.mark.parametrize("group", range(GROUPS))
def test_random_backtests_agree(group):
    for seed in range(group, N_CASES, GROUPS):
        assert_engines_agree(random_case(seed))


@pytest.mark.parametrize("seed", range(N_LONG_HISTORIES))
def test_long_histories_agree(seed):
    """Many words, three tiles, thousands of trades; blocks that begin and end inside words."""
    assert_engines_agree(random_case(10**6 + seed, n_bars=20_000, n_points=12))


@pytest.mark.parametrize("n_bars", BORDERS)
def test_histories_that_end_at_the_border_of_a_word_or_tile_agree(n_bars):
    for k in range(20 if IS_LONG else 2):
        assert_engines_agree(random_case(2 * 10**6 + 100 * n_bars + k, n_bars=n_bars))


@pytest.mark.parametrize("group", range(GROUPS))
def test_random_backtests_agree_with_the_plain_loop(group):
    for seed in range(3 * 10**6 + group, 3 * 10**6 + N_NAIVE, GROUPS):
        case = random_case(seed, n_points=2, exact=True)
        try:
            assert_agrees_with_naive(case)
        except Exception as error:
            error.add_note(f"{case.name}: {case.words}, {case.costs}, {case.choices}")
            raise


def assert_agrees_with_naive(case):
    event = case.backtest(EVENT)
    blocks, run = statistics_of(event, case.rows()), event.run(case.rows())
    rates = {"rf": case.choices["risk_free"], "ppy": case.choices["periods_per_year"]}
    for k, point in enumerate(case.points):
        expected = naive_trial(
            case.bars, case.words, point, fill=case.choices["fill"], costs=case.costs, cash=CASH,
            start=event._start, edges=event._market.edges.tolist(), **rates,
        )  # fmt: skip
        assert_same_blocks(blocks[k, 0], expected)
        assert_same_metrics({name: float(run[name][k]) for name in event.metrics}, expected)


def test_features_of_half_the_size_agree():
    for seed in range(7 * 10**6, 7 * 10**6 + (400 if IS_LONG else 8)):
        assert_engines_agree(random_case(seed), dtype="float32")


@SOME
@given(bars_drawn(8, 200), words_drawn(expressions=True), points_drawn, costs_drawn, settings_drawn)
def test_drawn_backtests_agree(bars, words, points, costs, choices):
    case = Case(name="drawn", bars=bars, words=words, points=points, costs=costs, choices=choices)
    assert_engines_agree(case)
    if bars.sizes["time"] <= 60:
        assert_agrees_with_naive(case)


def cases_of_every_kind():
    """A few cases, every other one long alone without stops, with points of several groups."""
    return [
        random_case(4 * 10**6 + k, n_bars=300 + 41 * k, n_points=30, plain=k % 2 == 0)
        for k in range(40 if IS_LONG else 8)
    ]


def test_metrics_asked_for_one_by_one_are_those_of_all():
    for case in cases_of_every_kind():
        event, rows = case.backtest(EVENT), case.rows()
        blocks = statistics_of(event, rows)
        pairs = itertools.combinations(("sharpe", "total_return", "calmar", "exposure", "trades"), 2)
        for names in (*((name,) for name in event.metrics), *pairs):
            assert_metrics_follow(metrics_of(event, rows, names), blocks, metrics_from_blocks(event, names))


def test_run_and_blocks_and_evaluate_and_trial_tell_the_same():
    for case in cases_of_every_kind():
        event, rows = case.backtest(EVENT), case.rows()
        names = event.metrics
        compute, blocks = metrics_from_blocks(event, names), statistics_of(event, rows)
        assert_metrics_follow(metrics_of(event, rows, names), blocks, compute)
        for k in (0, len(rows) - 1):
            trial = event.trial(rows[k]).metrics
            told = {name: np.asarray(trial[name], dtype=float).reshape(1, -1) for name in names}
            assert_metrics_follow(told, blocks[[k]], compute)
        if blocks.shape[1] == 1:
            told = event.evaluate(pd.DataFrame(rows, dtype=object, index=range(len(rows)))).metrics
            assert_metrics_follow({name: told[name].reshape(-1, 1) for name in names}, blocks, compute)


def test_points_do_not_depend_on_their_batch_or_order(rng):
    for case in cases_of_every_kind():
        rows = case.rows()
        together = statistics_of(case.backtest(EVENT), rows)
        order = rng.permutation(len(rows))
        shuffled = statistics_of(case.backtest(EVENT), [rows[i] for i in order])
        np.testing.assert_array_equal(shuffled, together[order], err_msg=case.name)
        event = case.backtest(EVENT)
        for k in (0, 7, len(rows) - 1):
            alone = statistics_of(event, [rows[k]])
            np.testing.assert_array_equal(alone[0], together[k], err_msg=case.name)
        twice = statistics_of(event, [rows[3], rows[3], rows[5], rows[3]])
        np.testing.assert_array_equal(twice, together[[3, 3, 5, 3]], err_msg=case.name)


NASTY = {
    "wide": lambda rng, n: rng.normal(size=n) * np.exp(rng.normal(0.0, 100.0, n)),
    "tied": lambda rng, n: rng.choice([-1.0, -0.0, 0.0, 1.0, 2.0], n),
    "last bits": lambda rng, n: 1.0 + rng.integers(0, 5, n) * 2.0**-52,
    "tiny": lambda rng, n: rng.integers(-3, 4, n) * 5e-324,
    "huge": lambda rng, n: rng.choice([-1.7e308, -1.0, 1.0, 1.7e308], n),
    "constant": lambda _, n: np.full(n, 7.0),
    "often zero": lambda rng, n: rng.integers(0, 3, n).astype(float),  # 1 / x is infinite there
    "steps": lambda rng, n: rng.integers(0, 70_000, n).astype(float),
}


@pytest.mark.parametrize("kind", NASTY)
@pytest.mark.parametrize("compare", [">", "<=", "crossing"])
def test_many_comparisons_of_one_kind_agree(rng, kind, compare):
    """Operands that many rows compare with each other are compared by codes, which only values may decide if equal."""
    n_bars = 3_000 if IS_LONG else 300
    columns = random_prices(rng, n_bars, "quiet")
    bars = as_dataset({**columns, "x": NASTY[kind](rng, n_bars)})
    x = 1.0 / mrt.input("x") if kind == "often zero" else mrt.input("x")
    left, right = x.shift(P.a), x.shift(P.b)
    ways = {">": left > right, "<=": left <= right, "crossing": left.crosses_above(right)}
    grid = {"a": list(range(1, 21)), "b": list(range(4, 24))}
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    assert_engines_agree(
        Case(
            name=f"{kind} {compare}", bars=bars, words={"entry": ways[compare], "exit": left < right}, points=points,
            costs={"fee": 0.001}, choices={"fill": "close", "blocks": 9},
        )
    )  # fmt: skip


def everything(case):
    """All that a backtest of a case tells of its points: statistics, all metrics, and the lean ones alone."""
    event, rows = case.backtest(EVENT), case.rows()
    told = [metrics_of(event, rows, names) for names in (event.metrics, tuple(LEAN_METRICS))]
    return [statistics_of(event, rows), *(values for metrics in told for values in metrics.values())]


def assert_same_bits(case, expected):
    for one, other in zip(everything(case), expected, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=case.name)


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_number_of_threads_and_sizes_of_slices_change_no_bit(threads, monkeypatch):
    """Slices of a few points each, side by side, a tile a call; the same points in one slice on one core."""
    sizes = ("budget._WORTH_THREADS", "budget._WORTH_A_SLICE", "event._CALL_BARS", "event._CALL_BARS_FULL")
    cut = Points.slices
    for case in (*cases_of_every_kind(), random_case(6 * 10**6, n_bars=20_000, n_points=7, plain=True)):
        monkeypatch.setenv("MRTOOLKIT_THREADS", "1")
        expected = everything(case)
        monkeypatch.setenv("MRTOOLKIT_THREADS", threads)
        for name in sizes:
            monkeypatch.setattr(f"mrtoolkit.backtest.{name}", 1)
        monkeypatch.setattr(Points, "slices", lambda points, at_most: cut(points, min(at_most, 3)))
        assert_same_bits(case, expected)
        monkeypatch.undo()


def test_a_history_too_long_to_keep_tables_of_changes_no_bit(monkeypatch):
    for seed in range(5 * 10**6, 5 * 10**6 + (40 if IS_LONG else 4)):
        for case in (random_case(seed, n_bars=20_000, n_points=5, plain=True), random_case(seed)):
            expected = everything(case)
            monkeypatch.setattr("mrtoolkit.backtest.ground._KEPT_BARS", 1)
            assert_same_bits(case, expected)
            monkeypatch.undo()
