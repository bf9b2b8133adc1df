"""Refuses a request for features that are out of bounds, or could have no value on bars so few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import xarray as xr

from mrtoolkit.data.alignment import is_own, longer_bars
from mrtoolkit.errors import IndicatorError
from mrtoolkit.expressions.nodes import Call, Node, OnTimeframe
from mrtoolkit.features.evaluate import parameters_of
from mrtoolkit.features.key import indicator_of, on_timeframes


def check_long_enough(nodes: Iterable[Node], bars: xr.Dataset) -> None:
    """Return if each indicator, by itself, has a value on these bars; warm-ups of nested ones are not added up.

    Parameters are held to their bounds as well.

    Raises
    ------
    IndicatorError
        Naming the first whose warm-up leaves no bar.
    BarsError
        If the bars do not make bars of a timeframe.
    """
    nodes, n_bars = list(nodes), bars.sizes["time"]
    for timeframe, operands in on_timeframes(nodes).items():
        check_long_enough(operands, bars if is_own(bars, timeframe) else longer_bars(bars, timeframe).bars)
    for node in nodes:
        for call in _calls(node):
            spec = indicator_of(call)
            values = parameters_of([call])[0].tolist()
            for parameter, value in zip(spec.parameters, values, strict=True):
                parameter.check(value, spec.name)
            warmup = spec.warmup_of(values)
            if warmup >= n_bars:
                message = (
                    f"{call.key} has a warm-up of {warmup:,} bars, and the data has {n_bars:,} of "
                    f"{bars.attrs['timeframe']}, so it would have no "
                    f"value at all; take {warmup + 1:,} bars or more, or a smaller parameter."
                )
                raise IndicatorError(message)


def _calls(node: Node) -> Iterator[Call]:
    """The indicators in an expression, those over the bars of other timeframes left out."""
    if isinstance(node, Call):
        yield node
    for child in () if isinstance(node, OnTimeframe) else node.children:
        yield from _calls(child)
