"""The hash of a function's source and of what it calls: part of the key of every feature."""

from __future__ import annotations

import functools
import hashlib
import inspect
import linecache
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
import xarray as xr

_LIBRARIES = tuple({str(Path(sysconfig.get_path(kind)).resolve()) for kind in ("stdlib", "purelib", "platlib")})
_MUTABLE = (list, dict, set, np.ndarray)
_GONE = object()
_NO_CODE = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__static_attributes__"})


def hash_source(function: Callable[..., Any]) -> str:
    """Return 16 hex digits that change with the function's text, its helpers' and the values that it refers to.

    Parameters
    ----------
    function : callable
        A Python function or a numba dispatcher. Its helpers are followed through globals, closures, its own modules,
        classes and objects; what is of an installed library counts by its name or `repr`. Computed once for each
        function object, and again when a name that it refers to has got another value, as a notebook's cell that
        defines a helper gives it; what numba has compiled goes on as it was compiled.
    """
    try:
        known = _known.get(function)
    except TypeError:  # nothing that can be remembered
        return hash_value(function)
    if known is None or not all(map(_is_as_it_was, known.references)):
        known = _known[function] = _hashed(function, [])
    return known.digest


def hash_value(value: Any) -> str:
    """Return 16 hex digits that change with a value; as `hash_source`, but nothing is remembered of it."""
    return _hashed(value, None).digest


class _Reference(NamedTuple):
    """A name that a function refers to, and what it was when the function was hashed."""

    namespace: Mapping[str, Any]
    name: str
    value: Any
    content: str
    """Of a list or an array, which may be changed in its place; empty for what cannot."""


class _Known(NamedTuple):
    digest: str
    references: tuple[_Reference, ...]


_known: WeakKeyDictionary[Callable[..., Any], _Known] = WeakKeyDictionary()


def _hashed(value: Any, references: list[_Reference] | None) -> _Known:
    digest = hashlib.blake2b(digest_size=8)
    package = (getattr(value, "__module__", None) or "").partition(".")[0]
    for part in _parts(value, package, set(), references):
        digest.update(part.encode() + b"\0")
    return _Known(digest.hexdigest(), tuple(references or ()))


def _is_as_it_was(reference: _Reference) -> bool:
    namespace, name, value, content = reference
    return namespace.get(name, _GONE) is value and (not content or content == hash_value(value))


def _text(function: FunctionType) -> str:
    """The function's lines, empty where nobody knows them (typed at a prompt)."""
    try:
        return textwrap.dedent(_lines(function) or inspect.getsource(function))
    except (OSError, TypeError, SyntaxError):
        return ""


def _lines(function: FunctionType) -> str:
    """The lines of a plain `def` as inspect finds them, without its tokenizer (5 ms a built-in); empty for others."""
    code = inspect.unwrap(function).__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)[code.co_firstlineno - 1 :]
    if not lines or not lines[0].lstrip().startswith(("def ", "@")):
        return ""
    margin = _margin(lines[0])
    end = max(line for part in _nested(code) for _, _, line in part.co_lines() if line) - code.co_firstlineno + 1
    for k in range(end, len(lines)):
        if lines[k].strip():
            if _margin(lines[k]) <= margin:
                break
            end = k + 1
    return "".join(lines[:end])


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())


