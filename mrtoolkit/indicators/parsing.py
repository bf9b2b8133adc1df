"""From the text of an expression to its node, with the indicators of the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mrtoolkit.expressions.grammar import parse as parse_text
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.expressions.outputs import Outputs
from mrtoolkit.indicators.registry import get


def parse(text: str) -> Node:
    """Return the node of a text such as `"ema(P.fast) > ema(P.slow)"`; `mrt.parse(node.key)` is `node`.

    Raises
    ------
    ExpressionError
        If the text is no expression; the position is named.
    IndicatorError
        If it calls an indicator that is not registered, or one with a parameter out of its bounds.
    """
    return parse_text(text, _resolve)


def _resolve(name: str, arguments: Sequence[Node], keywords: Mapping[str, Node]) -> Node | Outputs:
    called: Node | Outputs = get(name)(*arguments, **keywords)
    return called
