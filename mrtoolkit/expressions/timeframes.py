"""Expressions over the bars of another timeframe, handed on to the indicators and inputs that they are made of."""

from __future__ import annotations

from typing import TypeVar

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.nodes import (
    Arithmetic,
    Call,
    Choose,
    Comparison,
    Constant,
    Cross,
    Function,
    Input,
    Logic,
    Node,
    Not,
    OnTimeframe,
    Shift,
    When,
    as_node,
)
from mrtoolkit.expressions.outputs import Outputs

_T = TypeVar("_T", Node, Outputs)
_ONE = Constant(1)


def timeframe(timeframe: object, expression: _T) -> _T:
    """Return an expression over the bars of a longer timeframe, as it is known at each bar.

    At a bar's close it has the value of the last *completed* longer bar: one whose time is over, by the clock, at that
    close. A day of hourly bars is thus complete at the close of the bar from 23:00, or where there is none at that of
    the next day's first bar; a week of daily bars at Sunday's or Monday's close. No value before the first.

    Parameters
    ----------
    timeframe : text or parameter
        "15min", "4h", "1D", "1W", "1MS": hours and minutes are counted from midnight, weeks from Monday, on the bars'
        own clock. Or `P.tf`, with `Categorical(["1h", "4h", "1D"])` in the space. The bars' own timeframe leaves the
        expression as it is.
    expression : node, or what has several outputs
        Its indicators and inputs are those of the longer bars, and so is `.shift(1)`: the longer bar before. No
        timeframe may stand inside another.

    Returns
    -------
    Node, or Outputs
        The same expression with the timeframe at each indicator and input: parts are shared with other rules.

    Raises
    ------
    ExpressionError
        If the timeframe is unknown, or one stands inside another. When the rule meets bars that no such timeframe can
        be made of (shorter than theirs, no whole number of theirs, irregular ones), a BarsError says so.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> mrt.timeframe("4h", mrt.ema(mrt.P.n) > mrt.close)
    timeframe("4h", ema(P.n)) > timeframe("4h", close)
    >>> bars = mrt.data.simulate(bars=100, freq="1h", seed=0)
    >>> strategy = mrt.Strategy(entry=mrt.close > mrt.timeframe("4h", mrt.ema(5)))
    >>> mrt.Backtest(bars, strategy).trial({}).position.sizes["time"]
    100
    """
    length = as_node(timeframe)
    if isinstance(expression, Outputs):
        nodes = {name: _handed_on(length, expression[name], ()) for name in expression.names}
        text = repr(expression).partition(" with the outputs ")[0]
        return Outputs(f"timeframe({length.key}, {text})", nodes)
    node = as_node(expression)
    if not node.is_series:
        raise ExpressionError(
            f"{node.key} is the same at every bar of any timeframe; give an indicator or an input, as in "
            'mrt.timeframe("4h", mrt.ema(P.n)).'
        )
    return _handed_on(length, node, ())


def _handed_on(length: Node, node: Node, shifts: tuple[Node, ...]) -> Node:
    """The node over longer bars, shifted by so many of these, inner shifts first."""

    def on(part: Node) -> Node:
        return _handed_on(length, part, shifts)

    if not node.is_series:
        return node
    if isinstance(node, Call | Input | OnTimeframe):
        for periods in shifts:
            node = node.shift(periods)
        return OnTimeframe(length, node)
    if isinstance(node, Shift):
        return _handed_on(length, node.operand, (node.periods, *shifts))
    if isinstance(node, Cross):  # of two longer bars: at every bar at which the later one is the last
        now, before = (">", "<=") if node.direction == "above" else ("<", ">=")
        earlier = [_handed_on(length, side, (_ONE, *shifts)) for side in (node.left, node.right)]
        return Logic("&", Comparison(now, on(node.left), on(node.right)), Comparison(before, *earlier))
    if isinstance(node, Arithmetic | Comparison | Logic):
        return type(node)(node.op, on(node.left), on(node.right))
    if isinstance(node, Function):
        return Function(node.name, tuple(on(operand) for operand in node.operands))
    if isinstance(node, Not):
        return Not(on(node.operand))
    if isinstance(node, When):
        return When(node.flag, on(node.condition), node.otherwise)
    if isinstance(node, Choose):
        return Choose(node.selector, tuple((category, on(case)) for category, case in node.cases))
    raise ExpressionError(f"{node.key} has no timeframe; give an indicator or an input.")
