"""The node with Python's operators on it, and the kinds of node that those operators build."""
# ruff: noqa: D102 (what __new__ takes stands in the docstring of the class)

from __future__ import annotations

from typing import Any, Self

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.interning import Interned
from mrtoolkit.expressions.no_operators import NoOperators
from mrtoolkit.expressions.operators import ATOM, COMPARE, FUNCTIONS, OPERANDS, POWER, PRECEDENCE, UNARY
from mrtoolkit.expressions.scalars import Scalar, canonical, member_text, scalar_text


class Node(NoOperators, Interned):
    """An immutable part of a rule: a number a bar, or a condition (true or false) a bar.

    Python's operators build further nodes: `+ - * / ** abs` over numbers, `> >= < <= == !=` compare them, `& | ~` join
    conditions. Equal expressions are the same object, so compare two of them by `is` or by their `key`.
    """

    __slots__ = ()
    # NumPy and pandas leave the operation to the node, which refuses arrays and tables by name.
    __array_ufunc__ = None
    __pandas_priority__ = 100_000
    __hash__ = Interned.__hash__
    __iter__ = None

    def __new__(cls, *_: object) -> Self:
        raise ExpressionError(
            f"{cls.__name__} has no values of its own; build an expression, as in mrt.ema(P.n) > mrt.close."
        )

    def __add__(self, other: object) -> Node:
        return Arithmetic("+", self, as_node(other))

    def __radd__(self, other: object) -> Node:
        return Arithmetic("+", as_node(other), self)

    def __sub__(self, other: object) -> Node:
        return Arithmetic("-", self, as_node(other))

    def __rsub__(self, other: object) -> Node:
        return Arithmetic("-", as_node(other), self)

    def __mul__(self, other: object) -> Node:
        return Arithmetic("*", self, as_node(other))

    def __rmul__(self, other: object) -> Node:
        return Arithmetic("*", as_node(other), self)

    def __truediv__(self, other: object) -> Node:
        return Arithmetic("/", self, as_node(other))

    def __rtruediv__(self, other: object) -> Node:
        return Arithmetic("/", as_node(other), self)

    def __pow__(self, other: object) -> Node:
        return Arithmetic("**", self, as_node(other))

    def __rpow__(self, other: object) -> Node:
        return Arithmetic("**", as_node(other), self)

    def __neg__(self) -> Node:
        return Function("neg", (self,))

    def __abs__(self) -> Node:
        return Function("abs", (self,))

    def __gt__(self, other: object) -> Node:
        return Comparison(">", self, as_node(other))

    def __ge__(self, other: object) -> Node:
        return Comparison(">=", self, as_node(other))

    def __lt__(self, other: object) -> Node:
        return Comparison("<", self, as_node(other))

    def __le__(self, other: object) -> Node:
        return Comparison("<=", self, as_node(other))

    def __eq__(self, other: object) -> Node:  # type: ignore[override]
        if other is self and _no_number(self):
            return Constant(True)  # no comparison of numbers, but `mrt.parse(rule.key) == rule` may be asserted
        return Comparison("==", self, as_node(other))

    def __ne__(self, other: object) -> Node:  # type: ignore[override]
        return Comparison("!=", self, as_node(other))

    def __and__(self, other: object) -> Node:
        return Logic("&", self, as_node(other))

    def __rand__(self, other: object) -> Node:
        return Logic("&", as_node(other), self)

    def __or__(self, other: object) -> Node:
        return Logic("|", self, as_node(other))

    def __ror__(self, other: object) -> Node:
        return Logic("|", as_node(other), self)

    def __invert__(self) -> Node:
        return Not(self)

    def __bool__(self) -> bool:
        raise ExpressionError(
            f"{self.key} has no single truth, as it has a value at every bar; join conditions by & | ~ instead of "
            "and, or, not; write (a < b) & (b < c) for a < b < c, and mrt.minimum, mrt.maximum for min and max."
        )

    def shift(self, periods: object) -> Node:
        """Return the value of `periods` bars earlier, without a value (for a condition: not true) at the first bars.

        Parameters
        ----------
        periods : int or parameter
            Bars, 0 or more; 0 gives the node itself.
        """
        amount = as_node(periods)
        return (
            self
            if type(amount) is Constant and amount.value == 0 and amount.value is not False
            else Shift(self, amount)
        )

    def crosses_above(self, other: object) -> Node:
        """Return the condition that this is above `other` now and was not at the bar before."""
        return Cross("above", self, as_node(other))

    def crosses_below(self, other: object) -> Node:
        """Return the condition that this is below `other` now and was not at the bar before."""
        return Cross("below", self, as_node(other))


