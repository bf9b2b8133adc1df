"""Searches in which there is little to find, little to choose, or far too much: each ends, and says what it found."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from oracles.long_form import IS_LONG

import mrtoolkit as mrt
from mrtoolkit import Categorical, Integer, M, P, Real, Space, optimize
from mrtoolkit.errors import StudyError

TRANSITIONS = [None, "peak", "moving", *(["gp", "gp+moving"] if IS_LONG else [])]
WIDE = Space(x=Integer(1, 60), y=Integer(1, 40))
HUGE = Space(**{f"p{i}": Integer(0, 99) for i in range(6)})  # 10**12 points
TWELVE = Space(**{f"p{i:02}": Integer(0, 9) for i in range(12)})  # as many


@pytest.fixture(params=TRANSITIONS, ids=str)
def transition(request):
    return request.param


@pytest.fixture(scope="module")
def bars():
    return mrt.data.simulate(bars=1_200, freq="1h", seed=3)


def searched(function, space, transition, *, trials=50, **words):
    """A search that keeps what every search keeps: its budget, its space, no point twice, a reason to stop."""
    study = optimize(function, space, trials=trials, transition=transition, seed=1, **words)
    assert 1 <= len(study) <= trials
    keys = space.keys(study.log.codes)
    assert len(set(keys.tolist())) == len(keys)
    assert space.holds(study.log.codes).all()
    assert study.stopped.endswith(".")
    assert repr(study)
    assert len(study.levels) >= 1
    return study


def bowl(point):
    """Highest in the middle of whatever is a number from 0 to 99."""
    return -sum((value - 49) ** 2 for value in point.values() if isinstance(value, int | float))


def test_of_a_constant_objective_the_lowest_labels_are_best(transition):
    study = searched(lambda p: 7.0, WIDE, transition)
    assert study.best.value == 7.0
    assert study.log.keys[study.scoring.best()] == study.log.keys.min()
    assert study.plateau.value == 7.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_objective_without_one_value_ends_with_a_study_that_says_so(transition, value):
    study = searched(lambda p: value, WIDE, transition)
    assert not study.has_best
    with pytest.raises(StudyError, match="is NaN( or infinite)? in all"):
        _ = study.best


def test_the_one_point_that_counts_is_kept_once_it_is_met(transition):
    def score(point):
        return 1.0 if point["x"] % 7 == 0 and point["y"] > 20 else math.nan

    study = searched(score, WIDE, transition, trials=100)
    assert study.has_best == bool(np.isfinite(study.log.value).any())
    assert not study.has_best or study.best.params["x"] % 7 == 0
    alone = searched(lambda p: p["x"], Space(x=Integer(1, 60), y=Integer(1, 40), where=P.x * 40 == P.y), transition)
    assert alone.best.params == {"x": 1, "y": 40}
    assert len(alone) == 1


def test_one_trial_of_all_that_satisfies_a_constraint_of_metrics_is_the_best(transition):
    class Counted:
        metrics = ("value", "count")

        def batch(self, frame):
            return {"value": frame["x"].to_numpy(float), "count": (frame["x"] * 100 + frame["y"]).to_numpy(float)}

    every = searched(Counted(), Space(x=Integer(1, 6), y=Integer(1, 6)), transition, objective="value")
    assert len(every) == 36
    one = searched(
        Counted(), Space(x=Integer(1, 6), y=Integer(1, 6)), transition, objective="value", constraints=M.count == 304
    )
    assert one.best.params == {"x": 3, "y": 4}


def test_points_that_raise_have_failed_and_the_search_goes_on(transition):
    def score(point):
        if point["x"] % 3 == 0:
            raise ZeroDivisionError(f"x is {point['x']}")
        return -abs(point["x"] - 31)

    study = searched(score, WIDE, transition, trials=80)
    assert study.failures
    for trial, message in study.failures.items():
        x = study.space.point(study.log.codes[trial])["x"]
        assert message == f"ZeroDivisionError: x is {x}"
        assert math.isnan(study.log.value[trial])
        assert not study.log.feasible[trial]
    assert study.best.params["x"] % 3 != 0
    assert abs(study.best.params["x"] - 31) <= 3


def test_a_space_of_one_dimension(transition):
    study = searched(lambda p: -((p["x"] - 7_310) ** 2), Space(x=Integer(1, 10_000)), transition, trials=120)
    assert abs(study.best.params["x"] - 7_310) < 300
    real = searched(lambda p: -abs(p["x"] - 0.3), Space(x=Real(0, 1)), transition, trials=60)
    assert abs(real.best.params["x"] - 0.3) < 0.1


@pytest.mark.parametrize("space", [TWELVE, HUGE], ids=["12 dimensions", "6 dimensions"])
def test_of_ten_to_the_twelve_points_none_is_enumerated(transition, space):
    assert space.count() == (10**12, True)
    small = Space(**{name: Integer(0, 3) for name in space})

    def peak_of(one):
        tracemalloc.start()
        try:
            study = searched(bowl, one, transition, trials=60)
            return tracemalloc.get_traced_memory()[1], study
        finally:
            tracemalloc.stop()

    least, _ = peak_of(small)
    peak, study = peak_of(space)
    assert peak < 8 * least + 8 * 2**20
    values = study.log.value
    assert study.best.value == values.max() > np.median(values)


def test_dimensions_that_matter_under_a_condition_alone(transition):
    space = Space(
        kind=Categorical(["plain", "smooth"]),
        n=Integer(5, 60),
        width=Integer(1, 30, only=P.kind == "smooth"),
        more=Real(0, 1, step=0.1, only=P.width > 15),
    )
    seen = []

    def score(point):
        seen.append(point)
        return -abs(point["n"] - 20) - (abs(point["width"] - 18) if point["kind"] == "smooth" else 9)

    study = searched(score, space, transition, trials=150)
    codes = study.log.codes
    assert (space.canonical(codes) == codes).all()
    assert {point["kind"] for point in seen} == {"plain", "smooth"}
    assert study.best.value > -12


def test_categories_alone(transition):
    space = Space(a=Categorical(list("abcdefgh")), b=Categorical([None, 1, 2.5, "x"]), c=Categorical([True, False]))
    study = searched(lambda p: (p["a"] == "e") + (p["b"] == "x") + (p["c"] is False), space, transition, trials=40)
    assert study.best.value >= 2
    whole = searched(lambda p: p["a"] == "e", space, transition, trials=64)
    assert len(whole) == 64


def test_dimensions_of_one_label(transition):
    space = Space(x=Integer(4, 4), y=Integer(1, 500), z=Categorical(["only"]), w=Real(0.5, 0.5, step=0.1))
    study = searched(lambda p: -abs(p["y"] - 300), space, transition)
    assert study.best.params | {"y": 0} == {"x": 4, "y": 0, "z": "only", "w": 0.5}
    assert abs(study.best.params["y"] - 300) < 50


@pytest.mark.parametrize("trials", [1, 2, 3])
def test_very_few_trials(transition, trials):
    for space in (WIDE, HUGE, Space(k=Categorical(["a", "b"]))):
        study = searched(lambda p: 1.0, space, transition, trials=trials)
        assert len(study) <= trials
        assert study.best.value == 1.0


def test_levels_of_more_regions_than_points(transition):
    levels = [
        mrt.Level("few", budget=3, regions=50), mrt.Level("more", budget=5, regions=400), mrt.Level("end", regions=99)
    ]  # fmt: skip
    study = searched(bowl, WIDE, transition, trials=200, levels=levels)
    assert len(study.regions) >= 2
    steps = [mrt.Level("grid", step=20, regions=30), mrt.Level("fine", step=10, regions=1_000)]
    searched(bowl, WIDE, transition, trials=200, levels=steps)


def test_a_backtest_that_never_trades_ends_with_a_study_that_says_so(bars, transition):
    never = mrt.Strategy(entry=mrt.ema(P.n) > mrt.highest(P.n) * P.times, exit=mrt.close > 0)
    space = Space(n=Integer(2, 60), times=Real(2, 4, step=0.1))
    study = searched(mrt.Backtest(bars, never, store=mrt.FeatureStore()), space, transition, objective="sharpe")
    assert not study.has_best
    assert (study.log.metrics["trades"] == 0).all()
    with pytest.raises(StudyError, match="made a trade"):
        _ = study.best


def test_a_backtest_whose_points_are_all_alike(bars, transition):
    same = mrt.Strategy(entry=mrt.ema(10) > mrt.ema(30), stop_loss=P.stop)
    backtest = mrt.Backtest(bars, same, store=mrt.FeatureStore())
    study = searched(backtest, Space(stop=Real(0.90, 0.99, step=0.0001)), transition, objective="sharpe")
    assert len(set(study.log.value.tolist())) == 1
    assert study.best.params["stop"] == min(study.trials["stop"].values)
    assert study.verify(5)


def test_a_backtest_of_categories_conditions_and_one_label(bars, transition):
    entry = mrt.choose(P.kind, {
        "cross": mrt.ema(P.fast) > mrt.ema(P.slow),
        "macd": mrt.macd(P.fast, P.slow, P.signal).histogram > 0,
    })  # fmt: skip
    space = Space(
        kind=Categorical(["cross", "macd"]), fast=Integer(5, 20), slow=Integer(60, 60),
        signal=Integer(3, 20, only=P.kind == "macd"),
    )  # fmt: skip
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=entry), store=mrt.FeatureStore())
    study = searched(backtest, space, transition, trials=120)
    assert study.best.value == study.trials["sharpe"].values.max()
    assert repr(study.verify(3)) == "4 of 4 equal"
