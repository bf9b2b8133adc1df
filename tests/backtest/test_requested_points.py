"""What is asked for as a grid or as one point is what a table of the same points asks for."""

import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.backtest.points import as_request, coded_point, frame_of, table_of
from mrtoolkit.errors import ExpressionError, StrategyError
from mrtoolkit.evaluation import CodedPoints, Evaluation
from mrtoolkit.strategy.points import Points

GRID = {"n": [20, 5, 12.5], "stop": [None, 0.05, 1, True], "fixed": 3, "kind": np.array(["sma", "ema"]), "none": None}


def labels_of(points):
    return [[(type(v), v) for v in points.values(i).values()] for i in range(points.n)]


def test_a_grid_is_the_table_of_its_points_row_by_row():
    request = as_request(GRID)
    rows = [
        {"n": n, "stop": stop, "kind": kind, "fixed": 3, "none": None}
        for n in GRID["n"]
        for stop in GRID["stop"]
        for kind in ("sma", "ema")
    ]
    assert isinstance(request.points, CodedPoints)
    assert list(request.dims) == ["n", "stop", "kind"]
    assert request.scalars == {"fixed": 3, "none": None}
    pd.testing.assert_frame_equal(request.frame, frame_of(rows))
    names = tuple(sorted(rows[0]))
    coded, plain = (Points.from_frame(points, names) for points in (request.points, frame_of(rows)))
    assert labels_of(coded) == labels_of(plain)


def test_a_table_of_coded_points_keeps_numbers_numbers():
    table = table_of(as_request({"n": [5, 10], "x": [0.5, 2]}).points)
    assert table.dtypes.map(lambda dtype: dtype.kind).tolist() == ["i", "f"]
    assert table.to_numpy().tolist() == [[5, 0.5], [5, 2], [10, 0.5], [10, 2]]


def test_one_point_is_the_point_of_its_table():
    params = {"n": np.int64(5), "x": 0.1 + 0.2, "flag": True, "kind": "ema", "stop": None}
    names = tuple(params)
    assert labels_of(Points.from_frame(coded_point(params), names)) == labels_of(
        Points.from_frame(frame_of([params]), names)
    )
    with pytest.raises(StrategyError, match="the parameter 'x' is nan in a point, but it needs a finite number"):
        coded_point({"x": float("nan")})
    with pytest.raises(ExpressionError, match="list"):
        coded_point({"x": [1]})


def test_an_evaluator_of_tables_is_asked_by_tables(monkeypatch):
    backtest = mrt.Backtest(mrt.data.simulate(bars=300, seed=0), mrt.Strategy(entry=mrt.ema(P.n) > mrt.sma(40)))
    seen = []

    def evaluate(self, points):
        seen.append(type(points))
        return Evaluation(metrics=dict.fromkeys(self.metrics, np.ones(len(points))))

    monkeypatch.setattr(mrt.Backtest, "evaluate", evaluate)
    for takes_codes in (False, True):
        monkeypatch.setattr(mrt.Backtest, "takes_codes", takes_codes, raising=False)
        assert backtest.evaluator("sharpe")({"n": 5}) == 1.0
        assert backtest.evaluator("sharpe").batch([{"n": 5}, {"n": 6}]).tolist() == [1.0, 1.0]
    assert seen == [pd.DataFrame, pd.DataFrame, CodedPoints, pd.DataFrame]