def as_node(value: object) -> Node:
    """Return `value` itself where it is a node, else the constant of a scalar; refuse arrays and tables."""
    return value if isinstance(value, Node) else Constant(value)


class Parameter(Node):
    """A parameter by name, `P.fast`: a number, or a category that `when`, `choose` or `==` asks for."""

    __slots__ = ("name",)
    _fields = ("name",)
    name: str

    def __new__(cls, name: str) -> Self:
        identity = (cls, name)
        found = cls._find(identity)
        return named(cls, "P", "parameter", name, (name,)) if found is None else found


class Constant(Node):
    """A scalar as a person types it: number, text, True, False or None (missing)."""

    __slots__ = ("value",)
    _fields = ("value",)
    value: Scalar

    def __new__(cls, value: object) -> Self:
        scalar = canonical(value)
        identity = (cls, type(scalar), scalar)
        found = cls._find(identity)
        if found is not None:
            return found
        flag = isinstance(scalar, bool)
        text = scalar_text(scalar)
        precedence = UNARY if text[0] == "-" else ATOM
        return cls._create(identity, (scalar,), text, precedence=precedence, is_condition=flag, is_series=False)

    def __bool__(self) -> bool:
        return True if self.value is True else super().__bool__()


class AbstractBinary(Node):
    """`left op right`."""

    __slots__ = ("left", "op", "right")
    _fields = ("op", "left", "right")
    op: str
    left: Node
    right: Node

    def __new__(cls, op: str, left: Node, right: Node) -> Self:
        identity = (cls, op, id(left), id(right))
        found = cls._find(identity)
        if found is not None:
            return found
        cls._check(op, left, right)
        level = PRECEDENCE[op]
        if level == POWER:  # binds its right operand first
            key = f"{wrapped(left, ATOM)} ** {wrapped(right, UNARY)}"
        else:
            key = f"{wrapped(left, level + (level == COMPARE))} {op} {wrapped(right, level + 1)}"
        condition = cls is not Arithmetic
        return cls._create(identity, (op, left, right), key, (left, right), precedence=level, is_condition=condition)

    @classmethod
    def _check(cls, op: str, left: Node, right: Node) -> None:
        check_number(op, left)
        check_number(op, right)


class Arithmetic(AbstractBinary):
    """`left op right` of two numbers, op one of + - * / ** ."""

    __slots__ = ()


class Comparison(AbstractBinary):
    """`left op right` of two numbers, op one of > >= < <= == != ; false where either has no value."""

    __slots__ = ()

    def __bool__(self) -> bool:
        # As for `==` above; equal expressions are one object.
        return True if self.op == "==" and self.left is self.right else super().__bool__()

    @classmethod
    def _check(cls, op: str, left: Node, right: Node) -> None:
        kinds = {type(left), type(right)}
        if op in ("==", "!=") and kinds in ({Parameter, Constant}, {Parameter}):
            return  # of categories
        super()._check(op, left, right)


class Logic(AbstractBinary):
    """`left & right` or `left | right` of two conditions."""

    __slots__ = ()

    @classmethod
    def _check(cls, op: str, left: Node, right: Node) -> None:
        check_condition(op, left)
        check_condition(op, right)


class Not(Node):
    """`~operand` of a condition; true only where the operand is certainly false."""

    __slots__ = ("operand",)
    _fields = ("operand",)
    operand: Node

    def __new__(cls, operand: Node) -> Self:
        identity = (cls, id(operand))
        found = cls._find(identity)
        if found is not None:
            return found
        check_condition("~", operand)
        key = "~" + wrapped(operand, UNARY)
        return cls._create(identity, (operand,), key, (operand,), precedence=UNARY, is_condition=True)


class Function(Node):
    """`-x`, or `abs(x)`, `log(x)`, `sqrt(x)`, `minimum(x, y)`, `maximum(x, y)` of numbers."""

    __slots__ = ("name", "operands")
    _fields = ("name", "operands")
    name: str
    operands: tuple[Node, ...]

    def __new__(cls, name: str, operands: tuple[Node, ...]) -> Self:
        identity = (cls, name, *map(id, operands))
        found = cls._find(identity)
        if found is not None:
            return found
        if len(operands) != OPERANDS.get(name):
            raise ExpressionError(
                f"there is no function {name!r} of {len(operands)} operands; use one of {', '.join(FUNCTIONS)}."
            )
        for operand in operands:
            check_number(name, operand)
        if name == "neg":
            (operand,) = operands
            key = f"-({operand.key})" if type(operand) is Constant else "-" + wrapped(operand, UNARY)
            return cls._create(identity, (name, operands), key, operands, precedence=UNARY)
        key = f"{name}({', '.join(operand.key for operand in operands)})"
        return cls._create(identity, (name, operands), key, operands, precedence=ATOM)


