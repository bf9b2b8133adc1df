"""One object for each expression: frozen, shared, compared by identity, freed when nobody holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar, Final, NoReturn, Self, cast
from weakref import WeakValueDictionary

from mrtoolkit.errors import ExpressionError

MAX_DEPTH = 100
"""Levels of nesting that a node may have; what walks a tree may recurse over this many."""
MAX_KEY = 100_000
"""Characters that a node's text may have: `x = x * x` thirty times over is refused and not built."""

# Children stand in an identity by id(): a node keeps its children alive, and an entry leaves the table before the
# node lets go of them, so an id is never read for another node. (By value would call `==`, which makes a condition.)
_nodes: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()
_lock = threading.Lock()


class Interned:
    """A frozen value that exists once: building an equal one gives the same object.

    Attributes
    ----------
    key : str
        Canonical text; `mrt.parse(node.key)` is `node`.
    params : tuple of str
        Names of the parameters that it depends on, sorted.
    children : tuple
        The nodes that it is made of, in the order of its text.
    is_condition : bool
        True or false at each bar; else it is a number.
    is_series : bool
        Has a value a bar, as it has an input or an indicator in it; else parameters, metrics and constants alone.
    is_list : bool
        A list of values, which only an indicator takes.
    precedence : int
        How tightly its text binds (`operators.ATOM` most).
    depth : int
        Levels of nesting, 1 for a leaf.
    """

    __slots__ = ("__weakref__", "children", "depth", "is_condition", "is_series", "key", "params", "precedence")

    _fields: ClassVar[tuple[str, ...]] = ()
    _put_fields: ClassVar[tuple[Callable[[Any, Any], None], ...]] = ()
    is_list: ClassVar[bool] = False

    key: str
    params: tuple[str, ...]
    children: tuple[Any, ...]
    is_condition: bool
    is_series: bool
    precedence: int
    depth: int

    def __init_subclass__(cls) -> None:
        cls._put_fields = tuple(getattr(cls, name).__set__ for name in cls._fields)

    @classmethod
    def _find(cls, identity: tuple[Any, ...]) -> Self | None:
        return cast("Self | None", _nodes.get(identity))

    @classmethod
    def _create(
        cls,
        identity: tuple[Any, ...],
        fields: tuple[Any, ...],
        key: str,
        children: tuple[Any, ...] = (),
        *,
        precedence: int,
        is_condition: bool = False,
        is_series: bool | None = None,
        params: tuple[str, ...] | None = None,
    ) -> Self:
        depth, series = 1, bool(is_series)
        for child in children:
            if child.depth >= depth:
                depth = child.depth + 1
            if is_series is None and child.is_series:
                series = True
        if depth > MAX_DEPTH or len(key) > MAX_KEY:
            raise ExpressionError(_too_large(key, depth))
        node = object.__new__(cls)
        own = _union(children) if params is None else params
        for put, value in zip(_put_base, (children, depth, is_condition, series, key, own, precedence), strict=True):
            put(node, value)
        for put, value in zip(cls._put_fields, fields, strict=True):
            put(node, value)
        with _lock:
            return cast("Self", _nodes.setdefault(identity, node))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        msg = f"{self.key} is frozen, so {name!r} cannot be set; build another expression."
        raise ExpressionError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        return self.key

    __hash__ = object.__hash__

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), tuple(getattr(self, name) for name in self._fields)


# The slots' own setters pass by `__setattr__`, at half the cost of object.__setattr__.
_put_base: Final = tuple(getattr(Interned, name).__set__ for name in Interned.__slots__ if name != "__weakref__")


def _union(children: tuple[Any, ...]) -> tuple[str, ...]:
    params: tuple[str, ...] = ()
    for child in children:
        if not child.params or child.params == params:
            continue
        params = tuple(sorted({*params, *child.params})) if params else child.params
    return params


def _too_large(key: str, depth: int) -> str:
    start = key if len(key) <= 60 else key[:60] + "..."
    return (
        f"the expression {start} is {depth:,} levels deep and {len(key):,} characters long, of at most "
        f"{MAX_DEPTH} levels and {MAX_KEY:,} characters; split it, or register the repeated part with mrt.indicator."
    )
