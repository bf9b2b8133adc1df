"""Several objectives, robust ones, targets, budgets of memory, failed trials, and workers that ask at once."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import mrtoolkit as mrt
from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import M, P
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.pareto import compromise, pareto_front, search_order
from mrtoolkit.search.space import Integer, Space

GRID = Space(x=Integer(0, 30), y=Integer(0, 30))


def two(p):
    return {"near": -((p["x"] - 5) ** 2) - (p["y"] - 5) ** 2, "far": -((p["x"] - 25) ** 2) - (p["y"] - 20) ** 2}


two.metrics = ("near", "far")


def beats(a, b):
    return (a >= b).all() and (a > b).any()


@settings(max_examples=200, deadline=None)
@given(
    scores=arrays(
        float,
        st.tuples(st.integers(0, 25), st.integers(1, 4)),
        elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0]),
    )
)
def test_the_front_is_what_nothing_beats(scores):
    counts = [i for i in range(len(scores)) if np.isfinite(scores[i]).all()]
    wanted = [i for i in counts if not any(beats(scores[j], scores[i]) for j in counts)]
    assert pareto_front(scores).tolist() == wanted
    order = search_order(scores)
    assert np.isfinite(order).nonzero()[0].tolist() == counts
    if wanted:
        assert order[wanted].min() > max((order[i] for i in counts if i not in wanted), default=-np.inf)
    best = compromise(scores, np.arange(len(scores)))
    assert (best is None and not wanted) or best in wanted


def test_two_objectives_give_their_front():
    study = optimize(two, GRID, objective=["near", "far"], trials=300, seed=1)
    front = study.front
    everything = np.array([[two({"x": x, "y": y})[name] for name in two.metrics] for x in range(31) for y in range(31)])
    truth = everything[pareto_front(everything)]
    # how much of the space below the true front the found one covers
    found = front[["near", "far"]].to_numpy(float)
    assert _covered(found) > 0.97 * _covered(truth)
    assert study.objective == "near, far"
    assert study.best.metrics["near"] > -250
    assert study.best.metrics["far"] > -250


def _covered(front, low=-1500.0):
    ordered = front[np.argsort(-front[:, 0])]
    area, height = 0.0, low
    for near, far in ordered:
        area += max(0.0, far - height) * (near - low)
        height = max(height, far)
    return area


def test_an_objective_can_be_minimised_beside_one_that_is_maximised():
    study = optimize(two, GRID, objective=["near", M.far * -1], direction=["maximize", "minimize"], trials=200, seed=1)
    again = optimize(two, GRID, objective=["near", "far"], trials=200, seed=1)
    assert study.front[["x", "y"]].equals(again.front[["x", "y"]])
    with pytest.raises(StudyError, match="2 objectives have 3 directions"):
        optimize(two, GRID, objective=["near", "far"], direction=["maximize"] * 3)
    with pytest.raises(StudyError, match="leaves nothing to compare"):
        optimize(two, GRID, objective=[])


def test_one_objective_is_its_own_front():
    study = optimize(lambda p: p["x"], GRID, trials=50)
    assert len(study.front) == 1
    assert study.front.iloc[0]["value"] == study.best.value


def test_a_neighbourhood_wins_over_a_lonely_peak():
    def peak_and_hill(p):
        if (p["x"], p["y"]) == (3, 3):
            return 100.0
        return 10.0 - 0.1 * ((p["x"] - 20) ** 2 + (p["y"] - 20) ** 2)

    plain = optimize(peak_and_hill, Space(x=Integer(0, 24, 3), y=Integer(0, 24, 1)), trials=1000)
    assert (plain.best.params["x"], plain.best.params["y"]) == (3, 3)
    study = optimize(peak_and_hill, GRID, objective=mrt.robust.neighbourhood("value"), trials=400)
    assert abs(study.best.params["x"] - 20) <= 2
    assert abs(study.best.params["y"] - 20) <= 2
    assert study.objective == "value of the neighbourhood"
    with pytest.raises(StudyError, match="between 0 and 0.5"):
        mrt.robust.neighbourhood("value", quantile=0.9)


def test_the_worst_window_is_the_lowest_sharpe_of_windows():
    bars = mrt.data.simulate(bars=1_600, freq="1d", seed=5)
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(40)), costs=mrt.Costs(fee=0.001))
    found = backtest.run({"fast": [5, 10, 20]}, metrics=["sharpe_worst_of_8", "sharpe_median_of_8", "sharpe"])
    trial = backtest.trial({"fast": 10})
    returns = np.asarray(trial.returns)
    parts = [r.mean() / r.std(ddof=1) * np.sqrt(backtest.periods_per_year) for r in np.array_split(returns, 8)]
    assert float(found.sharpe_worst_of_8.sel(fast=10)) == pytest.approx(min(parts), rel=0.05, abs=0.05)
    assert float(found.sharpe_median_of_8.sel(fast=10)) == pytest.approx(np.median(parts), rel=0.1, abs=0.1)
    assert found.sharpe_worst_of_8.attrs["units"] == "a year"
    study = optimize(
        backtest, Space(fast=Integer(3, 60)), objective=mrt.robust.worst_block("sharpe", blocks=8), trials=80
    )
    assert study.best.value == pytest.approx(study.to_pandas()["sharpe_worst_of_8"].max())
    assert study.verify(5).is_ok
    middle = optimize(backtest, Space(fast=Integer(3, 60)), objective=mrt.robust.median_block("sharpe"), trials=80)
    assert middle.best.value == pytest.approx(middle.to_pandas()["sharpe_median_of_8"].max())
    with pytest.raises(StudyError, match="over 100 windows"):
        backtest.run({"fast": 5}, metrics="sharpe_worst_of_100")
    with pytest.raises(StudyError, match="one of sharpe, sortino"):
        mrt.robust.worst_block("trades")


def test_a_window_that_is_held_through_has_its_sharpe_ratio_and_one_without_a_position_0():
    bars = mrt.data.simulate(bars=1_600, freq="1d", seed=5)
    names = ["sharpe_worst_of_8", "sharpe_median_of_8"]
    held = mrt.Backtest(bars, mrt.Strategy(entry=mrt.close > P.n)).run({"n": 0}, metrics=names)
    change = bars["close"].to_numpy()[1:] / bars["close"].to_numpy()[:-1] - 1
    parts = [r.mean() / r.std(ddof=1) * np.sqrt(365.25) for r in np.array_split(change, 8)]
    assert float(held.sharpe_worst_of_8) == pytest.approx(min(parts), rel=0.1, abs=0.15)
    assert float(held.sharpe_median_of_8) == pytest.approx(np.median(parts), rel=0.2, abs=0.2)
    never = mrt.Backtest(bars, mrt.Strategy(entry=mrt.close > P.n)).run({"n": 1e9}, metrics=names)
    assert float(never.sharpe_worst_of_8) == 0


def test_a_target_ends_the_search_at_the_same_trial_whatever_the_batches():
    lengths = set()
    for size in (1, 7, 1000):
        optimizer = MultiResOptimizer(None, GRID, trials=900, target=-50.0)
        while len(points := optimizer.ask(size)):
            optimizer.tell(points, [-((x - 9) ** 2) - (y - 4) ** 2.0 for x, y in points.to_numpy()])
        lengths.add(len(optimizer.study))
        assert "has reached the target of -50" in optimizer.study.stopped
    assert len(lengths) == 1
    with pytest.raises(StudyError, match="target='much'"):
        optimize(two, GRID, target="much")


def test_a_limit_of_memory_ends_the_search_and_says_so():
    study = optimize(lambda p: p["x"], GRID, trials=900, memory="4 KiB", levels=mrt.Level("all", labels=31))
    assert "have come to the limit of 4.0 KiB" in study.stopped


def test_a_point_that_raises_is_a_failed_trial():
    def fragile(p):
        if p["x"] % 5 == 0:
            raise ZeroDivisionError(f"no prices at {p['x']}")
        return float(p["x"])

    study = optimize(fragile, GRID, trials=200)
    failed = study.to_pandas().iloc[list(study.failures)]
    assert (failed["x"] % 5 == 0).all()
    assert failed["value"].isna().all()
    assert not failed["feasible"].any()
    assert study.best.params["x"] == 29
    assert set(study.failures.values()) <= {f"ZeroDivisionError: no prices at {x}" for x in range(0, 31, 5)}
    assert f"{len(failed)} of {len(study)} trials failed" in repr(study)


def test_a_batch_that_raises_is_halved_until_the_point_is_found():
    class Batch:
        def batch(self, points):
            if (points["x"] == 7).any():
                raise ValueError("seven")
            return points["y"].to_numpy(float)

    study = optimize(Batch(), GRID, trials=1000)
    assert len(study) == 31 * 31
    assert sorted(study.to_pandas().iloc[list(study.failures)]["x"].unique()) == [7]
    assert len(study.failures) == 31


def test_an_evaluator_that_never_works_is_said_to_be_broken():
    def broken(p):
        raise KeyError("price")

    with pytest.raises(KeyError, match="price"):
        optimize(broken, GRID, trials=100)


def test_workers_that_ask_at_once_evaluate_no_point_twice():
    optimizer = MultiResOptimizer(None, GRID, trials=400, seed=2, transition="peak")  # whose rounds are long
    seen, lock = [], threading.Lock()

    def work():
        while not optimizer.is_done:
            points = optimizer.ask(5)
            with lock:
                seen.extend(map(tuple, points.to_numpy()))
            optimizer.tell(points, [-float((x - 9) ** 2 + (y - 4) ** 2) for x, y in points.to_numpy()])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    away = lambda p: -float((p["x"] - 9) ** 2 + (p["y"] - 4) ** 2)
    alone = optimize(away, GRID, trials=400, seed=2, transition="peak")
    told = {(x, y) for x, y in optimizer.study.to_pandas()[["x", "y"]].to_numpy()}
    assert told == {(x, y) for x, y in alone.to_pandas()[["x", "y"]].to_numpy()}
    assert len(seen) < 1.2 * len(told)  # at the end of a round a worker may be given another's


def test_a_callable_may_measure_several_things():
    study = optimize(two, GRID, objective="near", constraints=["M.far >= -200"], trials=300)
    assert study.best.metrics["far"] >= -200
    assert {"near", "far"} <= set(study.trials.data_vars)

    def lacks(p):
        return {"near": 1.0}

    lacks.metrics = ("near", "far")
    with pytest.raises(StudyError, match="what it gave has near; give a mapping with 'far'"):
        optimize(lacks, GRID)
