"""`Composite`: an indicator that is an expression over others, so that its parts are shared with every other rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from mrtoolkit.errors import IndicatorError
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.expressions.outputs import Outputs
from mrtoolkit.indicators.arguments import bind_arguments, series_node
from mrtoolkit.indicators.parameter import IndicatorParameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """An indicator built of others; it has no kernel and no features of its own.

    Attributes
    ----------
    name : str
        As in a rule.
    parameters : tuple of IndicatorParameter
        In the order of the call; those of its parts have their own bounds too.
    outputs : tuple of str
        Names of its outputs; empty where it is one expression.
    build : callable
        `build(source, *parameters)`: the node of each output by name, or the one node.
    description, formula : str
        One sentence; how it is computed and where this is from.
    """

    name: str
    parameters: tuple[IndicatorParameter, ...]
    outputs: tuple[str, ...]
    build: Callable[..., Mapping[str, Node] | Node]
    description: str = ""
    formula: str = ""

    def __call__(self, *arguments: Any, of: Any = None, **keywords: Any) -> Any:
        """Return the expression, or its `Outputs` where it has several; `of` is its series (default: the close).

        Raises
        ------
        IndicatorError
            For a list of values (its parts share each of them), a number out of bounds, a missing or unknown argument.
        """
        nodes = bind_arguments(self.name, self.parameters, arguments, keywords, more=("of",))
        for parameter, node in zip(self.parameters, nodes, strict=True):
            if node.is_list:  # each of its parts would take the list by itself, and values would be mixed
                msg = (
                    f"{self.name} got the list {node.key} for {parameter.name!r}, but is made of other indicators, "
                    f"which share it; write one for each value: [mrt.{self.name}({parameter.name}=value, ...) for "
                    f"value in {node.key}]."
                )
                raise IndicatorError(msg)
        text = f"{self.name}({', '.join(node.key for node in nodes)})"
        built = self.build(series_node(self.name, "close", of), *nodes)
        return Outputs(text, cast("Mapping[str, Node]", built)) if self.outputs else built
