"""The indicators by name."""

from __future__ import annotations

import threading
from typing import TypeAlias

from mrtoolkit.errors import IndicatorError, nearest
from mrtoolkit.expressions.nodes import INPUT_NAMES
from mrtoolkit.indicators.composite import Composite
from mrtoolkit.indicators.names import check_free
from mrtoolkit.indicators.spec import Indicator

Entry: TypeAlias = Indicator | Composite

_WORDS = {*INPUT_NAMES, "when", "choose", "timeframe", "minimum", "maximum", "log", "sqrt", "abs"}
"""Words of the grammar."""
_entries: dict[str, Entry] = {}
_built_in: set[str] = set()
_lock = threading.Lock()


def register(entry: Entry, *, built_in: bool = False) -> Entry:
    """Put an indicator into the registry and return it; a user's replaces one of the same name.

    Raises
    ------
    IndicatorError
        If the name is taken, a word of the grammar or a built-in indicator's.
    """
    with _lock:
        check_name(entry.name)
        if built_in:
            _built_in.add(entry.name)
        _entries[entry.name] = entry
    return entry


def check_name(name: str) -> None:
    """Refuse a name that is taken, a word of the grammar or a built-in indicator's."""
    why = "that is an input or a function of expressions" if name in _WORDS else ""
    check_free("an indicator", name, why or ("that is an indicator of the toolkit" if name in _built_in else ""))


def get(name: str) -> Entry:
    """Return the indicator of that name.

    Raises
    ------
    IndicatorError
        If there is none; the nearest name is given.
    """
    try:
        return _entries[name]
    except KeyError:
        known = names()
        hint = nearest(name, known) or "; register your own by @mrt.indicator"
        msg = f"there is no indicator {name!r} among {', '.join(known)}{hint}."
        raise IndicatorError(msg) from None


def is_built_in(name: str) -> bool:
    """Whether an indicator is the toolkit's own and not a user's."""
    return name in _built_in


def names() -> tuple[str, ...]:
    """Names of all registered indicators, sorted."""
    return tuple(sorted(_entries))
