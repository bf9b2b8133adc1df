r"""Text to rule: a small grammar of our own, which runs nothing.

::

    rule      a > b, a & b, a | b, ~a, a + b ... with Python's precedence; comparisons are not chained
    operand   number  "text"  True  False  None  [5, 10]  P.fast  M.sharpe  close  input("vix")  (rule)
    call      ema(P.n)  rsi(14, of=close)  macd().line  when(flag, rule)  choose(P.kind, {"a": rule})
          timeframe("4h", ema(P.n))
    method    x.shift(1)  x.crosses_above(y)  x.crosses_below(y)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from mrtoolkit.errors import ExpressionError, MrtoolkitError, nearest
from mrtoolkit.expressions.functions import choose, log, maximum, minimum, sqrt, when
from mrtoolkit.expressions.inputs import input as input_node
from mrtoolkit.expressions.interning import MAX_DEPTH
from mrtoolkit.expressions.nodes import (
    INPUT_NAMES,
    Arithmetic,
    Comparison,
    Constant,
    Input,
    Logic,
    Metric,
    Node,
    Parameter,
    Values,
)
from mrtoolkit.expressions.operators import ARITHMETIC, COMPARE, COMPARISON, POWER, PRECEDENCE
from mrtoolkit.expressions.outputs import Outputs
from mrtoolkit.expressions.scalars import Scalar
from mrtoolkit.expressions.timeframes import timeframe
from mrtoolkit.expressions.tokens import Token, shortened, string_value, tokenize, unreadable

Resolve = Callable[[str, Sequence[Node], Mapping[str, Node]], Node | Outputs]
"""Gives the node, or the named outputs, of an indicator's name, its arguments and its keyword arguments."""

_CONSTANTS: Final[Mapping[str, bool | None]] = {"True": True, "False": False, "None": None}
_FUNCTIONS: Final[Mapping[str, Callable[..., Node]]] = {
    "abs": abs,
    "log": log,
    "sqrt": sqrt,
    "minimum": minimum,
    "maximum": maximum,
    "timeframe": timeframe,
}
_TWO: Final = ("minimum", "maximum", "timeframe")
_METHODS: Final = ("shift", "crosses_above", "crosses_below")
_WORDS: Final[Mapping[str, str]] = {
    "and": "write & and put each comparison in parentheses",
    "or": "write | and put each comparison in parentheses",
    "not": "write ~ before a parenthesis",
    "mrt": "leave out 'mrt.'",
}
_NESTED: Final = 2 * MAX_DEPTH  # a node's text nests at most a parenthesis and an operator a level


def parse(text: str, resolve: Resolve) -> Node:
    """Return the rule that `text` writes; `parse(node.key, resolve) is node`.

    Parameters
    ----------
    text : str
        At most 100,000 characters.
    resolve : callable of (name, args, kwargs)
        Gives the node or the outputs of an indicator.

    Raises
    ------
    ExpressionError
        Names the character at which the text cannot be read and what was expected there.
    """
    parser = _Parser(text, resolve)
    try:
        return parser.whole()
    except RecursionError:
        raise parser.too_deep() from None


