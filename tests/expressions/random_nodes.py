"""Random expressions for the tests of this folder, and plain loops that evaluate them."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st

from mrtoolkit.expressions.functions import choose, maximum, minimum, when
from mrtoolkit.expressions.inputs import P, close, high, open, volume
from mrtoolkit.expressions.nodes import (
    Arithmetic,
    Call,
    Choose,
    Comparison,
    Constant,
    Cross,
    Function,
    Input,
    Logic,
    Node,
    Not,
    Parameter,
    Shift,
    Values,
    When,
)

EXAMPLES = max(150, settings().max_examples)
INPUTS = (open, high, close)


def resolve(name, args, kwargs):
    """Stand in for the registry: every indicator has one input, the close."""
    sources = tuple(kwargs.values()) or (close,)
    return Call(name, tuple(args), sources, not kwargs)


def numbers(operators="+-*", parameters=("a", "b"), *, anything=False):
    """Random numbers over open, high, close and parameters; with anything=True whatever a key can hold."""
    leaves = [
        st.sampled_from(INPUTS),
        st.integers(-3, 3).map(Constant),
        st.sampled_from([P[name] for name in parameters]),
    ]
    if anything:
        odd = st.floats(allow_nan=False, allow_infinity=False).map(Constant)
        leaves += [odd, st.text(min_size=1).map(Input), st.sampled_from([P["class"], P["größe"], volume])]
    operators = ["**", "/", *operators] if anything else list(operators)

    def extend(inner):
        ways = [
            st.builds(Arithmetic, st.sampled_from(operators), inner, inner),
            st.builds(minimum, inner, inner),
            st.builds(maximum, inner, inner),
            st.builds(lambda x: -x, inner),
            st.builds(abs, inner),
            st.builds(Node.shift, inner.filter(lambda x: x.is_series or anything), st.integers(0, 2)),
        ]
        if anything:
            category = st.text(max_size=3) | st.integers(-2, 2) | st.none()
            cases = st.dictionaries(category, inner, min_size=1, max_size=3)
            argument = inner.filter(lambda x: not x.is_series)
            listed = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(Values)
            ways += [
                st.builds(choose, st.just(P.kind), cases),
                st.builds(lambda n, x: Call("ema", (n,), (x,), default_sources=False), argument | listed, inner),
                st.builds(lambda n: Call("rsi", (n,), (close,)), argument),
                st.builds(lambda x: x.shift(P.s), inner),
            ]
        return st.one_of(ways)

    return st.recursive(st.one_of(leaves), extend, max_leaves=6)


def conditions(operand, *, compare=(">", ">=", "<", "<=", "==", "!=")):
    """Random conditions over random numbers; the flag is P.f."""
    series = operand.filter(lambda x: x.is_series)
    leaves = st.one_of(
        st.builds(Comparison, st.sampled_from(compare), series, operand),
        st.builds(Comparison, st.sampled_from(compare[:4]), operand, operand),
        st.builds(Cross, st.sampled_from(["above", "below"]), series, operand),
        st.booleans().map(Constant),
    )

    def extend(inner):
        return st.one_of(
            st.builds(Logic, st.sampled_from("&|"), inner, inner),
            st.builds(Not, inner),
            st.builds(Node.shift, inner, st.integers(0, 2)),
            st.builds(lambda x, other: when(P.f, x, otherwise=other), inner, st.booleans()),
            st.builds(lambda x, y: choose(P.kind, {"a": x, 2: y}), inner, inner),
        )

    return st.recursive(leaves, extend, max_leaves=6)


def number_at(node, bar, columns, values):
    """Value of a number at a bar by the plain definition; NaN where it has none."""
    if isinstance(node, Input):
        return columns[node.name][bar]
    if isinstance(node, (Constant, Parameter)):
        value = node.value if isinstance(node, Constant) else values[node.name]
        return math.nan if value is None else value
    if isinstance(node, Shift):
        earlier = bar - node.periods.value
        return math.nan if earlier < 0 else number_at(node.operand, earlier, columns, values)
    parts = [number_at(child, bar, columns, values) for child in node.children]
    if any(math.isnan(part) for part in parts):
        return math.nan
    if isinstance(node, Function):
        by_name = {"neg": lambda x: -x, "abs": abs, "minimum": min, "maximum": max}
        return by_name[node.name](*parts)
    left, right = parts
    return {"+": left + right, "-": left - right, "*": left * right}[node.op]


def truth_at(node, bar, columns, values):
    """Three-valued truth of a condition at a bar by Kleene's tables: True, False, or None for unknown."""

    def at(part, when=bar):
        return truth_at(part, when, columns, values)

    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Not):
        inner = at(node.operand)
        return None if inner is None else not inner
    if isinstance(node, Logic):
        both = (at(node.left), at(node.right))
        decides = node.op == "|"
        return decides if decides in both else None if None in both else not decides
    if isinstance(node, Comparison):
        left, right = (number_at(side, bar, columns, values) for side in (node.left, node.right))
        return None if math.isnan(left) or math.isnan(right) else _ordered(node.op, left, right)
    if isinstance(node, Cross):
        now, before = (">", "<=") if node.direction == "above" else ("<", ">=")
        left, right = (side.shift(1) if side.is_series else side for side in (node.left, node.right))
        return at(Comparison(now, node.left, node.right) & Comparison(before, left, right))
    if isinstance(node, Shift):
        earlier = bar - node.periods.value
        return None if earlier < 0 else at(node.operand, earlier)
    if isinstance(node, When):
        return at(node.condition) if values["f"] else node.otherwise
    if isinstance(node, Choose):
        return at(dict(node.cases)[values["kind"]])
    raise TypeError(node)


def _ordered(op, left, right):
    table = {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}
    return {**table, "==": left == right, "!=": left != right}[op]
