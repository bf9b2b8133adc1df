"""A strategy's rules, stops and size worked out bar by bar, from the words of the design and nothing of the package.

Numbers are floats, NaN where there is none. Conditions have three values: True, False and None (it depends on what is
missing); a rule holds where it is True. Indicators are the textbook's loops below. Nodes are read by their public
fields alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

NAN = math.nan


class Rules:
    """The nodes of one strategy over one asset's columns, for one choice of parameter values."""

    def __init__(self, columns: Mapping[str, Sequence[float]], values: Mapping[str, Any]) -> None:
        self.columns = {name: [float(x) for x in column] for name, column in columns.items()}
        self.values = dict(values)
        self.n_bars = len(self.columns["close"])
        self._numbers: dict[str, list[float]] = {}

    def scalar(self, node: Any) -> Any:
        """The value of a node without bars: a constant, a parameter, arithmetic and comparison of these."""
        kind = type(node).__name__
        if kind == "Constant":
            return node.value
        if kind == "Parameter":
            return self.values[node.name]
        if kind == "Arithmetic":
            return number_of(node.op, self.scalar(node.left), self.scalar(node.right))
        if kind == "Comparison":
            left, right = self.scalar(node.left), self.scalar(node.right)
            return (
                left == right
                if node.op == "=="
                else left != right
                if node.op == "!="
                else compare(node.op, left, right)
            )
        raise NotImplementedError(kind)

    def number(self, node: Any) -> list[float]:
        """A node of numbers at every bar; None (a stop that is not there) is infinity."""
        if node.key not in self._numbers:
            self._numbers[node.key] = self._number(node)
        return self._numbers[node.key]

    def _number(self, node: Any) -> list[float]:
        kind, bars = type(node).__name__, range(self.n_bars)
        if kind in ("Constant", "Parameter"):
            value = self.scalar(node)
            return [math.inf if value is None else float(value)] * self.n_bars
        if kind == "Input":
            return self.columns[node.name]
        if kind == "Arithmetic":
            left, right = self.number(node.left), self.number(node.right)
            return [number_of(node.op, left[t], right[t]) for t in bars]
        if kind == "Function":
            operands = [self.number(operand) for operand in node.operands]
            return [function_of(node.name, [operand[t] for operand in operands]) for t in bars]
        if kind == "Shift":
            inner, periods = self.number(node.operand), int(self.scalar(node.periods))
            return [inner[t - periods] if t >= periods else NAN for t in bars]
        if kind == "Choose":
            return self.number(dict(node.cases)[self.scalar(node.selector)])
        if kind == "Call":
            sources = [self.number(source) for source in node.sources]
            return INDICATORS[node.name](*sources, *(self.scalar(argument) for argument in node.arguments))
        raise NotImplementedError(kind)

    def truth(self, node: Any, t: int) -> bool | None:
        """A condition at one bar: True, False, or None where it depends on what is missing."""
        kind = type(node).__name__
        if t < 0:
            return None
        if kind == "Comparison":
            if not is_of_bars(node):
                return bool(self.scalar(node))
            return compare(node.op, self.number(node.left)[t], self.number(node.right)[t])
        if kind == "Logic":
            return either(node.op, self.truth(node.left, t), self.truth(node.right, t))
        if kind == "Not":
            inner = self.truth(node.operand, t)
            return None if inner is None else not inner
        if kind == "Shift":
            return self.truth(node.operand, t - int(self.scalar(node.periods)))
        if kind == "Cross":
            left, right = self.number(node.left), self.number(node.right)
            if t == 0:
                now, before = compare(">", left[0], right[0]), None
                now = now if node.direction == "above" else compare("<", left[0], right[0])
            elif node.direction == "above":
                now, before = compare(">", left[t], right[t]), compare("<=", left[t - 1], right[t - 1])
            else:
                now, before = compare("<", left[t], right[t]), compare(">=", left[t - 1], right[t - 1])
            return either("&", now, before)
        if kind == "When":
            return self.truth(node.condition, t) if self.scalar(node.flag) else node.otherwise
        if kind == "Choose":
            return self.truth(dict(node.cases)[self.scalar(node.selector)], t)
        if kind == "Constant":
            return bool(node.value)
        raise NotImplementedError(kind)

    def rule(self, node: Any) -> list[bool]:
        """Where a condition is true whatever the missing values are."""
        return [self.truth(node, t) is True for t in range(self.n_bars)]

    def negated(self, node: Any) -> list[bool]:
        """Where a condition is false whatever the missing values are."""
        return [self.truth(node, t) is False for t in range(self.n_bars)]

    def warm(self, node: Any) -> int:
        """The first bar by which every number that is compared in effect (or is the node) has had a value.

        What parameters alone settle, as `when(P.use, a > b) | (c > d)` with `use` off, compares nothing.
        """
        kind = type(node).__name__
        if node.is_condition and self.settled(node) is not None:
            return 0
        if not node.is_condition:
            values = self.number(node)
            return next((t for t in range(self.n_bars) if values[t] == values[t]), self.n_bars)
        if kind == "Comparison":
            return max(self.warm(node.left), self.warm(node.right))
        if kind == "Logic":
            return max(self.warm(node.left), self.warm(node.right))
        if kind == "Not":
            return self.warm(node.operand)
        if kind == "Shift":
            return min(self.n_bars, self.warm(node.operand) + int(self.scalar(node.periods)))
        if kind == "Cross":
            return min(self.n_bars, 1 + max(self.warm(node.left), self.warm(node.right)))
        if kind == "When":
            return self.warm(node.condition)
        return self.warm(dict(node.cases)[self.scalar(node.selector)])

    def settled(self, node: Any) -> bool | None:
        """The truth of a condition where parameters alone decide it, else None."""
        kind = type(node).__name__
        if kind == "Logic":
            return either(node.op, self.settled(node.left), self.settled(node.right))
        if kind == "Not":
            inner = self.settled(node.operand)
            return None if inner is None else not inner
        if kind == "When":
            return self.settled(node.condition) if self.scalar(node.flag) else node.otherwise
        if kind == "Choose":
            return self.settled(dict(node.cases)[self.scalar(node.selector)])
        if kind in ("Shift", "Cross") or is_of_bars(node):
            return None
        return bool(self.scalar(node))


