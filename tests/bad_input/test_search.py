"""A search that cannot mean anything is refused by one clear error, before anything is evaluated or written."""

from pathlib import Path

import pytest

import mrtoolkit as mrt
from mrtoolkit import M, P
from mrtoolkit.errors import MrtoolkitError, SpaceError, StudyError

SPACE = mrt.Space(fast=mrt.Integer(3, 9), slow=mrt.Integer(10, 30))


class Evaluates(Exception):
    pass


def never(params):
    raise Evaluates


never.params = ("fast", "slow")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"objective": "sharpe"}, StudyError, "'sharpe', which is not measured.*there is value alone"),
        ({"objective": "valeu"}, StudyError, "did you mean 'value'"),
        ({"constraints": [M.trades >= 30]}, StudyError, "'trades', which is not measured"),
        ({"direction": "up"}, StudyError, "allowed are 'maximize' and 'minimize'"),
        ({"trials": 0}, StudyError, "trials is 0"),
        ({"trials": 1.5}, StudyError, "trials is 1.5"),
        ({"seconds": -1}, StudyError, "seconds=-1"),
        ({"seconds": float("nan")}, StudyError, "seconds=nan"),
        ({"seed": -1}, StudyError, "seed is -1"),
        ({"seed": "a"}, StudyError, "seed is 'a'"),
        ({"tolerance": -0.1}, StudyError, "tolerance=-0.1"),
        ({"patience": 0}, StudyError, "patience is 0"),
        ({"transition": "paek"}, StudyError, "did you mean 'peak'"),
        ({"on_event": 5}, StudyError, "on_event holds 5"),
        ({"on_event": [5]}, StudyError, "on_event holds 5"),
        ({"budget": 5}, StudyError, "was given budget=, which it does not know"),
        ({"patiense": 5}, StudyError, "did you mean 'patience'"),
        ({"objectiv": "value"}, StudyError, "objectiv=, which it does not know.*did you mean 'objective'"),
        ({"trails": 50}, StudyError, "did you mean 'trials'.*it takes evaluator, space, objective, .*, on_event"),
        ({"levels": []}, SpaceError, "leaves nothing to search"),
        ({"levels": [mrt.Level("x", grid={"fast": [2]})]}, SpaceError, "fast=2, but the space has it from 3 to 9"),
        ({"levels": [mrt.Level("x", grid={"fast": [3.5]})]}, SpaceError, "fast=3.5"),
        ({"levels": [mrt.Level("x", grid={"fats": [3]})]}, SpaceError, "did you mean 'fast'"),
    ],
)
def test_a_search_that_means_nothing_is_refused(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        mrt.optimize(never, SPACE, study=tmp_path / "s.zarr", **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (mrt.Space(fast=mrt.Integer(3, 9)), "uses the parameter 'slow', which the space lacks"),
        (
            mrt.Space(fast=mrt.Integer(3, 9), slo=mrt.Integer(3, 9)),
            r"'slow', which the space lacks \(did you mean 'slo'",
        ),
        (
            mrt.Space(fast=mrt.Integer(3, 9), slow=mrt.Integer(10, 30), n=mrt.Integer(1, 2)),
            "the parameter 'n', which is none of what is searched; that uses fast, slow",
        ),
        ({"fast": [1, 2]}, r"write mrt.Space\("),
        (None, r"write mrt.Space\("),
    ],
)
def test_parameters_must_be_those_of_what_is_searched(space, message):
    with pytest.raises(SpaceError, match=message):
        mrt.optimize(never, space)


def test_a_parameter_named_like_a_metric_is_refused():
    bars = mrt.data.simulate(bars=200, seed=0)
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow)))
    with pytest.raises(MrtoolkitError, match="sharpe"):
        mrt.optimize(backtest, mrt.Space(fast=mrt.Integer(3, 9), sharpe=mrt.Integer(10, 30)))


def test_a_strategy_without_parameters_is_not_searched(tmp_path):
    bars = mrt.data.simulate(bars=200, seed=0)
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.ema(5) > mrt.ema(10)))
    with pytest.raises(MrtoolkitError, match="no parameter"):
        mrt.optimize(backtest, SPACE, study=tmp_path / "s.zarr")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("evaluator", [7, "sharpe", mrt.Space, [1, 2]])
def test_what_cannot_be_called_is_not_searched(evaluator):
    with pytest.raises(StudyError, match="a Backtest, or a callable"):
        mrt.optimize(evaluator, SPACE)


