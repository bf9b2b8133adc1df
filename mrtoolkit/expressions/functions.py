"""Functions over nodes: optional and alternative parts, extremes, logarithm and root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.nodes import Choose, Function, Node, Parameter, When, as_node


def when(flag: object, condition: object, *, otherwise: bool = True) -> Node:
    """Return a condition that counts only where a flag is set, so that a search can leave the part out.

    Parameters
    ----------
    flag : parameter, or a condition of parameters alone, or bool
        `P.use_rsi` of a space with `Categorical([True, False])`, or `P.kind == "rsi"`.
    condition : node
        What holds where the flag is true.
    otherwise : bool
        What holds where it is not; True suits a part that is joined by &, False one that is joined by |.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> mrt.when(mrt.P.use_trend, mrt.close > mrt.open)
    when(P.use_trend, close > open)
    """
    return When(as_node(flag), as_node(condition), otherwise)


def choose(selector: Parameter, cases: Mapping[Any, object]) -> Node:
    """Return the case that a parameter names, so that a search can choose among indicators.

    Parameters
    ----------
    selector : parameter
        Takes the names of the cases as values, in a space by `Categorical(["ema", "sma"])`.
    cases : mapping of text, number, bool or None to a node
        All numbers (None: no value), or all conditions.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> mrt.choose(mrt.P.price, {"last": mrt.close, "middle": (mrt.high + mrt.low) / 2})
    choose(P.price, {"last": close, "middle": (high + low) / 2})
    """
    if not isinstance(cases, Mapping):
        raise ExpressionError(
            f"the cases of choose are a {type(cases).__name__}, but must be a mapping of a category to a node; "
            "write mrt.choose(P.kind, {'ema': mrt.ema(P.n), 'sma': mrt.sma(P.n)})."
        )
    return Choose(selector, tuple((category, as_node(case)) for category, case in cases.items()))


def minimum(first: object, second: object, *more: object) -> Node:
    """Return the smallest of its operands at each bar, without a value where any has none, as `mrt.minimum(a, b)`."""
    return _extreme("minimum", first, second, *more)


def maximum(first: object, second: object, *more: object) -> Node:
    """Return the largest of its operands at each bar, without a value where any has none, as `mrt.maximum(a, b)`."""
    return _extreme("maximum", first, second, *more)


def log(operand: object) -> Node:
    """Return the natural logarithm, as `mrt.log(mrt.volume)`, without a value where the operand is negative."""
    return Function("log", (as_node(operand),))


def sqrt(operand: object) -> Node:
    """Return the square root, as `mrt.sqrt(mrt.P.n)`, without a value where the operand is negative."""
    return Function("sqrt", (as_node(operand),))


def _extreme(name: str, *operands: object) -> Node:
    result = as_node(operands[0])
    for operand in operands[1:]:
        result = Function(name, (result, as_node(operand)))
    return result
