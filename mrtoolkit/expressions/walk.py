"""Walking an expression."""

from __future__ import annotations

from collections.abc import Iterator

from mrtoolkit.expressions.nodes import Metric, Node


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and all that it is made of, each once, before what it is made of; left to right."""
    seen: set[int] = set()
    stack = [node]
    while stack:
        top = stack.pop()
        if id(top) not in seen:
            seen.add(id(top))
            yield top
            stack.extend(reversed(top.children))


def metrics_of(node: Node) -> tuple[str, ...]:
    """Names of the metrics that `node` depends on, sorted."""
    return tuple(sorted({part.name for part in walk(node) if isinstance(part, Metric)}))
