"""The points of a space that satisfy its constraints: how many there are, and points drawn from among them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mrtoolkit.expressions.nodes import Node
from mrtoolkit.search.conditions import Conditions, holds
from mrtoolkit.search.counting import Elimination, Rule, TooLargeError, as_rules, groups
from mrtoolkit.search.dimensions import Dimension

_SAMPLE = 200_000
_ROUNDS = 20  # of drawing for points of a group that cannot be counted


class _Pair(NamedTuple):
    n: int
    is_exact: bool


class Count(_Pair):
    """A number of points, and whether it is exact; equal to that pair.

    Attributes
    ----------
    n : int
    is_exact : bool
    error : int
        Half of the 95 percent interval of an estimate; 0 of an exact count.
    """

    error: int

    def __new__(cls, n: int, is_exact: bool, error: int = 0) -> Count:  # noqa: FBT001
        """Return the count; an estimate with its error."""
        self = super().__new__(cls, n, is_exact)
        self.error = error
        return self

    def __str__(self) -> str:
        """Return the count as a person reads it: 1,234 or about 1,200 (+- 34)."""
        return f"{self.n:,}" if self.is_exact else f"about {self.n:,} (+- {self.error:,})"


class Feasible:
    """The points that satisfy constraints; points that differ only in what does not matter are one.

    Parameters that no constraint and no condition joins are counted apart. A group of which a sum over one parameter
    goes through more than 8,000,000 combinations of labels is estimated, from 200,000 points drawn with a fixed seed.
    """

    __slots__ = ("_conditions", "_count", "_dimensions", "_groups")

    def __init__(
        self,
        dimensions: Mapping[str, Dimension],
        conditions: Conditions,
        where: Sequence[Node],
        extra: Rule | None = None,
    ) -> None:
        self._dimensions = dimensions
        self._conditions = conditions
        rules = as_rules(dimensions, conditions, where) + ([] if extra is None else [extra])
        self._groups: list[tuple[list[str], list[Rule], Elimination | None]] = []
        for names, members in groups(conditions, list(dimensions), rules):
            try:
                found = Elimination(dimensions, conditions, names, members)
            except TooLargeError:
                found = None
            self._groups.append((names, members, found))
        self._count: Count | None = None

    def count(self) -> Count:
        """Return how many points there are."""
        if self._count is None:
            total, variance, is_exact = 1, 0.0, True
            for names, rules, found in self._groups:
                if found is not None:
                    total *= found.n_points
                    continue
                share, deviation = self._share(names, rules)
                total, is_exact = round(math.prod(self._dimensions[name].size for name in names) * share) * total, False
                variance += (deviation / share) ** 2 if share else 0.0
            self._count = Count(total, is_exact, round(1.96 * math.sqrt(variance) * total))
        return self._count

    def place(self, unit: np.ndarray) -> np.ndarray | None:
        """Return points for numbers in [0, 1), (point, dimension): uniform numbers give uniform points.

        None where a group could not be counted. A number moves its own dimension alone, in rising order, where no
        constraint joins it to others; points that fill the cube evenly fill the space evenly.
        """
        codes = np.zeros(unit.shape, dtype=np.int64)
        places = {name: j for j, name in enumerate(self._dimensions)}
        for names, _, found in self._groups:
            if found is None:
                return None
            for name, column in found.place({name: unit[:, places[name]] for name in names}).items():
                codes[:, places[name]] = column
        return codes

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return up to `n` points drawn with replacement, each as likely; fewer where almost nothing can be found."""
        if n == 0 or any(found is not None and found.n_points == 0 for _, _, found in self._groups):
            return np.empty((0, len(self._dimensions)), dtype=np.int64)
        placed = self.place(rng.random((n, len(self._dimensions))))
        if placed is not None:
            return placed
        parts: list[np.ndarray] = []
        n_found = 0
        for _ in range(_ROUNDS):
            codes = np.stack([rng.integers(0, d.size, 4 * n) for d in self._dimensions.values()], axis=1)
            weights = np.ones(len(codes))
            for names, rules, _ in self._groups:
                weights *= self._weights(names, rules, self._by_name(codes))
            parts.append(codes[rng.random(len(codes)) < weights])
            n_found += len(parts[-1])
            if n_found >= n:
                break
        codes = np.concatenate(parts)[:n]
        return np.where(self._conditions.active(codes), codes, 0)

    def _by_name(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        return {name: codes[:, j] for j, name in enumerate(self._dimensions)}

    def _share(self, names: Sequence[str], rules: Sequence[Rule]) -> tuple[float, float]:
        """Return the points of a group as a share of its combinations of labels, and its standard deviation."""
        rng = np.random.default_rng(0)
        weights = self._weights(names, rules, {n: rng.integers(0, self._dimensions[n].size, _SAMPLE) for n in names})
        return float(weights.mean()), float(weights.std() / math.sqrt(_SAMPLE))

    def _weights(self, names: Sequence[str], rules: Sequence[Rule], codes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return of combinations of labels of a group what part of a point each is: 0 where a rule does not hold."""
        columns = {name: self._dimensions[name].decode(codes[name]) for name in names}
        masks: dict[str, np.ndarray] = {}
        weights = np.ones(len(codes[names[0]]))
        for name, rule in self._conditions.rules.items():
            if name in columns:
                masks[name] = holds(rule, columns, masks, unless=False)
                weights /= np.where(masks[name], 1, self._dimensions[name].size)  # so many are the one point
        for item in rules:
            weights *= holds(item.node, columns, masks, unless=item.unless)
        return weights
