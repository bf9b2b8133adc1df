"""One object for each expression: frozen, shared, compared by identity, freed when nobody holds it."""

from __future__ import annotations

import threading
from typing import Any, ClassVar, NoReturn, Self
from weakref import ref

from mrtoolkit.errors import ExpressionError

MAX_DEPTH = 100
"""Levels of nesting that a node may have; what walks a tree may recurse over this many."""
MAX_KEY = 100_000
"""Characters that a node's text may have: `x = x * x` thirty times over is refused and not built."""

# Children stand in an identity by id(): a node keeps its children alive, and an entry leaves the table before the
# node lets go of them, so an id is never read for another node. (By value would call `==`, which makes a condition.)
# A search makes a node for each value of each parameter, so they are made quickly: 2 us a constant, where a
# WeakValueDictionary and the slots' setters took 8.
_lock = threading.RLock()  # one that `_forget` may take where the garbage collector runs amid `_create`


class _Place(ref[Any]):
    """A node's place in the table."""

    __slots__ = ("identity",)
    identity: tuple[Any, ...]


_nodes: dict[tuple[Any, ...], _Place] = {}


def _forget(place: Any) -> None:
    """Take a node that is gone out of the table, where no equal one has taken its place."""
    identity = place.identity
    with _lock:
        if _nodes.get(identity) is place:
            del _nodes[identity]


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
    _soft: ClassVar[type[Any]]
    """The class that a node has while it is made, whose attributes can be set."""
    is_list: ClassVar[bool] = False

    key: str
    params: tuple[str, ...]
    children: tuple[Any, ...]
    is_condition: bool
    is_series: bool
    precedence: int
    depth: int

    def __init_subclass__(cls, *, is_soft: bool = False) -> None:
        if not is_soft:
            own = {"__slots__": (), "__setattr__": object.__setattr__}
            cls._soft = type(cls.__name__, (cls,), own, is_soft=True)

    @classmethod
    def _find(cls, identity: tuple[Any, ...]) -> Self | None:
        place = _nodes.get(identity)
        return None if place is None else place()

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
        node = object.__new__(cls._soft)
        node.children, node.depth, node.is_condition, node.is_series = children, depth, is_condition, series
        node.key, node.precedence = key, precedence
        node.params = _union(children) if params is None else params
        for name, value in zip(cls._fields, fields, strict=True):
            setattr(node, name, value)
        node.__class__ = cls
        place = _Place(node, _forget)
        place.identity = identity
        with _lock:
            known = cls._find(identity)  # another thread was quicker
            if known is None:
                _nodes[identity] = place
        return node if known is None else known

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
