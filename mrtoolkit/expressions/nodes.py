"""All kinds of node: those that the operators build, and inputs, lists, metrics, indicator calls and alternatives."""
# ruff: noqa: D102 (what __new__ takes stands in the docstring of the class)

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self

from mrtoolkit.data.timeframe import parse_timeframe
from mrtoolkit.errors import BarsError, ExpressionError
from mrtoolkit.expressions.node import Arithmetic as Arithmetic
from mrtoolkit.expressions.node import Comparison as Comparison
from mrtoolkit.expressions.node import Constant as Constant
from mrtoolkit.expressions.node import Cross as Cross
from mrtoolkit.expressions.node import Function as Function
from mrtoolkit.expressions.node import Logic as Logic
from mrtoolkit.expressions.node import Node as Node
from mrtoolkit.expressions.node import Not as Not
from mrtoolkit.expressions.node import Parameter as Parameter
from mrtoolkit.expressions.node import Shift as Shift
from mrtoolkit.expressions.node import as_node as as_node
from mrtoolkit.expressions.node import check_condition, check_number, named
from mrtoolkit.expressions.operators import ATOM
from mrtoolkit.expressions.scalars import Scalar, canonical, is_plain_name, scalar_text, string_text

INPUT_NAMES: Final = ("open", "high", "low", "close", "volume", "hour", "weekday")
"""Inputs whose text is the bare name; any other is `input("name")`."""


class Input(Node):
    """A column of the bars by name, `close` or `input("vix")`, or `hour` and `weekday` of their time."""

    __slots__ = ("name",)
    _fields = ("name",)
    name: str

    def __new__(cls, name: str) -> Self:
        found = cls._find((cls, name))
        if found is not None:
            return found
        if not isinstance(name, str) or not name:
            raise ExpressionError(
                f"mrt.input needs the name of a column of the bars, got {name!r}; write mrt.input('vix'), and "
                "for a search to choose one mrt.choose(P.source, {'close': mrt.close, 'vix': mrt.input('vix')})."
            )
        key = name if name in INPUT_NAMES else f"input({string_text(name)})"
        return cls._create((cls, name), (name,), key, precedence=ATOM, is_series=True)


class Metric(Node):
    """A metric of a trial by name, `M.sharpe`, for objectives and constraints."""

    __slots__ = ("name",)
    _fields = ("name",)
    name: str

    def __new__(cls, name: str) -> Self:
        found = cls._find((cls, name))
        return named(cls, "M", "metric", name, ()) if found is None else found


class Values(Node):
    """A list of values for an argument of an indicator, as in `ema([5, 10])`."""

    __slots__ = ("values",)
    _fields = ("values",)
    is_list = True
    values: tuple[Scalar, ...]

    def __new__(cls, values: Iterable[object]) -> Self:
        scalars = tuple(canonical(value) for value in values)
        identity = (cls, *((type(value), value) for value in scalars))
        found = cls._find(identity)
        if found is not None:
            return found
        if not scalars:
            raise ExpressionError(
                "a list of values is empty, but an indicator needs at least one; write mrt.ema([5, 10])."
            )
        key = f"[{', '.join(map(scalar_text, scalars))}]"
        return cls._create(identity, (scalars,), key, precedence=ATOM, is_series=False)


