"""A digest of a callable: what tells it from another of the same name when a study is gone on with."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from mrtoolkit.indicators.source import hash_source, hash_value

UNKNOWN = "unknown"
"""What stands for a callable whose code cannot be seen: it is not taken for the one that was searched."""


def callable_digest(function: Callable[..., Any]) -> str:
    """Return 16 hex digits that change with a callable's code and with what it holds; `UNKNOWN` for compiled code.

    Parameters
    ----------
    function : callable, or object with a method `batch`
        A function counts with its helpers, defaults and closure (see `hash_source`); a method or an object with the
        functions of its class and its attributes. Builtin and library functions count by name.
    """
    digest = hashlib.blake2b(digest_size=8)
    try:
        for part in _parts(function):
            digest.update(part.encode() + b"\0")
    except _UnseenError:
        return UNKNOWN
    return digest.hexdigest()


class _UnseenError(Exception):
    """There is no Python code to look at."""


def _parts(function: Any) -> Iterator[str]:
    plain = getattr(function, "py_func", function)
    if isinstance(plain, FunctionType):
        yield hash_source(function)
        if hasattr(plain, "batch"):
            yield from _parts(plain.batch)
    elif isinstance(function, MethodType):
        yield hash_source(function.__func__)
        yield from _object(function.__self__)
    elif isinstance(function, functools.partial):
        yield from _parts(function.func)
        yield from _state({"args": function.args, **function.keywords})
    elif isinstance(function, BuiltinFunctionType | np.ufunc):
        yield f"{getattr(function, '__module__', '')}.{function.__name__}"
    else:
        yield from _object(function)


def _object(value: Any) -> Iterator[str]:
    """Yield the functions of an object's class and of those that it inherits from, then its attributes."""
    kind = value if isinstance(value, type) else type(value)
    found = False
    values = {}
    for base in kind.__mro__[:-1]:
        for name, member in sorted(vars(base).items()):
            member = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(member, FunctionType):
                found = True
                yield name
                yield hash_source(member)
            elif not name.startswith("__"):
                values[name] = member
    if not found:
        raise _UnseenError
    if kind is not value:
        slots = [name for base in kind.__mro__ for name in getattr(base, "__slots__", ()) if hasattr(value, name)]
        values |= {name: getattr(value, name) for name in slots} | getattr(value, "__dict__", {})
    yield from _state(values)


def _state(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sorted(values.items()):
        yield name
        if hasattr(value, "to_dict") and hasattr(value, "evaluate"):
            yield json.dumps(value.to_dict(), default=repr)  # a backtest: its data by their fingerprint
        elif dataclasses.is_dataclass(value) and not isinstance(value, type) and " at 0x" in repr(value):
            yield from _state({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
        elif isinstance(value, FunctionType | MethodType):
            yield from _parts(value)
        else:
            yield hash_value(value)
