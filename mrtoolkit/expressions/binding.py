"""Putting values in the place of parameters, which leaves what a point of a search has to compute."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from mrtoolkit.errors import ExpressionError, nearest
from mrtoolkit.expressions.nodes import (
    Arithmetic,
    Call,
    Choose,
    Comparison,
    Constant,
    Cross,
    Function,
    Logic,
    Node,
    Not,
    OnTimeframe,
    Parameter,
    Shift,
    When,
    is_missing,
)
from mrtoolkit.expressions.normal_form import negated
from mrtoolkit.expressions.operators import ARITHMETIC, FUNCTIONS
from mrtoolkit.expressions.scalars import Scalar, scalar_text
from mrtoolkit.expressions.scalars import canonical as canonical

_MISSING: Final = Constant(None)
_TRUE: Final = Constant(True)
_FALSE: Final = Constant(False)
_OPEN: Final = object()  # no scalar: has a metric or an open parameter in it
_MOST_HELD: Final = 4_096
_held: dict[tuple[Any, ...], tuple[Node, Node]] = {}  # what was bound last: with the call, whose id is its own then
_ORDER: Final = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


def bind(node: Node, values: Mapping[str, Any]) -> Node:
    """Return `node` with the parameters' values in their place, simplified where that decides something.

    `when` and `choose` are resolved, comparisons of constants become True or False and pass through & and |, arithmetic
    of constants becomes one constant (rounded once, at its end). A parameter whose value is None has no value:
    arithmetic over it is None, no ordered comparison with it is true, and neither is the negation of one (a negation is
    therefore bound in normal form). A constant that is not finite (1 / 0) is None as well.

    Parameters
    ----------
    node : Node
    values : mapping of name to scalar
        At least the parameters that are reached; a case that is not chosen needs none.

    Raises
    ------
    ExpressionError
        If a parameter has no value, or one that cannot stand in its place.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> from mrtoolkit.expressions.binding import bind
    >>> bind(mrt.close > mrt.P.level * 2, {"level": 10})
    close > 20
    """
    return _bind(node, values)


def bind_some(node: Node, values: Mapping[str, Any]) -> Node:
    """Return `node` with the values of some parameters in their place, as `bind` does; the others stay open."""
    return _bind(node, _Some(values))


def bind_each(node: Node, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Node]:
    """Return `node` with each of some rows of values in the place of its parameters, as `bind` does.

    An indicator over its own inputs, as most of what a search binds is, takes half the time so, and next to none where
    one batch after the other asks for the same: the last few thousand are held.
    """
    if type(node) is not Call or not all(type(argument) in (Parameter, Constant) for argument in node.arguments):
        return [_bind(node, dict(zip(names, values, strict=True))) for values in rows]
    if not node.default_sources and any(source.params or is_missing(source) for source in node.sources):
        return [_bind(node, dict(zip(names, values, strict=True))) for values in rows]
    rows = [tuple(values) for values in rows]
    if not {type(value) for values in rows for value in values} <= {int, float}:  # True would be found for 1
        return [_with_constants(node, names, values) for values in rows]
    if len(_held) > _MOST_HELD:
        _held.clear()
    bound = []
    for values in rows:
        known = _held.get((id(node), *values))
        if known is None:
            known = _held[(id(node), *values)] = node, _with_constants(node, names, values)
        bound.append(known[1])
    return bound


def _with_constants(node: Call, names: Sequence[str], values: Sequence[Any]) -> Call:
    """A call whose arguments are parameters and constants, with their values in their place."""
    given = [Constant(values[names.index(a.name)]) if isinstance(a, Parameter) else a for a in node.arguments]
    return node.with_constants(tuple(given))


class _Some(dict[str, Any]):
    """Values of some of the parameters: one that is not among them stays itself."""


def _bind(node: Node, values: Mapping[str, Any]) -> Node:
    return _BINDERS[type(node)](node, values) if node.params else node


def _parameter(node: Parameter, values: Mapping[str, Any]) -> Constant | Parameter:
    if isinstance(values, _Some) and node.name not in values:
        return node
    try:
        value = values[node.name]
    except KeyError:
        known = (", ".join(map(str, values)) or "none") + nearest(node.name, values)
        raise ExpressionError(
            f"the parameter {node.name!r} has no value; there are values of: {known}; give one to {node.name!r}."
        ) from None
    try:
        return Constant(value)
    except ExpressionError as error:
        raise ExpressionError(f"the parameter {node.name!r} cannot be {value!r}: {error}") from None


def _call(node: Call, values: Mapping[str, Any]) -> Node:
    sources = node.sources
    if not node.default_sources:
        sources = tuple([_bind(source, values) for source in sources])
        if any(is_missing(source) for source in sources):
            return _MISSING
    arguments = tuple([_bind(argument, values) for argument in node.arguments])
    return Call(node.name, arguments, sources, node.default_sources, node.output, node.source_names)


def _on_timeframe(node: OnTimeframe, values: Mapping[str, Any]) -> Node:
    timeframe, operand = _bind(node.timeframe, values), _bind(node.operand, values)
    return _MISSING if is_missing(operand) else OnTimeframe(timeframe, operand)


def _arithmetic(node: Arithmetic, values: Mapping[str, Any]) -> Node:
    if not node.is_series and (value := _scalar(node, values)) is not _OPEN:
        return Constant(value)
    left, right = _bind(node.left, values), _bind(node.right, values)
    return _MISSING if is_missing(left) or is_missing(right) else Arithmetic(node.op, left, right)


def _function(node: Function, values: Mapping[str, Any]) -> Node:
    if not node.is_series and (value := _scalar(node, values)) is not _OPEN:
        return Constant(value)
    operands = tuple([_bind(operand, values) for operand in node.operands])
    return _MISSING if any(is_missing(operand) for operand in operands) else Function(node.name, operands)


def _scalar(node: Node, values: Mapping[str, Any]) -> Any:
    """Return the unrounded value of parameters and constants, None if there is none, `_OPEN` if it has other parts."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Parameter):
        bound = _parameter(node, values)
        return bound.value if isinstance(bound, Constant) else _OPEN
    if isinstance(node, Choose):
        case = _case(node, values)
        return _OPEN if case is None else _scalar(case, values)
    if not isinstance(node, (Arithmetic, Function)):
        return _OPEN
    operands = [_scalar(child, values) for child in node.children]
    if any(operand is _OPEN for operand in operands):
        return _OPEN
    if any(operand is None for operand in operands):
        return None
    for child, operand in zip(node.children, operands, strict=True):
        if isinstance(operand, (str, bool)):
            raise ExpressionError(
                f"{node.key} needs numbers, but {child.key} is {scalar_text(operand)}; "
                "give it a number, or compare it by ==."
            )
    table, name = (ARITHMETIC, node.op) if isinstance(node, Arithmetic) else (FUNCTIONS, node.name)
    with np.errstate(all="ignore"):
        result = float(table[name](*map(float, operands)))
    return result if np.isfinite(result) else None


