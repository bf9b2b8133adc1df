"""A `mrtoolkit run` file, read and checked against its schema before anything is built from it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mrtoolkit.cli.schema import DIMENSION, TABLES, Key
from mrtoolkit.errors import ConfigError, nearest

Table = dict[str, Any]


def read_config(path: Path) -> dict[str, Any]:
    """Return the tables of a configuration file, every key and value checked against the schema.

    Parameters
    ----------
    path : Path
        A TOML file; `mrtoolkit run --schema` lists its keys.

    Returns
    -------
    dict of table name to dict
        An absent table is empty; "level" is a list of tables.

    Raises
    ------
    ConfigError
        If the file is not there, is no TOML, lacks what is needed, or has a key or value that the schema does not know.
    """
    content = _load(path)
    _known(str(path), "table", content, TABLES)
    checked: dict[str, Any] = {}
    for name, keys in TABLES.items():
        if name == "level":
            checked[name] = _levels(path, content.get(name, []))
            continue
        table = _table(f"{path}: [{name}]", content.get(name, {}))
        if name == "space":
            table = {key: _space_entry(f"{path}: [space]", key, value) for key, value in table.items()}
        else:
            check_table(f"{path}: [{name}]", table, keys)
        checked[name] = table
    _one_source(path, checked["bars"])
    if not [key for key in checked["space"] if key != "where"]:
        example = "fast = {integer = [5, 50]}"
        msg = f"{path}: [space] has no parameter to search; give one for each P.name of the rules, such as {example}."
        raise ConfigError(msg)
    return checked


def check_table(where: str, table: Table, keys: Mapping[str, Key]) -> None:
    """Check every key and value of one table.

    Parameters
    ----------
    where : str
        The file and the table, as the error will name them.
    table : dict
        What was read.
    keys : mapping of name to Key
        What may be there.

    Raises
    ------
    ConfigError
        For the first key or value that does not fit.
    """
    _known(where, "key", table, keys)
    for name, key in keys.items():
        if name in table:
            _check_value(f"{where} {name}", table[name], key)
        elif key.required:
            msg = f"{where} has no {name!r}, which it needs ({key.doc})."
            raise ConfigError(msg)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        there = sorted(p.name for p in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        hint = nearest(path.name, there)
        msg = f"there is no file {str(path)!r}{hint}; `mrtoolkit run --example` prints one to begin with."
        raise ConfigError(msg) from None
    except IsADirectoryError:
        msg = f"{str(path)!r} is a folder; name the TOML file itself."
        raise ConfigError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not TOML: {error}; text stands in quotes, rules too."
        raise ConfigError(msg) from None


def _known(where: str, what: str, found: Mapping[str, Any], allowed: Mapping[str, Any]) -> None:
    for name in found:
        if name not in allowed:
            elsewhere = [f"[{table}]" for table, keys in TABLES.items() if what == "key" and name in keys]
            hint = f"; it belongs to {' or '.join(elsewhere)}" if elsewhere else nearest(name, allowed)
            msg = f"{where} has no {what} {name!r}{hint}. Its {what}s are: {', '.join(allowed)}."
            raise ConfigError(msg)


def _table(where: str, value: Any) -> Table:
    if not isinstance(value, dict):
        msg = f"{where} is {value!r}, but must be a table."
        raise ConfigError(msg)
    return value


def _one_source(path: Path, bars: Table) -> None:
    given = [key for key in ("path", "sample") if key in bars]
    if len(given) == 2:
        msg = f"{path}: [bars] has both 'path' (a file of prices) and 'sample' (a bundled share); remove one of them."
        raise ConfigError(msg)
    if not given:
        msg = (
            f"{path}: [bars] has neither 'path' (a file of prices) nor 'sample' (a bundled share); give one of them. "
            "`mrtoolkit run --example` prints a file that runs."
        )
        raise ConfigError(msg)


def _levels(path: Path, value: Any) -> list[Table]:
    if not isinstance(value, list):
        msg = f"{path}: [level] is one table, but levels are a list; write [[level]] with two brackets, once for each."
        raise ConfigError(msg)
    for index, table in enumerate(value):
        check_table(f"{path}: [[level]] {index + 1}", _table(f"{path}: [[level]] {index + 1}", table), TABLES["level"])
    return value


def _space_entry(where: str, name: str, value: Any) -> Any:
    if name == "where":
        _check_value(f"{where} where", value, TABLES["space"]["where"])
        return value
    if not isinstance(value, dict):
        examples = "{integer = [5, 50]}, {real = [0.5, 4], step = 0.5} or {categories = [1, 2]}"
        msg = f"{where} {name} is {value!r}, but must be a table such as {examples}."
        raise ConfigError(msg)
    check_table(f"{where} {name}", value, DIMENSION)
    ranges = [kind for kind in ("integer", "real", "categories") if kind in value]
    if len(ranges) != 1:
        got = " and ".join(ranges) or "none"
        msg = f"{where} {name} has {got} of integer, real and categories, but must have exactly one."
        raise ConfigError(msg)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _all(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) > 0 and all(test(item) for item in value)


def _each(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(test(item) for item in value.values())


_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ('text in quotes, such as "open"', _is_text),
    "rule": ('a rule in quotes, such as "ema(P.fast) > ema(P.slow)"', _is_text),
    "number": ("a number", _is_number),
    "integer": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "number or rule": (
        'a number, or a rule in quotes, such as "P.stop"',
        lambda value: _is_number(value) or _is_text(value),
    ),
    "list": ("a list with something in it", lambda value: isinstance(value, list) and len(value) > 0),
    "list of rules": ('a list of rules in quotes, such as ["M.trades >= 30"]', _all(_is_text)),
    "range": ("two numbers, such as [5, 50]", lambda value: _all(_is_number)(value) and len(value) == 2),
    "table of text": ('a table of names, such as {close = "Last"}', _each(_is_text)),
    "number or numbers": (
        "a number, or a table of numbers, such as {fast = 1}",
        lambda value: _is_number(value) or _each(_is_number)(value),
    ),
    "table of lists": (
        "a table of lists, such as {fast = [5, 10]}",
        _each(lambda value: isinstance(value, list) and len(value) > 0),
    ),
}


def _check_value(where: str, value: Any, key: Key) -> None:
    wanted, test = _KINDS[key.kind]
    if not test(value):
        msg = f"{where} is {value!r}, but must be {wanted}."
        raise ConfigError(msg)
    if key.allowed and value not in key.allowed:
        hint = nearest(value, key.allowed)
        msg = f"{where} is {value!r}, but must be one of {', '.join(map(repr, key.allowed))}{hint}."
        raise ConfigError(msg)
