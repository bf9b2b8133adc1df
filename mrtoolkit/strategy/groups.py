"""What some expressions need at some points, before anything is computed: refusals, warm-ups, indicator calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import numpy as np
import xarray as xr

from mrtoolkit.expressions.binding import bind, bind_some
from mrtoolkit.expressions.nodes import Call, Node, OnTimeframe
from mrtoolkit.features.key import without_output
from mrtoolkit.strategy.operands import bound_rows, calls_of, on_own, operands_of, warmup_of
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.strategy import structural_params

Group = tuple[np.ndarray, dict[str, Node]]
"""Positions of points, and the expressions that their flags, selectors and categories leave, by name."""


def structural_of(nodes: Iterable[Node]) -> frozenset[str]:
    """Parameters that decide what the nodes are made of."""
    return frozenset[str]().union(*map(structural_params, nodes))


def groups_of(points: Points, nodes: Mapping[str, Node], structural: frozenset[str]) -> Iterator[Group]:
    """Yield the points that share flags, selectors and categories, and the expressions that these leave."""
    categories = (name for name, labels in points.labels.items() if not all(map(_is_number, labels)))
    names = tuple(sorted(structural.union(categories)))
    if not names:
        yield np.arange(points.n), dict(_as_they_are(tuple(nodes.items())))
        return
    first, group = points.rows(names)
    for g, i in enumerate(first):
        values = points.values(int(i), names)
        yield np.flatnonzero(group == g), {name: bind_some(node, values) for name, node in nodes.items()}


@lru_cache(maxsize=256)
def _as_they_are(nodes: tuple[tuple[str, Node], ...]) -> dict[str, Node]:
    """What binding no parameter at all makes of some nodes."""
    return {name: bind_some(node, {}) for name, node in nodes}


def bound_operands(points: Points, nodes: Mapping[str, Node], bars: xr.Dataset) -> Iterator[tuple[str, list[Node]]]:
    """Yield each expression's name with each operand of it, bound to every distinct set of its parameters' values.

    Raises
    ------
    StrategyError, IndicatorError, ExpressionError, BarsError
        If a value is no number where one is needed, out of bounds, or an indicator too long for the history.
    """
    for name, node in nodes.items():
        for operand in operands_of(node):
            yield name, bound_rows(operand, points, points.rows(operand.params)[0], bars)


def warmups(points: Points, groups: Iterable[Group], bars: xr.Dataset) -> np.ndarray:
    """Leading bars for which each point has no value, (point,), as the indicators declare it."""
    result = np.zeros(points.n, dtype=np.int64)
    for positions, nodes in groups:
        group = points.take(positions)
        for operand in {id(o): o for node in nodes.values() for o in operands_of(node)}.values():
            rows, index = group.rows(operand.params)
            bound = bound_rows(operand, group, rows, bars)
            warm = np.array([warmup_of(node, bars) for node in bound], dtype=np.int64)[index]
            result[positions] = np.maximum(result[positions], warm)
    return result


def distinct_calls(points: Points, groups: Iterable[Group], bars: xr.Dataset) -> list[Call | OnTimeframe]:
    """The distinct indicator calls that the points use, with their values and timeframes."""
    found: dict[int, Call | OnTimeframe] = {}
    for positions, nodes in groups:
        group = points.take(positions)
        for part in {id(call): call for node in nodes.values() for call in calls_of(node)}.values():
            first, _ = group.rows(part.params)
            for i in first:
                call = on_own(bind(part, group.values(int(i), part.params)), bars)
                if isinstance(call, OnTimeframe) and isinstance(call.operand, Call):
                    row = OnTimeframe(call.timeframe, without_output(call.operand))
                    found.setdefault(id(row), row)
                elif isinstance(call, Call):
                    found.setdefault(id(without_output(call)), without_output(call))
    return list(found.values())


def _is_number(label: object) -> bool:
    return isinstance(label, (int, float)) and not isinstance(label, bool)
