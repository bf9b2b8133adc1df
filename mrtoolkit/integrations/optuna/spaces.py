"""Between Optuna's distributions and the dimensions of a space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalChoiceType,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from mrtoolkit.search.dimensions import Categorical, Dimension, Integer, Real
from mrtoolkit.search.space import Space


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the distributions by which an Optuna trial suggests points of a space; constraints are left aside.

    A continuous `Real` is a float without a step; the others have the steps of their lattice.
    """
    return {name: _distribution(space[name]) for name in space}


class SearchedSpace:
    """A space together with the distributions that it stands for: points of one to codes of the other, and back.

    Parameters
    ----------
    asked : mapping of name to distribution
    space : Space, optional
        Without one the distributions are made one; categories are then kept by their place, so anything may be one.
    """

    def __init__(self, asked: Mapping[str, BaseDistribution], space: Space | None = None) -> None:
        self.asked = dict(asked)
        self._choices: dict[str, tuple[CategoricalChoiceType, ...]] = {}
        if space is None:
            self._choices = {n: _distinct(d) for n, d in asked.items() if isinstance(d, CategoricalDistribution)}
            self._names = {name: f"p{i}" for i, name in enumerate(asked)}  # anything may name a parameter there
            dimensions: dict[str, Any] = {
                self._names[name]: Categorical(range(len(self._choices[name])))
                if name in self._choices
                else _dimension(each)
                for name, each in asked.items()
            }
            space = Space(**dimensions)
        else:
            self._names = {name: name for name in space}
        self.space = space

    def codes(self, params: Mapping[str, Any]) -> np.ndarray | None:
        """Return the lattice codes (dimension,) nearest to a trial's parameters; None where it is no such point.

        A parameter that does not matter at the point may be missing.
        """
        codes = np.zeros(len(self.space), dtype=np.int64)
        missing = []
        for j, (name, mine) in enumerate(self._names.items()):
            if name not in params:
                missing.append(j)
                continue
            code = self._code(name, self.space[mine], params[name])
            if code is None:
                return None
            codes[j] = code
        rows = self.space.canonical(codes[np.newaxis])
        if missing and self.space.active(rows)[0][missing].any():
            return None
        return np.asarray(rows[0]) if self.space.holds(rows)[0] else None

    def params(self, codes: np.ndarray) -> dict[str, Any]:
        """Return the parameters of a point, codes (dimension,), as Optuna takes them."""
        point = self.space.point(codes)
        found = {}
        for name, mine in self._names.items():
            value = point[mine]
            if name in self._choices:
                value = self._choices[name][value]
            elif isinstance(self.asked.get(name), FloatDistribution):
                value = float(value)
            found[name] = value
        return found

    def _code(self, name: str, dimension: Dimension, value: Any) -> int | None:
        if name in self._choices:
            asked = self.asked[name]
            try:
                return self._choices[name].index(asked.to_external_repr(asked.to_internal_repr(value)))
            except ValueError:
                return None
        if isinstance(dimension, Categorical):
            code = int(dimension.encode([value])[0])
            return code if code >= 0 else None
        return _nearest(dimension, value)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Integer):
        if dimension.log and dimension.step != 1:  # which Optuna does not have
            return CategoricalDistribution(list(dimension.labels))
        last = dimension.low + (dimension.size - 1) * dimension.step
        return IntDistribution(dimension.low, last, step=dimension.step, log=dimension.log)
    if isinstance(dimension, Real):
        if dimension.step is None:
            return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
        if dimension.log:
            return CategoricalDistribution(list(dimension.labels))
        highest = float(dimension.decode(np.array([dimension.size - 1]))[0])
        return FloatDistribution(dimension.low, highest, step=dimension.step)
    return CategoricalDistribution(list(dimension.values))


def _dimension(distribution: BaseDistribution) -> Dimension:
    if isinstance(distribution, IntDistribution):
        step = min(distribution.step, max(1, distribution.high - distribution.low))
        return Integer(distribution.low, distribution.high, step, log=distribution.log)
    if isinstance(distribution, FloatDistribution):
        if distribution.low == distribution.high:
            return Real(distribution.low, distribution.high)
        return Real(distribution.low, distribution.high, distribution.step, log=distribution.log)
    msg = f"MultiResSampler knows floats, integers and categories, but not {type(distribution).__name__}."
    raise ValueError(msg)


def _distinct(distribution: CategoricalDistribution) -> tuple[CategoricalChoiceType, ...]:
    """Return the choices that Optuna tells apart: to it True, 1 and 1.0 are the first of them that is listed."""
    places = dict.fromkeys(int(distribution.to_internal_repr(choice)) for choice in distribution.choices)
    return tuple(distribution.choices[place] for place in places)


def _nearest(dimension: Integer | Real, value: Any) -> int | None:
    """Return the code of the label nearest to a number within the bounds, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not dimension.low <= value <= dimension.high:
        return None

    def label(code: int) -> float:
        return float(dimension.decode(np.array([code]))[0])

    low, high = 0, dimension.size - 1
    while high - low > 1:  # labels rise, and there may be 10**12 of them
        middle = (low + high) // 2
        if label(middle) <= value:
            low = middle
        else:
            high = middle
    return low if value - label(low) <= label(high) - value else high
