"""The constraints (`where=`) and conditions (`only=`) of a space: what they may say, whether they leave any point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mrtoolkit.errors import SpaceError, nearest
from mrtoolkit.expressions.nodes import Call, Comparison, Input, Metric, Node, Parameter
from mrtoolkit.expressions.pointwise import evaluate
from mrtoolkit.expressions.walk import walk
from mrtoolkit.search.conditions import Conditions
from mrtoolkit.search.counting import Rule, ancestors
from mrtoolkit.search.dimensions import Categorical, Dimension, nearest_codes
from mrtoolkit.search.feasible import Feasible
from mrtoolkit.search.monotone import bounds

_PROBE = 4_096  # points of the coarse look that nearly every constraint passes


def check_constraints(dimensions: Mapping[str, Dimension], conditions: Conditions, where: Sequence[Node]) -> None:
    """Refuse constraints that are no conditions of this space's parameters, or that leave nothing."""
    for node in where:
        _check_form(dimensions, node)
    for name, rule in conditions.rules.items():
        _check_matters(dimensions, conditions, name, rule)
    for node in where:
        if _proven_empty(dimensions, [node], conditions):
            raise SpaceError(_nothing_left(dimensions, node))
    for group in [where] if conditions else _groups(where):
        if len(group) > 1 and _proven_empty(dimensions, group, conditions):
            text = "; ".join(node.key for node in group)
            msg = f"no point of the space satisfies all of {text}, though some satisfy each; relax one of them."
            raise SpaceError(msg)


def satisfied(where: Sequence[Node], columns: Mapping[str, np.ndarray], n_points: int) -> np.ndarray:
    """Return which points satisfy all constraints, (point,) bool."""
    mask = np.ones(n_points, dtype=bool)
    for node in where:
        mask &= np.asarray(evaluate(node, {name: columns[name] for name in node.params}), dtype=bool)
    return mask


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
                f"its parameters are {', '.join(dimensions)}: give it {name}=mrt.Integer(...), mrt.Real(...) or "
                f"mrt.Categorical([...]), or write the constraint without {name}."
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


def _check_matters(dimensions: Mapping[str, Dimension], conditions: Conditions, name: str, rule: Node) -> None:
    scope = ancestors(conditions, name)
    holds_somewhere = Rule(rule, scope, unless=False)
    if Feasible({n: dimensions[n] for n in dimensions if n in scope}, conditions, [], holds_somewhere).count().n:
        return
    shown = ", ".join(f"{n} in {_range_text(dimensions[n])}" for n in rule.params)
    msg = f"{name!r} matters at no point: nowhere holds its only={rule.key} with {shown}; change the condition."
    raise SpaceError(msg)


def _proven_empty(dimensions: Mapping[str, Dimension], group: Sequence[Node], conditions: Conditions) -> bool:
    names = _names_of(dimensions, group)
    per_dimension = max(2, int(_PROBE ** (1 / len(names))))
    counts = [count for count in dict.fromkeys((2, per_dimension)) if count ** len(names) <= _PROBE]
    if any(_satisfied_on_grid(dimensions, group, names, count) for count in counts):
        return False
    if len(group) == 1 and _outside_bounds(dimensions, group[0]):
        return True
    count = Feasible(dimensions, conditions, group).count()
    return count.is_exact and count.n == 0  # else it is not proven: the first level will tell


def _satisfied_on_grid(
    dimensions: Mapping[str, Dimension], group: Sequence[Node], names: Sequence[str], per_dimension: int
) -> bool:
    """Say whether any of the combinations of so many labels a dimension, spread evenly, satisfies the group."""
    counts = [min(dimensions[name].size, per_dimension) for name in names]
    columns = {}
    n_points = below = math.prod(counts)
    for name, count in zip(names, counts, strict=True):
        codes = nearest_codes(dimensions[name], np.linspace(0, 1, count), 0, dimensions[name].size - 1)
        below //= count
        columns[name] = dimensions[name].decode(codes[np.arange(n_points) // below % count])
    return bool(satisfied(group, columns, n_points).any())


def _outside_bounds(dimensions: Mapping[str, Dimension], node: Node) -> bool:
    """Say whether the bounds of both sides alone prove that a comparison is never true."""
    if not isinstance(node, Comparison):
        return False
    left, right = bounds(dimensions, node.left), bounds(dimensions, node.right)
    if left is None or right is None:
        return False
    return {
        "<": left[0] >= right[1],
        "<=": left[0] > right[1],
        ">": left[1] <= right[0],
        ">=": left[1] < right[0],
        "==": left[0] > right[1] or left[1] < right[0],
    }.get(node.op, False)


def _nothing_left(dimensions: Mapping[str, Dimension], node: Node) -> str:
    if isinstance(node, Comparison) and isinstance(node.left, Parameter) and isinstance(node.right, Parameter):
        below, above = (node.left, node.right) if node.op in ("<", "<=") else (node.right, node.left)
        low, high = bounds(dimensions, below), bounds(dimensions, above)
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