class _Parser:
    """Precedence climbing over the tokens of one text."""

    def __init__(self, text: str, resolve: Resolve) -> None:
        self.text = text
        self.resolve = resolve
        self.tokens = tokenize(text)
        self.at = 0
        self.nested = 0

    def whole(self) -> Node:
        node = self.rule(COMPARE)
        if self.next.kind != "end":
            raise self.unexpected("an operator or the end")
        return node

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self, sign: str = "") -> Token:
        token = self.next
        if sign and (token.kind != "sign" or token.text != sign):
            raise self.unexpected(repr(sign))
        self.at += 1
        return token

    def sees(self, *signs: str) -> bool:
        token = self.next
        return token.kind == "sign" and token.text in signs

    def unexpected(self, expected: str) -> ExpressionError:
        token = self.next
        got = "the end of the text" if token.kind == "end" else shortened(token.text)
        cure = _WORDS.get(token.text, f"write {expected} there")
        return unreadable(self.text, token.start, f"expected {expected}, got {got}", cure)

    def too_deep(self) -> ExpressionError:
        return unreadable(self.text, self.next.start, f"nested more than {_NESTED} levels deep", "split the rule")

    def rule(self, level: int) -> Node:
        """Read operands joined by operators that bind at `level` or tighter."""
        self.nested += 1
        if self.nested > _NESTED:
            raise self.too_deep()
        left = self.operand()
        while self.next.kind == "sign" and PRECEDENCE.get(self.next.text, 0) >= level:
            token = self.take()
            binding = PRECEDENCE[token.text]
            right = self.rule(binding if binding == POWER else binding + 1)  # powers group from the right
            left = self.built(token, _joined, token.text, left, right)
            if binding == COMPARE and self.next.text in COMPARISON:
                cure = "write (a < b) & (b < c) for a < b < c"
                raise unreadable(self.text, self.next.start, "comparisons cannot be chained", cure)
        self.nested -= 1
        return left

    def operand(self) -> Node:
        """Read one operand with the signs before it and the methods behind it."""
        if self.sees("-", "~"):
            sign, literal = self.take(), self.next.kind == "number"
            inner = self.rule(POWER)
            if literal and sign.text == "-" and isinstance(inner, Constant):
                return self.built(sign, Constant, -_number(inner.value))
            return self.built(sign, Node.__neg__ if sign.text == "-" else Node.__invert__, inner)
        start = self.next
        value = self.primary()
        while self.sees("."):
            value = self.member(value)
        if not isinstance(value, Node):
            first = value.names[0]
            reason = f"{start.text} has several outputs ({', '.join(value.names)})"
            raise unreadable(self.text, start.start, reason, f"name the one, as in {start.text}(...).{first}")
        return value

    def primary(self) -> Node | Outputs:
        token = self.next
        if token.kind == "number":
            self.take()
            return self.built(token, Constant, float(token.text))
        if token.kind == "string":
            return Constant(string_value(self.text, self.take()))
        if token.kind == "name":
            return self.named(self.take())
        if self.sees("("):
            self.take()
            node = self.rule(COMPARE)
            self.take(")")
            return node
        if self.sees("["):
            self.take()
            items = []
            while not self.sees("]"):
                items.append(self.constant())
                if not self.sees("]"):
                    self.take(",")
            self.take("]")
            return self.built(token, Values, items)
        raise self.unexpected("a number, a name or '('")

    def named(self, token: Token) -> Node | Outputs:
        name = token.text
        if name in _CONSTANTS:
            return Constant(_CONSTANTS[name])
        if name in ("P", "M"):
            return self.built(token, Parameter if name == "P" else Metric, self.member_name())
        if name in INPUT_NAMES and not self.sees("("):
            return Input(name)
        if name in _WORDS:
            raise unreadable(self.text, token.start, f"{name!r} is no part of a rule", _WORDS[name])
        if name.startswith("_") or not self.sees("("):
            hint = nearest(name, [*INPUT_NAMES, *_FUNCTIONS, "when", "choose", "input"])
            word = name[:40]
            cure = f'a parameter is written P.{word}, another column input("{word}"), an indicator {word}(...)'
            raise unreadable(self.text, token.start, f"{shortened(name)} is no input{hint}", cure)
        return self.called(token)

    def member_name(self) -> str:
        """Read the name behind P or M."""
        if self.sees("["):
            self.take()
            if self.next.kind != "string":
                raise self.unexpected("a name in quotes")
            name = string_value(self.text, self.take())
            self.take("]")
            return name
        self.take(".")
        if self.next.kind != "name":
            raise self.unexpected("a name")
        return self.take().text

    def called(self, token: Token) -> Node | Outputs:
        """Read the arguments of a function or an indicator and build it."""
        name = token.text
        args: list[Node] = []
        kwargs: dict[str, Node] = {}
        cases = None
        self.take("(")
        while not self.sees(")"):
            if self.next.kind == "name" and self.tokens[self.at + 1].text == "=":
                word = self.take().text
                self.take("=")
                if word in kwargs:
                    raise unreadable(self.text, self.next.start, f"{word!r} is given twice", "leave one out")
                kwargs[word] = self.rule(COMPARE)
            elif kwargs:
                raise self.unexpected("a keyword argument or ')'")
            elif name == "choose" and len(args) == 1 and cases is None:
                cases = self.cases()
            else:
                args.append(self.rule(COMPARE))
            if not self.sees(")"):
                self.take(",")
        self.take(")")
        return self.applied(token, args, kwargs, cases)

    def applied(
        self, token: Token, args: list[Node], kwargs: dict[str, Node], cases: dict[Scalar, Node] | None
    ) -> Node | Outputs:
        name = token.text
        if name in _FUNCTIONS or name in ("input", "when", "choose"):
            return self.built(token, _function, name, args, kwargs, cases)
        try:
            return self.resolve(name, args, kwargs)
        except MrtoolkitError as error:
            raise self.placed(token, error) from None

    def cases(self) -> dict[Scalar, Node]:
        """Read `{"ema": rule, ...}`."""
        cases: dict[Scalar, Node] = {}
        self.take("{")
        while not self.sees("}"):
            start = self.next.start
            category = self.constant()
            if category in cases:
                raise unreadable(self.text, start, f"the case {category!r} is given twice", "leave one out")
            self.take(":")
            cases[category] = self.rule(COMPARE)
            if not self.sees("}"):
                self.take(",")
        self.take("}")
        return cases

    def constant(self) -> Scalar:
        start = self.next.start
        node = self.rule(COMPARE)
        if not isinstance(node, Constant):
            raise unreadable(
                self.text, start, f"expected a constant, got {node.key}", "write a number or a text in quotes"
            )
        return node.value

    def member(self, value: Node | Outputs) -> Node:
        """Read a method with its argument, or the name of an output."""
        self.take(".")
        token = self.take()
        if not isinstance(value, Node):
            if token.kind != "name" or token.text not in value.names:
                reason = f"there is no output {token.text!r}{nearest(token.text, value.names)}"
                raise unreadable(self.text, token.start, reason, f"write one of {', '.join(value.names)}")
            return value[token.text]
        if token.text not in _METHODS:
            reason = f"{token.text!r} is no method of {value.key[:40]}{nearest(token.text, _METHODS)}"
            raise unreadable(self.text, token.start, reason, f"write one of {', '.join(_METHODS)}")
        self.take("(")
        argument = self.rule(COMPARE)
        self.take(")")
        return self.built(token, getattr(Node, token.text), value, argument)

    def built(self, token: Token, build: Callable[..., Node], *args: object) -> Node:
        try:
            return build(*args)
        except MrtoolkitError as error:
            raise self.placed(token, error) from None

    def placed(self, token: Token, error: MrtoolkitError) -> MrtoolkitError:
        return type(error)(f"{str(error).removesuffix('.')} (at character {token.start + 1:,} of the rule's text).")


