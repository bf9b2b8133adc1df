"""In which direction a condition of parameters turns true when one of them grows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mrtoolkit.expressions.nodes import Arithmetic, Comparison, Constant, Function, Logic, Node, Parameter
from mrtoolkit.search.dimensions import Categorical, Dimension

_UP = {"<": False, "<=": False, ">": True, ">=": True}


def direction(dimensions: Mapping[str, Dimension], node: Node, name: str) -> int | None:
    """Return how a condition in normal form, or a number, follows a parameter, the others fixed.

    Returns
    -------
    1 where it never falls as the parameter grows (false counts below true), -1 where it never rises, 0 where it does
    not depend on it, None where nothing is known. It is true of the rounded arithmetic too: sums, products and
    quotients are rounded correctly, and correct rounding keeps order.
    """
    if name not in node.params:
        return 0
    if isinstance(node, Parameter):
        return None if isinstance(dimensions[name], Categorical) else 1
    if isinstance(node, Logic):
        return _joined(direction(dimensions, node.left, name), direction(dimensions, node.right, name))
    if isinstance(node, Comparison) and node.op in _UP:
        left, right = direction(dimensions, node.left, name), direction(dimensions, node.right, name)
        return _joined(left, _turned(right)) if _UP[node.op] else _joined(_turned(left), right)
    if isinstance(node, Arithmetic):
        return _of_arithmetic(dimensions, node, name)
    if isinstance(node, Function):
        ways = [direction(dimensions, operand, name) for operand in node.operands]
        if node.name in ("minimum", "maximum"):
            return _joined(*ways)
        return _turned(ways[0]) if node.name == "neg" else None
    return None


def bounds(dimensions: Mapping[str, Dimension], node: Node) -> tuple[float, float] | None:
    """Return the least and greatest value of a node by interval arithmetic, None where it does not apply."""
    if isinstance(node, Constant):
        return _ends([node.value])
    if isinstance(node, Parameter):
        dimension = dimensions[node.name]
        if isinstance(dimension, Categorical):
            return _ends(list(dimension.values))
        low, high = dimension.decode(np.array([0, dimension.size - 1]))
        return float(low), float(high)
    if not isinstance(node, Arithmetic) or node.op not in "+-*":
        return None
    left, right = bounds(dimensions, node.left), bounds(dimensions, node.right)
    if left is None or right is None:
        return None
    if node.op == "+":
        return left[0] + right[0], left[1] + right[1]
    if node.op == "-":
        return left[0] - right[1], left[1] - right[0]
    corners = [a * b for a in left for b in right]
    return min(corners), max(corners)


def is_numeric(dimensions: Mapping[str, Dimension], node: Node) -> bool:
    """Say whether a node is arithmetic of numbers that are never missing, so that `==` is `<=` and `>=`."""
    if isinstance(node, Parameter):
        return not isinstance(dimensions[node.name], Categorical)
    if isinstance(node, Constant):
        return _ends([node.value]) is not None
    return isinstance(node, Arithmetic) and node.op in "+-*" and all(is_numeric(dimensions, c) for c in node.children)


def _of_arithmetic(dimensions: Mapping[str, Dimension], node: Arithmetic, name: str) -> int | None:
    left, right = direction(dimensions, node.left, name), direction(dimensions, node.right, name)
    if node.op == "+":
        return _joined(left, right)
    if node.op == "-":
        return _joined(left, _turned(right))
    if node.op == "*" and right == 0:
        return _times(left, _sign(dimensions, node.right))
    if node.op == "*" and left == 0:
        return _times(right, _sign(dimensions, node.left))
    if node.op == "/" and right == 0 and _sign(dimensions, node.right, strictly=True):
        return _times(left, _sign(dimensions, node.right))
    return None


def _sign(dimensions: Mapping[str, Dimension], node: Node, *, strictly: bool = False) -> int | None:
    ends = bounds(dimensions, node)
    if ends is None or (strictly and ends[0] <= 0 <= ends[1]):
        return None
    return 1 if ends[0] >= 0 else -1 if ends[1] <= 0 else None


def _times(way: int | None, sign: int | None) -> int | None:
    return None if way is None or sign is None else way * sign


def _turned(way: int | None) -> int | None:
    return None if way is None else -way


def _joined(*ways: int | None) -> int | None:
    """Return the direction of what follows all of these."""
    found = set(ways) - {0}
    return 0 if not found else found.pop() if len(found) == 1 else None


def _ends(values: list[object]) -> tuple[float, float] | None:
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return None
    numbers = [float(value) for value in values]  # type: ignore[arg-type]
    return min(numbers), max(numbers)
