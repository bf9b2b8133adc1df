"""Where features begin, whether they miss a value after that, and where they lie: looked for once a feature."""

from __future__ import annotations

import weakref
from typing import NamedTuple

import numpy as np

from mrtoolkit.features._kernels.first_value import survey, survey_rows


class Survey(NamedTuple):
    """What trials need to know of a feature, (asset, time), beside its values."""

    first: np.ndarray
    """The first bar of each asset at which it has a value."""
    whole: bool
    """Whether it has every value from there on."""
    address: int
    """Where its first number lies."""


class _Known(weakref.ref[np.ndarray]):
    """A feature that lives, its place in the table, and what was found."""

    __slots__ = ("found", "place")
    found: Survey
    place: int


_known: dict[int, _Known] = {}


def survey_of(values: np.ndarray) -> Survey:
    """Return what is known of a feature, (asset, time), or look it through; kept in mind if nobody can write to it."""
    known = _known.get(id(values))
    if known is not None and known() is values:
        return known.found
    first = np.empty(len(values), dtype=np.int64)
    found = Survey(first, bool(survey(values, first)), address_of(values))
    if not values.flags.writeable:
        note(values, found)
    return found


def survey_together(rows: np.ndarray, *, is_sure: bool) -> list[Survey]:
    """Look features of one asset through that lie side by side, (feature, time), best while the cache has them.

    is_sure : bool
        Whether it is known that they miss no value after their first.
    """
    first, whole = np.empty((len(rows), 1), dtype=np.int64), np.empty(len(rows), dtype=np.bool_)
    survey_rows(rows, is_sure, first, whole)
    address, step = address_of(rows), rows.strides[0]
    return [Survey(first[k], is_whole, address + k * step) for k, is_whole in enumerate(whole.tolist())]


def note(values: np.ndarray, found: Survey) -> None:
    """Keep what was found of a feature, (asset, time), in mind while it lives; from now on nobody writes to it."""
    known = _Known(values, _forget)
    known.found, known.place = found, id(values)
    _known[known.place] = known


def address_of(values: np.ndarray) -> int:
    """Where the first number of an array lies."""
    return int(values.__array_interface__["data"][0])


def _forget(known: weakref.ref[np.ndarray]) -> None:
    place = known.place  # type: ignore[attr-defined]
    if _known.get(place) is known:
        _known.pop(place, None)
