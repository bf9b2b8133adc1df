"""The hash of a function's source and of what it calls: part of the key of every feature."""

from __future__ import annotations

import functools
import hashlib
import inspect
import linecache
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

_LIBRARIES = tuple({str(Path(sysconfig.get_path(kind)).resolve()) for kind in ("stdlib", "purelib", "platlib")})


@functools.lru_cache(maxsize=1024)
def hash_source(function: Callable[..., Any]) -> str:
    """Return 16 hex digits that change with the function's text, its helpers' and the values that it refers to.

    Parameters
    ----------
    function : callable
        A Python function or a numba dispatcher. Its helpers are followed through globals, closures and its own
        modules; functions of installed libraries count by name. Computed once for each function object: a global that
        is changed afterwards is not seen until the function is defined (and registered) again.
    """
    digest = hashlib.blake2b(digest_size=8)
    package = (getattr(function, "__module__", None) or "").partition(".")[0]
    for part in _parts(function, package, set()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


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


def _parts(value: Any, package: str, seen: set[int]) -> Iterator[str]:
    """Yield what tells `value` apart, as texts; functions are followed into what they refer to."""
    function = getattr(value, "py_func", value)
    if isinstance(function, FunctionType):
        if id(function) in seen:
            return
        seen.add(id(function))
        yield f"{function.__qualname__}{_options(value)}"
        if not _is_library(function, package):
            # The instructions too: a file that was edited after its import shows lines that are not what runs. So
            # another version of Python makes features of its own.
            yield _text(function)
            yield repr(_instructions(function.__code__))
            yield from _parts((function.__defaults__, function.__kwdefaults__), package, seen)
            for name, referred in _referred(function, package):
                yield name
                yield from _parts(referred, package, seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}{hashlib.blake2b(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    elif isinstance(value, bool | int | float | complex | str | bytes | None | np.generic):
        yield f"{type(value).__name__}:{value!r}"
    elif isinstance(value, tuple | list | set | frozenset):
        yield f"{type(value).__name__}:{len(value)}"
        for item in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            yield from _parts(item, package, seen)
    elif isinstance(value, dict):
        yield from _parts(sorted(value.items(), key=repr), package, seen)
    elif isinstance(value, functools.partial):
        yield from _parts((value.func, value.args, value.keywords), package, seen)
    else:
        text = repr(value)  # a frozen value shows what it holds; an address says nothing
        yield type(value).__qualname__ if " at 0x" in text else text


def _options(value: Any) -> str:
    options = getattr(value, "targetoptions", None)
    if options is None:
        return ""
    flags = options.get("fastmath", False)
    shown = sorted(flags) if isinstance(flags, set | frozenset) else flags
    return f" fastmath={shown} {options.get('error_model', '')}"


def _referred(function: FunctionType, package: str) -> Iterator[tuple[str, Any]]:
    names = sorted({name for code in _nested(function.__code__) for name in code.co_names})
    for name in names:
        if name not in function.__globals__:
            continue
        value = function.__globals__[name]
        if not isinstance(value, ModuleType):
            yield name, value
        elif not _is_library(value, package):
            yield from ((f"{name}.{n}", getattr(value, n)) for n in names if hasattr(value, n))
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet: a function that refers to itself
            continue


def _is_library(value: FunctionType | ModuleType, package: str) -> bool:
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
