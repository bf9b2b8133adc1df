"""Rules that cannot be written so: each is one ExpressionError that says what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.functions import choose, when
from mrtoolkit.expressions.inputs import M, P, close, input, low, open
from mrtoolkit.expressions.nodes import Call, Constant, Node, Values

DATA = [
    pd.Series([1.0, 2.0]),
    pd.DataFrame({"close": [1.0, 2.0]}),
    pd.Index([1.0, 2.0]),
    xr.DataArray([1.0, 2.0], dims="time"),
    xr.Variable("time", [1.0, 2.0]),
    xr.Dataset({"close": ("time", [1.0, 2.0])}),
    np.array([1.0, 2.0]),
    np.array(1.0),
    [1.0, 2.0],
    (1.0,),
    pd.Timestamp("2020-01-01"),
]
OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
LOGIC = {"&": lambda a, b: a & b, "|": lambda a, b: a | b}


@pytest.mark.parametrize("data", DATA, ids=lambda data: type(data).__name__)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_data_as_an_operand_is_refused_on_either_side(data, operation):
    for left, right in ((close, data), (data, close)):
        with pytest.raises(ExpressionError, match="a rule is made of nodes"):
            operation(left, right)


@pytest.mark.parametrize("data", DATA[:7], ids=lambda data: type(data).__name__)
@pytest.mark.parametrize("operation", LOGIC.values(), ids=LOGIC)
def test_data_beside_a_condition_is_refused_on_either_side(data, operation):
    mask = data > 1
    for left, right in ((close > open, mask), (mask, close > open)):
        with pytest.raises(ExpressionError, match="a rule is made of nodes"):
            operation(left, right)


def test_scalars_of_numpy_are_numbers_on_either_side():
    assert (np.float64(2) * close).key == "2 * close"
    assert (close * np.float64(2)).key == "close * 2"
    assert (np.int64(2) > close).key == "close < 2"
    assert (np.bool_(True) & (close > 1)).key == "True & (close > 1)"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: low < close < open,
        lambda: (close > 1) and (open > 1),
        lambda: (close > 1) or (open > 1),
        lambda: not (close > 1),
        lambda: 1 if close > open else 0,
        lambda: max(close, open),
        lambda: close in [open, low],
    ],
)
def test_a_node_in_a_truth_context_names_the_cure(ask):
    with pytest.raises(ExpressionError, match=r"& \| ~.*\(a < b\) & \(b < c\).*mrt.maximum"):
        ask()


@pytest.mark.parametrize("ask", [iter, len, list, lambda node: 1 in node, float, int])
def test_a_node_is_no_collection_and_no_number(ask):
    with pytest.raises(TypeError):
        ask(close)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda: close & open, "needs conditions.*compare it"),
        (lambda: ~close, "needs conditions"),
        (lambda: P.use & (close > 1), r"a parameter.*mrt.when\(P.use"),
        (lambda: (close > 1) + 1, "needs numbers.*a condition"),
        (lambda: (close > 1) > (open > 1), "needs numbers"),
        (lambda: abs(close > 1), "needs numbers"),
        (lambda: -(close > 1), "the minus sign"),
        (lambda: close > "5", "not a number"),
        (lambda: close == None, "not a number"),  # noqa: E711
        (lambda: P.kind > "ema", "not a number"),
        (lambda: close * float("nan"), "finite"),
        (lambda: close * float("inf"), "finite"),
        (lambda: close + True, "needs numbers"),
        (lambda: close.shift(-2), r"looks 2 bars ahead.*\.shift\(2\)"),
        (lambda: close.shift(1.5), "whole number of bars"),
        (lambda: close.shift(True), "whole number of bars"),
        (lambda: close.shift("1"), "whole number of bars"),
        (lambda: close.shift(open), "whole number of bars"),
        (lambda: close.crosses_above(open > 1), "needs numbers"),
        (lambda: when(close > 1, open > 1), "parameters alone"),
        (lambda: when(5, open > 1), "flag"),
        (lambda: when(P.f, close), "needs conditions"),
        (lambda: when(P.f, close > 1, otherwise=None), "True or False"),
        (lambda: choose(close, {"a": open}), "must be a parameter"),
        (lambda: choose("kind", {"a": open}), "must be a parameter"),
        (lambda: choose(P.k, {}), "has no case"),
        (lambda: choose(P.k, [close, open]), "must be a mapping"),
        (lambda: choose(P.k, {"a": close, "b": open > 1}), "needs conditions"),
        (lambda: choose(P.k, {1.0: close, 1 + 1e-15: open}), "twice"),
        (lambda: choose(P.k, {(1, 2): close}), "a tuple"),
        (lambda: Values([]), "empty"),
        (lambda: Values([5]) * close, "list of values"),
        (lambda: Call("ema", (close,), (close,)), "changes from bar to bar.*of=close"),
        (lambda: Call("ema", (Constant(5),), (close > 1,)), "needs numbers"),
        (lambda: Call("my ema", (Constant(5),), (close,)), "cannot name an indicator"),
        (lambda: input(""), "name of a column"),
        (lambda: input(5), "name of a column"),
        (lambda: P["1st"], "no parameter"),
        (lambda: P[0], "no parameter"),
        (lambda: M["a b"], "no metric"),
        (lambda: Node(), "no values of its own"),
    ],
)
def test_what_is_no_rule_is_refused_where_it_is_written(write, words):
    with pytest.raises(ExpressionError, match=f"(?s){words}.*[.]$"):
        write()


@pytest.mark.parametrize(
    ("operation", "part"),
    [
        (lambda x: x % 2, "no remainder (%)"),
        (lambda x: 2 % x, "no remainder (%)"),
        (lambda x: x // 2, "no whole-number division (//)"),
        (lambda x: 2 // x, "no whole-number division (//)"),
        (lambda x: divmod(x, 2), "no divmod"),
        (lambda x: x @ x, "no matrix product (@)"),
        (lambda x: (x > 1) ^ (x > 2), "no exclusive or (^)"),
        (lambda x: x << 1, "no shift of bits (<<)"),
        (lambda x: round(x, 2), "no rounding"),
        (lambda x: +x, "no plus sign"),
    ],
)
def test_an_operator_that_rules_do_not_have_is_refused_with_those_that_they_have(operation, part):
    import mrtoolkit as mrt

    with pytest.raises(mrt.errors.ExpressionError) as error:
        operation(mrt.close)
    assert part in str(error.value)
    assert "rules have + - * / ** abs over numbers" in str(error.value)
    assert "@mrt.indicator" in str(error.value)


def test_an_xarray_operand_has_its_article():
    import xarray as xr

    import mrtoolkit as mrt

    with pytest.raises(mrt.errors.ExpressionError, match="an operand is an xarray DataArray"):
        mrt.close > xr.DataArray([1.0])  # noqa: B015