def _joined(op: str, left: Node, right: Node) -> Node:
    if op in ARITHMETIC:
        return Arithmetic(op, left, right)
    return Comparison(op, left, right) if op in COMPARISON else Logic(op, left, right)


def _number(value: Scalar) -> float:
    return value if isinstance(value, (int, float)) else 0


def _function(name: str, args: list[Node], kwargs: dict[str, Node], cases: dict[Scalar, Node] | None) -> Node:
    options: dict[str, Any] = {word: node.value for word, node in kwargs.items() if isinstance(node, Constant)}
    if name == "when" and len(args) == 2 and set(options) == set(kwargs) <= {"otherwise"}:
        return when(args[0], args[1], **options)
    if name == "choose" and len(args) == 1 and cases is not None and not kwargs:
        return choose(cast("Parameter", args[0]), cases)
    if name == "input" and len(args) == 1 and isinstance(args[0], Constant) and not kwargs:
        return input_node(cast("str", args[0].value))
    count = 2 if name in _TWO else 1
    if name in _FUNCTIONS and not kwargs and (len(args) == count or (name in _TWO[:2] and len(args) > 2)):
        return _FUNCTIONS[name](*args)
    form = {
        "when": "when(P.flag, condition), with otherwise=False or without",
        "choose": 'choose(P.kind, {"ema": ema(P.n), "sma": sma(P.n)})',
        "input": 'input("vix")',
        "timeframe": 'timeframe("4h", ema(P.n))',
    }.get(name, f"{name}({', '.join('xy'[:count])})")
    raise ExpressionError(
        f"{name} was given {len(args) + (cases is not None)} arguments and {len(kwargs)} keywords; write {form}."
    )
