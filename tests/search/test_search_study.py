"""The study: what is asked of it after the search."""

import inspect
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import M, P
from mrtoolkit.search.cost import compare_cost, seconds_text
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.level import Level
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.plateau import neighbourhood_scores
from mrtoolkit.search.space import Space

CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)
COARSE = [Level("coarse", grid={"fast": [5, 10, 15, 20], "slow": [30, 40, 50, 60]})]


def test_trials_are_labelled_by_their_parameters_in_the_order_evaluated(cross):
    study = optimize(cross, CROSS, levels=COARSE)
    trials = study.trials
    assert trials.sizes == {"trial": 16}
    assert list(trials.data_vars) == ["level", "region", "value", "feasible", "sharpe", "trades"]
    assert trials["fast"].dims == ("trial",)
    assert trials["fast"].to_numpy().tolist() == [5] * 4 + [10] * 4 + [15] * 4 + [20] * 4
    assert trials["slow"].dtype == np.int64
    np.testing.assert_array_equal(trials["value"], trials["sharpe"])
    assert study.to_pandas().columns.tolist() == [
        "fast",
        "slow",
        "level",
        "region",
        "value",
        "feasible",
        "sharpe",
        "trades",
    ]


def test_the_table_of_levels_has_its_columns_in_order_and_a_row_a_level(cross):
    columns = ["level", "points", "reused", "run", "features used", "features reused", "features computed", "best"]
    study = optimize(cross, CROSS, levels=COARSE)
    assert study.levels.columns.tolist() == [*columns, "seconds"]
    assert study.levels[columns].to_numpy().tolist() == [["coarse", 16, 0, 16, 8, 0, 8, study.best.value]]
    assert MultiResOptimizer(cross, CROSS).study.levels.columns.tolist() == [*columns, "seconds"]


def test_a_study_says_whether_there_is_a_best(cross):
    assert optimize(cross, CROSS, levels=COARSE).has_best
    assert not optimize(cross, CROSS, levels=COARSE, constraints=[M.trades > 1e9]).has_best
    assert not optimize(lambda p: float("nan"), Space(x=Integer(0, 3))).has_best
    assert not MultiResOptimizer(cross, CROSS).study.has_best


def test_optimize_shows_the_words_of_the_optimizer():
    words = inspect.signature(optimize).parameters
    assert words == inspect.signature(MultiResOptimizer).parameters
    assert words["direction"].default == "maximize"


def test_none_and_text_stay_what_they_are_in_the_trials():
    study = optimize(lambda p: 1.0, Space(kind=Categorical(["a", None, "b"])))
    assert study.trials["kind"].to_numpy().tolist() == ["a", None, "b"]
    assert study.to_pandas()["kind"].tolist() == ["a", None, "b"]


def test_what_a_study_gives_away_cannot_change_it(cross):
    study = optimize(cross, CROSS, levels=COARSE)
    study.trials["value"][:] = 0
    table = study.to_pandas()
    table["value"] = 0
    assert study.best.value == pytest.approx(0.999 - 0.04 - 0.0025)
    with pytest.raises(ValueError, match="read-only"):
        study.log.value[0] = 5


def test_top_lists_the_best_first_of_equal_ones_the_lower_labels():
    study = optimize(lambda p: -abs(p["x"]), Space(x=Integer(-3, 3)))
    assert study.top(3)["x"].tolist() == [0, -1, 1]
    assert len(study.top(100)) == 7


def test_an_expression_is_searched_and_its_buy_and_hold_shown_beside(cross):
    study = optimize(cross, CROSS, levels=COARSE, objective=M.sharpe + M.trades / 1000)
    table = study.to_pandas()
    np.testing.assert_allclose(table["value"], table["sharpe"] + table["trades"] / 1000)
    assert study.best.value == table["value"].max()
    assert study.benchmark_value == pytest.approx(0.5 + 0.001)
    assert study.benchmark == {"sharpe": 0.5, "trades": 1.0}


def test_the_plateau_is_the_middle_of_a_hill_and_not_a_lone_peak():
    def hill(p):
        lone = 5.0 if (p["x"], p["y"]) == (90, 90) else 0.0
        return max(lone, 3.0 - ((p["x"] - 30) / 10) ** 2 - ((p["y"] - 40) / 10) ** 2)

    study = optimize(hill, Space(x=Integer(0, 100), y=Integer(0, 100)), levels=[Level("all", step=2)])
    assert study.best.params == {"x": 90, "y": 90}
    assert study.plateau.params == {"x": 30, "y": 40}
    assert study.plateau.value == 3.0


