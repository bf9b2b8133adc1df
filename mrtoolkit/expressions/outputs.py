"""Several expressions under names, as an indicator with several outputs gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    def __init__(self, text: str, nodes: Mapping[str, Node]) -> None:
        object.__setattr__(self, "_text", text)
        object.__setattr__(self, "_nodes", dict(nodes))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(self._nodes)

    def __getattr__(self, name: str) -> Node:
        if name.startswith("_") or name not in self._nodes:
            raise AttributeError(f"{self._text} has the outputs {', '.join(self._nodes)}, and no {name!r}{nearest(name, self._nodes)}")
        return self._nodes[name]

    def __getitem__(self, name: str) -> Node:
        if name not in self._nodes:
            raise ExpressionError(f"{self._text} has the outputs {', '.join(self._nodes)}, and no {name!r}{nearest(name, self._nodes)}")
        return self._nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise ExpressionError(f"{self._text} is frozen, so {name!r} cannot be set")

    def __dir__(self) -> list[str]:
        return ["names", *self._nodes]

    def __repr__(self) -> str:
        return f"{self._text} with the outputs {', '.join('.' + name for name in self._nodes)}"

    def _refuse(self, *_: Any) -> NoReturn:
        first = next(iter(self._nodes))
        raise ExpressionError(f"{self._text} has several outputs ({', '.join(self._nodes)}); name the one, as in {self._text}.{first}")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _refuse
    __gt__ = __ge__ = __lt__ = __le__ = __and__ = __rand__ = __or__ = __ror__ = __neg__ = __abs__ = __invert__ = _refuse
