"""The space of a search: named dimensions, and constraints over them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.errors import SpaceError, nearest
from mrtoolkit.evaluation import RESERVED_NAMES, CodedPoints
from mrtoolkit.expressions.grammar import parse
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.expressions.normal_form import normal_form
from mrtoolkit.expressions.objective import no_call
from mrtoolkit.expressions.scalars import Scalar, canonical
from mrtoolkit.search.conditions import Conditions
from mrtoolkit.search.constraints import check_constraints, satisfied
from mrtoolkit.search.dimensions import Categorical as Categorical
from mrtoolkit.search.dimensions import Dimension, dimension_from_dict
from mrtoolkit.search.dimensions import Integer as Integer
from mrtoolkit.search.dimensions import Real as Real
from mrtoolkit.search.feasible import Count, Feasible
from mrtoolkit.search.slots import first_places
from mrtoolkit.strategy.points import distinct

_KEY_LIMIT = 2**62  # lattices up to here are numbered by int64, larger ones by Python's integers
_SHORT = 64  # labels that Python sorts sooner than NumPy
_KEPT_AXES = 256  # of all levels of a search together; no search has more


class Space:
    """The points that a search may try: a lattice of labels a dimension, and constraints between them.

    Parameters
    ----------
    where : condition of parameters, or several, optional
        What a point must satisfy, as in ``P.fast < P.slow``; also as text.
    **dimensions : Integer, Real or Categorical
        A dimension by the name of its parameter.

    Notes
    -----
    A dimension with ``only=`` matters only where that condition holds, as a signal line's lookback does only where
    ``P.kind == "macd"``. Elsewhere all its labels are one: the point has the lowest, so that anything can run it, is
    counted once, evaluated once and found again whatever label it is given with; `active` says which parameters matter,
    and tables show "-" for one that does not. In an ``only=`` a comparison that names a parameter that does not
    matter is false (so conditions may build on each other), in `where` it holds.

    Raises
    ------
    SpaceError
        For a name that is taken, an empty space, a constraint or condition that leaves nothing or names an unknown
        parameter, or conditions that go in a circle.

    Examples
    --------
    >>> space = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200))
    >>> space.size
    16471
    >>> space["fast"].labels[:3]
    (5.0, 5.5, 6.0)
    """

    __slots__ = ("_axes", "_conditions", "_dimensions", "_feasible", "_rules", "_sizes", "_strides", "_where")

    def __init__(self, *, where: Node | str | Sequence[Node | str] | None = None, **dimensions: Any) -> None:
        if isinstance(where, Integer | Real | Categorical):
            raise SpaceError(
                f"where={where!r} is a dimension, but where= is the word for constraints, as in where=P.fast < P.slow; "
                "give the parameter another name."
            )
        if not dimensions:
            raise SpaceError("the space has no dimensions; give at least one, as in Space(fast=Integer(5, 50)).")
        for name, dimension in dimensions.items():
            _check_name(name)
            if not isinstance(dimension, Integer | Real | Categorical):
                msg = f"the dimension {name!r} is {dimension!r}; write Integer(...), Real(...) or Categorical([...])."
                raise SpaceError(msg)
        self._dimensions: dict[str, Dimension] = dict(dimensions)
        self._where = tuple(_as_condition(item) for item in _as_list(where))
        self._conditions = Conditions(self._dimensions)
        check_constraints(self._dimensions, self._conditions, self._where)
        self._feasible: Feasible | None = None
        self._rules = [normal_form(node) for node in self._where] if self._conditions else []
        self._sizes = tuple(dimension.size for dimension in self._dimensions.values())
        self._strides = _strides(self._sizes)
        self._axes: dict[tuple[str, int], tuple[Sequence[Any], np.ndarray]] = {}

    def __getitem__(self, name: str) -> Dimension:
        if name not in self._dimensions:
            msg = f"the space has no dimension {name!r}{nearest(name, self.params)}; it has {', '.join(self.params)}."
            raise SpaceError(msg)
        return self._dimensions[name]

    def __contains__(self, name: object) -> bool:
        return name in self._dimensions

    def __iter__(self) -> Iterator[str]:
        return iter(self._dimensions)

    def __len__(self) -> int:
        return len(self._dimensions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(tuple(self._dimensions.items()))

    def __repr__(self) -> str:
        parts = [f"{name}={dimension!r}" for name, dimension in self._dimensions.items()]
        parts += [f"where={node.key}" for node in self._where]
        return f"Space({', '.join(parts)})"

    @property
    def params(self) -> tuple[str, ...]:
        """Names of the parameters, in the order in which they were given."""
        return tuple(self._dimensions)

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """The dimensions by name."""
        return dict(self._dimensions)

    @property
    def where(self) -> tuple[Node, ...]:
        """The constraints."""
        return self._where

    @property
    def sizes(self) -> tuple[int, ...]:
        """Labels a dimension."""
        return self._sizes

    @property
    def size(self) -> int:
        """Points of the whole lattice, constraints left aside; nothing is enumerated."""
        return math.prod(self._sizes)

    def count(self) -> Count:
        """Return how many points of the lattice satisfy the constraints, and whether that is exact or estimated.

        Points that differ only in what does not matter are one. Nothing is enumerated: the count is exact where each
        constraint joins few parameters, however large the lattice; an estimate says its error.

        Examples
        --------
        >>> from mrtoolkit import P
        >>> n, is_exact = Space(fast=Integer(1, 100), slow=Integer(1, 100), where=P.fast < P.slow).count()
        >>> n, is_exact
        (4950, True)
        """
        return self._found().count()

    def sample(self, n: int, *, seed: int | np.random.Generator = 0) -> np.ndarray:
        """Return `n` points that satisfy the constraints, drawn with replacement, each as likely; (point, dimension).

        Where the space can be counted none is rejected, however little the constraints leave; else there may be fewer.
        """
        return self._found().draw(n, np.random.default_rng(seed))

    def place(self, unit: np.ndarray) -> np.ndarray | None:
        """Return the points that satisfy the constraints for numbers in [0, 1), both (point, dimension).

        Numbers that fill the unit cube evenly, as a Sobol sequence does, give points that fill what the constraints
        leave evenly. None where the space is too large to be counted.
        """
        return self._found().place(unit)

    def contains(self, points: Any) -> np.ndarray:
        """Return which points lie on the lattice and satisfy the constraints, (point,) bool."""
        return self.holds(self.encode(points))

    def holds(self, codes: np.ndarray) -> np.ndarray:
        """Return which codes are on the lattice and satisfy the constraints, (point,) bool."""
        on_lattice = (codes >= 0).all(axis=1)
        mask = np.zeros(len(codes), dtype=bool)
        mask[on_lattice] = self.satisfies(codes[on_lattice])
        return mask

    @property
    def has_conditions(self) -> bool:
        """Whether some parameter matters only under a condition."""
        return len(self._conditions) > 0

    def active(self, codes: np.ndarray) -> np.ndarray:
        """Return which parameters matter at each point, (point, dimension) bool: all but those whose `only` fails."""
        return self._conditions.active(codes)

    def canonical(self, codes: np.ndarray) -> np.ndarray:
        """Return codes with the lowest label, 0, for every parameter that does not matter: equal points become one.

        Without conditions these are the codes themselves, not a copy.
        """
        return np.where(self.active(codes), codes, 0) if self._conditions else codes

    def distinct(self, codes: np.ndarray) -> np.ndarray:
        """Return the points that satisfy the constraints, canonical, each where it stands first."""
        kept = self.canonical(codes[self.satisfies(codes)])
        return np.asarray(kept[first_places(self.keys(kept))])

    def encode(self, points: Any) -> np.ndarray:
        """Return the lattice codes of points, (point, dimension) int64, canonical; -1 where a value is no label.

        `points` is a DataFrame, one point as a mapping, or a list of such mappings. What does not matter at a point
        may have any value, and a parameter with a condition may be left out where it does not hold.
        """
        frame = as_frame(points)
        unknown = [str(name) for name in frame.columns if name not in self._dimensions]
        missing = [name for name in self._dimensions if name not in frame.columns and name not in self._conditions]
        if unknown or missing:
            what = f"have a column {unknown[0]!r}" if unknown else f"lack a column {missing[0]!r}"
            hint = nearest(unknown[0], self.params) if unknown else ""
            msg = f"the points {what}, but the parameters of the space are {', '.join(self.params)}{hint}; match them."
            raise SpaceError(msg)
        if len(frame) == 0:
            return np.empty((0, len(self)), dtype=np.int64)
        absent = np.full(len(frame), -1)
        columns = [
            dimension.encode(frame[name].to_numpy()) if name in frame.columns else absent
            for name, dimension in self._dimensions.items()
        ]
        return self.canonical(np.stack(columns, axis=1))

    def axis(self, name: str, labels: tuple[Any, ...]) -> np.ndarray:
        """Return the codes of a level's labels in a dimension, ascending, each once; -1 first where one is no label.

        They are asked for at every step of a search, so they are kept, read-only.
        """
        kept = self._axes.get((name, id(labels)))
        if kept is None:
            if len(self._axes) == _KEPT_AXES:
                self._axes.clear()
            codes = self[name].encode(labels)
            codes = np.array(sorted(set(codes.tolist()))) if len(codes) < _SHORT else np.unique(codes)
            codes.flags.writeable = False
            kept = self._axes[name, id(labels)] = labels, codes  # what is known by its id must live as long
        return kept[1]

    def coded(self, codes: np.ndarray) -> CodedPoints:
        """Return the points of codes for an evaluator that takes whole numbers."""
        labels, places = {}, {}
        for j, (name, dimension) in enumerate(self._dimensions.items()):
            own = codes[:, j]
            first, places[name] = distinct(own, int(own.max(initial=0)) + 1)
            found = dimension.decode(own[first]).tolist()
            labels[name], joined = _distinct([canonical(label) for label in found])
            if joined is not None:
                places[name] = joined[places[name]]
        return CodedPoints(n=len(codes), labels=labels, codes=places)

    def decode(self, codes: np.ndarray) -> pd.DataFrame:
        """Return the points of codes, a row a point, a column a parameter."""
        labels = [d.decode(codes[:, j]) for j, d in enumerate(self._dimensions.values())]
        # with its dtype said, pandas leaves text and None as they are
        columns = {
            name: pd.Series(column, dtype=object) if column.dtype == object else column
            for name, column in zip(self, labels, strict=True)
        }
        return pd.DataFrame(columns, copy=False)  # 0.05 ms; naming the columns too takes 0.3

    def shown(self, codes: np.ndarray) -> pd.DataFrame:
        """Return the points of codes as a table for people: "-" where a parameter does not matter."""
        frame, active = self.decode(codes), self.active(codes)
        for j, name in enumerate(self):
            if not active[:, j].all():
                frame[name] = frame[name].astype(object).where(active[:, j], "-")
        return frame

    def point(self, codes: np.ndarray) -> dict[str, Any]:
        """Return one point, codes (dimension,), as plain Python scalars by name."""
        return self.points(codes[np.newaxis])[0]

    def active_point(self, codes: np.ndarray) -> dict[str, Any]:
        """Return of one point, codes (dimension,), the parameters that matter there."""
        active = dict(zip(self, self.active(codes[np.newaxis])[0].tolist(), strict=True))
        return {name: label for name, label in self.point(codes).items() if active[name]}

    def points(self, codes: np.ndarray) -> list[dict[str, Any]]:
        """Return points, codes (point, dimension), as plain Python scalars by name."""
        columns = [d.decode(codes[:, j]).tolist() for j, d in enumerate(self._dimensions.values())]
        return [dict(zip(self, row, strict=True)) for row in zip(*columns, strict=True)]

    def satisfies(self, codes: np.ndarray) -> np.ndarray:
        """Return which codes satisfy the constraints, (point,) bool."""
        if not self._where:
            return np.ones(len(codes), dtype=bool)
        if self._conditions:
            return self._conditions.satisfied(self._rules, codes)
        needed = {name for node in self._where for name in node.params}
        columns = {n: d.decode(codes[:, j]) for j, (n, d) in enumerate(self._dimensions.items()) if n in needed}
        return satisfied(self._where, columns, len(codes))

    def keys(self, codes: np.ndarray) -> np.ndarray:
        """Return one number a point, in the order of its labels: the first parameter counts most.

        Points that differ only in what does not matter have one number.
        """
        codes = self.canonical(codes)
        return np.asarray(codes.astype(self._strides.dtype, copy=False) @ self._strides)

    def _found(self) -> Feasible:
        if self._feasible is None:
            self._feasible = Feasible(self._dimensions, self._conditions, self._where)
        return self._feasible

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON from which `from_dict` makes this space again."""
        dimensions = {name: dimension.to_dict() for name, dimension in self._dimensions.items()}
        return {"dimensions": dimensions, "where": [node.key for node in self._where]}

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Space:
        """Return the space that `to_dict` described."""
        dimensions = {name: dimension_from_dict(entry) for name, entry in payload["dimensions"].items()}
        return cls(where=payload["where"], **dimensions)


