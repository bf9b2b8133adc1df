"""A strategy: when to be in the market, on which side, with how much, and when to be thrown out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mrtoolkit.errors import StrategyError, nearest
from mrtoolkit.expressions.nodes import Choose, Constant, Cross, Logic, Node, OnTimeframe, Values, When, as_node
from mrtoolkit.expressions.normal_form import normal_form
from mrtoolkit.expressions.walk import metrics_of, walk
from mrtoolkit.indicators.parsing import parse

RULES = ("entry", "exit", "short_entry", "short_exit")
SETTINGS = ("size", "stop_loss", "take_profit", "trailing_stop", "max_bars")
_SIDES = ("long", "short", "both")
_REENTRIES = ("signal", "state")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strategy:
    """When to enter and leave, with which size and which stops; what it means stands in the trading model.

    Parameters
    ----------
    entry, exit : condition, or its text
        Of a long position. Rules are states, not edges: it is held from the first close at which `entry & ~exit`
        to the first at which `exit`. No exit means `~entry`.
    short_entry, short_exit : condition, optional
        Of a short one.
    side : {"long", "short", "both"}
        "both" is short for ``short_entry=exit, short_exit=entry``; "short" turns the rule round: `entry` and `exit` are
        those of a short position.
    size : number, parameter or expression
        Fraction of equity to put in, read at the signal bar; above 1 borrows.
    stop_loss, take_profit, trailing_stop : number, parameter or expression, optional
        Fractions of the fill bar's raw price, read at the signal bar. None, also as a value of a parameter, is no stop.
    max_bars : number, parameter or expression, optional
        Leave after so many bars.
    reentry : {"signal", "state"}
        After a stop, a target or `max_bars`: enter once the entry has been false and is true again ("signal"), or at
        the next close where it is true ("state").

    Raises
    ------
    StrategyError
        If the parts do not make a strategy: no entry, a stop outside (0, 1), a crossing entry without an exit, ...
    ExpressionError
        If a rule is not an expression.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> mrt.Strategy(entry=mrt.ema(mrt.P.fast) > mrt.ema(mrt.P.slow), stop_loss=0.1).params
    ('fast', 'slow')
    """

    entry: Any = None
    exit: Any = None
    short_entry: Any = None
    short_exit: Any = None
    side: str = "long"
    size: Any = 1.0
    stop_loss: Any = None
    take_profit: Any = None
    trailing_stop: Any = None
    max_bars: Any = None
    reentry: str = "signal"

    def __post_init__(self) -> None:
        for name, allowed in (("side", _SIDES), ("reentry", _REENTRIES)):
            if getattr(self, name) not in allowed:
                got = getattr(self, name)
                raise StrategyError(f"{name} is {got!r}, but it is one of {', '.join(allowed)}{nearest(got, allowed)}.")
        for name in RULES:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_rule(name, getattr(self, name)))
        for name in SETTINGS:
            object.__setattr__(self, name, _as_setting(name, getattr(self, name)))
        self._check_sides()

    def _check_sides(self) -> None:
        if self.side != "long" and (self.short_entry is not None or self.short_exit is not None):
            raise StrategyError(
                f"side={self.side!r} derives the short rules from entry and exit, but short_entry or short_exit is "
                "given too; leave out side, or the short rules."
            )
        if self.entry is None and self.short_entry is None:
            raise StrategyError(
                "the strategy has no entry; give entry= (or short_entry=) a condition, as in mrt.ema(5) > mrt.ema(20)."
            )
        for entry, leave in (("entry", "exit"), ("short_entry", "short_exit")):
            rule = getattr(self, entry)
            if rule is None and getattr(self, leave) is not None:
                raise StrategyError(f"{leave} is given without {entry}; give {entry} too, or leave {leave} out.")
            if rule is not None and getattr(self, leave) is None and _is_event(rule):
                raise StrategyError(
                    f"{entry} is a crossing, {rule.key}, true for one bar, and without {leave} the position would be "
                    f"held for that bar alone; give {leave}= the opposite crossing, or write the "
                    f"{entry} as a state (a > b)."
                )

    @property
    def rules(self) -> Mapping[str, Node | None]:
        """The four rules with `side` and missing exits worked out, in normal form; None where there is none."""
        entry, leave = self.entry, self.exit
        if entry is not None and leave is None:
            leave = ~entry
        short_entry, short_exit = self.short_entry, self.short_exit
        if short_entry is not None and short_exit is None:
            short_exit = ~short_entry
        if self.side == "both":
            short_entry, short_exit = leave, entry
        elif self.side == "short":
            entry, leave, short_entry, short_exit = None, None, entry, leave
        found = {"entry": entry, "exit": leave, "short_entry": short_entry, "short_exit": short_exit}
        return {name: None if rule is None else normal_form(rule) for name, rule in found.items()}

    @property
    def settings(self) -> Mapping[str, Node]:
        """Size, stops and longest holding as expressions; the constant None where there is none."""
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def params(self) -> tuple[str, ...]:
        """Names of the parameters that the strategy depends on, sorted."""
        nodes = [getattr(self, name) for name in (*RULES, *SETTINGS)]
        return tuple(sorted({param for node in nodes if node is not None for param in node.params}))

    def to_dict(self) -> dict[str, Any]:
        """The strategy as plain JSON: rules and settings as their text."""
        result: dict[str, Any] = {"side": self.side, "reentry": self.reentry}
        for name in (*RULES, *SETTINGS):
            node = getattr(self, name)
            if node is not None and not (isinstance(node, Constant) and node.value is None):
                result[name] = node.key
        return result

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Strategy:
        """Restore a strategy from `to_dict`; its text is parsed, never evaluated."""
        known = {field.name for field in fields(cls)}
        for key in content:
            if key not in known:
                raise StrategyError(
                    f"a strategy has no {key!r}{nearest(key, known)}; it has {', '.join(sorted(known))}."
                )
        words: dict[str, Any] = {
            key: parse(value) if key in (*RULES, *SETTINGS) and isinstance(value, str) else value
            for key, value in content.items()
        }
        return cls(**words)

    def __eq__(self, other: object) -> bool:
        """Whether both have the same text; their nodes make conditions of `==`."""
        return isinstance(other, Strategy) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Hash of the text."""
        return hash(repr(self))

    def __repr__(self) -> str:
        """Return the strategy as one would write it."""
        return f"Strategy({', '.join(f'{key}={value}' for key, value in self.to_dict().items())})"


