"""One parameter as an axis: where a label stands, where the axis ends, and which labels a stretch of it holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.expressions.scalars import Scalar
from mrtoolkit.search.dimensions import Categorical, Dimension
from mrtoolkit.search.space import Space
from mrtoolkit.words import label

_WIDTH = 0.01  # of the axis: a stretch that is drawn is at least so wide


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A parameter as an axis: numbers where they are, categories at 0, 1, 2, ... in their order.

    Attributes
    ----------
    name : str
        The parameter.
    dimension : Integer, Real or Categorical
    column : int
        Its place among the space's dimensions.
    """

    name: str
    dimension: Dimension
    column: int

    @classmethod
    def of(cls, space: Space, name: str) -> Scale:
        """Return the axis of one parameter of a space.

        Raises
        ------
        StudyError
            If the space has no such parameter.
        """
        if name not in space:
            shown = f"this study's parameters are {', '.join(space)}{nearest(name, space)}"
            raise StudyError(f"the axis {name!r} was asked for, but {shown}; name one of them.")
        return cls(name=name, dimension=space[name], column=space.params.index(name))

    @property
    def categories(self) -> tuple[str, ...]:
        """Labels of the places 0, 1, ...; empty for a parameter of numbers."""
        return tuple(map(label, self.dimension.labels)) if isinstance(self.dimension, Categorical) else ()

    @property
    def is_log(self) -> bool:
        """Whether equal ratios stand equally far apart."""
        return not isinstance(self.dimension, Categorical) and self.dimension.log

    @property
    def ends(self) -> tuple[float, float]:
        """Where the axis begins and ends: half a step of the lattice outside its outer labels."""
        return self.around(0, self.dimension.size - 1)

    def places(self, codes: np.ndarray) -> np.ndarray:
        """Return where lattice codes (point, dimension) stand, (point,) float64."""
        own = codes[:, self.column]
        if isinstance(self.dimension, Categorical):
            return own.astype(np.float64)
        return np.asarray(self.dimension.decode(own), dtype=np.float64)

    def place(self, value: object) -> float:
        """Return where a label stands, NaN for what is none."""
        code = int(self.dimension.encode([value])[0])
        return float("nan") if code < 0 else self._place(code)

    def text(self, place: float) -> str:
        """Return the label at a place as a person would type it."""
        named = self.categories
        return named[min(max(round(place), 0), len(named) - 1)] if named else label(place)

    def around(self, first: int, last: int) -> tuple[float, float]:
        """Return the borders round the labels of two codes, half a step of the lattice outside them."""
        top = self.dimension.size - 1
        if isinstance(self.dimension, Categorical):
            return first - 0.5, last + 0.5
        low, high = (float(v) for v in self.dimension.decode(np.array([first, last])))
        if top == 0:
            return low - 0.5, high + 0.5
        after, before = (float(v) for v in self.dimension.decode(np.array([min(first + 1, top), max(last - 1, 0)])))
        if self.is_log:
            return low / math.sqrt(after / low) if after > low else low / math.sqrt(low / before), (
                high * math.sqrt(high / before) if before < high else high * math.sqrt(after / high)
            )
        return low - ((after - low) or (low - before)) / 2, high + ((high - before) or (after - high)) / 2

    def borders(self, low: object, high: object) -> tuple[float, float]:
        """Return the borders round two labels, wide enough to be seen and never outside the axis."""
        first, last = (max(0, int(code)) for code in self.dimension.encode([low, high]))
        start, end = self.units(np.array(self.around(min(first, last), max(first, last))))
        room = max(0.0, (_WIDTH - (end - start)) / 2)
        start, end = self.at(np.clip([start - room, end + room], 0.0, 1.0))
        return float(start), float(end)

    def units(self, places: np.ndarray) -> np.ndarray:
        """Return places as fractions of the axis: 0 at its one end, 1 at the other; by ratio on a log scale."""
        low, high = self.ends
        if self.is_log:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(np.log(np.asarray(places) / low) / math.log(high / low))
        return np.asarray((np.asarray(places) - low) / (high - low))

    def at(self, units: np.ndarray) -> np.ndarray:
        """Return the places of fractions of the axis."""
        low, high = self.ends
        if self.is_log:
            return np.asarray(low * np.exp(np.asarray(units) * math.log(high / low)))
        return np.asarray(low + np.asarray(units) * (high - low))

    def stretch(self, start: float, end: float) -> tuple[Scalar, Scalar]:
        """Return the first and the last label between two places, in whichever order they are given.

        Both are labels of the lattice and within it; at least two labels where there are two, the nearest.
        """
        low, high = sorted((start, end))
        top = self.dimension.size - 1
        first, last = self._first_from(low), self._first_from(high)
        last = last if last <= top and self._place(last) <= high else last - 1
        if last <= first:  # fewer than two: the pair of labels round the middle
            first = min(max(self._first_from((low + high) / 2) - 1, 0), max(top - 1, 0))
            last = min(first + 1, top)
        labels = self.dimension.decode(np.array([first, last])).tolist()
        return labels[0], labels[1]

    def _place(self, code: int) -> float:
        if isinstance(self.dimension, Categorical):
            return float(code)
        return float(self.dimension.decode(np.array([code]))[0])

    def _first_from(self, place: float) -> int:
        """Return the first code that stands at a place or after it; one past the last where there is none."""
        low, high = 0, self.dimension.size
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._place(middle) >= place else (middle + 1, high)
        return low
