"""A transition by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.search.level import Level
from mrtoolkit.search.transitions.gp import GaussianProcessTransition
from mrtoolkit.search.transitions.mixture import AutomaticTransition, MixedTransition
from mrtoolkit.search.transitions.moving import MovingTransition
from mrtoolkit.search.transitions.peak import PeakTransition
from mrtoolkit.search.transitions.protocol import Transition

_NAMED = {
    "moving": MovingTransition,
    "peak": PeakTransition,
    "gp": GaussianProcessTransition,
    "gp+moving": MixedTransition,
}


def as_transition(value: Any, levels: Sequence[Level] = ()) -> Transition:
    """Return a transition by its name, or one's own as it is.

    None is the textbook's zoom for levels that say how fine they are, and for others the choice by what a trial costs.
    """
    if value is None:
        is_preset = all(level.budget and not (level.grid or level.step or level.labels) for level in levels)
        return AutomaticTransition() if is_preset else PeakTransition()
    if isinstance(value, str):
        if value not in _NAMED:
            names = ", ".join(map(repr, _NAMED))
            raise StudyError(f"transition={value!r} was asked for; there is {names}{nearest(value, _NAMED)}.")
        made: Transition = _NAMED[value]()
        return made
    if isinstance(value, Transition) and not isinstance(value, type):
        return value
    raise StudyError(
        f"transition={value!r} has no method `regions`; give 'moving' or another name, or an object with one (see "
        "Transition)."
    )
