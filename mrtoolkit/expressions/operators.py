"""What each operator means: its NumPy ufunc, its precedence in text, and its ordered negation.

Every comparison here is *ordered*: false where either side is NaN, also `!=` (NumPy's is true there). So the negation
of a comparison is another comparison and not its complement, and a rule needs no array that says where it is valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

# How tightly a node's text binds, as in Python.
COMPARE: Final = 1
OR: Final = 2
AND: Final = 3
SUM: Final = 4
PRODUCT: Final = 5
UNARY: Final = 6
POWER: Final = 7
ATOM: Final = 8

PRECEDENCE: Final[Mapping[str, int]] = {
    ">": COMPARE, ">=": COMPARE, "<": COMPARE, "<=": COMPARE, "==": COMPARE, "!=": COMPARE,
    "|": OR, "&": AND, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "**": POWER,
}  # fmt: skip

NEGATED: Final[Mapping[str, str]] = {">": "<=", "<=": ">", "<": ">=", ">=": "<", "==": "!=", "!=": "=="}


def not_equal(left: Any, right: Any, out: np.ndarray | None = None) -> Any:
    """Ordered `!=`: true where both sides are there and differ, false where either is NaN."""
    return np.logical_or(np.less(left, right), np.greater(left, right), out=out)


ARITHMETIC: Final[Mapping[str, Callable[..., Any]]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power,
}  # fmt: skip

COMPARISON: Final[Mapping[str, Callable[..., Any]]] = {
    ">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal, "==": np.equal, "!=": not_equal,
}  # fmt: skip

LOGIC: Final[Mapping[str, Callable[..., Any]]] = {"&": np.logical_and, "|": np.logical_or}

FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "neg": np.negative, "abs": np.absolute, "log": np.log, "sqrt": np.sqrt,
    "minimum": np.minimum, "maximum": np.maximum,
}  # fmt: skip

OPERANDS: Final[Mapping[str, int]] = {"neg": 1, "abs": 1, "log": 1, "sqrt": 1, "minimum": 2, "maximum": 2}
