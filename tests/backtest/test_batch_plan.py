"""The plan of a batch: what it says, that it computes nothing, and that the batch is held to it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracles.long_form import IS_LONG

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit._threads import n_threads
from mrtoolkit.backtest.forecasting import _fitted, alike
from mrtoolkit.backtest.points import as_request
from mrtoolkit.backtest.room import kept_bytes
from mrtoolkit.errors import StrategyError
from mrtoolkit.features.for_engines import lend

CHILD = Path(__file__).parent / "plan_child.py"
CROSS = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
SHORTS = mrt.Strategy(
    entry=mrt.ema(P.fast) > mrt.ema(P.slow),
    short_entry=mrt.ema(P.fast) < mrt.ema(P.slow),
    stop_loss=P.k * mrt.atr(14) / mrt.close,
)
POINTS = {"fast": [3, 5, 8, 10], "slow": [20, 30, 40]}


def backtest(strategy: mrt.Strategy = CROSS, n: int = 2_000, memory: str = "64 MiB", **settings) -> mrt.Backtest:
    bars = mrt.data.simulate(bars=n, freq="1h", seed=0)
    return mrt.Backtest(bars, strategy, store=mrt.FeatureStore(memory=memory), **settings)


def test_plan_counts_what_points_have_in_common():
    plan = backtest().plan(POINTS)
    assert (plan.n_trials, plan.features, plan.to_compute, plan.conditions) == (12, 7, 7, 12)
    assert (plan.spans, plan.engine, plan.kinds) == (1, "event", ("long",))
    assert plan.feature_bytes == 7 * 2_000 * 8
    assert plan.peak_bytes == plan.feature_bytes + plan.work_bytes + plan.result_bytes


def test_plan_computes_and_keeps_nothing():
    test = backtest()
    test.plan(POINTS)
    assert test.store.counters.computed == 0
    assert repr(test.store).startswith("feature store in memory: 0 features")


def test_plan_knows_what_memory_and_disk_hold(tmp_path):
    bars = mrt.data.simulate(bars=2_000, freq="1h", seed=0)
    first = mrt.Backtest(bars, CROSS, store=mrt.FeatureStore(tmp_path / "features.zarr"))
    assert first.plan(POINTS).disk_bytes == 7 * 2_000 * 8
    first.run({"fast": [3, 5], "slow": 20})
    plan = first.plan(POINTS)
    assert (plan.in_memory, plan.on_disk, plan.to_compute) == (3, 0, 4)
    first.persist()
    plan = mrt.Backtest(bars, CROSS, store=mrt.FeatureStore(tmp_path / "features.zarr")).plan(POINTS)
    assert (plan.in_memory, plan.on_disk, plan.to_compute) == (0, 3, 4)


def test_inner_features_are_counted_too():
    rule = mrt.Strategy(entry=mrt.ema(P.n, of=mrt.rsi(P.m)) > 50)
    plan = backtest(rule).plan({"n": [3, 5], "m": [7, 14, 21]})
    assert plan.features == 6 + 3


@pytest.mark.parametrize(("strategy", "kind"), [(CROSS, "long"), (SHORTS, "events")])
def test_plan_says_how_trials_are_run(strategy, kind):
    points = POINTS if strategy is CROSS else POINTS | {"k": [1.0, 2.0]}
    assert backtest(strategy).plan(points).kinds == (kind,)
    assert backtest(strategy, engine="dense").plan(points).kinds == ("dense",)


def test_small_space_is_counted_and_large_one_sampled():
    small = mrt.Space(fast=mrt.Integer(5, 20), slow=mrt.Integer(15, 40), where=P.fast < P.slow)
    plan = backtest().plan(small)
    assert plan.n_trials == sum(fast < slow for fast in range(5, 21) for slow in range(15, 41))
    assert (plan.features, plan.is_sample) == (36, False)
    large = mrt.Space(fast=mrt.Real(5, 50, step=0.01), slow=mrt.Real(60, 200, step=0.01))
    plan = backtest().plan(large)
    assert plan.is_sample
    assert plan.n_trials == large.size
    assert plan.features == sum(large.sizes)


def test_plan_of_a_large_space_says_how_many_points_it_is_estimated_from():
    wide = {"fast": mrt.Real(5, 50, step=0.01), "slow": mrt.Real(60, 200, step=0.01)}
    plan = backtest().plan(mrt.Space(**wide))
    assert plan.n_sampled == 4_096
    lines = repr(plan).splitlines()
    assert lines[0] == f"plan of {4_501 * 14_001:,} trials over 2,000 bars"  # exact, so no "about"
    assert lines[1] == f"estimated from 4,096 points of {4_501 * 14_001:,}, drawn at random"
    assert lines[1] in plan._repr_html_()
    plan = backtest().plan(mrt.Space(**wide, where=P.slow > P.fast * 3))
    assert plan.n_sampled == 4_096  # drawn from what the constraint leaves
    about = "" if plan.is_counted else "about "
    assert repr(plan).startswith(f"plan of {about}{plan.n_trials:,} trials")
    small = backtest().plan(POINTS)
    assert (small.n_sampled, small.is_counted, "estimated" in repr(small)) == (0, True, False)


def test_plan_prints_itself():
    plan = backtest().plan(POINTS)
    lines = repr(plan).splitlines()
    assert lines[0] == "plan of 12 trials over 2,000 bars"
    assert [line.split("  ")[0] for line in lines[2:6]] == ["features", "conditions", "cut into", "peak memory"]
    assert max(map(len, lines)) <= 100
    html = plan._repr_html_()
    assert "<table" in html
    assert "7 to compute" in html


@pytest.mark.parametrize("engine", ["event", "dense"])
@pytest.mark.parametrize(("strategy", "more"), [(CROSS, {}), (SHORTS, {"k": [1.0, 2.0]})])
def test_cut_batch_equals_uncut_one_to_the_bit(engine, strategy, more):
    points = {"fast": list(range(3, 15)), "slow": list(range(20, 50, 2))} | more
    roomy = backtest(strategy, n=60_000, memory="512 MiB", engine=engine)
    tight = backtest(strategy, n=60_000, memory="16 MiB", engine=engine)
    assert roomy.plan(points).spans == 1
    assert tight.plan(points).spans > 1
    assert tight.run(points, metrics=["sharpe", "max_drawdown", "trades"]).identical(
        roomy.run(points, metrics=["sharpe", "max_drawdown", "trades"])
    )


def test_one_trial_that_does_not_fit_is_refused_before_anything_is_computed():
    test = backtest(SHORTS, n=400_000, memory="16 MiB")
    points = {"fast": 5, "slow": 20, "k": 1.0}
    for ask in (test.run, test.plan):
        with pytest.raises(StrategyError, match=r"one trial alone needs .* features .* the store may hold 16\.0 MiB"):
            ask(points)
    assert test.store.counters.computed == 0


def test_memory_is_lent_only_while_a_batch_runs():
    store = mrt.FeatureStore(memory="8 MiB")
    bars = mrt.data.simulate(bars=1_000, freq="1h", seed=0)
    with lend(store, 8 * 2**20):
        store.array(bars, mrt.ema(5))
        assert store.counters.evicted == 1
    store.array(bars, mrt.ema(5))
    store.array(bars, mrt.ema(5))
    assert store.counters.memory_hits == 1


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux says the peak of a process's memory")
@pytest.mark.parametrize(
    ("shape", "engine"),
    [("large grid", "event"), ("stop grid", "event"), ("million", "event")]
    + [(shape, "event") for shape in ("grid", "stops", "assets", "shorts") if IS_LONG]
    + [(shape, "dense") for shape in ("grid", "assets", "million") if IS_LONG],
)
def test_peak_of_memory_is_foretold_within_a_quarter_and_held_under_the_limit(shape, engine):
    command = [sys.executable, str(CHILD), shape, engine]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHILD.parents[2])
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["planned"] == pytest.approx(found["added"], rel=0.25)
    assert found["added"] <= found["limit"] + 4  # MiB of Python and of what is returned


@pytest.mark.parametrize("engine", ["event", "dense"])
def test_large_memory_to_work_in_is_given_back_after_a_run(monkeypatch, engine):
    points = {"fast": list(range(3, 30)), "slow": list(range(60, 120))}
    test = backtest(n=5_000, engine=engine)
    monkeypatch.setattr("mrtoolkit.backtest.room._KEPT_BYTES", 10_000)
    first = test.run(points)
    assert kept_bytes() < n_threads() * 10 * 10_000  # a handful of names
    assert test.run(points).identical(first)
    test.trial({"fast": 3, "slow": 60})
    assert kept_bytes() < n_threads() * 10 * 10_000


def test_tables_of_the_market_are_counted_for_few_metrics_and_for_all():
    points, n = {"fast": [3, 5], "slow": [20, 30]}, 20_000
    lean, full, both = (backtest(n=n) for _ in range(3))
    lean.run(points, metrics=["sharpe"])
    full.run(points)
    both.run(points)
    both.run(points, metrics=["sharpe"])
    held = [test._runner._ground.held_bytes / n for test in (lean, full, both)]
    assert held == pytest.approx([64, 217, 281], rel=0.01)
    planned = lean.plan(points).work_bytes - full.plan(points).work_bytes
    assert planned == pytest.approx(217 * n, rel=0.01)  # all metrics after the first: a table more, falls, extremes
    assert both.plan(points).work_bytes == pytest.approx(full.plan(points).work_bytes, rel=0.01)


def test_statistics_of_many_blocks_are_counted_only_where_they_are_asked_for():
    test = backtest(n=60_000, memory="20 MiB")
    points = test._points(as_request({"fast": list(range(3, 15)), "slow": list(range(20, 1_020))}).points)
    (piece,) = test._plan.pieces(points, lambda _: 2**40)
    piece = replace(piece, kept_bytes=0)
    runner = test._runner
    lean, full = (budget.cut(piece, 1).slice_points for budget in (runner._lean_budget, runner.budget))
    assert full < 0.8 * lean  # a search's own batches keep two sums a block


def test_batch_that_is_much_too_large_is_cut_into_tiles_that_share_features():
    points = {"fast": list(range(3, 35)), "slow": list(range(40, 72)), "n": [7, 14]}
    rule = mrt.Strategy(entry=(mrt.ema(P.fast) > mrt.ema(P.slow)) & (mrt.rsi(P.n) < 60))
    tight, roomy = backtest(rule, n=100_000, memory="18 MiB"), backtest(rule, n=100_000, memory="256 MiB")
    plan = tight.plan(points)
    assert 16 < plan.spans <= 64  # halved by the first parameter, then the next, they were 128
    pieces = tight._plan.pieces(tight._points(as_request(points).points), tight._runner.budget.share)
    assert sorted(np.concatenate([piece.positions for piece in pieces])) == list(range(2_048))
    assert tight.run(points, metrics=["sharpe"]).identical(roomy.run(points, metrics=["sharpe"]))
    assert tight.store.counters.computed < 400  # and 1,058


def test_work_of_each_kind_is_told_apart_by_batches_of_several_sizes():
    works = np.array([[1.0, 2, 1, 1], [1, 12, 36, 36], [1, 24, 72, 144], [1, 48, 300, 576]])
    costs = np.array([1e-3, 2e-5, 5e-6, 1e-5])
    np.testing.assert_allclose(_fitted(works, works @ costs), costs, rtol=1e-6)
    noisy = (works @ costs) * np.array([1.0, 1.1, 0.9, 1.0])
    far = np.array([1.0, 200, 10_000, 20_000])
    assert far @ _fitted(works, noisy) == pytest.approx(far @ costs, rel=0.35)


def test_points_that_are_tried_share_as_much_as_all_points_do():
    test = backtest()
    grid = test._points(as_request({"fast": list(range(3, 63)), "slow": list(range(70, 170))}).points)
    some = alike(grid, 600)
    assert 400 <= some.n <= 600
    assert len(some.rows(("fast",))[0]) == pytest.approx(60 * 10**-0.5, abs=1)
    drawn = np.random.default_rng(0).integers(1, 2_000, (1_000, 2))
    scattered = test._points(as_request([{"fast": int(f), "slow": int(s)} for f, s in drawn]).points)
    assert alike(scattered, 100).n == pytest.approx(100, abs=50)
    assert alike(grid, 1).n == 1


@pytest.mark.parametrize("points", [None, 3, "fast"])
def test_plan_of_what_are_no_points_says_what_a_plan_is_of(points):
    with pytest.raises(StrategyError, match=r"a plan is of a Space \(of a study its study\.space\), a grid"):
        backtest().plan(points)
