"""Objectives and constraints: how a trial is valued and compared."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import M, P, close
from mrtoolkit.search.objective import Goal, best_index, ranking, scores

METRICS = ("sharpe", "turnover", "trades")
COLUMNS = {
    "sharpe": np.array([1.0, 2.0, np.nan]),
    "turnover": np.array([5.0, 20.0, 1.0]),
    "trades": np.array([30.0, 10.0, 50.0]),
}


def goal(objective=None, constraints=(), direction="maximize", metrics=METRICS):
    return Goal.checked(objective, constraints, direction, metrics)


def test_a_name_an_expression_its_text_and_a_callable_say_the_same():
    expected = [1.0 - 0.5, 2.0 - 2.0, np.nan]
    for objective in (
        M.sharpe - 0.1 * M.turnover,
        "M.sharpe - 0.1 * M.turnover",
        lambda metrics: metrics.sharpe - 0.1 * metrics.turnover,
    ):
        np.testing.assert_allclose(goal(objective).values(COLUMNS, 3), expected)
    assert goal("sharpe").text == goal(M.sharpe).text == goal().text == "sharpe"
    assert goal(M.sharpe - 0.1 * M.turnover).text == "M.sharpe - 0.1 * M.turnover"


def test_without_sharpe_the_first_metric_is_searched():
    assert goal(metrics=("value",)).text == "value"


def test_constraints_hold_only_where_their_metrics_have_values():
    assert goal(constraints=[M.trades >= 30]).feasible(COLUMNS, 3).tolist() == [True, False, True]
    assert goal(constraints=M.sharpe < 5).feasible(COLUMNS, 3).tolist() == [True, True, False]
    assert goal(constraints=~(M.sharpe > 5)).feasible(COLUMNS, 3).tolist() == [True, True, False]
    assert goal(constraints=M.sharpe != 1).feasible(COLUMNS, 3).tolist() == [False, True, False]
    assert goal(constraints=(M.sharpe > 5) | (M.trades > 40)).feasible(COLUMNS, 3).tolist() == [False, False, True]
    assert goal(constraints=["M.trades >= 30", M.turnover > 2]).feasible(COLUMNS, 3).tolist() == [True, False, False]


def test_nan_and_broken_constraints_never_win_in_either_direction():
    values, feasible = np.array([np.nan, 3.0, 2.0, 9.0]), np.array([True, True, True, False])
    keys = np.arange(4)
    assert best_index(scores(values, feasible, "maximize"), keys) == 1
    assert best_index(scores(values, feasible, "minimize"), keys) == 2
    assert best_index(scores(values[:1], feasible[:1], "maximize"), keys[:1]) is None
    assert best_index(np.empty(0), np.empty(0)) is None


@given(value=st.floats(1e-3, 1e6), noise=st.floats(-4e-12, 4e-12))
def test_values_that_differ_after_ten_digits_are_equal(value, noise):
    rounded = float(f"{value:.9e}")  # away from where rounding itself changes
    pair = scores(np.array([rounded, rounded * (1 + noise)]), np.ones(2, dtype=bool), "maximize")
    assert pair[0] == pair[1]


def test_ties_go_to_the_lower_labels():
    tied = np.array([1.0, 2.0, 2.0 + 1e-13, 2.0])
    assert best_index(scores(tied, np.ones(4, dtype=bool), "maximize"), np.array([0, 7, 5, 9])) == 2
    assert ranking(scores(tied, np.ones(4, dtype=bool), "maximize"), np.array([0, 7, 5, 9])).tolist() == [2, 1, 3, 0]


def test_ranking_orders_keys_beyond_int64_alike():
    keys = np.array([10**30 + 2, 10**30, 10**30 + 1], dtype=object)
    assert ranking(np.array([1.0, 1.0, 3.0]), keys).tolist() == [2, 1, 0]


@given(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), max_size=12), st.integers(0, 14))
def test_the_first_of_a_ranking_are_those_of_the_whole(values, first):
    values, keys = np.array(values, dtype=float), np.arange(len(values))[::-1] * 3
    assert ranking(values, keys, first).tolist() == ranking(values, keys)[:first].tolist()


def test_the_objective_of_buy_and_hold_is_computed_where_it_can_be():
    held = {"sharpe": 0.5, "turnover": 1.0, "trades": 1.0}
    assert goal("sharpe").value_of(held) == 0.5
    assert goal(M.sharpe - 0.1 * M.turnover).value_of(held) == pytest.approx(0.4)
    assert np.isnan(goal(lambda metrics: metrics.sharpe).value_of(held))
    assert np.isnan(goal("sharpe").value_of(None))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objective": "sharp"}, r"the metric 'sharp', which is not measured \(did you mean 'sharpe'"),
        ({"objective": M.calmar}, "'calmar', which is not measured"),
        ({"objective": M.sharpe > 1}, "is true or false"),
        ({"objective": M.sharpe + P.fast}, "made of metrics alone"),
        ({"objective": close}, "made of metrics alone"),
        ({"objective": 7}, "no metric's name"),
        ({"constraints": [M.trade >= 30]}, r"'trade', which is not measured \(did you mean 'trades'"),
        ({"constraints": M.trades}, "is no condition"),
        ({"constraints": [30]}, "is no condition"),
        ({"constraints": P.fast < 5}, "made of metrics alone"),
        ({"direction": "maximise"}, r"allowed are 'maximize' and 'minimize' \(did you mean 'maximize'"),
    ],
)
def test_a_goal_that_cannot_be_measured_is_refused(arguments, message):
    with pytest.raises(StudyError, match=message):
        goal(**arguments)


def test_a_callable_that_gives_something_else_is_refused():
    with pytest.raises(StudyError, match="give one number a trial"):
        goal(lambda metrics: "high").values(COLUMNS, 3)
    with pytest.raises(StudyError, match="gave list .*for 3 trials"):
        goal(lambda metrics: [1, 2]).values(COLUMNS, 3)
