"""What hypothesis draws of a backtest, and shrinks: bars, rules, points, costs, settings.

Rules compare only numbers that the plain loop finds to the last bit too (prices, signals, extremes, whole constants).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st
from oracles.random_bars import HARD_KINDS, as_dataset, delist, random_prices
from oracles.random_conditions import SIGNALS

import mrtoolkit as mrt
from mrtoolkit import P

SIGN = {name: mrt.input(name) > 0 for name in SIGNALS}
SIDES = ("long", "short", "both", "four rules", "three rules")

fractions = st.sampled_from([0.0, 0.001, 0.01, 0.2])
costs_drawn = st.fixed_dictionaries({
    "fee": fractions,
    "slippage": fractions,
    "spread": st.sampled_from([0.0, 0.0, 0.1, 5.0]),
    "per_share": st.sampled_from([0.0, 0.0, 0.05]),
    "minimum": st.sampled_from([0.0, 0.0, 30.0, 2_111.0]),  # of 10,000: no sum of them is exactly ruin
    "financing": st.sampled_from([0.0, 0.1, 3.0]),
    "borrow": st.sampled_from([0.0, 0.1, 3.0]),
})  # fmt: skip
settings_drawn = st.fixed_dictionaries({
    "fill": st.sampled_from(["next_open", "close"]),
    "risk_free": st.sampled_from([0.0, 0.05]),
    "periods_per_year": st.sampled_from([252.0, 8_760.0]),
    "blocks": st.sampled_from([1, 3, 64]),
})  # fmt: skip
stops = st.sampled_from([None, 0.01, 0.05, 0.1, 0.5])
points_drawn = st.lists(
    st.fixed_dictionaries({
        "size": st.sampled_from([0.3, 1.0, 1.0, 2.5]),
        "stop": stops,
        "target": stops,
        "trail": stops,
        "limit": st.sampled_from([None, 1, 2, 5]),
        "n": st.integers(1, 4),
        "skip": st.integers(1, 3),
        "use": st.booleans(),
        "kind": st.sampled_from(["a", "b"]),
    }),
    min_size=1,
    max_size=3,
)  # fmt: skip


def _numbers() -> st.SearchStrategy[Any]:
    leaves = st.sampled_from([mrt.close, mrt.open, mrt.high, mrt.low, mrt.highest(2), mrt.lowest(P.n)])

    def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(
            st.builds(lambda x, n: x.shift(n), inner, st.sampled_from([1, 2, P.skip])),
            st.builds(mrt.maximum, inner, inner),
            st.builds(lambda x, n: x + 10.0 * n, inner, st.integers(-2, 2)),
            st.builds(lambda x, y: mrt.choose(P.kind, {"a": x, "b": y}), inner, inner),
        )

    return st.recursive(leaves, extend, max_leaves=3)


COMPARE = {
    ">": lambda x, y: x > y, ">=": lambda x, y: x >= y, "<": lambda x, y: x < y, "<=": lambda x, y: x <= y,
    "==": lambda x, y: x == y, "!=": lambda x, y: x != y,
    "above": lambda x, y: x.crosses_above(y), "below": lambda x, y: x.crosses_below(y),
}  # fmt: skip


def _conditions(*, flags: bool) -> st.SearchStrategy[Any]:
    compared = st.builds(lambda op, x, y: COMPARE[op](x, y), st.sampled_from(list(COMPARE)), _numbers(), _numbers())
    leaves = st.one_of(st.sampled_from(list(SIGN.values())), st.just(mrt.volume > 0), compared)

    def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        ways = [
            st.builds(lambda x, y: x & y, inner, inner),
            st.builds(lambda x, y: x | y, inner, inner),
            st.builds(lambda x: ~x, inner),
        ]
        if flags:
            unflagged = _conditions(flags=False)  # what parameters alone settle has no first warm bar to shift
            ways += [
                st.builds(lambda x, n: x.shift(n), unflagged, st.sampled_from([1, 3, P.skip])),
                st.builds(lambda x, other: mrt.when(P.use, x, otherwise=other), inner, st.booleans()),
                st.builds(lambda x, y: mrt.choose(P.kind, {"a": x, "b": y}), inner, inner),
            ]
        return st.one_of(ways)

    return st.recursive(leaves, extend, max_leaves=4)


@st.composite
def words_drawn(draw: Any, *, expressions: bool = False) -> dict[str, Any]:
    """Words for `mrt.Strategy`: of signal columns alone, or of any expressions; settings given in every way."""
    if expressions:
        rule = _conditions(flags=True)
        words = {"entry": draw(rule), "exit": draw(rule)}
        short = {"short_entry": draw(rule), "short_exit": draw(rule)}
    else:
        a, b = SIGN["a"], SIGN["b"]
        words = {"entry": a, "exit": draw(st.sampled_from([None, b, ~a, b & ~a]))}
        short = {"short_entry": SIGN["c"], "short_exit": SIGN["d"]}
    sides = draw(st.sampled_from(SIDES))
    if sides == "four rules":
        words |= short
    elif sides == "three rules":
        words |= {"short_entry": SIGN["c"]}
    else:
        words["side"] = sides
    number = mrt.input("number")
    words["size"] = draw(st.sampled_from([P.size, P.size * number]))
    words["stop_loss"] = draw(st.sampled_from([None, P.stop, 0.1, 0.1 * number]))
    words["take_profit"] = draw(st.sampled_from([None, P.target, 0.1, 0.2 * number]))
    words["trailing_stop"] = draw(st.sampled_from([None, P.trail, 0.1, 0.1 * number]))
    words["max_bars"] = draw(st.sampled_from([None, P.limit, 3]))
    words["reentry"] = draw(st.sampled_from(["signal", "state"]))
    return words


@st.composite
def bars_drawn(draw: Any, at_least: int = 2, at_most: int = 60) -> xr.Dataset:
    """Random prices with four columns of signals (1, -1, missing), volume, and numbers (missing, negative)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_bars, kind = draw(st.integers(at_least, at_most)), draw(st.sampled_from(HARD_KINDS))
    columns = random_prices(rng, n_bars, kind)
    if draw(st.sampled_from([False, False, False, True])):
        delist(rng, columns)
    often, missing = draw(st.sampled_from([0.05, 0.3, 0.5, 0.9])), draw(st.sampled_from([0.0, 0.1]))
    for name in SIGNALS:
        signal = np.where(rng.random(n_bars) < often, 1.0, -1.0)
        signal[rng.random(n_bars) < missing] = np.nan
        columns[name] = signal
    number = rng.choice([0.2, 0.5, 1.0, 1.0, 2.0, -1.0], n_bars)
    number[rng.random(n_bars) < missing] = np.nan
    columns |= {"number": number, "volume": np.where(rng.random(n_bars) < 0.8, 1_000.0, 0.0)}
    return as_dataset(columns)