def test_a_first_level_that_where_forbids_whole_is_refused(tmp_path):
    space = mrt.Space(fast=mrt.Integer(3, 9), slow=mrt.Integer(3, 30), where=P.fast < P.slow)
    level = mrt.Level("coarse", grid={"fast": [5, 6], "slow": [3, 4]})
    with pytest.raises(SpaceError, match="no point of level 'coarse' satisfies where=P.fast < P.slow"):
        mrt.optimize(never, space, levels=[level], study=tmp_path / "s.zarr")
    assert list(tmp_path.iterdir()) == []


def test_ask_wants_a_number_of_points():
    with pytest.raises(StudyError, match="1 point or more"):
        mrt.MultiResOptimizer(never, SPACE).ask(0)


@pytest.mark.parametrize(
    ("rule", "dimensions", "message"),
    [
        ({}, {"fast": mrt.Integer(5, 400)}, r"fast.: 400}, which cannot be run.*ema\(400\).* but there are 100"),
        ({}, {"fast": mrt.Integer(0, 50)}, "fast.: 0}, .*lookback is 0"),
        ({}, {"fast": mrt.Categorical([5, 6, -3, 7])}, "fast.: -3}, .*lookback is -3"),
        ({}, {"fast": mrt.Categorical([5, "x"])}, "fast.: 'x'}, which cannot be run"),
        ({"stop_loss": P.stop}, {"fast": mrt.Integer(5, 50), "stop": mrt.Real(0.5, 2, step=0.5)}, "stop_loss is 1"),
        ({"take_profit": P.up}, {"fast": mrt.Integer(5, 50), "up": mrt.Real(-0.5, 1, step=0.5)}, "take_profit is -0.5"),
        ({"max_bars": P.n}, {"fast": mrt.Integer(5, 50), "n": mrt.Real(0.5, 5, step=0.5)}, "max_bars is 0.5"),
    ],
)
@pytest.mark.parametrize("trials", [10, 400])
def test_a_space_whose_ends_cannot_be_run_is_refused_before_the_search(tmp_path, rule, dimensions, message, trials):
    store = mrt.FeatureStore()
    strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(3), **rule)
    backtest = mrt.Backtest(mrt.data.simulate(bars=100, seed=0), strategy, store=store)
    events = []
    with pytest.raises(SpaceError, match=message):
        mrt.optimize(
            backtest, mrt.Space(**dimensions), trials=trials, study=tmp_path / "s.zarr", on_event=events.append
        )
    assert (events, list(tmp_path.iterdir()), store.counters.computed) == ([], [], 0)


def test_what_where_or_the_grids_leave_out_is_not_held_against_a_space():
    rule = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(3))
    backtest = mrt.Backtest(mrt.data.simulate(bars=600, seed=0), rule)
    wide = mrt.Integer(5, 4000)
    assert len(mrt.optimize(backtest, mrt.Space(fast=wide, where=P.fast < 50), trials=10))
    assert len(mrt.optimize(backtest, mrt.Space(fast=wide), levels=[mrt.Level("few", grid={"fast": [5, 9, 20]})])) == 3


def test_an_evaluator_that_lacks_something_is_told_what():
    class Half:
        params, metrics = ("fast", "slow"), ("value",)

        def evaluate(self, points):
            raise Evaluates

    with pytest.raises(StudyError, match="an evaluator without bars, .*evaluate_fresh, features, .*, to_dict; give"):
        mrt.optimize(Half(), SPACE)


@pytest.fixture
def study():
    return mrt.optimize(lambda p: p["fast"], SPACE, trials=10)


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip", "deeper/s.zarr"])
def test_where_one_may_not_write_no_search_begins(tmp_path, study, name):
    (tmp_path / "file").write_text("mine")
    for folder, message in ((tmp_path / "file", "is a file"), (Path("/proc/nowhere"), "/proc takes no files")):
        with pytest.raises(StudyError, match=f"{message}.*give a path in a folder that you may write in"):
            mrt.optimize(never, SPACE, study=folder / name)
        with pytest.raises(StudyError, match=message):
            study.save(folder / name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("path", [None, 5, ""])
def test_a_path_of_a_study_is_a_path(study, path):
    for use in (study.save, mrt.load_study):
        with pytest.raises(StudyError, match=f"the path of a study is {path!r}"):
            use(path)
    if path is not None:
        with pytest.raises(StudyError, match=f"the path of a study is {path!r}"):
            mrt.optimize(never, SPACE, study=path)


@pytest.mark.parametrize("n", [-1, 0, "a", 2.5])
def test_the_top_trials_are_counted(study, n):
    with pytest.raises(StudyError, match=f"n is {n!r}, but must be a whole number"):
        study.top(n)


def test_an_objective_of_one_number_is_not_one_a_trial():
    for objective in (lambda metrics: 1.0, lambda metrics: [1.0]):
        with pytest.raises(StudyError, match="give one number a trial"):
            mrt.optimize(lambda p: p["fast"], SPACE, trials=10, objective=objective)
