"""A region: a slice of labels in every dimension, around a centre."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrtoolkit.errors import SpaceError
from mrtoolkit.search.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A box of the space that one level looks into.

    Attributes
    ----------
    level, index : int
        Which level it belongs to, and its place among that level's regions; both from 0.
    bounds : mapping of parameter to (low, high)
        Its first and last label in each dimension, both included; for a category the first and last one in its order.
    centre : mapping of parameter to label
        The point it was made around; the middle of the box where there was none.
    """

    level: int
    index: int
    bounds: Mapping[str, tuple[Any, Any]]
    centre: Mapping[str, Any]
    _corners: tuple[Space, np.ndarray] | None = field(init=False, repr=False, compare=False, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON from which `from_dict` makes this again."""
        bounds = {name: list(pair) for name, pair in self.bounds.items()}
        return {"level": self.level, "index": self.index, "bounds": bounds, "centre": dict(self.centre)}

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Region:
        """Return the region that `to_dict` described."""
        bounds = {name: (low, high) for name, (low, high) in payload["bounds"].items()}
        return cls(level=payload["level"], index=payload["index"], bounds=bounds, centre=dict(payload["centre"]))

    @classmethod
    def from_codes(
        cls, space: Space, lower: np.ndarray, upper: np.ndarray, *, level: int, index: int, centre: Any = None
    ) -> Region:
        """Return the region between two corners given as lattice codes, both included."""
        middle = (np.asarray(lower) + np.asarray(upper)) // 2 if centre is None else centre
        corners = np.array([lower, upper, middle], dtype=np.int64)
        low, high, named = space.points(corners)
        region = cls(level=level, index=index, bounds={n: (low[n], high[n]) for n in space}, centre=named)
        if all(0 <= a <= b < size for a, b, size in zip(*corners[:2].tolist(), space.sizes, strict=True)):
            corners.flags.writeable = False
            object.__setattr__(region, "_corners", (space, corners))  # they are asked for again, of the same space
        return region

    def codes(self, space: Space) -> tuple[np.ndarray, np.ndarray]:
        """Return the lattice codes (dimension,) of the lower and the upper corner."""
        if self._corners is not None and self._corners[0] is space:
            return self._corners[1][0], self._corners[1][1]
        if set(self.bounds) != set(space):
            msg = (
                f"a region bounds {', '.join(self.bounds)}, but the space has {', '.join(space)}; bound "
                "every parameter."
            )
            raise SpaceError(msg)
        corners = np.stack([space[name].encode(list(self.bounds[name])) for name in space], axis=1)
        if (corners < 0).any() or (corners[0] > corners[1]).any():
            shown = ", ".join(f"{n} from {low!r} to {high!r}" for n, (low, high) in self.bounds.items())
            msg = (
                f"a region spans {shown}, which are no labels of the space in rising order; take labels of its lattice."
            )
            raise SpaceError(msg)
        return corners[0], corners[1]

    def all_codes(self, space: Space) -> np.ndarray:
        """Return the lattice codes of the lower corner, the upper one and the centre, (3, dimension)."""
        if self._corners is not None and self._corners[0] is space:
            return self._corners[1]
        return np.stack([space[name].encode([*self.bounds[name], self.centre[name]]) for name in space], axis=1)


def have_place(space: Space, regions: Sequence[Region], names: Iterable[str]) -> np.ndarray:
    """Return which regions lie somewhere on the axes of some parameters, (region,) bool.

    Not those made round a point at which one does not matter: it has the lowest label there, which says nothing of
    where was looked. All of an axis is a place in any case.
    """
    found = np.ones(len(regions), dtype=bool)
    whole = [i for i, region in enumerate(regions) if set(space) <= set(region.centre)]
    if not space.has_conditions or not whole:
        return found
    lower, upper, centre = np.stack([regions[i].all_codes(space) for i in whole], axis=1)
    is_meant = space.active(centre) | (centre > 0) | (upper - lower == np.array(space.sizes) - 1)
    found[whole] = is_meant[:, [space.params.index(name) for name in names]].all(axis=1)
    return found


def whole_space(space: Space, level: int) -> Region:
    """Return the region that holds every point of the space."""
    sizes = np.array(space.sizes, dtype=np.int64)
    return Region.from_codes(space, np.zeros_like(sizes), sizes - 1, level=level, index=0)
