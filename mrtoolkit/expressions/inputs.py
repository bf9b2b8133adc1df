"""The inputs by name, and the names of parameters (`P.fast`) and metrics (`M.sharpe`)."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from mrtoolkit.expressions.nodes import Input, Metric, Node, Parameter

_N = TypeVar("_N", bound=Node)


class Names(Generic[_N]):
    """Makes a node of any name: `P.fast` and `P["fast"]` are one."""

    __slots__ = ("_kind", "_letter")

    def __init__(self, letter: str, kind: type[_N]) -> None:
        self._letter = letter
        self._kind = kind

    def __getattr__(self, name: str) -> _N:
        if name.startswith("_"):  # what notebooks, copy and inspect look for
            msg = f"{self._letter} has no {name!r}; names of parameters and metrics start with a letter."
            raise AttributeError(msg)
        return self._kind(name)

    def __getitem__(self, name: str) -> _N:
        return self._kind(name)

    def __repr__(self) -> str:
        return self._letter


P: Final = Names("P", Parameter)
M: Final = Names("M", Metric)

open: Final = Input("open")
high: Final = Input("high")
low: Final = Input("low")
close: Final = Input("close")
volume: Final = Input("volume")
hour: Final = Input("hour")
weekday: Final = Input("weekday")


def input(name: str) -> Input:
    """Return the column `name` of the bars as a node, such as `mrt.input("vix")`.

    Raises
    ------
    ExpressionError
        If `name` is not text; whether the bars have the column shows when the rule meets them.
    """
    return Input(name)
