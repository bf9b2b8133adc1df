"""Expressions of parameters and metrics over many points at once: constraints of a space, objectives of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mrtoolkit.errors import ExpressionError, nearest
from mrtoolkit.expressions.nodes import (
    Arithmetic,
    Choose,
    Comparison,
    Constant,
    Function,
    Logic,
    Metric,
    Node,
    Parameter,
    When,
)
from mrtoolkit.expressions.normal_form import normal_form
from mrtoolkit.expressions.operators import ARITHMETIC, COMPARISON, FUNCTIONS, LOGIC
from mrtoolkit.expressions.scalars import scalar_text


def evaluate(node: Node, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the value of `node` at each point: float64 of a number, bool of a condition.

    Parameters
    ----------
    node : Node
        Of parameters, metrics and constants alone.
    columns : mapping of name to (point,)
        Values of the parameters and metrics by name; objects (text, bool, None) where they are categories.

    Returns
    -------
    (point,)
        A scalar array where `node` is constant. None counts as NaN in arithmetic and comparisons by order, which
        NaN never satisfies; under == and != it is a category like others.

    Raises
    ------
    ExpressionError
        If `node` has a value a bar (an input, an indicator), a name has no column, or text stands for a number.
    """
    with np.errstate(all="ignore"):
        if node.is_condition:
            return np.asarray(_value(normal_form(node), columns), dtype=bool)
        return _numbers(node, columns)


def _value(node: Node, columns: Mapping[str, np.ndarray]) -> Any:
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, (Parameter, Metric)):
        if node.name not in columns:
            known = (", ".join(columns) or "none") + nearest(node.name, columns)
            raise ExpressionError(f"{node.key} has no column; there are: {known}; add the column {node.name!r}.")
        return np.asarray(columns[node.name])
    if isinstance(node, Arithmetic):
        return ARITHMETIC[node.op](_numbers(node.left, columns), _numbers(node.right, columns))
    if isinstance(node, Function):
        return FUNCTIONS[node.name](*[_numbers(operand, columns) for operand in node.operands])
    if isinstance(node, Logic):
        return LOGIC[node.op](_value(node.left, columns), _value(node.right, columns))
    if isinstance(node, Comparison):
        return _comparison(node, columns)
    if isinstance(node, When):
        return np.where(_flag(node.flag, columns), _value(node.condition, columns), node.otherwise)
    if isinstance(node, Choose):
        return _choose(node, columns)
    msg = f"{node.key} has a value a bar, but points have parameters and metrics alone; write it over P and M."
    raise ExpressionError(msg)


def _comparison(node: Comparison, columns: Mapping[str, np.ndarray]) -> Any:
    if node.op in ("==", "!="):
        left, right = _value(node.left, columns), _value(node.right, columns)
        if _is_category(left) or _is_category(right):
            same = _same(left, right)
            return same if node.op == "==" else ~same
    return COMPARISON[node.op](_numbers(node.left, columns), _numbers(node.right, columns))


def _is_category(value: Any) -> bool:
    return np.asarray(value).dtype.kind not in "fiu"


def _same(left: Any, right: Any) -> np.ndarray:
    left, right = (_objects(side) for side in (left, right))
    return np.asarray(np.equal(left, right, dtype=object), dtype=bool)


def _objects(value: Any) -> np.ndarray:
    array = np.asarray(value)
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, dtype=bool)
    array = array.astype(object)  # a copy
    array[missing] = None  # as tables write None among numbers
    return array


def _numbers(node: Node, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    value = np.asarray(_value(node, columns))
    if value.dtype.kind in "fiu":
        return value.astype(np.float64, copy=False)
    for item in value.ravel().tolist():
        if isinstance(item, (str, bool)):
            raise ExpressionError(
                f"{node.key} is {scalar_text(item)} where a number is needed; compare it by == or !=."
            )
    return value.astype(np.float64)  # None becomes NaN


def _flag(flag: Node, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    value = np.asarray(_value(flag, columns))
    for item in set(value.ravel().tolist()) - {True, False}:
        raise ExpressionError(
            f"the flag {flag.key} is {item!r}, but must be True or False; search it by Categorical([True, False])."
        )
    return value.astype(bool)


def _choose(node: Choose, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    selected = _value(node.selector, columns)
    shape = np.shape(selected)
    result = np.zeros(shape, dtype=bool) if node.is_condition else np.full(shape, np.nan)
    open_ = np.ones(shape, dtype=bool)
    for category, case in node.cases:
        here = _same(selected, category) & open_
        if here.any():  # a case that nobody chooses needs no columns
            found = _value(case, columns) if node.is_condition else _numbers(case, columns)
            result = np.where(here, found, result)
            open_ &= ~here
    if open_.any():
        wrong = np.asarray(selected, dtype=object)[open_].tolist()[0]
        cases = ", ".join(scalar_text(category) for category, _ in node.cases)
        raise ExpressionError(f"{node.selector.key} is {wrong!r}, but its cases are {cases}; give it one of these.")
    return result
