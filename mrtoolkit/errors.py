"""What can go wrong, by the part that says so.

::

    MrtoolkitError
    ├── BarsError        (ValueError)    prices that cannot be trusted, or a file that is not prices
    ├── ExpressionError  (TypeError)     a rule that cannot be written so
    ├── IndicatorError   (ValueError)    an unknown indicator, a parameter out of its bounds, a refused kernel
    ├── StoreError       (RuntimeError)  a feature store that cannot be opened, read or written
    ├── StrategyError    (ValueError)    a strategy, cost or backtest setting that has no meaning
    ├── SpaceError       (ValueError)    a search space or level with nothing, or far too much, in it
    ├── StudyError       (ValueError)    an objective, a search or a saved study that does not fit
    └── ConfigError      (ValueError)    a configuration file or command line that does not fit

Every error also is the builtin that a caller would catch. A message says what was asked, where, what was
got beside what is allowed, and what to do.
"""

from __future__ import annotations

import difflib
import inspect
import numbers
import warnings
from collections.abc import Iterable, Sequence
from typing import Any


class MrtoolkitError(Exception):
    """Base of every error that the toolkit raises on purpose."""


class BarsError(MrtoolkitError, ValueError):
    """Prices that cannot be trusted, or a file that does not hold prices."""


class ExpressionError(MrtoolkitError, TypeError):
    """A rule that cannot be written so, or text that is not a rule."""


class IndicatorError(MrtoolkitError, ValueError):
    """An unknown indicator, a parameter out of its bounds, or a kernel that was refused."""


class StoreError(MrtoolkitError, RuntimeError):
    """A feature store that cannot be opened, read or written."""


class StrategyError(MrtoolkitError, ValueError):
    """A strategy, cost or backtest setting that has no meaning."""


class SpaceError(MrtoolkitError, ValueError):
    """A search space or level with nothing, or far too much, in it."""


class StudyError(MrtoolkitError, ValueError):
    """An objective, a search or a saved study that does not fit."""


class ConfigError(MrtoolkitError, ValueError):
    """A configuration file or command line that does not fit."""


def nearest(word: object, words: Iterable[object]) -> str:
    """Return " (did you mean 'x'?)" for the closest of `words`, or an empty string."""
    found = difflib.get_close_matches(str(word), [str(w) for w in words], n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


def check_choice(name: str, value: object, allowed: Sequence[str], error: type[MrtoolkitError]) -> None:
    """Raise `error` where the setting `name` is not one of its words.

    Examples
    --------
    >>> check_choice("side", "shrot", ("long", "short"), StrategyError)
    Traceback (most recent call last):
    mrtoolkit.errors.StrategyError: side is 'shrot', but it is one of long, short (did you mean 'short'?); choose one.
    """
    if not isinstance(value, str) or value not in allowed:
        raise error(f"{name} is {value!r}, but it is one of {', '.join(allowed)}{nearest(value, allowed)}; choose one.")


def check_count(name: str, value: Any, error: type[MrtoolkitError], *, minimum: int = 1) -> None:
    """Raise `error` where the setting `name` is not a whole number of `minimum` or more.

    Examples
    --------
    >>> check_count("trials", 2.5, StudyError)
    Traceback (most recent call last):
    mrtoolkit.errors.StudyError: trials is 2.5, but must be a whole number of 1 or more; change it.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        raise error(f"{name} is {value!r}, but must be a whole number of {minimum:,} or more; change it.")


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the line outside of the toolkit that led here, however many of our own calls lie between."""
    frame, depth = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "mrtoolkit":
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth)
