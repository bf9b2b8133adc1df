"""The constraints of a space (`where=`): whether any point satisfies them, and how many do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mrtoolkit.errors import SpaceError, nearest
from mrtoolkit.expressions.nodes import Arithmetic, Call, Comparison, Constant, Input, Metric, Node, Parameter
from mrtoolkit.expressions.pointwise import evaluate
from mrtoolkit.expressions.walk import walk
from mrtoolkit.search.dimensions import Categorical, Dimension, nearest_codes

_PROBE = 4_096  # points of the coarse look that nearly every constraint passes
_EXHAUSTIVE = 5_000_000  # sub-lattices up to this size are looked at whole
_CHUNK = 262_144
_SAMPLE = 200_000


def check_constraints(dimensions: Mapping[str, Dimension], where: Sequence[Node]) -> None:
    """Refuse constraints that are no conditions of this space's parameters, or that leave nothing."""
    for node in where:
        _check_form(dimensions, node)
    for node in where:
        if _proven_empty(dimensions, [node]):
            raise SpaceError(_nothing_left(dimensions, node))
    for group in _groups(where):
        if len(group) > 1 and _proven_empty(dimensions, group):
            text = "; ".join(node.key for node in group)
            msg = f"no point of the space satisfies all of {text}, though some satisfy each; relax one of them."
            raise SpaceError(msg)


def satisfied(where: Sequence[Node], columns: Mapping[str, np.ndarray], n_points: int) -> np.ndarray:
    """Return which points satisfy all constraints, (point,) bool."""
    mask = np.ones(n_points, dtype=bool)
    for node in where:
        mask &= np.asarray(evaluate(node, {name: columns[name] for name in node.params}), dtype=bool)
    return mask


def count_satisfying(dimensions: Mapping[str, Dimension], where: Sequence[Node]) -> tuple[int, bool]:
    """Return how many lattice points satisfy the constraints, and whether that count is exact.

    Constraints that share no parameter are counted apart. A group of more than 5,000,000 combinations is estimated
    from 200,000 of them, drawn with a fixed seed.
    """
    total, exact = 1, True
    for name, dimension in dimensions.items():
        if not any(name in node.params for node in where):
            total *= dimension.size
    for group in _groups(where):
        names = _names_of(dimensions, group)
        size = math.prod(dimensions[name].size for name in names)
        if size <= _EXHAUSTIVE:
            total *= sum(int(mask.sum()) for mask in _masks(dimensions, group, names))
        else:
            exact = False
            total *= round(size * _sampled_share(dimensions, group, names))
    return total, exact


def _check_form(dimensions: Mapping[str, Dimension], node: Node) -> None:
    if not isinstance(node, Node) or not node.is_condition:
        shown = node.key if isinstance(node, Node) else repr(node)
        msg = f"where={shown} is no condition; write one over parameters, as in where=P.fast < P.slow."
        raise SpaceError(msg)
    for part in walk(node):
        if isinstance(part, Input | Call | Metric):
            kind = "a metric (give it to constraints=)" if isinstance(part, Metric) else "prices"
            msg = (
                f"where={node.key} asks for {part.key}, which is {kind}; a constraint of a space is over "
                "parameters alone."
            )
            raise SpaceError(msg)
    for name in node.params:
        if name not in dimensions:
            msg = (
                f"where={node.key} names the parameter {name!r}, which the space lacks{nearest(name, dimensions)}; "
                f"its parameters are {', '.join(dimensions)}."
            )
            raise SpaceError(msg)
    if not node.params:
        raise SpaceError(f"where={node.key} names no parameter, so it chooses nothing; remove it.")


def _groups(where: Sequence[Node]) -> list[list[Node]]:
    """Return the constraints in groups that share no parameter."""
    groups: list[tuple[set[str], list[Node]]] = []
    for node in where:
        names, members = set(node.params), [node]
        for other in [g for g in groups if g[0] & names]:
            groups.remove(other)
            names |= other[0]
            members = other[1] + members
        groups.append((names, members))
    return [members for _, members in groups]


def _names_of(dimensions: Mapping[str, Dimension], group: Sequence[Node]) -> list[str]:
    return [name for name in dimensions if any(name in node.params for node in group)]


def _proven_empty(dimensions: Mapping[str, Dimension], group: Sequence[Node]) -> bool:
    names = _names_of(dimensions, group)
    per_dimension = max(2, int(_PROBE ** (1 / len(names))))
    if any(_satisfied_on_grid(dimensions, group, names, count) for count in dict.fromkeys((2, per_dimension))):
        return False
    if any(_outside_bounds(dimensions, node) for node in group):
        return True
    if math.prod(dimensions[name].size for name in names) > _EXHAUSTIVE:
        return False  # not proven: the first level will tell
    return not any(mask.any() for mask in _masks(dimensions, group, names))


