"""Binding puts values in the place of parameters and decides what they decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_nodes import EXAMPLES, INPUTS, number_at, numbers, resolve

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.binding import bind, bind_each, bind_some
from mrtoolkit.expressions.functions import choose, maximum, when
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.inputs import M, P, close, open
from mrtoolkit.expressions.nodes import Call, Constant


def ema(*arguments, of=None):
    """Call an indicator as the indicators part would."""
    return Call("ema", arguments, (of if of is not None else close,), of is None)


@settings(max_examples=EXAMPLES)
@given(numbers(), st.sampled_from([None, -2, 0, 1, 2.5]), st.sampled_from([-1, 3]))
def test_a_bound_number_has_the_value_that_substitution_gives(node, a, b):
    values = {"a": a, "b": b}
    bound = bind(node, values)
    assert bound.params == ()
    columns = {part.name: [1.0, math.nan, 3.0, -4.0] for part in INPUTS}
    for bar in range(4):
        expected = number_at(node, bar, columns, values) if node.is_series or None not in (a,) else None
        if expected is None:
            continue
        got = number_at(bound, bar, columns, {})
        assert got == pytest.approx(expected, rel=1e-9, nan_ok=True)


@settings(max_examples=EXAMPLES)
@given(numbers("+-*"), st.integers(1, 5), st.integers(1, 5))
def test_binding_a_series_is_writing_the_values_into_its_text(node, a, b):
    if not node.is_series:
        node = node * close
    text = node.key.replace("P.a", f"({a})").replace("P.b", f"({b})")
    written = parse(text, resolve)
    columns = {part.name: [1.0, 2.0, -3.5] for part in INPUTS}
    for bar in range(3):
        bound = number_at(bind(node, {"a": a, "b": b}), bar, columns, {})
        assert bound == pytest.approx(number_at(written, bar, columns, {}), nan_ok=True)


@settings(max_examples=EXAMPLES)
@given(numbers(), st.sampled_from([None, -2, 0, 2.5]), st.sampled_from([-1, 3]))
def test_binding_one_parameter_after_the_other_gives_the_same_value(node, a, b):
    partly = bind_some(node, {"a": a})
    assert set(partly.params) <= {"b"}
    columns = {part.name: [1.0, -4.0] for part in INPUTS}
    for bar in range(2):
        expected = number_at(bind(node, {"a": a, "b": b}), bar, columns, {})
        assert number_at(bind(partly, {"b": b}), bar, columns, {}) == pytest.approx(expected, nan_ok=True)


def test_a_parameter_without_a_value_stays_open_when_some_are_bound():
    rule = when(P.f, close > P.k) & (choose(P.kind, {"a": close * P.k, "b": open}) > P.m)
    assert bind_some(rule, {"k": 2}).key == 'when(P.f, close > 2) & (choose(P.kind, {"a": close * 2, "b": open}) > P.m)'
    assert bind_some(rule, {"f": False, "kind": "b"}).key == "open > P.m"


@pytest.mark.parametrize(
    ("node", "values", "bound"),
    [
        (ema(P.n), {"n": np.int64(12)}, ema(Constant(12))),
        (ema(P.n), {"n": 0.1 + 0.2}, ema(Constant(0.3))),
        (ema(P.n * 2), {"n": 6}, ema(Constant(12))),
        (ema(P.n / 3 * 3), {"n": 10}, ema(Constant(10))),  # rounded once, at the end
        (ema(P.n, of=ema(P.m)), {"n": 2, "m": 3}, ema(Constant(2), of=ema(Constant(3)))),
        (close.shift(P.s), {"s": 0}, close),
        (close.shift(P.s), {"s": 2.0}, close.shift(2)),
        (close > P.k, {"k": None}, Constant(False)),
        (~(close > P.k), {"k": None}, Constant(False)),  # unknown stays unknown
        (close.crosses_above(P.k), {"k": None}, Constant(False)),
        (P.k * close / open, {"k": None}, Constant(None)),
        (maximum(close, P.k), {"k": None}, Constant(None)),
        (ema(P.n, of=close * P.k), {"n": 2, "k": None}, Constant(None)),
        (P.a / P.b * close, {"a": 1, "b": 0}, Constant(None)),
        (when(P.f, close > P.k) & (open > 1), {"f": False}, open > 1),  # what is left out needs no value
        (when(P.f, close > P.k), {"f": np.bool_(True), "k": 3}, close > 3),
        (when(P.f, close > 1, otherwise=False) | (open > 1), {"f": False}, open > 1),
        (when(P.kind == "rsi", close > 1), {"kind": "ema"}, Constant(True)),
        (when(P.a < P.b, close > 1), {"a": 1, "b": 2}, close > 1),
        (choose(P.kind, {"ema": ema(P.n), None: close}), {"kind": "ema", "n": 5}, ema(Constant(5))),
        (choose(P.kind, {"ema": ema(P.n), None: close}), {"kind": None}, close),
        (choose(P.kind, {1: close, 2: open}), {"kind": np.float64(2)}, open),
        (choose(P.kind, {"no": None, "yes": close}) * P.k, {"kind": "no", "k": 2}, Constant(None)),
        ((close > P.k) & (P.a < P.b), {"k": 1, "a": 3, "b": 2}, Constant(False)),
        ((close > P.k) | (P.a < P.b), {"k": 1, "a": 3, "b": 2}, close > 1),
        (P.k == None, {"k": None}, Constant(True)),  # noqa: E711
        (P.k != "a", {"k": 5}, Constant(True)),
        (M.trades >= P.least * 10, {"least": 3}, M.trades >= 30),
        (M.sharpe * P.w - P.a * 2, {"w": 2, "a": 3}, M.sharpe * 2 - 6),
        (close > 5, {}, close > 5),
    ],
)
def test_values_decide_what_they_can(node, values, bound):
    assert bind(node, values) is bound


@pytest.mark.parametrize(
    ("node", "values", "words"),
    [
        (ema(P.fast), {"fats": 5}, "'fast' has no value.*did you mean 'fats'"),
        (ema(P.fast), {}, "there are values of: none"),
        (ema(P.n), {"n": math.nan}, "'n' cannot be nan"),
        (ema(P.n), {"n": [1, 2]}, "'n' cannot be"),
        (close.shift(P.s), {"s": -1}, "looks 1 bar ahead"),
        (close.shift(P.s), {"s": 1.5}, "whole number of bars"),
        (close.shift(P.s), {"s": None}, "which is None"),
        (choose(P.kind, {"ema": close, "sma": open}), {"kind": "emma"}, "its cases are .*did you mean 'ema'"),
        (when(P.f, close > 1), {"f": "yes"}, "a flag is True or False"),
        (P.k * 2 < P.a, {"k": "x", "a": 1}, "needs numbers"),
        (P.k < P.a, {"k": "x", "a": 1}, "no order"),
        (close > P.k, {"k": "x"}, "not a number"),
    ],
)
def test_a_value_that_cannot_stand_there_is_named(node, values, words):
    with pytest.raises(ExpressionError, match=words):
        bind(node, values)


@pytest.mark.parametrize(
    "node",
    [ema(P.n), ema(Constant(12)), ema(P.n, P.m), ema(P.n, of=open), ema(P.n, of=ema(P.m)), ema(P.n * 2), P.n],
    ids=str,
)
def test_binding_each_of_some_rows_is_binding_one_after_the_other(node):
    points = ({"m": 9, "n": 5}, {"m": 3, "n": 5.5}, {"m": 9, "n": None})
    rows = [tuple(point[name] for name in node.params) for point in points]
    found = bind_each(node, node.params, rows)
    assert all(a is bind(node, point) for a, point in zip(found, points, strict=True))


def test_values_that_are_equal_and_of_another_kind_are_bound_apart_again_and_again():
    node = ema(P.n)
    for _ in range(2):
        assert bind_each(node, ("n",), [(1,)])[0] is bind(node, {"n": 1})
        assert bind_each(node, ("n",), [(True,)])[0] is bind(node, {"n": True})
        assert bind_each(node, ("n",), [(1.0,), (1.5,)]) == [bind(node, {"n": 1}), bind(node, {"n": 1.5})]
