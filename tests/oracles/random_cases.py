"""Backtests drawn from one number each: bars, a strategy, points, costs and settings; thousands a minute.

A failing case is `random_case(seed)` again, with the seed that the failure names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from oracles.random_bars import HARD_KINDS, as_assets, as_dataset, delist, random_prices, spoil
from oracles.random_conditions import SIGNALS, Grammar

import mrtoolkit as mrt
from mrtoolkit import P

CASH = 10_000.0
LONGEST_WARMUP = 40  # shorter histories get rules without indicators
SIDES = ("long", "short", "both", "four rules", "three rules", "short alone")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One backtest and points of it."""

    name: str
    bars: xr.Dataset
    words: dict[str, Any]
    points: list[dict[str, Any]]
    costs: dict[str, float]
    choices: dict[str, Any]

    def backtest(self, engine: str, **changed: Any) -> mrt.Backtest:
        """The backtest on an engine, with a store of its own."""
        return mrt.Backtest(
            self.bars, mrt.Strategy(**self.words), costs=mrt.Costs(**self.costs), engine=engine,
            **{"store": mrt.FeatureStore(), "cash": CASH, **self.choices, **changed},
        )  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """The points' values of those parameters that the strategy has."""
        params = mrt.Strategy(**self.words).params
        return [{name: point[name] for name in params} for point in self.points]


def random_case(
    seed: int, *, n_points: int = 24, n_bars: int | None = None, exact: bool = False, plain: bool = False
) -> Case:
    """The case of this number: same seed, same case.

    Parameters
    ----------
    seed, n_points, n_bars : int
    exact : bool
        Rules, stops and sizes that the plain loop works out to the last bit too, a short history, one asset.
    plain : bool
        Long alone, the whole account, no stops, orders that always fill: what the engine has its shortest way for.
    """
    name = f"random_case({seed}, n_points={n_points}, n_bars={n_bars}, exact={exact}, plain={plain})"
    rng = np.random.default_rng(seed)
    if n_bars is None:
        lengths = ((2, 12), (12, 60), (40, 90)) if exact else ((2, 12), (12, 140), (140, 700), (140, 700), (700, 2_000))
        n_bars = int(rng.integers(*lengths[rng.integers(0, len(lengths))]))
    plain = plain or rng.random() < 0.3
    n_assets = 1 if exact or rng.random() < 0.85 else int(rng.integers(2, 4))
    listed = [random_columns(rng, n_bars, whole=plain) for _ in range(n_assets)]
    bars = as_dataset(listed[0]) if n_assets == 1 else as_assets(listed)
    if rng.random() < 0.2 and n_bars > 10:  # bars that are not there at all
        bars = bars.isel(time=np.sort(rng.choice(n_bars, int(0.9 * n_bars), replace=False)))
        if np.isnan(bars["close"].values).all(axis=0).any():
            bars["close"][0] = bars["high"][0] = bars["low"][0] = bars["open"][0] = 100.0
    return Case(
        name=name,
        bars=bars,
        words=random_words(rng, exact=exact, plain=plain, n_bars=bars.sizes["time"]),
        points=[random_values(rng, bars.sizes["time"]) for _ in range(n_points)],
        costs=random_costs(rng, plain=plain),
        choices=random_choices(rng, bars.sizes["time"]),
    )


def random_columns(rng: np.random.Generator, n_bars: int, *, whole: bool = False) -> dict[str, np.ndarray]:
    """Prices of any kind, volume, four columns of signals and one of numbers; `whole`: mostly without holes."""
    kinds = [kind for kind in HARD_KINDS if not (whole and kind == "holes")]
    columns = random_prices(rng, n_bars, str(rng.choice(kinds)))
    if rng.random() < (0.02 if whole else 0.2):
        spoil(rng, columns, each=0.02, whole=0.02)
    if rng.random() < 0.15:
        delist(rng, columns)
    columns["volume"] = np.round(np.exp(rng.normal(3.0, 2.0, n_bars))) * (rng.random(n_bars) < 0.8)
    missing = rng.choice([0.0, 0.0, 0.0, 0.1])
    for name in SIGNALS:
        columns[name] = _signal(rng, n_bars)
        columns[name][rng.random(n_bars) < missing] = np.nan
    columns["number"] = rng.choice([0.2, 0.5, 1.0, 1.0, 2.0, -1.0], n_bars)
    columns["number"][rng.random(n_bars) < missing] = np.nan
    return columns


def _signal(rng: np.random.Generator, n_bars: int) -> np.ndarray:
    """1 and -1: on single bars, often or seldom, or in runs; all or none of them now and then."""
    often = rng.choice([0.0, 0.002, 0.05, 0.3, 0.5, 0.9, 1.0], p=[0.03, 0.12, 0.25, 0.25, 0.2, 0.12, 0.03])
    if rng.random() < 0.5:
        return np.where(rng.random(n_bars) < often, 1.0, -1.0)
    changes = rng.random(n_bars) < rng.choice([0.01, 0.1, 0.4])
    return np.where((np.cumsum(changes) + rng.integers(0, 2)) % 2 == 0, 1.0, -1.0)


