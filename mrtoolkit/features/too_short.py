"""Refuses a request for features that are out of bounds, or could have no value on bars so few."""

from __future__ import annotations

from collections.abc import Iterable

from mrtoolkit.errors import IndicatorError
from mrtoolkit.expressions.nodes import Call, Node
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.evaluate import parameters_of
from mrtoolkit.features.key import indicator_of


def check_long_enough(nodes: Iterable[Node], n_bars: int) -> None:
    """Return if each indicator, by itself, has a value on `n_bars` bars; warm-ups of nested ones are not added up.

    Parameters are held to their bounds as well.

    Raises
    ------
    IndicatorError
        Naming the first whose warm-up leaves no bar.
    """
    for node in nodes:
        for call in walk(node):
            if not isinstance(call, Call):
                continue
            spec = indicator_of(call)
            values = parameters_of([call])[0].tolist()
            for parameter, value in zip(spec.parameters, values, strict=True):
                parameter.check(value, spec.name)
            warmup = spec.warmup_of(values)
            if warmup >= n_bars:
                message = (
                    f"{call.key} has a warm-up of {warmup:,} bars, and the data has {n_bars:,}, so it would have no "
                    f"value at all; take {warmup + 1:,} bars or more, or a smaller parameter."
                )
                raise IndicatorError(message)