def trial_inputs(
    columns: Mapping[str, Sequence[float]], values: Mapping[str, Any], words: Mapping[str, Any]
) -> dict[str, Any]:
    """The rules of `naive.backtest` from the words given to `Strategy` (nodes, numbers or None)."""
    rules, side = Rules(columns, values), words.get("side", "long")
    entry, exit = words["entry"], words.get("exit")
    short = {"entry": words.get("short_entry"), "exit": words.get("short_exit")}
    enter = [False] * rules.n_bars if entry is None else rules.rule(entry)
    leave = enter if entry is None else rules.negated(entry) if exit is None else rules.rule(exit)
    given = [node for node in (entry, exit, short["entry"], short["exit"]) if node is not None]
    if side == "both":  # short_entry=exit, short_exit=entry
        out = {"entry": enter, "exit": leave, "short_entry": leave, "short_exit": enter}
    elif side == "short":  # the rule turned round
        out = {"short_entry": enter, "short_exit": leave}
    else:
        out = {"entry": enter, "exit": leave}
        if short["entry"] is not None:
            out["short_entry"] = rules.rule(short["entry"])
            out["short_exit"] = rules.negated(short["entry"]) if short["exit"] is None else rules.rule(short["exit"])
    for word in ("size", "stop_loss", "take_profit", "trailing_stop"):
        value = words.get(word, 1.0 if word == "size" else None)
        if hasattr(value, "key"):
            out[word] = rules.number(value)
            given.append(value)
        else:
            out[word] = value
    limit = words.get("max_bars")
    out["max_bars"] = rules.scalar(limit) if hasattr(limit, "key") else limit
    out["warm"] = max(rules.warm(node) for node in given)
    out["reentry"] = words.get("reentry", "signal")
    return out


def is_of_bars(node: Any) -> bool:
    """Whether a node has a value a bar, and not one for all of them."""
    return type(node).__name__ in ("Input", "Call") or any(is_of_bars(child) for child in node.children)


def compare(op: str, left: float, right: float) -> bool | None:
    """One comparison, None where a side is missing; what differs by rounding (a mean of equal prices) is equal."""
    if left != left or right != right:
        return None
    if math.isclose(left, right, rel_tol=1e-13):
        left = right
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right, "==": left == right,
            "!=": left != right}[op]  # fmt: skip


def either(op: str, left: bool | None, right: bool | None) -> bool | None:
    """`left & right` or `left | right` of three values (Kleene)."""
    decides = op == "|"
    if left is decides or right is decides:
        return decides
    return None if left is None or right is None else not decides


