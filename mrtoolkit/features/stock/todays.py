"""Whether the code that computed stored features is the code of today."""

from __future__ import annotations

from typing import Literal

from mrtoolkit.errors import IndicatorError
from mrtoolkit.features.family import Code
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.spec import Indicator

Standing = Literal["today's", "old", "not registered"]
"""Of stored code: registered now, registered now with another version or source, or not known here."""


def standing(code: Code) -> Standing:
    """Return how the code of a family stands to the registry of this process.

    An indicator of the user's is "not registered" until the module that defines it is imported.
    """
    is_known = True
    for name, version, source_hash in code:
        try:
            entry = registry.get(name)
        except IndicatorError:
            is_known = False
            continue
        if not isinstance(entry, Indicator) or (entry.version, entry.source_hash) != (version, source_hash):
            return "old"
    return "today's" if is_known else "not registered"
