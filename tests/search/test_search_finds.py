"""The search as a whole: what it finds, in what order, and why it stops."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.errors import StudyError
from mrtoolkit.evaluation import Evaluation
from mrtoolkit.expressions import M, P
from mrtoolkit.search import loop
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.events import BatchDone, LevelEnded, LevelStarted, RegionFound, Stopped
from mrtoolkit.search.level import Level
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Space

TEXTBOOK = [
    Level("coarse", grid={"fast": [5, 10, 15, 20], "slow": [30, 40, 50, 60]}),
    Level("medium", grid={"fast": range(8, 18), "slow": [35, 37, 40, 42, 45, 47, 50, 52, 55]}),
    Level("fine", grid={"fast": [11.5, 12, 12.5], "slow": [41, 42, 43]}),
]
CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)


def log_of(study):
    return study.to_pandas().to_dict("records")


def test_the_textbook_levels_make_16_86_and_8_trials_of_8_15_and_4_features(cross):
    study = optimize(cross, CROSS, levels=TEXTBOOK)
    table = study.levels
    assert table["level"].tolist() == ["coarse", "medium", "fine"]
    assert table["points"].tolist() == [16, 90, 9]
    assert table["reused"].tolist() == [0, 4, 1]
    assert table["run"].tolist() == [16, 86, 8]
    assert table["features used"].tolist() == [8, 19, 6]
    assert table["features computed"].tolist() == [8, 15, 4]
    assert table["features reused"].tolist() == [0, 4, 2]
    assert len(study) == 110
    assert len(cross.computed) == len(set(cross.computed)) == 27
    assert cross.persisted == 1
    assert study.best.params == {"fast": 12.0, "slow": 42}
    assert study.stopped == "all 3 levels are done after 110 trials."


@given(
    values=st.lists(st.sampled_from([1.0, 2.0, 2.0 + 1e-13, 3.0, math.nan]), min_size=24, max_size=24),
    direction=st.sampled_from(["maximize", "minimize"]),
    allowed=st.sets(st.integers(0, 3), min_size=1),
)
def test_a_level_of_all_points_finds_what_a_plain_loop_finds(values, direction, allowed):
    space = Space(x=Integer(0, 3), kind=Categorical(["a", None, "b"]), y=Integer(0, 1))
    points = list(itertools.product(range(4), ["a", None, "b"], range(2)))
    table = dict(zip(points, values, strict=True))

    best = None
    for point in points:  # lower labels come first, so only a better value takes the lead
        value = table[point]
        if point[0] not in allowed or math.isnan(value):
            continue
        value = float(f"{value:.9e}") * (1 if direction == "maximize" else -1)
        if best is None or value > best[1]:
            best = (point, value)

    class Both:
        params, metrics, bars = (), ("value", "x"), None

        def caution(self, frame):
            """Say nothing."""

        def evaluate(self, frame):
            rows = list(frame.itertuples(index=False, name=None))
            return Evaluation(
                metrics={
                    "value": np.array([table[row] for row in rows]),
                    "x_metric": np.array([row[0] for row in rows]),
                }
            )

    constraint = M.x_metric == min(allowed)
    for one in sorted(allowed)[1:]:
        constraint = constraint | (M.x_metric == one)
    evaluator = type("Table", (Both,), {"metrics": ("value", "x_metric"), **_nothing_else()})()
    study = optimize(
        evaluator, space, objective="value", levels=[Level("all", step=1)], direction=direction, constraints=constraint
    )
    assert len(study) == 24
    if best is None:
        with pytest.raises(StudyError, match="none is the best"):
            _ = study.best
    else:
        assert tuple(study.best.params.values()) == best[0]


def _nothing_else():
    return {
        "check": lambda self, frame: None,
        "evaluate_fresh": lambda self, frame: self.evaluate(frame),
        "features": lambda self, frame: frozenset(),
        "stale_features": lambda self, frame: (),
        "benchmark": lambda self: None,
        "persist": lambda self: None,
        "to_dict": lambda self: {},
    }


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_size_of_a_batch_changes_no_trial(cross, make_cross, monkeypatch, size):
    whole = optimize(make_cross(), CROSS, trials=200)
    monkeypatch.setattr(loop, "_FIRST_BATCH", size)
    monkeypatch.setattr(loop, "next_size", lambda *_: size)
    study = optimize(cross, CROSS, trials=200)
    assert max(cross.batches) <= size
    assert log_of(study) == log_of(whole)
    assert study.regions == whole.regions
    assert study.levels.drop(columns="seconds").equals(whole.levels.drop(columns="seconds"))


def test_minimize_finds_the_lowest():
    study = optimize(lambda p: (p["x"] - 3) ** 2, Space(x=Integer(-50, 50)), direction="minimize", trials=30)
    assert study.best.params == {"x": 3}
    assert study.top(2)["value"].tolist() == [0.0, 1.0]


def test_a_lattice_that_fits_the_trials_is_taken_whole():
    study = optimize(lambda p: p["x"], Space(x=Integer(1, 20), y=Integer(1, 20), where=P.x <= P.y), trials=210)
    assert len(study) == 210
    assert study.levels["level"].tolist() == ["whole lattice"]


def test_the_preset_zooms_to_the_optimum_with_few_trials(cross):
    study = optimize(cross, CROSS, trials=300)
    assert len(study) <= 300
    assert study.best.params == {"fast": 12.0, "slow": 42}
    assert study.levels["best"].is_monotonic_increasing
    widths = [region.bounds["slow"][1] - region.bounds["slow"][0] for region in study.regions]
    assert widths[0] > 2 * widths[-1]


def test_constraints_keep_the_best_among_those_that_satisfy_them(cross):
    study = optimize(cross, CROSS, levels=TEXTBOOK, constraints=[M.trades >= 45])
    assert study.best.metrics["trades"] >= 45
    table = study.to_pandas()
    assert study.best.value == table.loc[table["trades"] >= 45, "sharpe"].max()
    assert (table["feasible"] == (table["trades"] >= 45)).all()


def test_constraints_that_no_trial_satisfies_leave_a_study_that_says_so(cross):
    study = optimize(cross, CROSS, levels=TEXTBOOK, constraints=[M.trades >= 1000])
    assert len(study) == 110
    with pytest.raises(StudyError, match="none of the 110 trials satisfies M.trades >= 1000"):
        _ = study.best
    assert "none of the 110 trials" in repr(study)
    assert len(study.top(5)) == 0


def test_the_budget_of_trials_is_kept_and_named(cross):
    study = optimize(cross, CROSS, levels=TEXTBOOK, trials=50)
    assert len(study) == 50
    assert study.stopped == "the budget of 50 trials is spent."
    assert study.levels["run"].tolist() == [16, 34]
    assert study.levels["points"].tolist() == [16, 90]


def test_a_cut_level_takes_points_all_over_it_and_the_same_for_the_same_seed(make_cross):
    space = Space(fast=Integer(1, 50), slow=Integer(1, 100))
    cut = [optimize(make_cross(), space, levels=[Level("all", step=1)], trials=200, seed=seed) for seed in (1, 1, 2)]
    assert log_of(cut[0]) == log_of(cut[1]) != log_of(cut[2])
    assert np.bincount((cut[0].trials["fast"].to_numpy() - 1) // 10).min() > 20


def test_the_budget_of_seconds_is_kept_and_named():
    import time

    study = optimize(
        lambda p: time.sleep(0.01) or p["x"], Space(x=Integer(1, 1000)), levels=[Level("all", step=1)], seconds=0.3
    )
    assert 5 < len(study) < 100
    assert study.stopped == f"the 0.3 seconds are over after {len(study)} trials."


def test_a_search_that_no_longer_improves_stops():
    study = optimize(lambda p: 1.0, Space(x=Integer(1, 10_000)), trials=60, patience=1)
    assert study.stopped == f"level 'medium' did not improve the best at all, after {len(study)} trials."
    assert study.best.params == {"x": 1}
    patient = optimize(lambda p: 1.0, Space(x=Integer(1, 10_000)), trials=60)
    assert patient.levels["level"].tolist() == ["coarse", "medium", "fine"]


def test_the_first_level_never_ends_a_search():
    study = optimize(lambda p: float("nan"), Space(x=Integer(1, 10_000)), trials=60, patience=1)
    assert study.levels["level"].tolist() == ["coarse", "medium"]


def test_tolerance_says_what_counts_as_improvement(cross):
    study = optimize(cross, CROSS, levels=TEXTBOOK, patience=1, tolerance=0.1)
    assert study.stopped.startswith("level 'medium' did not improve the best by more than 0.1, after 102 trials")
    assert optimize(cross, CROSS, levels=TEXTBOOK, patience=1).levels["level"].tolist() == ["coarse", "medium", "fine"]


def test_listed_levels_are_all_run_whatever_they_bring(cross):
    flat = [
        Level("a", grid={"fast": [12], "slow": [42]}),
        Level("b", grid={"fast": [5], "slow": [100]}),
        Level("c", grid={"fast": [6], "slow": [100]}),
    ]
    assert len(optimize(cross, CROSS, levels=flat)) == 3


def test_events_tell_the_whole_story(cross):
    events = []
    study = optimize(cross, CROSS, levels=TEXTBOOK, on_event=events.append)
    started = [e for e in events if isinstance(e, LevelStarted)]
    assert [(e.level, e.name, e.points, e.reused, e.to_run) for e in started] == [
        (0, "coarse", 16, 0, 16),
        (1, "medium", 90, 4, 86),
        (2, "fine", 9, 1, 8),
    ]
    done = [e for e in events if isinstance(e, BatchDone)]
    assert [e.trials for e in done] == np.cumsum(cross.batches).tolist()
    assert [e.done for e in done if e.level == 1][-1] == 86
    assert all(e.total == 86 for e in done if e.level == 1)
    assert done[-1].best == study.best.value
    assert done[-1].best_params == study.best.params
    assert [e.region for e in events if isinstance(e, RegionFound)] == study.regions
    assert [e.row for e in events if isinstance(e, LevelEnded)] == study.rows
    assert events[-1] == Stopped(reason=study.stopped, trials=110, seconds=events[-1].seconds)
    assert [type(e) for e in events[:3]] == [LevelStarted, RegionFound, BatchDone]
    with pytest.raises(AttributeError):
        events[0].level = 5


def test_several_listeners_hear_the_same(cross):
    one, two = [], []
    optimize(cross, CROSS, levels=TEXTBOOK, on_event=[one.append, two.append])
    assert one == two != []


def test_a_region_says_where_the_best_was_when_it_was_made(cross):
    study = optimize(cross, CROSS, levels=TEXTBOOK)
    first = study.to_pandas().query("level == 0").sort_values("value").iloc[-1]
    assert study.regions[1].centre == {"fast": first["fast"], "slow": first["slow"]}
    assert study.regions[1].bounds == {"fast": (8, 17), "slow": (35, 55)}
    assert (study.trials["region"] == 0).all()


def test_a_transition_of_ones_own_moves_while_it_likes(cross):
    class Walk:
        """Three boxes in a row, one a round."""

        def regions(self, history, level, *, index, round):
            from mrtoolkit.search.region import Region

            if round == 3:
                return []
            assert len(history.codes) == 9 * round
            low = 10 + 10 * round
            return [
                Region(
                    level=index,
                    index=round,
                    bounds={"fast": (low, low + 1), "slow": (100, 102)},
                    centre={"fast": low, "slow": 100},
                )
            ]

    study = optimize(cross, CROSS, levels=[Level("walk", step={"fast": 0.5, "slow": 1})], transition=Walk())
    assert study.levels["points"].tolist() == [27]
    assert study.trials["region"].to_numpy().tolist() == [0] * 9 + [1] * 9 + [2] * 9
    assert len(study.regions) == 3


def test_an_infinite_value_never_wins():
    study = optimize(lambda p: float("inf") if p["x"] == 3 else p["x"], Space(x=Integer(0, 9)))
    assert study.best.params == {"x": 9}
    study = optimize(lambda p: float("inf"), Space(x=Integer(0, 9)))
    with pytest.raises(StudyError, match="is NaN or infinite in all 10 trials"):
        _ = study.best


def test_a_search_without_a_trade_says_so(cross):
    cross._metrics = lambda points: {"sharpe": np.full(len(points), np.nan), "trades": np.zeros(len(points))}
    study = optimize(cross, CROSS, trials=10)
    with pytest.raises(StudyError, match="none of the [0-9]+ trials made a trade"):
        _ = study.best


def test_an_objective_that_is_nan_everywhere_ends_with_a_study():
    study = optimize(lambda p: float("nan"), Space(x=Integer(1, 1000)), trials=30)
    assert len(study) >= 10
    with pytest.raises(StudyError, match="is NaN in all"):
        _ = study.plateau
    assert "is NaN in all" in study._repr_html_()


@pytest.mark.parametrize(
    "space", [Space(x=Integer(5, 5)), Space(x=Integer(0, 9), where=P.x == 7), Space(k=Categorical([None]))]
)
def test_a_space_of_one_point_is_searched(space):
    assert len(optimize(lambda p: 1.0, space)) == 1


def test_a_space_of_twelve_dimensions_is_searched():
    space = Space(**{f"p{i}": Integer(0, 99) for i in range(12)})
    study = optimize(lambda p: -sum((v - 50) ** 2 for v in p.values()), space, trials=200)
    assert 150 <= len(study) <= 200
    assert study.levels["best"].iloc[-1] > study.levels["best"].iloc[0]
    assert len(study.log.keys) == len(set(study.log.keys.tolist()))


def test_no_point_is_evaluated_twice(cross):
    seen = []
    optimize(lambda p: seen.append(tuple(p.values())) or 0.0, CROSS, trials=300, patience=5)
    assert len(seen) == len(set(seen))


def test_an_evaluator_that_begins_to_raise_leaves_what_was_done(cross, tmp_path):
    calls = []

    def fails(params):
        calls.append(params)
        if len(calls) > 50:
            raise ZeroDivisionError("no prices")
        return 0.0

    study = optimize(fails, CROSS, levels=TEXTBOOK, study=tmp_path / "s.zarr")
    assert sorted(study.failures) == list(range(50, len(study)))
    loaded = load_study(tmp_path / "s.zarr")
    assert loaded.failures == study.failures
    again = optimize(fails, CROSS, levels=TEXTBOOK, study=tmp_path / "s.zarr")
    assert again.failures == study.failures


def test_an_evaluator_that_gives_something_else_is_told_so():
    with pytest.raises(StudyError, match="give one number a point"):
        optimize(lambda p: "high", Space(x=Integer(1, 5)))
    with pytest.raises(StudyError, match=r"gave \[1, 2\] \(list\) for a point"):
        optimize(lambda p: [1, 2], Space(x=Integer(1, 5)))
