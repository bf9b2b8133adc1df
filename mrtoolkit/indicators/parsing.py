"""From the text of an expression to its node, with the indicators of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrtoolkit.expressions import grammar
from mrtoolkit.expressions.nodes import Node
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
    return grammar.parse(text, _resolve)


def _resolve(name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
    return get(name)(*arguments, **keywords)