class Shift(Node):
    """`operand.shift(periods)`: its value of so many bars earlier; periods a constant of 1 or more, or parameters."""

    __slots__ = ("operand", "periods")
    _fields = ("operand", "periods")
    operand: Node
    periods: Node

    def __new__(cls, operand: Node, periods: Node) -> Self:
        identity = (cls, id(operand), id(periods))
        found = cls._find(identity)
        if found is not None:
            return found
        _check_periods(operand, periods)
        key = f"{_member_of(operand)}.shift({periods.key})"
        fields = children = (operand, periods)
        return cls._create(identity, fields, key, children, precedence=ATOM, is_condition=operand.is_condition)


class Cross(Node):
    """`left.crosses_above(right)`: (l > r) & (l.shift(1) <= r.shift(1)); "below" turned round."""

    __slots__ = ("direction", "left", "right")
    _fields = ("direction", "left", "right")
    direction: str
    left: Node
    right: Node

    def __new__(cls, direction: str, left: Node, right: Node) -> Self:
        identity = (cls, direction, id(left), id(right))
        found = cls._find(identity)
        if found is not None:
            return found
        if direction not in ("above", "below"):
            raise ExpressionError(
                f"a crossing goes 'above' or 'below', not {direction!r}; use crosses_above or crosses_below."
            )
        name = "crosses_" + direction
        check_number(name, left)
        check_number(name, right)
        key = f"{_member_of(left)}.{name}({right.key})"
        return cls._create(identity, (direction, left, right), key, (left, right), precedence=ATOM, is_condition=True)


def named(cls: type[Any], owner: str, what: str, name: object, params: tuple[str, ...]) -> Any:
    """Return the leaf `owner.name`, after a look at its name."""
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        raise ExpressionError(
            f"{owner}[{name!r}] is no {what}: its name must be a word of letters, digits and underscores that starts "
            f"with a letter; write {owner}.fast or {owner}['fast']."
        )
    key = member_text(owner, name)
    return cls._create((cls, name), (name,), key, precedence=ATOM, is_series=False, params=params)


def wrapped(node: Node, level: int) -> str:
    """Text of `node` as an operand that must bind at `level` or tighter."""
    return node.key if node.precedence >= level else f"({node.key})"


def _member_of(node: Node) -> str:
    return f"({node.key})" if type(node) is Constant else wrapped(node, ATOM)


def check_number(op: str, node: Node) -> None:
    """Refuse conditions, text, None and lists as the operand of `op`."""
    if reason := _no_number(node):
        raise ExpressionError(f"{_operation(op)} needs numbers, but {node.key} is {reason}.")


def _no_number(node: Node) -> str:
    if node.is_condition:
        return "a condition; compare numbers, and join conditions by & | ~"
    if type(node) is Constant and not isinstance(node.value, (int, float)):
        return "not a number; only a parameter may be compared with it, by == or !="
    return (
        "a list of values; only an argument of an indicator may be one, as in mrt.ema([5, 10])" if node.is_list else ""
    )


def check_condition(op: str, node: Node) -> None:
    """Refuse numbers as the operand of `op`."""
    if node.is_condition:
        return
    if type(node) is Parameter:
        what, cure = "a parameter", f"write mrt.when({node.key}, condition), or {node.key} == True"
    else:
        what, cure = "a number", f"compare it, as in ({node.key} > 0); beside & and | a comparison needs parentheses"
    raise ExpressionError(f"{_operation(op)} needs conditions, but {node.key} is {what}; {cure}.")


def _operation(op: str) -> str:
    return {"neg": "the minus sign"}.get(op, f"'{op}'")


def _check_periods(operand: Node, periods: Node) -> None:
    if operand.is_list:
        check_number("shift", operand)
    if type(periods) is Constant:
        count = periods.value
        allowed = type(count) is int and count > 0
        if type(count) is int and count < 0:
            raise ExpressionError(
                f"{operand.key}.shift({count}) looks {-count:,} bar{'' if count == -1 else 's'} ahead; "
                f"shift by 0 or more, as in .shift({-count})."
            )
    else:
        allowed = not (periods.is_series or periods.is_condition or periods.is_list)
    if not allowed:
        raise ExpressionError(
            f"{operand.key}.shift({periods.key}) needs a whole number of bars, 0 or more, or a parameter; "
            "write .shift(1) or .shift(P.n)."
        )
