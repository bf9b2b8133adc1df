"""Constraints and objectives over many points give what binding each point gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_nodes import EXAMPLES

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.functions import choose, log, maximum, when
from mrtoolkit.expressions.inputs import M, P, close
from mrtoolkit.expressions.pointwise import evaluate

CATEGORIES = np.array(["ema", None, 1.5, True, "sma"], dtype=object)
RULES = [
    P.a < P.b,
    ~(P.k > 2),
    (P.a * 2 - P.b > 1) | ~(P.k <= P.a),
    (P.k == None) | (P.a != P.b),  # noqa: E711
    ~(P.kind == "ema") & (maximum(P.a, P.b) >= 2),
    when(P.f, P.a > P.b) & (P.a < 4),
    when(P.f, P.a > P.b, otherwise=False),
    choose(P.kind, {"ema": P.a, "sma": P.k}) > P.b,
    choose(P.kind, {"ema": P.a < P.b, "sma": P.k != 2}),
]
POINTS = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.integers(-2, 5),
            "b": st.sampled_from([0.5, 1, 2]),
            "k": st.sampled_from([None, 1, 2, 3.5]),
            "kind": st.sampled_from(["ema", "sma"]),
            "f": st.booleans(),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(RULES), POINTS)
def test_a_constraint_over_many_points_equals_binding_each(rule, points):
    columns = {name: np.array([point[name] for point in points], dtype=object) for name in points[0]}
    columns["a"] = columns["a"].astype(np.int64)
    columns["b"] = columns["b"].astype(np.float64)
    got = evaluate(rule, columns)
    assert got.dtype == bool
    assert got.tolist() == [bind(rule, point).value for point in points]


def test_an_objective_is_arithmetic_of_metrics():
    columns = {"sharpe": np.array([1.0, np.nan, 2.0]), "turnover": np.array([10.0, 20.0, 0.0])}
    got = evaluate(M.sharpe - 0.1 * M.turnover, columns)
    np.testing.assert_allclose(got, [0.0, np.nan, 2.0])
    assert evaluate(M.sharpe >= 1, columns).tolist() == [True, False, True]
    assert evaluate(~(M.sharpe >= 1), columns).tolist() == [False, False, False]
    assert evaluate(M.sharpe != 1, columns).tolist() == [False, False, True]


def test_an_infinite_metric_is_greater_than_any_bound():
    assert evaluate(M.profit_factor > 2, {"profit_factor": np.array([np.inf, 1.0])}).tolist() == [True, False]


def test_equality_tells_categories_apart():
    columns = {"k": CATEGORIES}
    for value in ("ema", None, 1.5):
        assert evaluate(P.k == value, columns).tolist() == [category == value for category in CATEGORIES]
        assert evaluate(P.k != value, columns).tolist() == [category != value for category in CATEGORIES]
    assert evaluate(P.k == "ema", {"k": np.array([1.0, 2.0])}).tolist() == [False, False]
    assert evaluate(P.k == None, {"k": np.array([1.0, np.nan])}).tolist() == [False, True]  # noqa: E711
    assert evaluate(P.k == "ema", {"k": np.array(["ema", "sma"])}).tolist() == [True, False]


def test_what_has_no_value_warns_of_nothing():
    got = evaluate(log(P.a) / (P.a - 1), {"a": np.array([-1.0, 1.0])})
    assert np.isnan(got).all()


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (close > P.a, "a value a bar"),
        (P.a.shift(1) > P.a, "a value a bar"),
        (P.other > 1, "no column.*add the column 'other'"),
        (P.kind > 1, "where a number is needed"),
        (when(P.kind, P.a > 1), "must be True or False"),
        (choose(P.kind, {"sma": P.a}), "its cases are"),
    ],
)
def test_what_points_cannot_answer_is_refused(node, words):
    columns = {"a": np.array([1.0, 2.0]), "kind": np.array(["ema", "ema"], dtype=object)}
    with pytest.raises(ExpressionError, match=words):
        evaluate(node, columns)
