"""Several expressions under names, as an indicator with several outputs gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from mrtoolkit.errors import ExpressionError, nearest
from mrtoolkit.expressions.node import Node


class Outputs:
    """Named expressions: `macd().line`, or `macd()["line"]`; frozen.

    Parameters
    ----------
    text : str
        How it was called, for messages and the representation.
    nodes : mapping of name to Node
    """

    __slots__ = ("_nodes", "_text")
    __array_ufunc__ = None
    __pandas_priority__ = 100_000
    __iter__ = None
    _nodes: dict[str, Node]
    _text: str

    def __init__(self, text: str, nodes: Mapping[str, Node]) -> None:
        object.__setattr__(self, "_text", text)
        object.__setattr__(self, "_nodes", dict(nodes))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(self._nodes)

    def __getattr__(self, name: str) -> Node:
        if name.startswith("_") or name not in self._nodes:
            raise AttributeError(self._unknown(name))
        return self._nodes[name]

    def __getitem__(self, name: str) -> Node:
        if name not in self._nodes:
            raise ExpressionError(self._unknown(name))
        return self._nodes[name]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise ExpressionError(f"{self._text} is frozen, so {name!r} cannot be set; build another expression.")

    def __dir__(self) -> list[str]:
        return ["names", *self._nodes]

    def __repr__(self) -> str:
        return f"{self._text} with the outputs {', '.join('.' + name for name in self._nodes)}"

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self._text, self._nodes)

    def _unknown(self, name: object) -> str:
        return f"{self._text} has the outputs {', '.join(self._nodes)}, and no {name!r}{nearest(name, self._nodes)}."

    def _refuse(self, *_: object) -> NoReturn:
        first = next(iter(self._nodes), "")
        raise ExpressionError(
            f"{self._text} has several outputs ({', '.join(self._nodes)}); name the one, as in {self._text}.{first}."
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __pow__ = __rpow__ = __neg__ = __abs__ = __gt__ = __ge__ = __lt__ = __le__ = _refuse
    __and__ = __rand__ = __or__ = __ror__ = __invert__ = _refuse
