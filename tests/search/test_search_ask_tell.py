"""Asked and told: in any order, in tables or one by one, twice or cut off; the search is the same."""

import numpy as np
import pandas as pd
import pytest

from mrtoolkit.errors import SpaceError, StudyError
from mrtoolkit.evaluation import Evaluation
from mrtoolkit.expressions import P
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.level import Level
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.places import Places
from mrtoolkit.search.space import Space

TEXTBOOK = [
    Level("coarse", grid={"fast": [5, 10, 15, 20], "slow": [30, 40, 50, 60]}),
    Level("medium", grid={"fast": range(8, 18), "slow": [35, 37, 40, 42, 45, 47, 50, 52, 55]}),
    Level("fine", grid={"fast": [11.5, 12, 12.5], "slow": [41, 42, 43]}),
]
CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)


def log_of(study):
    return study.to_pandas().to_dict("records")


def test_ask_and_tell_in_any_order_of_points_is_the_same_search(cross, make_cross):
    whole = optimize(make_cross(), CROSS, trials=120)
    optimizer = MultiResOptimizer(cross, CROSS, trials=120)
    rng = np.random.default_rng(0)
    while len(points := optimizer.ask(int(rng.integers(1, 20)))):
        assert optimizer.ask(len(points)).equals(points)  # asked again, the same are wanted
        shuffled = points.sample(frac=1.0, random_state=int(rng.integers(1000)))
        optimizer.tell(shuffled, cross.evaluate(shuffled))
    assert optimizer.is_done
    assert optimizer.study.best == whole.best
    assert optimizer.study.regions == whole.regions
    key = ["fast", "slow"]
    assert log_of(optimizer.study) != log_of(whole)
    told, ran = (study.to_pandas().sort_values(key, ignore_index=True) for study in (optimizer.study, whole))
    pd.testing.assert_frame_equal(told, ran)


def test_a_callable_a_batch_and_values_told_are_the_same_search():
    space = Space(x=Real(0, 1, step=0.01), k=Categorical(["a", "b"]))

    def score(params):
        assert set(params) == {"x", "k"}
        assert type(params["x"]) is float
        return -((params["x"] - 0.37) ** 2) - (params["k"] == "b")

    class Batched:
        def batch(self, frame):
            return [score(row) for row in frame.to_dict("records")]

    one = optimize(score, space, trials=60)
    assert one.best.params == {"x": 0.37, "k": "a"}
    assert log_of(optimize(Batched(), space, trials=60)) == log_of(one)
    optimizer = MultiResOptimizer(None, space, trials=60)
    while len(points := optimizer.ask()):
        optimizer.tell(points, [score(row) for row in points.to_dict("records")])
    assert log_of(optimizer.study) == log_of(one)
    assert one.benchmark is None
    assert one.backtest is None


def test_a_point_told_before_it_is_asked_is_reused_and_one_told_twice_counts_once(cross):
    optimizer = MultiResOptimizer(cross, CROSS, levels=TEXTBOOK)
    optimizer.tell(
        {"fast": 12, "slow": 42}, Evaluation(metrics={"sharpe": np.array([0.999]), "trades": np.array([5.0])})
    )
    optimizer.tell({"fast": 12.0, "slow": 42}, 0.5)
    study = optimizer.optimize()
    assert len(study) == 111 - 1
    assert study.to_pandas().loc[0, ["region", "value"]].tolist() == [-1, 0.999]
    assert study.best.params == {"fast": 12.0, "slow": 42}


def test_a_point_told_twice_in_one_table_counts_once_with_its_first_value():
    optimizer = MultiResOptimizer(None, Space(x=Integer(0, 9)))
    optimizer.tell([{"x": 4}, {"x": 7}, {"x": 4.0}], [1.0, 2.0, 3.0])
    assert optimizer.study.to_pandas()[["x", "value"]].to_numpy().tolist() == [[4, 1.0], [7, 2.0]]


def test_a_batch_that_is_cut_off_while_it_is_recorded_is_not_there(cross, monkeypatch):
    optimizer = MultiResOptimizer(cross, CROSS, levels=TEXTBOOK)
    points = optimizer.ask()
    log, keys = optimizer.study.log, optimizer.space.keys(optimizer.space.encode(points))

    class CutOff(Places):
        def put(self, *args):
            super().put(*args)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(log, "_places", CutOff(CROSS))
        with pytest.raises(KeyboardInterrupt):
            optimizer.tell(points, cross.evaluate(points))
        assert len(log) == 0
        assert (log.find(keys) == -1).all()
    assert optimizer.ask().equals(points)
    assert optimizer.optimize().levels["run"].tolist() == [16, 86, 8]


def test_points_that_nobody_may_try_are_not_told(cross):
    optimizer = MultiResOptimizer(cross, CROSS, levels=TEXTBOOK)
    with pytest.raises(SpaceError, match="not in the space"):
        optimizer.tell({"fast": 12.25, "slow": 42}, 0.5)
    with pytest.raises(SpaceError, match="not in the space"):
        optimizer.tell({"fast": 42, "slow": 42}, 0.5)
    with pytest.raises(StudyError, match="give one number a point"):
        optimizer.tell([{"fast": 12, "slow": 42}, {"fast": 12, "slow": 43}], [0.5])
    assert len(optimizer.study) == 0