def test_the_neighbourhood_is_that_of_a_plain_loop():
    space = Space(x=Integer(0, 40), y=Real(0, 1, step=0.05), kind=Categorical(["a", "b"]))
    rng = np.random.default_rng(3)
    optimizer = MultiResOptimizer(None, space, levels=[Level("sample", budget=120)])
    points = optimizer.ask()
    values = rng.normal(size=len(points))
    values[::17] = np.nan
    optimizer.tell(points, values)
    log = optimizer.study.log
    found, counts = neighbourhood_scores(space, log, np.arange(len(log)))
    floor = np.nanmin(values)
    for trial in range(len(log)):
        distance = np.max(np.abs(log.codes[:, :2] - log.codes[trial, :2]) / [0.05 * 40, 1.0], axis=1)
        near = np.flatnonzero((distance <= 1 + 1e-9) & (log.codes[:, 2] == log.codes[trial, 2]))
        assert len(near) <= 25
        expected = np.sort([floor if np.isnan(values[i]) else values[i] for i in near])
        assert counts[trial] == len(near)
        assert found[trial] == pytest.approx(expected[int(0.25 * (len(near) - 1))], rel=1e-9)


def test_a_study_in_words_names_what_matters(cross):
    study = optimize(cross, CROSS, trials=60)
    for text in (repr(study), study._repr_html_()):
        for part in (
            "trials",
            "15,510",
            "best",
            "plateau",
            "buy and hold",
            "fast=",
            "sharpe",
            "levels are done",
            "mrt.report(study",
        ):
            assert part in text
    assert len(repr(study).splitlines()) <= 8


def test_text_in_a_study_cannot_become_html():
    study = optimize(lambda p: 1.0, Space(kind=Categorical(["<script>"])))
    assert "<script>" not in study._repr_html_()


def test_verify_compares_random_trials_and_the_best(cross):
    study = optimize(cross, CROSS, trials=60)
    assert repr(study.verify(20)) == "21 of 21 equal"
    assert str(study.verify(20)) == "21 of 21 equal"
    assert study.verify(20).is_ok
    small = optimize(cross, CROSS, levels=COARSE)
    assert repr(small.verify(20)) == "16 of 16 equal"


def test_verify_says_what_differs_and_which_feature_is_stale(cross):
    study = optimize(cross, CROSS, levels=COARSE)
    cross.bias = 1e-6
    found = study.verify(1)
    assert not found.is_ok
    assert found.equal == 0
    assert repr(found).startswith("0 of 2 equal; differs: {'fast': ")
    assert dict(found.differs[1]) == study.best.params
    cross.bias = 1e-11
    cross.stale = ("ema(20)", "ema(999)")
    assert repr(study.verify(2)) == "3 of 3 equal; stale features: ema(20)"
    cross.bias = 1.0
    assert " and 13 more; stale features: ema(20)" in repr(study.verify(20))


def test_verify_asks_for_a_whole_number_of_trials(cross):
    study = optimize(cross, CROSS, levels=COARSE)
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(StudyError, match="whole number"):
            study.verify(wrong)
    with pytest.raises(StudyError, match="0 trials"):
        MultiResOptimizer(cross, CROSS).study.verify()


def test_the_cost_of_the_plain_ways_is_measured(make_cross, monkeypatch):
    clock = [0.0]

    class Timed(make_cross):
        def evaluate(self, points):
            clock[0] += 0.001 * len(points)
            return super().evaluate(points)

        def evaluate_fresh(self, points):
            assert len(points) == 1  # several at once could share indicators
            clock[0] += 0.25
            return super().evaluate_fresh(points)

    monkeypatch.setattr("mrtoolkit.search.cost.time", SimpleNamespace(perf_counter=lambda: clock[0]))
    space = Space(fast=Integer(0, 999), slow=Integer(0, 9), where=P.slow < 5)
    study = optimize(Timed(), space, levels=[Level("one", labels={"fast": 10}, grid={"slow": [1]})])
    cost = compare_cost(study, sample=5)
    assert (cost.trials, cost.lattice_points, cost.is_exact, cost.sample) == (10, 5000, True, 5)
    assert cost.recompute_seconds == pytest.approx(10 * 0.25)
    assert cost.exhaustive_seconds == pytest.approx(5000 * 0.001)
    assert cost.search_seconds == study.seconds > 0
    assert cost.times_faster_than_exhaustive == pytest.approx(5 / study.seconds)
    assert "the exhaustive grid of 5,000 points" in repr(cost)
    with pytest.raises(StudyError, match="sample is .* whole number of 1 or more"):
        compare_cost(study, sample=0)
    with pytest.raises(StudyError, match="0 trials"):
        compare_cost(MultiResOptimizer(Timed(), space).study)


def test_durations_are_in_the_unit_a_person_would_use():
    assert [seconds_text(s) for s in (0.0123, 1.5, 90, 600, 9000, 1e6)] == [
        "12.3 ms",
        "1.5 s",
        "90 s",
        "10 minutes",
        "2.5 hours",
        "11.6 days",
    ]


def test_two_readers_of_the_rows_see_each_row_once():
    study = optimize(lambda p: -float(p["x"]), Space(x=Integer(0, 9)))
    before = len(study.rows)
    row = study.rows[0]

    def slow() -> object:
        time.sleep(0.02)
        return row

    for _ in range(5):
        study.add_row(slow)
    with ThreadPoolExecutor(4) as pool:
        counts = [len(rows) for rows in pool.map(lambda _: study.rows, range(4))]
    assert counts == [before + 5] * 4
    assert study.n_rows == before + 5
