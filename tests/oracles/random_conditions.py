"""Random conditions of everything that the grammar has: six comparisons, logic, crossings, shifts, flags, selectors.

`exact` conditions compare only numbers that any way of computing finds to the last bit (prices, extremes, whole
constants), so that `==` and ties mean the same to the plain loop as to the engines; the others compare anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import mrtoolkit as mrt
from mrtoolkit import P

SIGNALS = ("a", "b", "c", "d")
PRICES = (mrt.close, mrt.open, mrt.high, mrt.low)
FAMILIES = (mrt.ema, mrt.sma, mrt.wma, mrt.highest, mrt.lowest)


@dataclass(frozen=True)
class Grammar:
    """What may occur in a random condition."""

    rng: np.random.Generator
    exact: bool = False
    flags: bool = True
    longest_shift: int = 70
    categories: bool = True
    indicators: bool = True

    def number(self, depth: int) -> Any:
        """A node of numbers, about as large as a price."""
        kind = self.rng.integers(0, 9 if depth > 0 else 4)
        if kind <= 1 or (not self.indicators and kind in (2, 3, 7, 8)):
            return self._one_of(PRICES)
        if kind <= 3:
            families = FAMILIES[3:] if self.exact else FAMILIES
            return self._one_of(families)(self._lookback())
        if kind == 4:
            return self.number(depth - 1).shift(self._periods())
        if kind == 5:
            return self._one_of((mrt.minimum, mrt.maximum))(self.number(depth - 1), self.number(depth - 1))
        if kind == 6 and self.categories:
            return mrt.choose(P.kind, {"a": self.number(depth - 1), "b": self.number(depth - 1)})
        if kind == 7 and not self.exact:
            return self.number(depth - 1) + P.width * self._one_of((mrt.stdev(5), mrt.atr(P.n)))
        if kind == 8 and not self.exact:
            return mrt.ema(self._lookback(), of=self.number(depth - 1))
        return self.number(depth - 1) + float(self.rng.integers(-2, 3)) * 10.0

    def condition(self, depth: int) -> Any:
        """A condition of the bars."""
        kind = self.rng.integers(0, 10 if depth > 0 else 5)
        if kind <= 4:
            return self._leaf(kind, depth)
        if kind <= 6:
            left, right = self.condition(depth - 1), self.condition(depth - 1)
            return left & right if kind == 5 else left | right
        if kind == 7:
            return ~self.condition(depth - 1)
        if kind == 8:  # what parameters alone settle has no first warm bar to shift
            return replace(self, flags=False).condition(depth - 1).shift(self._periods())
        if not self.flags:
            return ~self.condition(depth - 1)
        if self.rng.random() < 0.5 or (self.exact and not self.categories):
            return mrt.when(P.use, self.condition(depth - 1), otherwise=bool(self.rng.random() < 0.5))
        if not self.exact and (self.rng.random() < 0.5 or not self.categories):
            return self.condition(depth - 1) & (P.n > int(self.rng.integers(1, 7)))
        return mrt.choose(P.kind, {"a": self.condition(depth - 1), "b": self.condition(depth - 1)})

    def _leaf(self, kind: int, depth: int) -> Any:
        if kind == 0:  # how often a signal column is true is told by the bars
            return mrt.input(self._one_of(SIGNALS)) > 0
        if kind == 1:
            volume = mrt.volume
            return self._compare(*self._one_of((
                (volume, 0.0), (volume, volume.shift(self._periods())), (volume, mrt.maximum(volume.shift(1), 20.0)),
                (mrt.close, 100.0), (mrt.high, 110.0), (mrt.input("number"), 1.0), (mrt.close, mrt.open),
            )))  # fmt: skip
        left, right = self.number(depth), self.number(depth)
        if kind == 2:
            return left.crosses_above(right) if self.rng.random() < 0.5 else left.crosses_below(right)
        if kind == 3 and self.indicators and not self.exact:
            rising = mrt.roc(P.m) > mrt.roc(P.n, of=mrt.high)
            return rising if self.rng.random() < 0.5 else mrt.rsi(P.n) < 30.0 + 5.0 * P.width
        return self._compare(left, right)

    def _compare(self, left: Any, right: Any) -> Any:
        op = self.rng.choice([">", ">=", "<", "<=", "==", "!="], p=[0.25, 0.2, 0.2, 0.2, 0.05, 0.1])
        return {
            ">": lambda: left > right, ">=": lambda: left >= right, "<": lambda: left < right,
            "<=": lambda: left <= right, "==": lambda: left == right, "!=": lambda: left != right,
        }[op]()  # fmt: skip

    def _lookback(self) -> Any:
        return self._one_of((P.n, P.m, int(self.rng.integers(2, 12))))

    def _periods(self) -> Any:
        chosen = self._one_of((1, 2, 63, 64, 65, int(self.rng.integers(1, 71)), P.skip))
        return chosen if not isinstance(chosen, int) else min(chosen, self.longest_shift)

    def _one_of(self, among: tuple[Any, ...]) -> Any:
        return among[self.rng.integers(0, len(among))]
