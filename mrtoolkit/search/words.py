"""The words that a search is given: written once, at the optimizer, and checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.search.settings import SearchOptions
from mrtoolkit.search.study import Study

_Words = ParamSpec("_Words")


def with_words_of(
    optimizer: Callable[_Words, Any],
) -> Callable[[Callable[..., Study]], Callable[_Words, Study]]:
    """Give a function the words of the optimizer, for whoever reads its signature: they are written once."""

    def decorate(function: Callable[..., Study]) -> Callable[_Words, Study]:
        signature = inspect.signature(optimizer).replace(return_annotation="Study")
        function.__signature__ = signature  # type: ignore[attr-defined]
        return function

    return decorate


def check_words(options: Mapping[str, Any], optimizer: Callable[..., Any]) -> None:
    """Refuse a word that no search knows, and name the nearest of all that it does."""
    if options.keys() <= SearchOptions.__annotations__.keys():
        return
    signature = inspect.signature(optimizer).parameters.values()
    known = [word.name for word in signature if word.kind is not word.VAR_KEYWORD] + list(SearchOptions.__annotations__)
    for name in options:
        if name not in known:
            hint = nearest(name, known)
            msg = f"the search was given {name}=, which it does not know{hint}; it takes {', '.join(known)}."
            raise StudyError(msg)
