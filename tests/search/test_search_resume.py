"""A study on disk: interrupted, gone on with, refused where it is another one; nothing finished is lost."""

import dataclasses
import operator

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import M, P
from mrtoolkit.search import loop, storage
from mrtoolkit.search.digest import UNKNOWN, callable_digest
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.level import Level
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.space import Space

CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)


def log_of(study):
    return study.to_pandas().to_dict("records")


def interrupt_after(monkeypatch, evaluator, n_batches):
    """Let the evaluator be interrupted, as Ctrl-C does, when it begins batch number n_batches."""
    evaluate, count = evaluator.evaluate, [0]

    def interrupted(points):
        count[0] += 1
        if count[0] > n_batches:
            raise KeyboardInterrupt
        return evaluate(points)

    monkeypatch.setattr(evaluator, "evaluate", interrupted)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(loop, "_FIRST_BATCH", 10)
    monkeypatch.setattr(loop, "next_size", lambda *_: 10)


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip"])
def test_ctrl_c_leaves_the_study_so_far_saved_and_usable(cross, make_cross, monkeypatch, tmp_path, name):
    interrupt_after(monkeypatch, cross, 5)
    events = []
    study = optimize(cross, CROSS, trials=100, study=tmp_path / name, on_event=events.append)
    assert len(study) == sum(cross.batches) > 40
    assert study.stopped == f"interrupted by the user after {len(study)} trials."
    assert events[-1].reason == study.stopped
    assert events[-1].is_interrupted
    assert study.is_interrupted
    assert study.levels["run"].sum() == len(study)
    assert cross.persisted == 1
    loaded = load_study(tmp_path / name)
    assert loaded.trials.identical(study.trials)
    assert loaded.best == study.best
    assert loaded.stopped == study.stopped
    assert loaded.is_interrupted
    monkeypatch.undo()
    whole = optimize(make_cross(), CROSS, trials=100, study=tmp_path / name)
    assert not whole.is_interrupted
    assert not load_study(tmp_path / name).is_interrupted


def test_ctrl_c_before_the_first_batch_writes_nothing(cross, monkeypatch, tmp_path):
    interrupt_after(monkeypatch, cross, 0)
    study = optimize(cross, CROSS, trials=100, study=tmp_path / "s.zarr")
    assert len(study) == 0
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StudyError, match="0 trials"):
        _ = study.best
    assert "0 trials" in repr(study)


@pytest.mark.parametrize("n_batches", range(1, 12))
def test_a_search_interrupted_and_gone_on_with_makes_the_same_trials(make_cross, monkeypatch, tmp_path, n_batches):
    whole = optimize(make_cross(), CROSS, trials=100)
    first, second = make_cross(), make_cross()
    second.cache = first.cache  # as a store on disk is
    with monkeypatch.context() as patch:
        interrupt_after(patch, first, n_batches)
        partial = optimize(first, CROSS, trials=100, study=tmp_path / "s.zarr")
    study = optimize(second, CROSS, trials=100, study=tmp_path / "s.zarr")
    assert log_of(study) == log_of(whole)
    assert log_of(partial) == log_of(whole)[: len(partial)]
    assert sum(second.batches) == len(whole) - len(partial)  # nothing was evaluated again
    assert study.regions == whole.regions
    assert study.stopped == whole.stopped
    assert log_of(load_study(tmp_path / "s.zarr")) == log_of(whole)
    for column in ("points", "reused", "run", "features used", "features computed", "best"):
        assert study.levels[column].equals(whole.levels[column])


def test_killed_without_a_last_word_what_was_saved_is_gone_on_with(make_cross, monkeypatch, tmp_path):
    whole = optimize(make_cross(), CROSS, trials=100)
    optimizer = MultiResOptimizer(make_cross(), CROSS, trials=100, study=tmp_path / "s.zarr")
    for _ in range(4):
        points = optimizer.ask(10)
        optimizer.tell(points, optimizer.evaluator.evaluate(points))
    saved = load_study(tmp_path / "s.zarr")  # as a kill would leave it
    assert 10 <= len(saved) <= 40
    assert saved.stopped == ""
    study = optimize(make_cross(), CROSS, trials=100, study=tmp_path / "s.zarr")
    assert log_of(study) == log_of(whole)


def test_a_finished_study_is_not_searched_again(make_cross, tmp_path):
    first = optimize(make_cross(), CROSS, trials=100, study=tmp_path / "s.zarr")
    before = (tmp_path / "s.zarr" / "zarr.json").stat().st_mtime_ns
    second = make_cross()
    again = optimize(second, CROSS, trials=100, study=tmp_path / "s.zarr")
    assert second.batches == []
    assert again.trials.identical(first.trials)
    assert (tmp_path / "s.zarr" / "zarr.json").stat().st_mtime_ns == before


