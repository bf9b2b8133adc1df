"""Rules in negation normal form: no Not and no crossing is left, and a missing value makes nothing true.

A condition is true, false or unknown (where a value is missing). `~unknown` is unknown, so negation may not be the
complement of an array of booleans. Pushed down to the comparisons it becomes another ordered comparison, `~(a > b)` is
`a <= b`, which is false where a value is missing: what is left is true exactly where the rule is true whatever the
missing values are taken to be.
"""

from __future__ import annotations

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.nodes import Choose, Comparison, Constant, Cross, Logic, Node, Not, Shift, When
from mrtoolkit.expressions.operators import NEGATED


def normal_form(condition: Node) -> Node:
    """Return `condition` without Not and crossings, true at the same bars.

    Raises
    ------
    ExpressionError
        If `condition` is a number.
    """
    return _pushed(condition, negate=False)


def negated(condition: Node) -> Node:
    """Return the normal form of `~condition`: true where the condition is certainly false."""
    return _pushed(condition, negate=True)


def _pushed(node: Node, *, negate: bool) -> Node:
    if isinstance(node, Comparison):
        return Comparison(NEGATED[node.op], node.left, node.right) if negate else node
    if isinstance(node, Not):
        return _pushed(node.operand, negate=not negate)
    if isinstance(node, Logic):
        op = {"&": "|", "|": "&"}[node.op] if negate else node.op
        return Logic(op, _pushed(node.left, negate=negate), _pushed(node.right, negate=negate))
    if isinstance(node, Constant) and isinstance(node.value, bool):
        return Constant(node.value is not negate)
    if isinstance(node, Cross):
        return _pushed(_crossing(node), negate=negate)
    return _pushed_part(node, negate=negate)


def _pushed_part(node: Node, *, negate: bool) -> Node:
    if isinstance(node, Shift) and node.is_condition:
        return Shift(_pushed(node.operand, negate=negate), node.periods)
    if isinstance(node, When):
        flag = _pushed(node.flag, negate=False) if node.flag.is_condition else node.flag
        return When(flag, _pushed(node.condition, negate=negate), node.otherwise is not negate)
    if isinstance(node, Choose) and node.is_condition:
        return Choose(node.selector, tuple((category, _pushed(case, negate=negate)) for category, case in node.cases))
    raise ExpressionError(f"a rule must be a condition, but {node.key} is a number; compare it, as in {node.key} > 0.")


def _crossing(cross: Cross) -> Node:
    now, before = (">", "<=") if cross.direction == "above" else ("<", ">=")
    earlier = Shift(Comparison(before, cross.left, cross.right), Constant(1))
    return Logic("&", Comparison(now, cross.left, cross.right), earlier)
