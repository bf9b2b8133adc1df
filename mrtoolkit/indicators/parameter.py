"""`IndicatorParameter`: a name, its bounds, and whether it counts whole bars."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoolkit.errors import IndicatorError


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorParameter:
    """A parameter of an indicator.

    Attributes
    ----------
    name : str
        Such as `lookback`, in bars.
    low, high : float
        Smallest and largest value allowed.
    integer : bool
        Whether it counts whole things (bars), so that 11.5 is refused.
    default : float, optional
        Taken where the call gives none.
    """

    name: str
    low: float
    high: float
    integer: bool = True
    default: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            msg = (
                f"the bounds of {self.name!r} are ({self.low}, {self.high}); give two finite numbers, the lower first."
            )
            raise IndicatorError(msg)

    @property
    def allowed(self) -> str:
        """What values may be, in words."""
        return f"{'a whole number' if self.integer else 'a number'} from {self.low:,} to {self.high:,}"

    @property
    def signature_default(self) -> Any:
        """The default as `inspect` wants it."""
        return inspect.Parameter.empty if self.default is None else self.default

    def typed(self, value: float) -> float | int:
        """Return the value as an int where the parameter counts, else as a float."""
        return int(value) if self.integer else float(value)

    def check(self, value: object, owner: str) -> None:
        """Refuse a value that is no number, lies out of bounds, or is a fraction where whole bars are counted."""
        kind = type(value)
        if kind is int or kind is float:  # as nearly always: found right at a third of the cost of finding it wrong
            number: float = value  # type: ignore[assignment]
            if self.low <= number <= self.high and not (self.integer and number != math.floor(number)):
                return
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            cure = "give a number, a parameter (P.n) or a list of numbers"
            msg = f"{owner}'s {self.name} is {value!r}, but must be {self.allowed}; {cure}."
            raise IndicatorError(msg)
        if self.integer and value != math.floor(value):
            near = f"{math.floor(value):,} or {math.ceil(value):,}"
            msg = (
                f"{owner}'s {self.name} is {value:,}, but its formula counts whole bars, so it must be {self.allowed}; "
                f"write {near} (ema, rsi and atr allow fractions), or search it by mrt.Integer."
            )
            raise IndicatorError(msg)
        if not self.low <= value <= self.high:
            msg = f"{owner}'s {self.name} is {value:,}, but must be {self.allowed}; choose a value in that range."
            raise IndicatorError(msg)

    def check_all(self, values: np.ndarray, owner: str) -> None:
        """Refuse the first of many values that `check` would refuse."""
        allowed = (values >= self.low) & (values <= self.high)
        if self.integer:
            allowed &= values == np.rint(values)
        if not allowed.all():
            self.check(float(values[~allowed][0]), owner)