def _comparison(node: Comparison, values: Mapping[str, Any]) -> Node:
    left, right = _bind(node.left, values), _bind(node.right, values)
    if isinstance(left, Constant) and isinstance(right, Constant):
        return Constant(_compared(node, left.value, right.value))
    return _FALSE if is_missing(left) or is_missing(right) else Comparison(node.op, left, right)


def _compared(node: Comparison, left: Scalar, right: Scalar) -> bool:
    if node.op in ("==", "!="):  # of categories, among which None is one
        return (left == right) is (node.op == "==")
    for value in (left, right):
        if isinstance(value, (str, bool)):
            raise ExpressionError(f"{node.key} compares {scalar_text(value)}, which has no order; use == or !=.")
    if left is None or right is None:
        return False
    return bool(_ORDER[node.op](left, right))


def _logic(node: Logic, values: Mapping[str, Any]) -> Node:
    decides = _FALSE if node.op == "&" else _TRUE
    left = _bind(node.left, values)
    if left is decides:
        return left
    right = _bind(node.right, values)
    if right is decides or isinstance(left, Constant):
        return right
    return left if isinstance(right, Constant) else Logic(node.op, left, right)


def _not(node: Not, values: Mapping[str, Any]) -> Node:
    return _bind(negated(node.operand), values)


def _shift(node: Shift, values: Mapping[str, Any]) -> Node:
    operand, periods = _bind(node.operand, values), _bind(node.periods, values)
    if is_missing(periods):
        raise ExpressionError(
            f"{node.key} shifts by {node.periods.key}, which is None; give it a whole number of bars, 0 or more."
        )
    return operand if operand is _MISSING or operand is _FALSE else operand.shift(periods)


def _cross(node: Cross, values: Mapping[str, Any]) -> Node:
    left, right = _bind(node.left, values), _bind(node.right, values)
    constants = isinstance(left, Constant) and isinstance(right, Constant)  # two thresholds never cross
    return _FALSE if constants or is_missing(left) or is_missing(right) else Cross(node.direction, left, right)


def _when(node: When, values: Mapping[str, Any]) -> Node:
    flag = _bind(node.flag, values)
    if not isinstance(flag, Constant):
        return When(flag, _bind(node.condition, values), node.otherwise)
    if flag.value not in (True, False):
        raise ExpressionError(
            f"{node.key} has the flag {flag.key}, but a flag is True or False; search it by Categorical([True, False])."
        )
    return _bind(node.condition, values) if flag.value else Constant(node.otherwise)


def _choose(node: Choose, values: Mapping[str, Any]) -> Node:
    case = _case(node, values)
    if case is None:
        return Choose(node.selector, tuple((category, _bind(each, values)) for category, each in node.cases))
    return _bind(case, values)


def _case(node: Choose, values: Mapping[str, Any]) -> Node | None:
    """Return the case that is chosen, None where the selector is left open."""
    selector = _parameter(node.selector, values)
    if not isinstance(selector, Constant):
        return None
    wanted = selector.value
    for category, case in node.cases:
        if category == wanted:
            return case
    names = [category for category, _ in node.cases]
    allowed = ", ".join(map(scalar_text, names)) + nearest(wanted, names)
    raise ExpressionError(
        f"{node.selector.key} is {scalar_text(wanted)}, but its cases are {allowed}; give it one of these."
    )


_BINDERS: Final[Mapping[type[Node], Callable[[Any, Mapping[str, Any]], Node]]] = {
    Parameter: _parameter,
    Call: _call,
    OnTimeframe: _on_timeframe,
    Arithmetic: _arithmetic,
    Function: _function,
    Comparison: _comparison,
    Logic: _logic,
    Not: _not,
    Shift: _shift,
    Cross: _cross,
    When: _when,
    Choose: _choose,
}