def random_words(rng: np.random.Generator, *, exact: bool, plain: bool, n_bars: int) -> dict[str, Any]:
    """Words for `mrt.Strategy`: any side, any of the stops as number, parameter or expression."""
    depth, short = int(rng.integers(0, 4)), n_bars < LONGEST_WARMUP
    grammar = Grammar(
        rng, exact=exact, longest_shift=max(1, min(70, n_bars // 2)), indicators=not short,
        flags=bool(rng.random() < 0.3), categories=bool(rng.random() < 0.3),
    )  # fmt: skip
    rule = lambda: grammar.condition(depth) if rng.random() < 0.7 else mrt.input(str(rng.choice(SIGNALS))) > 0
    words: dict[str, Any] = {"entry": _eventless(rule), "exit": rule() if rng.random() < 0.6 else None}
    if plain:
        return words
    side = SIDES[rng.integers(0, len(SIDES))]
    if side == "four rules":
        words |= {"short_entry": rule(), "short_exit": rule()}
    elif side == "three rules":
        words |= {"short_entry": _eventless(rule)}
    elif side == "short alone":
        words = {"short_entry": words["entry"], "short_exit": words["exit"], "entry": None}
    else:
        words["side"] = side
    number = mrt.input("number")
    nodes = {"stop_loss": P.width * mrt.atr(5) / mrt.close, "take_profit": 3.0 * mrt.stdev(P.n) / mrt.close,
             "trailing_stop": mrt.atr(P.n) / mrt.close}  # fmt: skip
    for name, param in (("stop_loss", P.stop), ("take_profit", P.target), ("trailing_stop", P.trail)):
        if rng.random() < 0.35:
            node = 0.1 * number if exact or short or rng.random() < 0.5 else nodes[name]
            words[name] = (param, 0.1, 0.03, node)[rng.integers(0, 4)]
    if rng.random() < 0.25:
        words["max_bars"] = (P.limit, 3, P.limit, P.limit if exact else 3.0 * number)[rng.integers(0, 4)]
    shape = rng.random()
    if shape < 0.5:
        words["size"] = (1.0, P.size)[rng.integers(0, 2)]
    elif shape < 0.7:
        words["size"] = (0.3, 2.5)[rng.integers(0, 2)]
    elif shape < 0.85:
        words["size"] = P.size * number
    return words | {"reentry": ("signal", "state")[rng.integers(0, 2)]}


def _eventless(rule: Any) -> Any:
    """A rule that may stand without an exit: `True for one bar` crossings are refused."""
    made = rule()
    while "crosses_" in made.key:
        made = rule()
    return made


def random_values(rng: np.random.Generator, n_bars: int) -> dict[str, Any]:
    """Values for every parameter that a random strategy may have."""
    none_often = rng.random() < 0.2
    return {
        "n": int(rng.integers(2, 9)),
        "m": int(rng.integers(5, 20)),
        "skip": int(rng.integers(1, max(2, min(71, n_bars // 2)))),
        "width": float(rng.integers(1, 6)) / 2.0,
        "kind": ("a", "b")[rng.integers(0, 2)],
        "use": bool(rng.random() < 0.5),
        "stop": None if none_often else (0.02, 0.1, 0.3)[rng.integers(0, 3)],
        "target": None if none_often else (0.02, 0.1, 0.5)[rng.integers(0, 3)],
        "trail": (0.02, 0.1, 0.3)[rng.integers(0, 3)],
        "limit": None if none_often else (1, 2, 5, 64, 100)[rng.integers(0, 5)],
        "size": (0.3, 1.0, 1.0, 2.5)[rng.integers(0, 4)],
    }


def random_costs(rng: np.random.Generator, *, plain: bool = False) -> dict[str, float]:
    """None, a fee alone, or any mixture of all seven, ruinous ones too; `plain`: seldom any in currency."""
    kind = rng.random() * (0.6 if plain else 1.0)
    if kind < 0.15:
        return {}
    if kind < 0.4:
        return {"fee": 0.001, "slippage": float(rng.choice([0.0, 0.0005]))}
    some = {
        "fee": (0.001, 0.01, 0.2), "slippage": (0.001, 0.01, 0.2), "spread": (0.1, 5.0), "per_share": (0.05,),
        "minimum": (30.0, 2_111.0), "financing": (0.1, 3.0), "borrow": (0.1, 3.0),
    }  # fmt: skip
    often = rng.choice([0.2, 0.5])
    return {name: float(rng.choice(values)) for name, values in some.items() if rng.random() < often}


def random_choices(rng: np.random.Generator, n_bars: int) -> dict[str, Any]:
    """Fill, rates, blocks and start."""
    return {
        "fill": ("next_open", "close")[rng.integers(0, 2)],
        "risk_free": (0.0, 0.05)[rng.integers(0, 2)],
        "periods_per_year": (252.0, 8_760.0)[rng.integers(0, 2)],
        "blocks": (1, 3, 7, 64, 10_000)[rng.integers(0, 5)],  # 10,000: one a bar
        "start": None if rng.random() < 0.6 else int(rng.integers(0, max(1, n_bars // 2))),
    }
