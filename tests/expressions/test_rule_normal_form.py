"""The normal form is true exactly where three-valued logic says that the rule is true."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_nodes import EXAMPLES, INPUTS, conditions, number_at, numbers, truth_at

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.functions import choose, when
from mrtoolkit.expressions.inputs import P, close, high, open
from mrtoolkit.expressions.nodes import Choose, Comparison, Constant, Cross, Logic, Not, Shift, When
from mrtoolkit.expressions.normal_form import normal_form
from mrtoolkit.expressions.walk import walk

RULES = conditions(numbers())
BARS = st.lists(st.tuples(*[st.sampled_from([math.nan, 0.0, 1.0, 2.0])] * 3), min_size=1, max_size=5)
VALUES = st.fixed_dictionaries(
    {
        "a": st.sampled_from([None, -1, 2]),
        "b": st.sampled_from([0, 1.5]),
        "f": st.booleans(),
        "kind": st.sampled_from(["a", 2]),
    }
)


def columns_of(bars):
    """Give the bars by the names of the inputs."""
    return {node.name: [bar[i] for bar in bars] for i, node in enumerate(INPUTS)}


def two_valued(node, bar, columns, values):
    """Truth of a normal form as an engine computes it: comparisons with NaN, and bars before the first, are false."""

    def at(part, when=bar):
        return two_valued(part, when, columns, values)

    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Comparison):
        left, right = (number_at(side, bar, columns, values) for side in (node.left, node.right))
        if math.isnan(left) or math.isnan(right):
            return False
        return truth_at(node, bar, columns, values)
    if isinstance(node, Logic):
        return at(node.left) and at(node.right) if node.op == "&" else at(node.left) or at(node.right)
    if isinstance(node, Shift):
        return bar >= node.periods.value and at(node.operand, bar - node.periods.value)
    if isinstance(node, When):
        return at(node.condition) if values["f"] else node.otherwise
    if isinstance(node, Choose):
        return at(dict(node.cases)[values["kind"]])
    raise TypeError(node)


@settings(max_examples=EXAMPLES)
@given(RULES, BARS, VALUES)
def test_the_normal_form_is_true_where_the_rule_is_certainly_true(rule, bars, values):
    columns = columns_of(bars)
    form = normal_form(rule)
    assert not any(isinstance(part, (Not, Cross)) for part in walk(form))
    for bar in range(len(bars)):
        assert two_valued(form, bar, columns, values) is (truth_at(rule, bar, columns, values) is True)


@settings(max_examples=EXAMPLES)
@given(RULES, BARS, VALUES)
def test_binding_before_or_after_the_normal_form_gives_the_same_truth(rule, bars, values):
    columns = columns_of(bars)
    for bound in (normal_form(bind(rule, values)), bind(normal_form(rule), values)):
        assert bound.params == ()
        for bar in range(len(bars)):
            expected = truth_at(rule, bar, columns, values) is True
            assert two_valued(bound, bar, columns, {}) is expected


@settings(max_examples=EXAMPLES)
@given(RULES)
def test_the_normal_form_of_a_normal_form_is_itself(rule):
    form = normal_form(rule)
    assert normal_form(form) is form


@pytest.mark.parametrize(
    ("rule", "form"),
    [
        (~(close > open), close <= open),
        (~(close == open), close != open),
        (~~(close > open), close > open),
        (~((close > open) & (close < 5)), (close <= open) | (close >= 5)),
        (~(close > open).shift(2), (close <= open).shift(2)),
        (close.crosses_above(open), (close > open) & (close <= open).shift(1)),
        (close.crosses_below(P.level), (close < P.level) & (close >= P.level).shift(1)),
        (~when(P.f, close > 1), when(P.f, close <= 1, otherwise=False)),
        (when(~(P.a > 2), close > 1), when(P.a <= 2, close > 1)),
        (~choose(P.k, {"x": close > 1, "y": high > 1}), choose(P.k, {"x": close <= 1, "y": high <= 1})),
        (~(Constant(True) & (close > 1)), Constant(False) | (close <= 1)),
    ],
)
def test_negation_goes_down_to_the_comparisons(rule, form):
    assert normal_form(rule) is form


@pytest.mark.parametrize("op", [">", ">=", "<", "<=", "==", "!="])
def test_the_negation_of_a_comparison_is_true_where_both_are_there_and_it_is_false(op):
    rule = Comparison(op, close, open)
    for left in (math.nan, 0.0, 1.0):
        for right in (math.nan, 0.0, 1.0):
            columns = {"close": [left], "open": [right]}
            expected = truth_at(rule, 0, columns, {}) is False
            assert two_valued(normal_form(~rule), 0, columns, {}) is expected


def test_a_number_has_no_normal_form():
    with pytest.raises(ExpressionError, match="compare it"):
        normal_form(close + 1)
