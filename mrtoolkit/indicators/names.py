"""Names that an indicator, its parameters and its outputs may not have."""

from __future__ import annotations

import keyword

import xarray as xr

from mrtoolkit.errors import IndicatorError
from mrtoolkit.evaluation import RESERVED_NAMES

_WORDS = frozenset({"input", "of", "P", "M", "mrt", "indicator", "feature"})  # of rules, and of the store's matrix


def why_taken(name: str) -> str:
    """Return what else a name means already, or why it is none; empty where it is free.

    Examples
    --------
    >>> why_taken("std"), why_taken("deviation")
    ('xarray has Dataset.std', '')
    """
    if not name.isidentifier() or name.startswith("_"):
        return "a name is a word of letters, digits and underscores that starts with a letter"
    if keyword.iskeyword(name):
        return "that is a word of Python"
    if hasattr(xr.Dataset, name):
        return f"xarray has Dataset.{name}"
    return "that is a word of the toolkit" if name in RESERVED_NAMES or name in _WORDS else ""


def check_free(what: str, name: str, why: str = "") -> None:
    """Refuse `name` for `what` ("an indicator") where it is taken, or for the reason `why` where one is given."""
    reason = why_taken(name) or why
    if reason:
        cure = f"choose another, as in my_{name}" if name.isidentifier() and name[0] != "_" else "choose another"
        raise IndicatorError(f"{what} is named {name!r}, but {reason}; {cure}.")