def as_frame(points: Any) -> pd.DataFrame:
    """Return points (a DataFrame, a mapping or a list of mappings) as a DataFrame; one that is given is not copied."""
    if isinstance(points, pd.DataFrame):
        return points
    if isinstance(points, Mapping):
        points = [points]
    try:
        rows = [dict(point) for point in points]
    except (TypeError, ValueError):
        raise SpaceError(f"points are {type(points).__name__}; give a DataFrame, a dict, or a list of dicts.") from None
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})


def _strides(sizes: Sequence[int]) -> np.ndarray:
    """Return by how much a key grows with the code of each dimension, (dimension,) int64, or Python's integers."""
    below = [math.prod(sizes[j + 1 :]) for j in range(len(sizes))]
    return np.array(below, dtype=np.int64 if math.prod(sizes) <= _KEY_LIMIT else object)


def _distinct(labels: list[Scalar]) -> tuple[tuple[Scalar, ...], np.ndarray | None]:
    """Return labels each once, and the place of each of the given ones where rounding made some equal."""
    if len(set(labels)) == len(labels):
        return tuple(labels), None
    place: dict[tuple[bool, Scalar], int] = {}
    joined = [place.setdefault((isinstance(label, bool), label), len(place)) for label in labels]  # True is not 1
    return tuple(label for _, label in place), np.array(joined, dtype=np.int64)


def _check_name(name: str) -> None:
    if name in RESERVED_NAMES or hasattr(xr.Dataset, name):
        msg = (
            f"a parameter is named {name!r}, which is taken (a dimension, a column or an attribute of "
            "xr.Dataset); rename it."
        )
        raise SpaceError(msg)
    if not name.isidentifier() or name.startswith("_"):
        msg = f"a parameter is named {name!r}; a name is letters, digits and underscores, and starts with a letter."
        raise SpaceError(msg)


def _as_list(where: Any) -> list[Any]:
    if where is None:
        return []
    return list(where) if isinstance(where, list | tuple) else [where]


def _as_condition(item: Any) -> Any:
    return parse(item, no_call) if isinstance(item, str) else item