def test_listed_levels_go_on_with_a_larger_budget_and_a_smaller_one_loses_nothing(make_cross, tmp_path):
    level = [Level("all", grid={"fast": range(5, 15), "slow": range(20, 40)})]
    path = tmp_path / "s.zarr"
    assert len(optimize(make_cross(), CROSS, levels=level, trials=60, study=path)) == 60
    second = make_cross()
    study = optimize(second, CROSS, levels=level, study=path)
    assert len(study) == 200
    assert sum(second.batches) == 140
    assert len(optimize(make_cross(), CROSS, levels=level, trials=30, study=path)) == 30
    assert len(load_study(path)) == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed: 0 there, 1 here"),
        ({"objective": "trades"}, "objective: 'sharpe' there, 'trades' here"),
        ({"constraints": [M.trades > 5]}, "constraints"),
        ({"direction": "minimize"}, "direction"),
        ({"levels": [Level("one", labels=3)]}, r"levels\[0\].labels: 2 there, 3 here"),
        (
            {"space": Space(fast=Real(5, 60, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)},
            "space.dimensions.fast.high: 50.0 there, 60.0 here",
        ),
    ],
)
def test_a_study_of_another_search_is_refused_by_what_differs(make_cross, tmp_path, change, message):
    path = tmp_path / "s.zarr"
    same = {"space": CROSS, "levels": [Level("one", labels=2)]}
    optimize(make_cross(), study=path, **same)
    content = (path / "zarr.json").read_bytes()
    with pytest.raises(StudyError, match=message):
        MultiResOptimizer(make_cross(), study=path, **(same | change))
    with pytest.raises(StudyError, match=r"evaluator.costs.fee: 0.001 there, 0.002 here"):
        MultiResOptimizer(make_cross(fee=0.002), study=path, **same)
    assert (path / "zarr.json").read_bytes() == content


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip"])
def test_a_saved_study_says_all_that_it_said(cross, tmp_path, name):
    space = Space(
        x=Real(0, 1, step=0.1),
        n=Integer(1, 3),
        kind=Categorical(["a", None, "b"]),
        flag=Categorical([True, False]),
        k=Categorical([1.5, 3.0, None]),
    )

    def value(p):
        return float("nan") if p["kind"] == "b" else p["x"] + p["n"] + (p["k"] or 0) + p["flag"]

    study = optimize(value, space, trials=60)
    assert study.save(tmp_path / name) == tmp_path / name
    loaded = load_study(tmp_path / name)
    assert loaded.trials.identical(study.trials)
    assert loaded.levels.equals(study.levels)
    assert loaded.regions == study.regions
    assert loaded.space == space
    assert (loaded.objective, loaded.direction, loaded.seed, loaded.stopped) == ("value", "maximize", 0, study.stopped)
    assert loaded.best == study.best
    assert loaded.plateau == study.plateau
    assert repr(loaded) == repr(study)
    assert loaded.evaluator is None
    with pytest.raises(StudyError, match=r"load_study\(path, backtest=...\)"):
        loaded.verify()
    assert load_study(tmp_path / name, backtest=value).verify(5).is_ok


def test_blocks_and_the_benchmark_are_kept(cross, tmp_path):
    study = optimize(cross, CROSS, trials=40)
    study.save(tmp_path / "s.zip")
    loaded = load_study(tmp_path / "s.zip", backtest=cross)
    np.testing.assert_array_equal(loaded.log.blocks["sum"], study.log.blocks["sum"])
    assert loaded.log.blocks["sum_sq"].shape == (len(study), 2)
    assert loaded.benchmark == {"sharpe": 0.5, "trades": 1.0}
    assert load_study(tmp_path / "s.zip").benchmark == {"sharpe": 0.5, "trades": 1.0}
    with pytest.raises(StudyError, match="fee: 0.001 there, 0.5 here"):
        load_study(tmp_path / "s.zip", backtest=type(cross)(fee=0.5))


@pytest.mark.parametrize("name", ["metric_value", "block_sum", "block_size"])
@pytest.mark.parametrize("file", ["s.zarr", "s.zarr.zip"])
def test_a_parameter_may_be_called_like_a_column_of_another_kind(cross, tmp_path, name, file):
    study = optimize(lambda p: -((p[name] - 3) ** 2), Space(**{name: Integer(0, 9)}))
    study.save(tmp_path / file)
    loaded = load_study(tmp_path / file)
    assert loaded.best == study.best
    assert loaded.best.params == {name: 3}
    assert loaded.trials.identical(study.trials)
    assert loaded.log.blocks == {}


@pytest.mark.parametrize("name", ["metric_value", "block_sum", "block_size"])
def test_such_a_parameter_stands_beside_metrics_and_blocks(cross, tmp_path, name):
    cross.params = ()
    study = optimize(cross, Space(fast=Integer(5, 50), slow=Integer(20, 200), **{name: Integer(1, 3)}), trials=40)
    study.save(tmp_path / "s.zarr")
    loaded = load_study(tmp_path / "s.zarr", backtest=cross)
    assert loaded.trials.identical(study.trials)
    assert sorted(loaded.log.blocks) == ["sum", "sum_sq"]
    np.testing.assert_array_equal(loaded.log.blocks["sum"], study.log.blocks["sum"])


