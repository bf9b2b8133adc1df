"""Optuna's samplers over our evaluator, our studies as Optuna's, and both side by side."""

import numpy as np
import pytest

optuna = pytest.importorskip("optuna")
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import TrialState

import mrtoolkit as mrt
from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import P

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = mrt.Space(fast=mrt.Integer(5, 40), slow=mrt.Integer(20, 120), where=P.fast < P.slow)


@pytest.fixture(scope="module")
def backtest():
    bars = mrt.data.simulate(bars=1_000, freq="1d", seed=2)
    return mrt.Backtest(bars, mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow)), costs=mrt.Costs(fee=0.001))


def drive(backtest, **words):
    return mrt.integrations.optuna.optimize(backtest, SPACE, TPESampler(seed=0), **words)


def test_an_optuna_sampler_drives_our_evaluator_into_a_study_of_ours(backtest, tmp_path):
    study = drive(backtest, trials=60, batch=10, constraints=["M.trades >= 1"], study=tmp_path / "s")
    assert isinstance(study, mrt.Study)
    assert len(study) == 60
    assert study.stopped == "the budget of 60 trials is spent."
    assert study.levels["level"].tolist() == ["TPESampler"]
    assert study.verify(5).is_ok
    assert study.space.contains(study.to_pandas()[["fast", "slow"]]).all()
    assert len(mrt.load_study(tmp_path / "s")) == 60


def test_a_study_that_another_sampler_made_is_not_gone_on_with(backtest, tmp_path):
    drive(backtest, trials=10, study=tmp_path / "s")
    with pytest.raises(StudyError, match='"Optuna.s TPESampler" there, "Optuna.s RandomSampler" here'):
        mrt.integrations.optuna.optimize(backtest, SPACE, RandomSampler(seed=0), trials=10, study=tmp_path / "s")
    with pytest.raises(StudyError, match="transition"):
        mrt.optimize(backtest, SPACE, transition="peak", study=tmp_path / "s")


def test_it_is_reproducible_and_finds_more_than_chance(backtest):
    one, two = (drive(backtest, trials=80) for _ in range(2))
    assert one.to_pandas().equals(two.to_pandas())
    chance = mrt.integrations.optuna.optimize(backtest, SPACE, RandomSampler(seed=0), trials=80)
    assert one.best.value >= np.quantile(chance.log.value, 0.9)


def test_a_small_lattice_is_searched_whole():
    space = mrt.Space(x=mrt.Integer(0, 5))
    study = mrt.integrations.optuna.optimize(lambda p: p["x"], space, RandomSampler(seed=0), trials=100)
    assert len(study) == 6
    assert "all 6 points" in study.stopped


def test_a_study_on_disk_is_gone_on_with(backtest, tmp_path):
    few = drive(backtest, trials=30, batch=5, study=tmp_path / "s")
    calls = []

    class Counted:
        params, metrics = ("fast", "slow"), ("sharpe",)

        def batch(self, points):
            calls.append(len(points))
            return {"sharpe": points["fast"].to_numpy(float)}

    more = drive(backtest, trials=50, batch=5, study=tmp_path / "s")
    assert np.array_equal(more.log.codes[:30], few.log.codes)
    one = mrt.integrations.optuna.optimize(Counted(), SPACE, RandomSampler(seed=1), trials=20, study=tmp_path / "c")
    two = mrt.integrations.optuna.optimize(Counted(), SPACE, RandomSampler(seed=1), trials=30, study=tmp_path / "c")
    assert sum(calls) == 30
    assert np.array_equal(two.log.codes[:20], one.log.codes)


def test_bad_words_are_refused(backtest):
    with pytest.raises(StudyError, match="is not Optuna's"):
        mrt.integrations.optuna.optimize(backtest, SPACE, "tpe")
    with pytest.raises(StudyError, match="batch is 0"):
        drive(backtest, batch=0)
    with pytest.raises(StudyError, match="target=, which is for our own levels"):
        drive(backtest, target=1.0)


def test_a_study_is_exported_whole(backtest):
    study = mrt.optimize(backtest, SPACE, trials=60, constraints=["M.trades >= 5"])
    theirs = mrt.integrations.optuna.export(study, name="ours")
    assert len(theirs.trials) == len(study)
    assert theirs.best_value == study.best.value
    assert theirs.best_params == study.best.params
    pruned = [trial.state is TrialState.PRUNED for trial in theirs.trials]
    np.testing.assert_array_equal(pruned, ~np.isfinite(study.log.score))
    assert theirs.trials[3].user_attrs["trades"] == study.log.metrics["trades"][3]
    assert optuna.importance.get_param_importances(theirs).keys() == {"fast", "slow"}


def test_failed_trials_and_two_objectives_are_exported():
    def two(p):
        if p["x"] == 3:
            raise ValueError("three")
        return {"up": p["x"], "down": -p["x"]}

    two.metrics, both = ("up", "down"), ["maximize", "minimize"]
    study = mrt.optimize(two, mrt.Space(x=mrt.Integer(0, 9)), objective=["up", "down"], direction=both)
    theirs = mrt.integrations.optuna.export(study)
    assert theirs.best_trials[0].params == {"x": 9}
    assert [trial.user_attrs.get("failure") for trial in theirs.trials].count("ValueError: three") == 1


def test_two_searches_side_by_side(backtest):
    ours, theirs = mrt.optimize(backtest, SPACE, trials=60), drive(backtest, trials=60)
    found = mrt.compare(ours, theirs, names=("levels", "TPE"))
    assert found.table.loc["trials"].tolist() == [len(ours), 60]
    assert "never" in found.table.loc["as good as the other after"].tolist() or ours.best.value == theirs.best.value
    assert found.convergence["levels"].dropna().iloc[-1] == ours.best.value
    exported = mrt.compare(ours, mrt.integrations.optuna.export(theirs))
    assert exported.table.loc["best", "second"] == found.table.loc["best", "TPE"]
    assert "TPE" in repr(found)
    with pytest.raises(StudyError, match="one of mrtoolkit|give two studies"):
        mrt.compare(ours, 3)
    with pytest.raises(StudyError, match="one direction"):
        mrt.compare(ours, mrt.optimize(backtest, SPACE, trials=10, direction="minimize"))