def _as_rule(name: str, value: Any) -> Node:
    if isinstance(value, bool):
        raise StrategyError(
            f"{name} is {value}, but it must be a condition of the bars, as in mrt.close > mrt.sma(20)."
        )
    node = parse(value) if isinstance(value, str) else as_node(value)
    check_leaves(name, node)
    if not node.is_condition or isinstance(node, Constant):
        raise StrategyError(
            f"{name} is {node.key}, which is not a condition of the bars; compare it, as in {node.key} > 0."
        )
    return node


def _as_setting(name: str, value: Any) -> Node:
    node = parse(value) if isinstance(value, str) else as_node(value)
    check_leaves(name, node)
    if node.is_condition:
        raise StrategyError(
            f"{name} is {node.key}, a condition or flag, but it must be a number; give it a fraction or an expression."
        )
    if isinstance(node, Constant):
        check_setting(name, node.value)
    return node


def check_leaves(name: str, node: Node) -> None:
    """Refuse what has no value a bar: a metric, or a list of values."""
    if metrics_of(node):
        raise StrategyError(
            f"{name} is {node.key}, which uses a metric; metrics are known after a trial: use them as an objective."
        )
    for part in walk(node):
        if isinstance(part, Values):
            raise StrategyError(
                f"{name} has a list of values, {part.key}, which is for compute_batch; "
                "write a parameter, as in P.lookback."
            )


def check_setting(name: str, value: object) -> None:
    """Refuse a number that has no meaning as a size, stop or longest holding.

    Raises
    ------
    StrategyError
        Naming the setting, the value and what is allowed.
    """
    if value is None and name != "size":
        return
    if isinstance(value, (bool, str)) or value is None:
        raise StrategyError(f"{name} is {value!r}, but it must be a number.")
    number = float(value)  # type: ignore[arg-type]
    if not number > 0.0:
        cure = "leave it out for none" if name != "size" else "a strategy that trades nothing has nothing to tell"
        raise StrategyError(f"{name} is {value}, but it must be above 0; {cure}.")
    if name in ("stop_loss", "trailing_stop") and number >= 1.0:
        raise StrategyError(f"{name} is {value}, but it is a fraction of the price below 1; write 0.05 for 5 percent.")
    if name == "max_bars" and number != int(number):
        raise StrategyError(f"max_bars is {value}, but it counts bars; give a whole number.")


def _is_event(rule: Node) -> bool:
    """Whether a condition is true for one bar at a time because of a crossing."""
    if isinstance(rule, Cross):
        return True
    if isinstance(rule, Logic):
        sides = (_is_event(rule.left), _is_event(rule.right))
        return any(sides) if rule.op == "&" else all(sides)
    if isinstance(rule, When):
        return _is_event(rule.condition)
    if isinstance(rule, Choose):
        return any(_is_event(case) for _, case in rule.cases)
    return False


def structural_params(node: Node) -> frozenset[str]:
    """Parameters that decide what `node` is made of rather than a number in it: flags, selectors, timeframes."""
    found: set[str] = set()
    for part in walk(node):
        if isinstance(part, When):
            found.update(part.flag.params)
        elif isinstance(part, Choose):
            found.add(part.selector.name)
        elif isinstance(part, OnTimeframe):
            found.update(part.timeframe.params)
    return frozenset(found)
