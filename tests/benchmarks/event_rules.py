"""The works of the event engine's benchmark: strategies, their points, and what the reference loops read of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from event_loops import METRICS, cross_and_level, cross_with_stops, long_and_short, long_cross, over_trials, sized_cross

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Node

FEE, YEAR = 0.001, 252 * 24
ENGINE = "auto"
CROSS = mrt.ema(P.fast) > mrt.ema(P.slow)


@dataclass(frozen=True, kw_only=True)
class Work:
    """One row of the table: what is run, and the reference loop that does the same.

    Attributes
    ----------
    nodes : tuple of Node
        The features that the loop reads, in its order.
    numbers : tuple of str
        The parameters that the loop takes as numbers, in its order.
    floor, aim : float
        How many times faster than the loop at least, and what to aim at.
    """

    name: str
    strategy: mrt.Strategy
    loop: Callable[..., None]
    nodes: tuple[Node, ...]
    numbers: tuple[str, ...] = ()
    floor: float
    aim: float

    def backtest(self, bars, store=None, **settings) -> mrt.Backtest:
        """Our side, with a store of its own unless one is given."""
        store = mrt.FeatureStore(memory="1 GiB") if store is None else store
        settings = {"engine": ENGINE, "periods_per_year": YEAR, "costs": mrt.Costs(fee=FEE)} | settings
        return mrt.Backtest(bars, self.strategy, store=store, **settings)

    def reference(self, bars, store, points: pd.DataFrame) -> Reference:
        """Their side, its features computed."""
        return Reference.of(self, bars, store, points)


CROSSES = Work(
    name="an EMA cross", strategy=mrt.Strategy(entry=CROSS), loop=long_cross,
    nodes=(mrt.ema(P.fast), mrt.ema(P.slow)), floor=6, aim=15,
)  # fmt: skip
_LEVEL = dict(entry=CROSS & (mrt.rsi(14) < P.under), exit=mrt.close < mrt.sma(P.leave))
_LEVEL_NODES = (mrt.ema(P.fast), mrt.ema(P.slow), mrt.rsi(14), mrt.sma(P.leave))
LEVELS = Work(
    name="(ema cross) & (rsi < x), exit close < sma", strategy=mrt.Strategy(**_LEVEL), loop=cross_and_level,
    nodes=_LEVEL_NODES, numbers=("under",), floor=5, aim=10,
)  # fmt: skip
STOPS = Work(
    name="the same with stop-loss and trailing stop",
    strategy=mrt.Strategy(**_LEVEL, stop_loss=P.stop, trailing_stop=P.trail), loop=cross_with_stops,
    nodes=_LEVEL_NODES, numbers=("under", "stop", "trail"), floor=2.5, aim=5,
)  # fmt: skip
BOTH_SIDES = Work(
    name="long and short rules with an ATR stop",
    strategy=mrt.Strategy(
        entry=CROSS, short_entry=mrt.ema(P.short_fast) < mrt.ema(P.short_slow), stop_loss=P.k * mrt.atr(P.n) / mrt.close
    ),
    loop=long_and_short, numbers=("k",), floor=2, aim=4,
    nodes=(mrt.ema(P.fast), mrt.ema(P.slow), mrt.ema(P.short_fast), mrt.ema(P.short_slow), mrt.atr(P.n)),
)  # fmt: skip
SIZED = Work(
    name="volatility-sized entries", strategy=mrt.Strategy(entry=CROSS, size=P.risk * mrt.close / mrt.atr(P.n)),
    loop=sized_cross, nodes=(mrt.ema(P.fast), mrt.ema(P.slow), mrt.atr(P.n)), numbers=("risk",), floor=2, aim=4,
)  # fmt: skip

_FAST, _SLOW = [5, 7, 9, 11, 13, 15, 17, 19, 21, 23], [40, 50, 60, 70, 80, 90, 100, 110, 120, 130]
GRIDS = {
    LEVELS.name: {"fast": _FAST, "slow": _SLOW, "under": [50, 55, 60, 65, 70], "leave": [50, 100, 150, 200]},
    STOPS.name: {
        "fast": _FAST[::2], "slow": _SLOW[::2], "under": [55, 65], "leave": [60, 120],
        "stop": [0.01, 0.02, 0.03, 0.04, 0.05], "trail": [0.02, 0.03, 0.05, 0.08],
    },
    BOTH_SIDES.name: {
        "fast": _FAST[::2], "slow": _SLOW[::3], "short_fast": _FAST[1::2], "short_slow": [55, 85], "n": [14, 28],
        "k": [2.0, 3.0, 4.0, 5.0, 6.0],
    },
    SIZED.name: {"fast": _FAST, "slow": _SLOW, "n": [7, 14, 21, 28, 42], "risk": [0.0005, 0.001, 0.0015, 0.002]},
}  # fmt: skip


def pairs_of(lookbacks: Sequence[float]) -> pd.DataFrame:
    """All crosses of a faster and a slower average."""
    return pd.DataFrame(list(itertools.combinations(lookbacks, 2)), columns=["fast", "slow"])


def grid_of(work: Work, n: int) -> pd.DataFrame:
    """The work's grid of 2,000 points, or `n` of them spread over it."""
    grid = GRIDS[work.name]
    points = pd.DataFrame(list(itertools.product(*grid.values())), columns=list(grid))
    assert len(points) == 2_000
    return points.iloc[np.linspace(0, len(points) - 1, n).round().astype(int)].reset_index(drop=True)