class Call(Node):
    """An indicator over its sources, `ema(P.n)` or `ema(P.n, of=rsi(14))`.

    Parameters
    ----------
    name : str
        The indicator's.
    arguments : tuple of Node
        One a parameter of the indicator, in its order: constants, parameters, arithmetic of these, or `Values`.
    sources : tuple of Node
        One an input of the indicator, in its order; numbers a bar.
    default_sources : bool
        Whether these are the indicator's own inputs, which the text leaves out.
    output : str, optional
        Which output, of an indicator that has several.
    source_names : tuple of str
        Keywords of the sources in the text; needed where there are several and they are not the default ("of" for one).
    """

    __slots__ = ("arguments", "default_sources", "name", "output", "source_names", "sources")
    _fields = ("name", "arguments", "sources", "default_sources", "output", "source_names")
    name: str
    arguments: tuple[Node, ...]
    sources: tuple[Node, ...]
    default_sources: bool
    output: str | None
    source_names: tuple[str, ...]

    def __new__(
        cls,
        name: str,
        arguments: tuple[Node, ...],
        sources: tuple[Node, ...],
        default_sources: bool = True,  # noqa: FBT001, FBT002 (a field, in the order of the text)
        output: str | None = None,
        source_names: tuple[str, ...] = (),
    ) -> Self:
        names = () if default_sources else (source_names or ("of",))
        return cls._of((name, arguments, sources, default_sources, output, names), is_known=False)

    def with_constants(self, arguments: tuple[Node, ...]) -> Self:
        """Return the same call of constants, which any indicator may have as arguments: there is nothing to refuse."""
        fields = (self.name, arguments, self.sources, self.default_sources, self.output, self.source_names)
        return self._of(fields, is_known=True)

    @classmethod
    def _of(cls, fields: tuple[Any, ...], *, is_known: bool) -> Self:
        name, arguments, sources, default_sources, output, names = fields
        identity = (cls, name, *map(id, arguments), "of", *map(id, sources), default_sources, output, names)
        found = cls._find(identity)
        if found is not None:
            return found
        parts = [argument.key for argument in arguments]
        if not default_sources:
            parts += [f"{word}={source.key}" for word, source in zip(names, sources, strict=True)]
        key = f"{name}({', '.join(parts)})" + (f".{output}" if output else "")
        if not is_known:
            _check_call(key, name, arguments, sources)
        return cls._create(identity, fields, key, (*arguments, *sources), precedence=ATOM, is_series=True)


class OnTimeframe(Node):
    """`timeframe("4h", ema(P.n))`: the value of the last completed bar of another timeframe, at each bar.

    Parameters
    ----------
    timeframe : Node
        A text or a parameter.
    operand : Node
        A call, an input, or one of these shifted: what is computed over the bars of that timeframe.
    """

    __slots__ = ("operand", "timeframe")
    _fields = ("timeframe", "operand")
    timeframe: Node
    operand: Node

    def __new__(cls, timeframe: Node, operand: Node) -> Self:
        text = _timeframe_text(timeframe, operand)
        timeframe = Constant(text) if text else timeframe
        identity = (cls, id(timeframe), id(operand))
        found = cls._find(identity)
        if found is not None:
            return found
        _check_on_timeframe(operand)
        key = f"timeframe({timeframe.key}, {operand.key})"
        children = fields = (timeframe, operand)
        return cls._create(identity, fields, key, children, precedence=ATOM, is_series=True)

    @property
    def text(self) -> str:
        """The timeframe, "4h"; empty where it is a parameter."""
        return str(self.timeframe.value) if isinstance(self.timeframe, Constant) else ""


class When(Node):
    """`when(flag, condition)`: the condition where the flag is true, else `otherwise` (True: the part is left out)."""

    __slots__ = ("condition", "flag", "otherwise")
    _fields = ("flag", "condition", "otherwise")
    flag: Node
    condition: Node
    otherwise: bool

    def __new__(cls, flag: Node, condition: Node, otherwise: bool = True) -> Self:  # noqa: FBT001, FBT002
        identity = (cls, id(flag), id(condition), otherwise)
        found = cls._find(identity)
        if found is not None:
            return found
        if flag.is_series or not (flag.is_condition or type(flag) is Parameter):
            raise ExpressionError(
                f"the flag of when is {flag.key}, but it must be a parameter or a condition of parameters alone; "
                f"write mrt.when(P.use_it, {condition.key}), or join conditions of bars by &."
            )
        if not isinstance(otherwise, bool):
            raise ExpressionError(
                f"otherwise of when is {otherwise!r}, but must be True or False; leave it out for True."
            )
        check_condition("when", condition)
        key = f"when({flag.key}, {condition.key}{'' if otherwise else ', otherwise=False'})"
        fields = (flag, condition, otherwise)
        return cls._create(identity, fields, key, (flag, condition), precedence=ATOM, is_condition=True)