def _parts(value: Any, package: str, seen: set[int], references: list[_Reference] | None) -> Iterator[str]:
    """Yield what tells `value` apart, as texts; functions are followed into what they refer to.

    The names that may get another value go to `references`, None below what is compiled.
    """
    if isinstance(getattr(value, "py_func", value), FunctionType):
        yield from _function_parts(value, package, seen, references)
    elif isinstance(value, pd.DataFrame | pd.Series | pd.Index | xr.Dataset | xr.DataArray):
        yield from _table_parts(value)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}{hashlib.blake2b(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    elif isinstance(value, bool | int | float | complex | str | bytes | None | np.generic):
        yield f"{type(value).__name__}:{value!r}"
    elif isinstance(value, tuple | list | set | frozenset | dict):
        yield f"{type(value).__name__}:{len(value)}"
        items = value.items() if isinstance(value, dict) else value
        for item in items if isinstance(value, tuple | list) else sorted(items, key=repr):
            yield from _parts(item, package, seen, None)
    elif isinstance(value, functools.partial):
        yield from _parts((value.func, value.args, value.keywords), package, seen, None)
    elif isinstance(value, type):
        yield from _class_parts(value, package, seen, references)
    elif _is_of_user(type(value), package):
        if id(value) not in seen:
            seen.add(id(value))
            yield from _class_parts(type(value), package, seen, references)
            yield from _parts(_state(value), package, seen, None)
    else:
        text = repr(value)  # a frozen value shows what it holds; an address says nothing
        yield type(value).__qualname__ if " at 0x" in text else text


def _table_parts(value: pd.DataFrame | pd.Series | pd.Index | xr.Dataset | xr.DataArray) -> Iterator[str]:
    """Yield what tells a table or labelled arrays apart: labels and values, and nothing of pandas and xarray."""
    yield type(value).__qualname__
    if isinstance(value, xr.Dataset | xr.DataArray):
        arrays = value.variables if isinstance(value, xr.Dataset) else {"": value, **value.coords}
        for name, variable in arrays.items():
            yield f"{name}{variable.dims}{variable.shape}"
            yield from _table_parts(pd.Index(np.asarray(variable.values).ravel()))
        return
    if isinstance(value, pd.DataFrame):
        yield f"{[*map(str, value.columns)]}{[*map(str, value.dtypes)]}"
    elif isinstance(value, pd.Series):
        yield f"{value.name}{value.dtype}"
    hashes = pd.util.hash_pandas_object(value)
    yield hashlib.blake2b(hashes.to_numpy().tobytes()).hexdigest()


def _function_parts(value: Any, package: str, seen: set[int], references: list[_Reference] | None) -> Iterator[str]:
    function = getattr(value, "py_func", value)
    if id(function) in seen:
        return
    seen.add(id(function))
    yield f"{function.__qualname__}{_options(value)}"
    if _is_library(function, package):
        return
    # The instructions too: a file that was edited after its import shows lines that are not what runs. So another
    # version of Python makes features of its own.
    yield _text(function)
    yield repr(_instructions(function.__code__))
    yield from _parts((function.__defaults__, function.__kwdefaults__), package, seen, None)
    known = references if function is value and not _is_own(function) else None
    for name, referred, namespace in _referred(function, package):
        yield name
        if known is not None and namespace is not None:
            content = hash_value(referred) if _may_change(referred, package) else ""
            known.append(_Reference(namespace, name.rpartition(".")[2], referred, content))
        yield from _parts(referred, package, seen, known)


def _class_parts(value: type, package: str, seen: set[int], references: list[_Reference] | None) -> Iterator[str]:
    """Yield what tells a class apart: its methods, attributes and bases, by name alone where it is a library's."""
    if id(value) in seen:
        return
    seen.add(id(value))
    yield f"class {value.__qualname__}"
    if not _is_of_user(value, package):
        return
    for base in value.__bases__:
        yield from _class_parts(base, package, seen, references)
    for name, member in sorted(vars(value).items()):
        if name in _NO_CODE:
            continue
        yield name
        for part in _bare(member):
            yield from _parts(part, package, seen, references)


def _bare(member: Any) -> tuple[Any, ...]:
    """The functions below a static method, a class method or a property; else the member itself."""
    if isinstance(member, staticmethod | classmethod):
        return (member.__func__,)
    return (member.fget, member.fset) if isinstance(member, property) else (member,)


def _state(value: Any) -> dict[str, Any]:
    """What an object holds in its attributes and slots."""
    slots = [name for part in type(value).__mro__ for name in getattr(part, "__slots__", ()) if isinstance(name, str)]
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return held | getattr(value, "__dict__", {})


def _may_change(value: Any, package: str) -> bool:
    """Whether a value may become another one in its place: a list, an array, a user's class or an object of it."""
    if isinstance(value, _MUTABLE):
        return True
    if isinstance(value, FunctionType) or hasattr(value, "py_func"):
        return False
    return _is_of_user(value if isinstance(value, type) else type(value), package)


def _is_of_user(value: type, package: str) -> bool:
    """Whether a class is neither a library's nor the toolkit's, whose objects are known by their `repr`."""
    return not _is_library(value, package) and not _is_own(value)


def _options(value: Any) -> str:
    options = getattr(value, "targetoptions", None)
    if options is None:
        return ""
    flags = options.get("fastmath", False)
    shown = sorted(flags) if isinstance(flags, set | frozenset) else flags
    return f" fastmath={shown} {options.get('error_model', '')}"


def _is_own(value: FunctionType | type) -> bool:
    """Whether a function or class is the toolkit's own, whose names keep their values."""
    return (value.__module__ or "").partition(".")[0] == __name__.partition(".")[0]


def _referred(function: FunctionType, package: str) -> Iterator[tuple[str, Any, Mapping[str, Any] | None]]:
    """Yield the names that a function refers to, their values, and where these stand, None for a closure's."""
    names = sorted({name for code in _nested(function.__code__) for name in code.co_names})
    for name in names:
        if name not in function.__globals__:
            continue
        value = function.__globals__[name]
        if not isinstance(value, ModuleType):
            yield name, value, function.__globals__
        elif not _is_library(value, package):
            yield from ((f"{name}.{n}", getattr(value, n), vars(value)) for n in names if hasattr(value, n))
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents, None
        except ValueError:  # not filled yet: a function that refers to itself
            continue


def _is_library(value: FunctionType | ModuleType | type, package: str) -> bool:
    home = value.__name__ if isinstance(value, ModuleType) else (value.__module__ or "")
    if home.partition(".")[0] in (package, "__main__"):
        return False
    file = getattr(sys.modules.get(home), "__file__", None)
    return file is None or str(Path(file).resolve()).startswith(_LIBRARIES)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _instructions(code: CodeType) -> tuple[Any, ...]:
    """What a code object does, without where it stands."""
    return (code.co_code, code.co_names, code.co_varnames, tuple(_constant(c) for c in code.co_consts))


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _instructions(value)
    if isinstance(value, frozenset):  # its order changes from process to process
        return ("frozenset", sorted(map(repr, value)))
    return (type(value).__name__, repr(value))