@pytest.mark.parametrize(("name", "wrong"), [("x", 7.0), ("kind", -1), ("kind", 2)])
def test_a_trial_that_is_no_point_of_its_space_is_damage(tmp_path, name, wrong):
    space = Space(x=Integer(0, 3), kind=Categorical(["a", None]))
    file = optimize(lambda p: p["x"], space).to_file()
    params = {key: values.copy() for key, values in file.params.items()}
    params[name][5] = wrong
    storage.write_study(dataclasses.replace(file, params=params), tmp_path / "s.zarr")
    with pytest.raises(StudyError, match=f"damaged: trial 5 has {name}="):
        load_study(tmp_path / "s.zarr")


def test_a_callable_objective_comes_back_as_its_text(cross, tmp_path):
    def half(metrics):
        return metrics.sharpe / 2

    study = optimize(cross, CROSS, trials=20, objective=half)
    study.save(tmp_path / "s.zarr")
    loaded = load_study(tmp_path / "s.zarr", backtest=cross)
    assert loaded.objective.endswith("half")
    assert loaded.best == study.best
    assert "buy and hold" not in repr(loaded)


class Scaled:
    def __init__(self, scale, batch=None):
        self.scale = scale

    def __call__(self, p):
        return self.scale * p["x"]


class ScaledBatch(Scaled):
    def batch(self, points):
        return self.scale * points["x"].to_numpy(float)


def same_name(scale):
    return lambda p: scale * p["x"]


@pytest.mark.parametrize("make", [same_name, Scaled, ScaledBatch, lambda scale: Scaled(scale).__call__])
def test_a_changed_function_does_not_go_on_with_the_old_study(tmp_path, make):
    space, path = Space(x=Integer(0, 9)), tmp_path / "s.zarr"
    optimize(make(1), space, study=path)
    assert len(optimize(make(1), space, study=path)) == 10
    with pytest.raises(StudyError, match="evaluator.code: .* the function was changed since"):
        optimize(make(-1), space, study=path)
    with pytest.raises(StudyError, match="code: "):
        load_study(path, backtest=make(-1))


def test_a_changed_objective_does_not_go_on_with_the_old_study(make_cross, tmp_path):
    def objective(scale):
        return lambda metrics: scale * metrics.sharpe

    words = {"trials": 20, "study": tmp_path / "s.zarr"}
    optimize(make_cross(), CROSS, objective=objective(1), **words)
    optimize(make_cross(), CROSS, objective=objective(1), **words)
    with pytest.raises(StudyError, match="objective_code: .* the function was changed since"):
        optimize(make_cross(), CROSS, objective=objective(2), **words)


def test_a_function_without_code_to_look_at_is_not_taken_for_the_old_one(tmp_path):
    space, path, value = Space(x=Integer(0, 9)), tmp_path / "s.zarr", operator.itemgetter("x")
    assert callable_digest(value) == UNKNOWN
    optimize(value, space, study=path)
    with pytest.raises(StudyError, match="I cannot tell .*; give another path, or wrap it"):
        optimize(value, space, study=path)


class Holding:
    """A callable that holds its data, and whose class and another one name each other."""

    def __init__(self, data):
        self.data = data

    def __call__(self, point):
        return float(isinstance(self, Holding)) + Other.scale * point["x"]


class Other:
    scale = 1.0

    def holding(self):
        return Holding(None)


def test_a_callable_is_known_by_the_tables_and_arrays_that_it_holds():
    frame = pd.DataFrame({"close": [1.0, 2.0, 4.0]}, index=pd.date_range("2020", periods=3))
    bars = xr.Dataset({"close": ("time", [1.0, 2.0, 4.0])}, coords={"time": frame.index})
    changed = [
        frame * 2, frame.rename(columns={"close": "open"}), frame.shift(freq="D"), frame.iloc[::-1], frame["close"],
        bars, bars * 2, bars.isel(time=slice(1, None)), bars["close"], bars["close"].rename(time="day"),
    ]  # fmt: skip
    digests = [callable_digest(Holding(data)) for data in (frame, *changed)]
    assert len(set(digests)) == len(digests)
    assert [callable_digest(Holding(data.copy())) for data in (frame, *changed)] == digests


def test_more_trials_than_the_study_has_are_told_how_to_go_on(make_cross, tmp_path):
    optimize(make_cross(), CROSS, trials=24, study=tmp_path / "s.zarr")
    with pytest.raises(StudyError, match="budget.*search with the same trials= and levels= to go on with it"):
        optimize(make_cross(), CROSS, trials=48, study=tmp_path / "s.zarr")