def number_of(op: str, left: float, right: float) -> float:
    """Arithmetic as floating point has it: x / 0 is infinite, 0 / 0 has no value."""
    if op == "/" and right == 0.0:
        return NAN if left == 0.0 or left != left else math.copysign(math.inf, left) * math.copysign(1.0, right)
    return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right,
            "**": lambda: left**right}[op]()  # fmt: skip


def function_of(name: str, values: list[float]) -> float:
    """abs, neg, log, sqrt, minimum, maximum; no value where an operand has none."""
    x = values[0]
    if any(value != value for value in values):
        return NAN
    if name in ("log", "sqrt") and x < 0.0:
        return NAN
    if name == "log" and x == 0.0:
        return -math.inf
    return {"neg": lambda: -x, "abs": lambda: abs(x), "log": lambda: math.log(x), "sqrt": lambda: math.sqrt(x),
            "minimum": lambda: min(values), "maximum": lambda: max(values)}[name]()  # fmt: skip


def _windows(x: list[float], lookback: int) -> list[list[float] | None]:
    """The last `lookback` values at each bar; None where there are fewer or one of them is missing."""
    windows = [x[t + 1 - lookback : t + 1] if t + 1 >= lookback else None for t in range(len(x))]
    return [None if window is None or any(value != value for value in window) else window for window in windows]


def _smooth(x: list[float], lookback: float, alpha: float) -> list[float]:
    """y += alpha * (x - y), from the mean of the first ceil(lookback) values on; a missing value is passed over."""
    out, first, y = [NAN] * len(x), [], NAN
    for t, value in enumerate(x):
        if value != value:
            continue
        if len(first) < math.ceil(lookback):
            first.append(value)
            y = sum(first) / len(first)
        else:
            y += alpha * (value - y)
        out[t] = y if len(first) == math.ceil(lookback) else NAN
    return out


def sma(x: list[float], lookback: int) -> list[float]:
    return [NAN if window is None else sum(window) / lookback for window in _windows(x, lookback)]


def ema(x: list[float], lookback: float) -> list[float]:
    return _smooth(x, lookback, 2.0 / (lookback + 1.0))


def wma(x: list[float], lookback: int) -> list[float]:
    weights = range(1, lookback + 1)
    return [
        NAN if w is None else sum(a * b for a, b in zip(weights, w, strict=True)) / sum(weights)
        for w in _windows(x, lookback)
    ]


def stdev(x: list[float], lookback: int) -> list[float]:
    out = []
    for window in _windows(x, lookback):
        mean = NAN if window is None else sum(window) / lookback
        out.append(NAN if window is None else math.sqrt(sum((value - mean) ** 2 for value in window) / lookback))
    return out


def highest(x: list[float], lookback: int) -> list[float]:
    return [NAN if window is None else max(window) for window in _windows(x, lookback)]


def lowest(x: list[float], lookback: int) -> list[float]:
    return [NAN if window is None else min(window) for window in _windows(x, lookback)]


def roc(x: list[float], lookback: int) -> list[float]:
    return [100.0 * (x[t] / x[t - lookback] - 1.0) if t >= lookback else NAN for t in range(len(x))]


def rsi(x: list[float], lookback: float) -> list[float]:
    """100 * gain / (gain + loss); a change spans a hole; 50 where nothing has moved."""
    ups, downs, before = [NAN] * len(x), [NAN] * len(x), NAN
    for t, value in enumerate(x):
        if value == value:
            if before == before:
                ups[t], downs[t] = max(value - before, 0.0), max(before - value, 0.0)
            before = value
    pairs = zip(_smooth(ups, lookback, 1.0 / lookback), _smooth(downs, lookback, 1.0 / lookback), strict=True)
    return [up if up != up else 100.0 * up / (up + down) if up + down > 0.0 else 50.0 for up, down in pairs]


def atr(high: list[float], low: list[float], close: list[float], lookback: float) -> list[float]:
    """max(high, previous close) - min(low, previous close), smoothed; a bar with a missing price is passed over."""
    ranges, before = [NAN] * len(close), NAN
    for t, (h, lo, c) in enumerate(zip(high, low, close, strict=True)):
        if h == h and lo == lo and c == c:
            if before == before:
                ranges[t] = max(h, before) - min(lo, before)
            before = c
    return _smooth(ranges, lookback, 1.0 / lookback)


INDICATORS = {
    "sma": sma,
    "ema": ema,
    "wma": wma,
    "stdev": stdev,
    "highest": highest,
    "lowest": lowest,
    "roc": roc,
    "rsi": rsi,
    "atr": atr,
}
