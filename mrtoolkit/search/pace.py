"""How fast a search may go, for the eye."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

from mrtoolkit.errors import StudyError

STEP = 8  # trials that are shown as one batch where the user goes batch by batch
_SLOWEST = 1 / 3600  # trials a second: who wants fewer than one an hour wants to step
_MOST_PIECES = 20  # a second: more would look the same


@dataclass(frozen=True, slots=True)
class Pace:
    """So many trials a second; `piece` are shown at once."""

    trials_a_second: float
    piece: int

    def __str__(self) -> str:
        return f"{self.trials_a_second:g} trials/s"


def as_pace(value: Any) -> Pace | None:
    """Return a pace from "5 trials/s", "2 batches/s" (of 8 trials), or a number of trials a second; None as it is.

    Raises
    ------
    StudyError
        For what is none of these, and for less than a trial an hour.
    """
    if value is None or isinstance(value, Pace):
        return value
    number, unit = value, "trials/s"
    if isinstance(value, str):
        text, _, unit = value.strip().partition(" ")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
    is_number = isinstance(number, numbers.Real) and not isinstance(number, bool)
    batch = {"trials/s": 1, "trial/s": 1, "batches/s": STEP, "batch/s": STEP}.get("".join(unit.split()), 0)
    if not is_number or not 0 < number < math.inf or not batch:
        raise StudyError(
            f'pace={value!r} was asked for; write "5 trials/s", "2 batches/s", a number of trials a second above 0, '
            "or None for as fast as it goes."
        )
    rate = float(number) * batch
    if rate < _SLOWEST:
        raise StudyError(
            f"pace={value!r} was asked for, which is a trial in {1 / rate / 3600:,.4g} hours; give one an hour or more "
            '(0.0003 trials/s), or go by hand: pause() and step("batch").'
        )
    return Pace(rate, batch if batch > 1 else max(1, int(rate / _MOST_PIECES)))