def scattered(work: Work, n: int) -> pd.DataFrame:
    """As many points that no grid holds: each parameter drawn between the ends of its grid, on a finer lattice."""
    rng, columns = np.random.default_rng(0), {}
    for name, values in GRIDS[work.name].items():
        drawn = rng.uniform(min(values), max(values), n)
        columns[name] = drawn.round().astype(int) if isinstance(values[0], int) else drawn.round(4)
    return pd.DataFrame(columns)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The reference loop over some points of one asset, everything it reads lying ready."""

    work: Work
    prices: tuple[np.ndarray, ...]
    features: np.ndarray
    rows: np.ndarray
    numbers: np.ndarray
    first: np.ndarray
    out: np.ndarray

    @classmethod
    def of(cls, work: Work, bars, store, points: pd.DataFrame) -> Reference:
        """Gather the features, once each, and which of them each point reads."""
        place: dict[Node, int] = {}
        rows = np.empty((len(points), len(work.nodes)), dtype=np.int64)
        for k, point in enumerate(points.to_dict("records")):
            for j, node in enumerate(work.nodes):
                rows[k, j] = place.setdefault(bind(node, point), len(place))
        features = np.stack(store.fetch(bars, list(place)))  # (feature, asset, time)
        assert features.shape[1] == 1
        features = np.ascontiguousarray(features[:, 0])
        prices = tuple(np.ascontiguousarray(bars[name].values) for name in ("open", "high", "low", "close"))
        return cls.from_arrays(work, prices, features, rows, points)

    @classmethod
    def from_arrays(cls, work: Work, prices, features: np.ndarray, rows: np.ndarray, points: pd.DataFrame) -> Reference:
        """The same of features (feature, time) that are given."""
        warm = np.argmax(~np.isnan(features), axis=1)
        return cls(
            work=work, prices=prices, features=features, rows=rows, first=warm[rows].max(axis=1),
            numbers=points[list(work.numbers)].to_numpy(dtype=float), out=np.empty((len(points), len(METRICS))),
        )  # fmt: skip

    def run(self) -> np.ndarray:
        """The four metrics of each point, (point, 4)."""
        over_trials(self.work.loop)(
            self.prices, self.features, self.rows, self.numbers, self.first, FEE, float(YEAR), self.out
        )
        return self.out

    def check(self, result) -> None:
        """Hold our results against the loop's: 1e-9 of each, counts exactly."""
        theirs = self.run()
        for k, name in enumerate(METRICS):
            ours = result[name].values
            if name == "trades":
                np.testing.assert_array_equal(ours, theirs[:, k], err_msg=name)
            np.testing.assert_allclose(ours, theirs[:, k], rtol=1e-9, atol=1e-11, err_msg=name)