def _satisfied_on_grid(
    dimensions: Mapping[str, Dimension], group: Sequence[Node], names: Sequence[str], per_dimension: int
) -> bool:
    """Say whether any of the combinations of so many labels a dimension, spread evenly, satisfies the group."""
    probes = []
    for name in names:
        size = dimensions[name].size
        probes.append(nearest_codes(dimensions[name], np.linspace(0, 1, min(size, per_dimension)), 0, size - 1))
    grid = np.meshgrid(*probes, indexing="ij")
    columns = {name: dimensions[name].decode(codes.ravel()) for name, codes in zip(names, grid, strict=True)}
    return bool(satisfied(group, columns, grid[0].size).any())


def _masks(dimensions: Mapping[str, Dimension], group: Sequence[Node], names: Sequence[str]) -> list[np.ndarray]:
    """Return which combinations of the named dimensions satisfy the group, in chunks."""
    sizes = [dimensions[name].size for name in names]
    masks = []
    for start in range(0, math.prod(sizes), _CHUNK):
        index = np.arange(start, min(start + _CHUNK, math.prod(sizes)))
        codes = np.unravel_index(index, sizes)
        columns = {name: dimensions[name].decode(code) for name, code in zip(names, codes, strict=True)}
        masks.append(satisfied(group, columns, len(index)))
    return masks


def _sampled_share(dimensions: Mapping[str, Dimension], group: Sequence[Node], names: Sequence[str]) -> float:
    rng = np.random.default_rng(0)
    columns = {n: dimensions[n].decode(rng.integers(0, dimensions[n].size, _SAMPLE)) for n in names}
    return float(satisfied(group, columns, _SAMPLE).mean())


def _outside_bounds(dimensions: Mapping[str, Dimension], node: Node) -> bool:
    """Say whether the bounds of both sides alone prove that a comparison is never true."""
    if not isinstance(node, Comparison):
        return False
    left, right = _bounds(dimensions, node.left), _bounds(dimensions, node.right)
    if left is None or right is None:
        return False
    return {
        "<": left[0] >= right[1],
        "<=": left[0] > right[1],
        ">": left[1] <= right[0],
        ">=": left[1] < right[0],
        "==": left[0] > right[1] or left[1] < right[0],
    }.get(node.op, False)


def _bounds(dimensions: Mapping[str, Dimension], node: Node) -> tuple[float, float] | None:
    """Return the least and greatest value of a node by interval arithmetic, None where it does not apply."""
    if isinstance(node, Constant):
        return _point(node.value)
    if isinstance(node, Parameter):
        dimension = dimensions[node.name]
        if isinstance(dimension, Categorical):
            return None
        low, high = dimension.decode(np.array([0, dimension.size - 1]))
        return float(low), float(high)
    if not isinstance(node, Arithmetic) or node.op not in "+-*":
        return None
    left, right = _bounds(dimensions, node.left), _bounds(dimensions, node.right)
    if left is None or right is None:
        return None
    if node.op == "+":
        return left[0] + right[0], left[1] + right[1]
    if node.op == "-":
        return left[0] - right[1], left[1] - right[0]
    corners = [a * b for a in left for b in right]
    return min(corners), max(corners)


def _point(value: object) -> tuple[float, float] | None:
    return (float(value), float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _nothing_left(dimensions: Mapping[str, Dimension], node: Node) -> str:
    if isinstance(node, Comparison) and isinstance(node.left, Parameter) and isinstance(node.right, Parameter):
        below, above = (node.left, node.right) if node.op in ("<", "<=") else (node.right, node.left)
        low, high = _bounds(dimensions, below), _bounds(dimensions, above)
        if low is not None and high is not None and node.op in ("<", "<=", ">", ">="):
            return (
                f"{above.name!r} ends at {high[1]:g} but {below.name!r} starts at {low[0]:g}, so no trial satisfies "
                f"{node.key}; raise {above.name}'s upper bound or lower {below.name}'s lower one."
            )
    shown = ", ".join(f"{name} in {_range_text(dimensions[name])}" for name in node.params)
    return f"no point of the space satisfies where={node.key} with {shown}; relax the constraint or widen a range."


def _range_text(dimension: Dimension) -> str:
    if isinstance(dimension, Categorical):
        return repr(list(dimension.values))
    return f"[{dimension.low:g}, {dimension.high:g}]"