class Choose(Node):
    """`choose(P.kind, {"ema": ema(P.n), "sma": sma(P.n)})`: the case of P.kind; all numbers or all conditions."""

    __slots__ = ("cases", "selector")
    _fields = ("selector", "cases")
    selector: Parameter
    cases: tuple[tuple[Scalar, Node], ...]

    def __new__(cls, selector: Parameter, cases: Iterable[tuple[object, Node]]) -> Self:
        pairs = tuple((canonical(category), case) for category, case in cases)
        identity = (cls, id(selector), *((type(category), category, id(case)) for category, case in pairs))
        found = cls._find(identity)
        if found is not None:
            return found
        condition = _check_cases(selector, pairs)
        inside = ", ".join(f"{scalar_text(category)}: {case.key}" for category, case in pairs)
        key = f"choose({selector.key}, {{{inside}}})"
        children = (selector, *(case for _, case in pairs))
        return cls._create(identity, (selector, pairs), key, children, precedence=ATOM, is_condition=condition)


def is_missing(node: Node) -> bool:
    """Whether `node` is the constant None: no value at any bar."""
    return type(node) is Constant and node.value is None


def _timeframe_text(timeframe: Node, operand: Node) -> str:
    """The timeframe as a person types it, empty of a parameter."""
    if isinstance(timeframe, Parameter):
        return ""
    text = timeframe.value if isinstance(timeframe, Constant) else None
    if not isinstance(text, str):
        raise ExpressionError(
            f"the timeframe of {operand.key} is {timeframe.key}, but it is a text or a parameter; write "
            f'mrt.timeframe("4h", ...), or mrt.timeframe(P.tf, ...) with Categorical(["1h", "4h"]) in the space.'
        )
    try:
        return str(parse_timeframe(text))
    except BarsError as error:
        raise ExpressionError(f"the timeframe of {operand.key} is unknown: {error}") from None


def _check_on_timeframe(operand: Node) -> None:
    parts = [operand]
    while parts:
        part = parts.pop()
        if isinstance(part, OnTimeframe):
            raise ExpressionError(
                f"{part.key} stands inside another timeframe, but timeframes are not nested; take each from the bars "
                "themselves, and join them by arithmetic or comparisons."
            )
        parts.extend(part.children)
    inner = operand
    while isinstance(inner, Shift):
        inner = inner.operand
    if not isinstance(inner, Input | Call):
        raise ExpressionError(
            f"{operand.key} is no input and no indicator, which alone have a timeframe of their own; "
            "write mrt.timeframe(...), which hands it on to these."
        )


def _check_call(key: str, name: str, arguments: tuple[Node, ...], sources: tuple[Node, ...]) -> None:
    if name.startswith("_") or not is_plain_name(name):
        raise ExpressionError(
            f"{name!r} cannot name an indicator; take a word of letters and digits that starts with a letter."
        )
    for argument in arguments:
        if argument.is_series or (argument.is_condition and type(argument) is not Constant):
            raise ExpressionError(
                f"{key} has the argument {argument.key}, which changes from bar to bar, but an indicator's argument is "
                f"a number or a parameter; give a series by of=, as in {name}(14, of={argument.key})."
            )
    for source in sources:
        check_number(name, source)


def _check_cases(selector: object, cases: tuple[tuple[Scalar, Node], ...]) -> bool:
    if not isinstance(selector, Parameter):
        raise ExpressionError(
            f"choose selects by {selector!r}, but the selector must be a parameter; write mrt.choose(P.kind, ...)."
        )
    if not cases:
        raise ExpressionError(
            f"choose({selector.key}, ...) has no case; write choose({selector.key}, {{'ema': mrt.ema(P.n)}})."
        )
    for n, (category, _) in enumerate(cases):
        if any(category == earlier for earlier, _ in cases[:n]):
            raise ExpressionError(f"choose({selector.key}, ...) names {category!r} twice; leave one of the two out.")
    condition = any(case.is_condition for _, case in cases)
    for _, case in cases:
        if condition:
            check_condition("choose", case)
        elif not is_missing(case):  # None is "no value": a stop that is not there
            check_number("choose", case)
    return condition
