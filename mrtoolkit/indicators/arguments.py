"""From what a user writes between the parentheses of an indicator to the nodes of its call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mrtoolkit.errors import IndicatorError, nearest
from mrtoolkit.expressions.nodes import Constant, Input, Node, Values, as_node
from mrtoolkit.expressions.outputs import Outputs
from mrtoolkit.indicators.parameter import IndicatorParameter


def bind_arguments(
    owner: str,
    parameters: Sequence[IndicatorParameter],
    arguments: Sequence[Any],
    keywords: dict[str, Any],
    *,
    more: Iterable[str] = (),
) -> tuple[Node, ...]:
    """Return one node a parameter, from arguments in order, by name, and by default.

    Parameters
    ----------
    owner : str
        The indicator, for messages.
    more : iterable of str
        Further keywords that the call would take, for the nearest of a wrong one.
    """
    names = [parameter.name for parameter in parameters]
    if len(arguments) > len(names):
        given = ", ".join(_shown(argument) for argument in arguments)
        takes = f"{len(names)} ({_listed(names)})"
        msg = f"{owner}({given}) has {len(arguments)} arguments, but {owner} takes {takes}; {_series_cure(owner)}."
        raise IndicatorError(msg)
    given_values = dict(zip(names, arguments, strict=False))
    for word, value in keywords.items():
        if word not in names:
            known = [*names, *more]
            msg = f"{owner} has no argument {word!r}; it takes {_listed(known)}{nearest(word, known)}."
            raise IndicatorError(msg)
        if word in given_values:
            msg = f"{owner} got {word!r} twice, in order and by name; leave one out."
            raise IndicatorError(msg)
        given_values[word] = value
    return tuple(_argument_node(owner, p, given_values.get(p.name, p.default)) for p in parameters)


def series_node(owner: str, name: str, value: Any) -> Node:
    """Return the node that input `name` is read from: the column of that name where none is given."""
    if value is None:
        return Input(name)
    if isinstance(value, Outputs):
        msg = f"{owner} got {value!r} as its {name}; name one, as in of=mrt.macd().{value.names[0]}."
        raise IndicatorError(msg)
    node = as_node(value)
    if not node.is_series or node.is_condition:
        what = "a condition" if node.is_condition else "the same at every bar"
        msg = f"{owner} got {node.key} as its {name}, which is {what}; give numbers a bar, as in of=mrt.rsi(14)."
        raise IndicatorError(msg)
    return node


def _argument_node(owner: str, parameter: IndicatorParameter, value: Any) -> Node:
    if value is None:
        way = f"mrt.{owner}(P.{parameter.name}) or mrt.{owner}({parameter.name}={parameter.low:g})"
        msg = f"{owner} needs a {parameter.name}, {parameter.allowed}; write {way}."
        raise IndicatorError(msg)
    if isinstance(value, Node):
        node = value
        if node.is_series or (node.is_condition and type(node) is not Constant):
            cure = _series_cure(owner, node.key)
            msg = f"{owner}'s {parameter.name} is {node.key}, which changes from bar to bar; {cure}."
            raise IndicatorError(msg)
    elif isinstance(value, str | bytes) or not isinstance(value, Iterable):
        if isinstance(value, float | np.floating) and not np.isfinite(value):
            parameter.check(float(value), owner)
        node = as_node(value)
    else:
        if isinstance(value, np.ndarray) and value.ndim != 1:
            what = f"an array of shape {value.shape}"
            msg = f"{owner}'s {parameter.name} is {what}; give a list of numbers, as in {owner}([5, 10])."
            raise IndicatorError(msg)
        node = Values(value)
    constants = node.values if type(node) is Values else (node.value,) if type(node) is Constant else ()
    for constant in constants:
        parameter.check(constant, owner)
    return node


def _series_cure(owner: str, key: str = "mrt.close") -> str:
    return f"what it is computed of goes by name, as in mrt.{owner}(14, of={key})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _shown(argument: Any) -> str:
    return argument.key if isinstance(argument, Node) else repr(argument)[:40]
