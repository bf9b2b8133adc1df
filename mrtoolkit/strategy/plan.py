"""The plan of rules: conditions and settings, each once per distinct value of its own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mrtoolkit.expressions.nodes import Constant, Node
from mrtoolkit.strategy.abstract_plan import AbstractPlan
from mrtoolkit.strategy.groups import bound_operands
from mrtoolkit.strategy.operands import Operands
from mrtoolkit.strategy.pieces import Piece
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.signals import Signals
from mrtoolkit.strategy.span import Span
from mrtoolkit.strategy.strategy import SETTINGS, Strategy, check_setting

_NEVER = Constant(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(AbstractPlan[Span, Signals]):
    """A strategy over bars, ready to be asked for the signals of points; signals are a byte a bar."""

    strategy: Strategy

    def check(self, points: Points) -> None:
        """Refuse points that cannot be run; computes nothing.

        Raises
        ------
        StrategyError, IndicatorError, ExpressionError
            Naming the value, what is allowed, and what to do.
        """
        for positions, nodes in self._groups(points):
            for name, bound in bound_operands(points.take(positions), nodes, self.bars):
                for node in bound:
                    if name in SETTINGS and isinstance(node, Constant):
                        check_setting(name, node.value)

    def _named_nodes(self) -> Mapping[str, Node]:
        """The rules in normal form and the settings, by name; a rule that there is not is never true."""
        rules = {name: _NEVER if rule is None else rule for name, rule in self.strategy.rules.items()}
        return {**rules, **self.strategy.settings}

    def _span(self, operands: Operands, piece: Piece) -> Span:
        return Span(operands=operands, points=piece.points, positions=piece.positions, nodes=piece.nodes)
