"""Points of a search as integer codes, so that unique rows are found without comparing values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from mrtoolkit.errors import StrategyError, nearest
from mrtoolkit.evaluation import CodedPoints
from mrtoolkit.expressions.scalars import Scalar, canonical
from mrtoolkit.strategy._kernels.distinct import distinct_codes

_FEW_CODES = 4_096  # and four a point: a table of so many takes less than sorting
_REMEMBERED = 100_000  # of more points, what is made of them takes megabytes and is made again
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """Points: per parameter its distinct labels, and for each point the code of its label.

    Attributes
    ----------
    labels : mapping of name to tuple of scalars
        Canonical: 10, 10.0 and np.int64(10) are one label.
    codes : mapping of name to (point,) int64
    kept : dict
        What was made of these points and may be asked for again.
    """

    n: int
    labels: Mapping[str, tuple[Scalar, ...]]
    codes: Mapping[str, np.ndarray]
    kept: dict[Any, Any] = field(init=False, repr=False, default_factory=dict)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame | CodedPoints, params: Iterable[str]) -> Points:
        """Encode the rows of `frame`, whose columns must be exactly `params`; what is coded already stays as it is.

        Raises
        ------
        StrategyError
            If a column is missing or unknown, or a value is NaN.
        """
        wanted = tuple(params)
        if isinstance(frame, CodedPoints):
            made = frame.kept.get((cls, wanted))
            if made is None:
                _check_names(list(frame.labels), wanted)
                labels = {name: frame.labels[name] for name in wanted}
                made = cls(n=frame.n, labels=labels, codes={name: frame.codes[name] for name in wanted})
                frame.kept[cls, wanted] = made
            found: Points = made
            return found
        _check_names(list(frame.columns), wanted)
        encoded = {name: _encode(name, frame[name]) for name in wanted}
        return cls(
            n=len(frame),
            labels={name: labels for name, (labels, _) in encoded.items()},
            codes={name: codes for name, (_, codes) in encoded.items()},
        )

    def take(self, chosen: np.ndarray) -> Points:
        """Return the points at these positions."""
        if len(chosen) == self.n and (chosen[1:] > chosen[:-1]).all():  # all of them, in order
            return self
        return Points(n=len(chosen), labels=self.labels, codes={k: v[chosen] for k, v in self.codes.items()})

    def slices(self, at_most: int) -> list[np.ndarray]:
        """The positions of all points, (point,) int64, cut into slices of at most so many."""
        return [np.arange(first, min(first + at_most, self.n)) for first in range(0, self.n, at_most)]

    def rows(self, params: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Unique combinations of some parameters: (first point that has each, which of them each point has).

        Radix codes of the label indices; `np.unique(axis=0)` over the values is 25 times slower.
        """
        names = tuple(params)
        return self.keep(("rows", names), lambda: self._unique(names))

    def keep(self, key: object, make: Callable[[], _T]) -> _T:
        """Return what `make` makes of these points, made once; of very many points anew."""
        if self.n > _REMEMBERED:
            return make()
        if key not in self.kept:
            self.kept[key] = make()
        found: _T = self.kept[key]
        return found

    def _unique(self, params: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        if not params:  # all are alike
            combined = np.zeros(self.n, dtype=np.int64)
            return combined[:1], combined
        size = math.prod(len(self.labels[name]) for name in params)
        if size <= _FEW_CODES + 4 * self.n:
            combined = self.codes[params[0]]
            for name in params[1:]:
                combined = combined * len(self.labels[name]) + self.codes[name]
            return distinct(combined, size)
        combined = np.zeros(self.n, dtype=np.int64)
        for name in params:
            radix = len(self.labels[name])
            if combined.size and int(combined.max()) > (2**62) // max(radix, 1):
                combined = np.unique(combined, return_inverse=True)[1].astype(np.int64)
            combined = combined * radix + self.codes[name]
        return distinct(combined, None)

    def values(self, point: int, params: Iterable[str] | None = None) -> dict[str, Scalar]:
        """The labels of one point."""
        names = self.labels if params is None else params
        return {name: self.labels[name][int(self.codes[name][point])] for name in names}


def distinct(codes: np.ndarray, size: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The first place of each distinct code, in the order of codes, and which of these each place has, (place,) int64.

    Codes from 0 to `size` - 1, where these are few; any whole numbers where `size` is None.
    """
    if size is not None and size <= _FEW_CODES + 4 * len(codes):
        return distinct_codes(np.ascontiguousarray(codes, dtype=np.int64), size)  # type: ignore[no-any-return]
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return first, inverse


def _check_names(have: list[str], wanted: tuple[str, ...]) -> None:
    for name in wanted:
        if name not in have:
            shown = ", ".join(map(str, have)) or "none"
            raise StrategyError(
                f"the strategy has the parameter {name!r}, but the points have {shown}; add a column {name!r}."
            )
    for name in have:
        if name not in wanted:
            has = ", ".join(wanted) or "no parameters"
            raise StrategyError(f"the strategy has no parameter {name!r}{nearest(name, wanted)}; it has {has}.")


def _encode(name: str, column: pd.Series) -> tuple[tuple[Scalar, ...], np.ndarray]:
    if column.dtype.kind in "iuf":
        values = column.to_numpy()
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise StrategyError(
                f"the parameter {name!r} is {values[~np.isfinite(values)][0]} in a point, but it needs a finite "
                "number; for None, give a list of mappings, or a column of dtype object."
            )
        numbers, places = _distinct_numbers(values)
        return _merge(tuple(map(canonical, numbers.tolist())), places)
    seen: dict[tuple[type, object], int] = {}
    labels: list[Scalar] = []
    codes = np.empty(len(column), dtype=np.int64)
    for k, value in enumerate(column):
        label = canonical(value)
        code = seen.setdefault((bool, label) if isinstance(label, bool) else (object, label), len(labels))
        if code == len(labels):
            labels.append(label)
        codes[k] = code
    return tuple(labels), codes


def _distinct_numbers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct numbers of a column, sorted, and which of these each point has, (point,) int64."""
    if values.dtype.kind != "f" and values.size:
        low, high = int(values.min()), int(values.max())
        if max(-low, high) < 2**62 and high - low < _FEW_CODES:  # as in most columns of whole numbers
            offsets = values.astype(np.int64) - low
            first, codes = distinct(offsets, high - low + 1)
            return values[first], codes
    found, inverse = np.unique(values, return_inverse=True)
    return found, inverse.astype(np.int64)


def _merge(labels: tuple[Scalar, ...], codes: np.ndarray) -> tuple[tuple[Scalar, ...], np.ndarray]:
    """Join labels that became one by rounding."""
    distinct = tuple(dict.fromkeys(labels))
    if len(distinct) == len(labels):
        return labels, codes
    place = {label: k for k, label in enumerate(distinct)}
    return distinct, np.array([place[label] for label in labels], dtype=np.int64)[codes]
