"""The search against exhaustive truth and against other searches: every figure of its issue, in one run.

Run in full: `python -m tests.benchmarks.search.test_search_floors` (or some parts: `... floors against`), or
MRTOOLKIT_BENCH=1 under pytest; MRTOOLKIT_SEEDS says how many seeds a search has. What is exhaustive is computed once
(about three minutes) and kept, see `search_truth.py`, and so are the rivals' curves (an hour; Optuna's GP, which takes
torch, two), see `search_rivals.py`. By default a short form searches a few small problems and holds them to looser
floors.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import search_rivals  # noqa: E402 (found by the line above)
import search_truth  # noqa: E402
from figures import IS_FULL, print_table  # noqa: E402
from search_against import all_rivals, cases_of, print_against  # noqa: E402
from search_clock import PROBLEMS as CLOCKED  # noqa: E402
from search_clock import ClockedLedger, print_clock, print_whole_lattice  # noqa: E402
from search_costs import features, large_truth, overhead  # noqa: E402
from search_floors import BUDGETS, Budget, Plateaus, by_problem, found, our_search, plateaus, value_of  # noqa: E402
from search_later import later, print_later  # noqa: E402
from search_problems import PROBLEMS, Problem, problems  # noqa: E402
from search_smooth import SMOOTH  # noqa: E402
from search_truth import truth_of  # noqa: E402

SEEDS = int(os.environ.get("MRTOOLKIT_SEEDS", "5"))
_SHORT = ("ema_cross-AAPL-sharpe", "rsi_bands-flat-sharpe", "breakout_short-quarters-sharpe", "macd_stop-GOOG-sharpe")


def floors(of: Sequence[Problem]) -> bool:
    """Print what is found at each budget, small lattices against their floors and large ones without."""
    small, large = ([p for p in of if p.is_large is is_large] for is_large in (False, True))
    rows = itertools.chain(
        (row for budget in BUDGETS for row in found(small, budget, our_search(), SEEDS).figures(budget, "")),
        plateaus(small, our_search(), SEEDS),
    )
    is_met = print_table(f"What is found in {len(small)} problems of up to 60,000 points", rows)
    rows = (
        row
        for most in (400, 1_000, 4_000)
        for row in found(large, Budget(0.02, most), our_search(), SEEDS).figures(Budget(0.02, most), "")
    )
    print_table(f"What is found in {len(large)} problems of 400,000 to 5,000,000 points", rows)
    return is_met


def against(of: Sequence[Problem]) -> bool:
    """Print the comparison with each rival at equal trials."""
    rivals = all_rivals(torch=importlib.util.find_spec("torch") is not None or bool(os.environ.get("MRTOOLKIT_TORCH")))
    is_met = True
    for title, chosen in (
        ("of up to 60,000 points", [p for p in of if not p.is_large]),
        ("of 400,000 to 5,000,000 points", [p for p in of if p.is_large]),
    ):
        is_met &= print_against(f"{len(chosen)} problems {title}", cases_of(chosen), _ours, rivals)
    print_against(f"{len(SMOOTH)} smooth functions", cases_of(SMOOTH), _ours, all_rivals(torch=False))
    return is_met


def _ours(truth: search_truth.Truth, budget: int) -> list[float]:
    return [value_of(our_search()(truth, budget, seed)) for seed in range(SEEDS)]


def costs(of: Sequence[Problem]) -> bool:
    """Print the features computed and the time beside the trials."""
    rows = [*features([p for p in of if not p.is_large]), *overhead(large_truth(), trials=100_000, repeats=3)]
    return print_table("What it costs", rows)


def year_after(of: Sequence[Problem]) -> bool:
    """Print plateau against peak in the year after; over all problems, as no search has seen that year."""
    del of
    print_later(PROBLEMS, our_search(), SEEDS)
    return True


def clock(of: Sequence[Problem]) -> bool:
    """Print the comparison at equal wall time."""
    is_met = print_clock(all_rivals(torch=False))
    return print_whole_lattice(next(p for p in of if p.rule_name == "ema_cross_rsi")) and is_met


PARTS: dict[str, Callable[[Sequence[Problem]], bool]] = {
    "floors": floors,
    "against": against,
    "clock": clock,
    "costs": costs,
    "later": year_after,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(search_truth, "FOLDER", tmp_path)
    monkeypatch.setattr(search_rivals, "FOLDER", tmp_path)
    return tmp_path


def _short() -> list[Problem]:
    return [p for p in PROBLEMS if p.name in _SHORT]


def test_problems_are_as_many_and_as_large_as_promised():
    sizes = [p.space.size for p in PROBLEMS]
    assert len(PROBLEMS) >= 40
    assert min(sizes) >= 10_000
    assert max(sizes) <= 5_000_000
    assert sum(not p.is_large for p in PROBLEMS) >= 30
    assert {len(p.space) for p in PROBLEMS} == {2, 3, 4, 5, 6}
    assert len({p.name for p in PROBLEMS}) == len(PROBLEMS)
    for what in ("family", "is_large", "rule_name"):
        tune, report = ([getattr(p, what) for p in problems(part)] for part in ("tune", "report"))
        assert sorted(tune) == sorted(report)


def test_truth_is_what_the_reference_engine_gives(folder, rng):
    problem = _short()[1]
    truth = truth_of(problem)
    codes = np.stack([rng.integers(size, size=8) for size in problem.space.sizes], axis=1)
    metrics = problem.backtest().evaluate_fresh(problem.space.decode(codes)).metrics
    np.testing.assert_allclose(truth.at(codes), metrics[problem.objective], rtol=1e-9)
    again = truth_of(problem)
    assert np.array_equal(again.values, truth.values, equal_nan=True)


def test_search_finds_most_of_the_exhaustive_best(folder):
    small = _short()
    at_400 = found(small, Budget(0.02, 400), our_search(), seeds=2)
    assert at_400.share.mean() > 0.90
    assert at_400.rank.mean() < 0.001
    assert found(small, Budget(0.20), our_search(), seeds=1).share.mean() > 0.98


def test_rivals_spend_what_they_are_given_and_no_more(folder):
    truth = truth_of(_short()[2])
    for rival in ("random", "CMA-ES", "DIRECT", "TPE"):
        curve = search_rivals.curve("short", truth, rival, 0, limit=60)
        assert len(curve) == 60
        assert (np.diff(curve) >= 0).all()
        assert truth.share(curve[-1]) > 0.3
        assert np.array_equal(curve, search_rivals.curve("short", truth, rival, 0, limit=60))
    for zoom in search_rivals.ZOOMS:
        assert truth.share(search_rivals.zoomed(truth, zoom, 60, 0)) > 0.3


def test_a_clock_ends_what_is_evaluated_by_the_engine(folder):
    problem = _short()[0]
    truth = truth_of(problem)
    ledger = ClockedLedger(truth, problem, seconds=60.0)
    codes = np.array([[10, 100], [20, 30], [10, 100]])
    assert ledger.scores(codes)[:2] == [pytest.approx(truth.at(codes[[i]])[0], rel=1e-9) for i in (0, 1)]
    assert ledger.score(codes[2]) == ledger.scores(codes)[0]
    assert ledger.n_points == 2
    with pytest.raises(search_rivals.Spent):
        ClockedLedger(truth, problem, seconds=0.0).score(codes[0])
    assert {p.kind for p in CLOCKED} == {"years"}


def test_plateau_of_a_lattice_is_the_quantile_of_its_boxes(folder):
    truth = truth_of(_short()[1])
    judged = Plateaus.of_boxes(truth)
    values = np.where(np.isfinite(truth.values), truth.values, truth.ordered[0]).reshape(truth.space.sizes)
    box = np.sort(values[4:7, 2:5, 6:9, 1:4].ravel())  # 20 labels and fewer: one to each side
    place = judged.places[int(truth.space.keys(np.array([[5, 3, 7, 2]]))[0])]
    assert judged.quantiles[place] == box[int(0.25 * (len(box) - 1))]
    assert 0.0 < judged.share(our_search()(truth, 200, 0)) <= 1.0


def test_costs_are_counted(folder):
    problem = _short()[0]
    (ratio,) = features([problem])
    assert 0.05 < ratio.median < 1.0
    rows = list(overhead(truth_of(problem), trials=2_000, repeats=1, levels=2))
    assert all(0.0 < row.median < 1_000.0 for row in rows)


def test_year_after_is_no_part_of_what_was_searched(folder):
    problem = _short()[1]
    span = problem.span
    assert span.after == span.whole["time"].values[span.seen.sizes["time"]]
    made = later([problem], our_search(), 1, 100)
    assert all(np.isfinite(values).all() for by in made.values() for values in by.values())


def test_smooth_functions_have_their_known_optima():
    sixth = [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]
    known = {
        "Branin": ([np.pi, 2.275], 0.397887), "Hartmann 3": ([0.114614, 0.555649, 0.852547], -3.86278),
        "Hartmann 6": (sixth, -3.32237), "Rosenbrock 4": ([1.0] * 4, 0.0), "Rastrigin 3": ([0.7] * 3, 0.0),
    }  # fmt: skip
    for function in SMOOTH:
        if function.name in known:
            where, lowest = known[function.name]
            assert function.function(np.array([where]))[0] == pytest.approx(lowest, abs=1e-5)
            assert function.space.size >= 10_000


@pytest.mark.benchmark
@pytest.mark.skipif(not IS_FULL, reason="full size: set MRTOOLKIT_BENCH=1")
def test_search_meets_its_floors():
    assert main([])


def main(words: list[str]) -> bool:
    """Print the tables of some parts; "tune" takes that half of the problems, "each" a line a problem too."""
    start = time.perf_counter()
    of = problems("tune" if "tune" in words else "report")
    print(f"The search over {len(of)} problems, {SEEDS} seeds each")
    is_met = True
    for name in [word for word in words if word in PARTS] or PARTS:
        is_met &= PARTS[name](of)
    if "each" in words:
        print("\n" + by_problem([p for p in of if not p.is_large], our_search(), SEEDS))
    print(f"\n{time.perf_counter() - start:.0f} s")
    return is_met


if __name__ == "__main__":
    raise SystemExit(0 if main(sys.argv[1:]) else 1)
