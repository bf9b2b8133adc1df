"""From a family's pattern and the labels of a feature back to its expression, and to the text of that."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mrtoolkit.errors import MrtoolkitError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Call, Node
from mrtoolkit.features.family import Family, Labels
from mrtoolkit.features.key import code_of, without_output
from mrtoolkit.indicators.parsing import parse


def bind_labels(pattern: Node, parameters: tuple[str, ...], labels: Labels) -> Node:
    """Return the feature of a pattern with these labels."""
    return bind(pattern, dict(zip(parameters, labels, strict=True)))


def todays_pattern(family: Family) -> Call | None:
    """Return a family's pattern as a node; None where the registry cannot read it today, or has other code."""
    text = f"{family.pattern}.{family.outputs[0]}" if family.outputs else family.pattern
    try:
        node = parse(text)
    except MrtoolkitError:
        return None
    pattern = without_output(node) if isinstance(node, Call) else None
    return pattern if pattern is not None and code_of(pattern) == family.code else None


def feature_text(pattern: str, parameters: Sequence[str], labels: Sequence[float]) -> str:
    """Return a pattern's text with labels in it, for what is not registered here too.

    Examples
    --------
    >>> feature_text("ema(P.lookback)", ("lookback",), (12,))
    'ema(12)'
    """
    known = dict(zip(parameters, labels, strict=True))
    return re.sub(r"\bP\.(\w+)", lambda found: repr(known.get(found[1], found[0])), pattern)
