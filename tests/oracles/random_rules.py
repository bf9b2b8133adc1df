"""Random strategies: every operator, every indicator, parameters here and there."""

from __future__ import annotations

from typing import Any

import numpy as np

import mrtoolkit as mrt
from mrtoolkit import P


def random_number(rng: np.random.Generator, depth: int) -> Any:
    """A node of numbers, about as large as a price."""
    kind = rng.integers(0, 9 if depth > 0 else 3)
    if kind == 0:
        return [mrt.close, mrt.open, mrt.high, mrt.low][rng.integers(0, 4)]
    if kind in (1, 2):
        lookback = [P.n, P.m, int(rng.integers(2, 12))][rng.integers(0, 3)]
        return [mrt.ema, mrt.sma, mrt.wma, mrt.highest, mrt.lowest][rng.integers(0, 5)](lookback)
    if kind == 3:
        return mrt.ema(float(rng.integers(4, 20)) / 2.0, of=random_number(rng, depth - 1))
    if kind == 4:
        return mrt.bollinger(P.n, P.width).upper if rng.random() < 0.5 else mrt.close + mrt.macd(3, P.m, 4).histogram
    if kind == 5:
        return random_number(rng, depth - 1) + P.width * [mrt.stdev(5), mrt.atr(P.n)][rng.integers(0, 2)]
    if kind == 6:
        return random_number(rng, depth - 1).shift(P.skip if rng.random() < 0.5 else 2)
    if kind == 7:
        pair = (random_number(rng, depth - 1), random_number(rng, depth - 1))
        return [mrt.minimum, mrt.maximum][rng.integers(0, 2)](*pair)
    return mrt.choose(P.kind, {"a": random_number(rng, depth - 1), "b": random_number(rng, depth - 1)})


def random_condition(rng: np.random.Generator, depth: int, flags: bool = True) -> Any:
    """A condition over random numbers; `flags`: with parts that parameters switch off."""
    kind = rng.integers(0, (9 if flags else 8) if depth > 0 else 4)
    left, right = random_number(rng, depth), random_number(rng, depth)
    if kind == 0:
        return left > right
    if kind == 1:
        return left.crosses_above(right) if rng.random() < 0.5 else left.crosses_below(right)
    if kind == 2:
        return mrt.rsi(P.n) < 30.0 + 5.0 * P.width if rng.random() < 0.5 else mrt.roc(P.m) > mrt.roc(P.n, of=mrt.high)
    if kind == 3:
        return left <= right
    if kind == 4:
        return random_condition(rng, depth - 1, flags) & random_condition(rng, depth - 1, flags)
    if kind == 5:
        return random_condition(rng, depth - 1, flags) | random_condition(rng, depth - 1, flags)
    if kind == 6:
        return ~random_condition(rng, depth - 1, flags)
    if kind == 7:
        return random_condition(rng, depth - 1, flags=False).shift(P.skip)
    return mrt.when(P.use, random_condition(rng, depth - 1), otherwise=bool(rng.random() < 0.5))


def random_strategy(rng: np.random.Generator, depth: int = 2) -> dict[str, Any]:
    """Words for `mrt.Strategy`; every one may be a constant, a parameter or a node."""
    words: dict[str, Any] = {"entry": random_condition(rng, depth), "exit": random_condition(rng, depth)}
    shape = rng.integers(0, 4)
    if shape < 2:
        words["side"] = ("short", "both")[shape]
    elif shape == 2:
        words |= {"short_entry": random_condition(rng, depth), "short_exit": random_condition(rng, depth)}
    if rng.random() < 0.5:
        words["stop_loss"] = P.stop
    if rng.random() < 0.3:
        words["take_profit"] = 3.0 * mrt.stdev(P.n) / mrt.close
    if rng.random() < 0.3:
        words["trailing_stop"] = 2.0 * mrt.atr(5) / mrt.close
    if rng.random() < 0.3:
        words["max_bars"] = P.limit
    words["size"] = P.size
    words["reentry"] = ("signal", "state")[rng.integers(0, 2)]
    return words


def random_point(rng: np.random.Generator) -> dict[str, Any]:
    """Values for every parameter that a random strategy may have."""
    return {
        "n": int(rng.integers(2, 9)),
        "m": int(rng.integers(5, 20)),
        "skip": int(rng.integers(1, 4)),
        "width": float(rng.integers(1, 6)) / 2.0,
        "kind": ("a", "b")[rng.integers(0, 2)],
        "use": bool(rng.random() < 0.5),
        "stop": (0.02, 0.1, None)[rng.integers(0, 3)],
        "limit": int(rng.integers(1, 8)),
        "size": (0.5, 1.0, 1.7)[rng.integers(0, 3)],
    }
