"""Python's operators that rules do not have, each refused with what to write instead."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from mrtoolkit.errors import ExpressionError

HAVE: Final = "rules have + - * / ** abs over numbers, > >= < <= == != between them, and & | ~ between conditions"


class NoOperators:
    """Refuses the operators that a rule does not have, as `TypeError`s that say more than Python's own."""

    __slots__ = ()

    def __mod__(self, _: object) -> NoReturn:
        raise _error("remainder", "%", "for the hour or the day compare mrt.hour or mrt.weekday")

    def __floordiv__(self, _: object) -> NoReturn:
        raise _error("whole-number division", "//", "divide by / instead")

    def __divmod__(self, _: object) -> NoReturn:
        raise _error("divmod", "divmod()", "divide by / instead")

    def __matmul__(self, _: object) -> NoReturn:
        raise _error("matrix product", "@", "multiply by * instead")

    def __xor__(self, _: object) -> NoReturn:
        raise _error("exclusive or", "^", "write (a & ~b) | (b & ~a) of conditions, and a ** b for a power")

    def __lshift__(self, _: object) -> NoReturn:
        raise _error("shift of bits", "<<", "an earlier bar is .shift(1)")

    def __rshift__(self, _: object) -> NoReturn:
        raise _error("shift of bits", ">>", "an earlier bar is .shift(1)")

    def __round__(self, _: Any = None) -> NoReturn:
        raise _error("rounding", "round()", "compare the numbers as they are")

    def __pos__(self) -> NoReturn:
        raise _error("plus sign before a number", "+", "leave it out")

    __rmod__, __rfloordiv__, __rdivmod__, __rmatmul__ = __mod__, __floordiv__, __divmod__, __matmul__
    __rxor__, __rlshift__, __rrshift__ = __xor__, __lshift__, __rshift__


def _error(what: str, sign: str, cure: str) -> ExpressionError:
    return ExpressionError(f"rules have no {what} ({sign}): {HAVE}; {cure}, or compute it in an @mrt.indicator.")
