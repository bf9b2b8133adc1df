"""The search over a real backtest: the textbook's counts, verification, the whole way to disk and back."""

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.search import ComparisonWarning, compare_cost
from mrtoolkit.search.storage import LARGEST_BARS

SPACE = mrt.Space(fast=mrt.Real(5, 50, step=0.5), slow=mrt.Integer(20, 200), where=P.fast < P.slow)
TEXTBOOK = [
    mrt.Level("coarse", grid={"fast": [5, 10, 15, 20], "slow": [30, 40, 50, 60]}),
    mrt.Level("medium", grid={"fast": range(8, 18), "slow": [35, 37, 40, 42, 45, 47, 50, 52, 55]}),
    mrt.Level("fine", grid={"fast": [11.5, 12, 12.5], "slow": [41, 42, 43]}),
]


@pytest.fixture(scope="module")
def bars():
    return mrt.data.simulate(bars=2_000, seed=5)


@pytest.fixture
def backtest(bars):
    rule = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
    return mrt.Backtest(bars, rule, costs=mrt.Costs(fee=0.001), store=mrt.FeatureStore())


def test_the_textbook_computes_each_of_its_27_features_once(backtest):
    study = mrt.optimize(backtest, SPACE, levels=TEXTBOOK)
    assert study.levels["run"].tolist() == [16, 86, 8]
    assert study.levels["features used"].tolist() == [8, 19, 6]
    assert study.levels["features computed"].tolist() == [8, 15, 4]
    assert backtest.store.counters.computed == 27
    again = mrt.optimize(backtest, SPACE, levels=TEXTBOOK)
    assert again.levels["features computed"].tolist() == [0, 0, 0]
    assert again.levels["features reused"].tolist() == [8, 19, 6]


def test_every_recorded_trial_is_what_the_backtest_gives(backtest):
    study = mrt.optimize(backtest, SPACE, levels=TEXTBOOK)
    run = backtest.run(study.space.decode(study.log.codes))
    for name in backtest.metrics:
        np.testing.assert_array_equal(study.trials[name], run[name])
    assert study.best.value == run["sharpe"].max()


def test_verify_finds_a_feature_that_was_changed_by_hand(backtest):
    study = mrt.optimize(backtest, SPACE, levels=TEXTBOOK)
    assert repr(study.verify(20)) == "21 of 21 equal"
    held = backtest.store.peek(backtest.bars, mrt.ema(12))
    held.flags.writeable = True
    held[..., 1000:] *= 1.001
    assert repr(study.verify(20)) == "21 of 21 equal; stale features: ema(12)"
    tampered = mrt.optimize(backtest, SPACE, levels=TEXTBOOK)
    found = tampered.verify(110)
    assert found.equal < found.checked == 110
    assert all(params["fast"] == 12 for params in found.differs)


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip"])
def test_a_study_brings_its_backtest_along(backtest, tmp_path, name):
    study = mrt.optimize(backtest, SPACE, levels=TEXTBOOK)
    study.save(tmp_path / name)
    loaded = mrt.load_study(tmp_path / name)
    assert loaded.backtest.to_dict() == backtest.to_dict()
    assert loaded.backtest.bars.identical(backtest.bars)
    assert loaded.benchmark == study.benchmark
    assert repr(loaded.verify(5)) == "6 of 6 equal"
    assert loaded.backtest.trial(loaded.best.params).metrics["sharpe"] == pytest.approx(study.best.value, rel=1e-12)


def test_several_assets_come_back_too(tmp_path):
    bars = mrt.data.simulate(bars=400, assets=3, seed=1)
    rule = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
    backtest = mrt.Backtest(bars, rule, start=SPACE, store=mrt.FeatureStore())
    study = mrt.optimize(backtest, SPACE, trials=30, study=tmp_path / "s.zarr")
    loaded = mrt.load_study(tmp_path / "s.zarr")
    assert loaded.backtest.bars.identical(backtest.bars)
    assert loaded.verify(5).is_ok
    assert loaded.best == study.best


def test_large_bars_are_not_put_into_a_study(backtest, tmp_path, monkeypatch):
    assert LARGEST_BARS == 20_000_000
    monkeypatch.setattr("mrtoolkit.search.storage.LARGEST_BARS", 1_000)
    study = mrt.optimize(backtest, SPACE, trials=30)
    study.save(tmp_path / "s.zarr")
    assert not list((tmp_path / "s.zarr").glob("prices-*"))
    loaded = mrt.load_study(tmp_path / "s.zarr")
    assert loaded.backtest is None
    assert loaded.best == study.best
    with pytest.raises(mrt.errors.StudyError, match="backtest="):
        loaded.verify()
    assert mrt.load_study(tmp_path / "s.zarr", backtest=backtest).verify(5).is_ok


def test_a_study_of_other_bars_is_refused(backtest, tmp_path):
    mrt.optimize(backtest, SPACE, trials=30, study=tmp_path / "s.zarr")
    other = mrt.Backtest(mrt.data.simulate(bars=2_000, seed=6), backtest.strategy, costs=backtest.costs)
    with pytest.raises(mrt.errors.StudyError, match="of another search .evaluator.bars: "):
        mrt.optimize(other, SPACE, trials=30, study=tmp_path / "s.zarr")
    with pytest.raises(mrt.errors.StudyError, match="is not what was searched .bars: "):
        mrt.load_study(tmp_path / "s.zarr", backtest=other)


def test_a_backtests_own_function_is_searched_as_anybodys(backtest):
    study = mrt.optimize(backtest.evaluator("sharpe"), SPACE, levels=TEXTBOOK)
    assert study.best.params == mrt.optimize(backtest, SPACE, levels=TEXTBOOK).best.params
    assert study.objective == "value"


def test_the_cost_of_the_plain_ways_is_measured_on_a_backtest(backtest):
    cost = compare_cost(mrt.optimize(backtest, SPACE, levels=TEXTBOOK), sample=3)
    n_points = sum(1 for i in range(91) for slow in range(20, 201) if 5 + i * 0.5 < slow)
    assert (cost.trials, cost.lattice_points, cost.is_exact) == (110, n_points, True)
    assert cost.recompute_seconds > 0
    assert cost.exhaustive_seconds > 0


def test_warm_ups_far_apart_are_warned_of_once_and_not_with_start_space():
    bars = mrt.data.simulate(bars=400, seed=1)
    rule = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
    with pytest.warns(ComparisonWarning, match="start=space") as caught:
        mrt.optimize(mrt.Backtest(bars, rule), SPACE, trials=30)
    assert [warning.filename for warning in caught] == [__file__]
    mrt.optimize(mrt.Backtest(bars, rule, start=SPACE), SPACE, trials=30)
