"""Rules of every kind beside their reference loops, and the sweep at other sizes: long histories, many assets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from event_rules import (
    BOTH_SIDES,
    CROSSES,
    LEVELS,
    METRICS,
    SIZED,
    STOPS,
    Reference,
    Work,
    grid_of,
    pairs_of,
    scattered,
)
from event_sizes import Sizes
from event_threads import with_threads
from figures import Figure, in_pairs
from test_textbook_search import TRIALS, check, pandas_loop, pandas_sharpe, search

import mrtoolkit as mrt


def rules(sizes: Sizes) -> Iterator[Figure]:
    """Four kinds of rules beyond the cross, all in, on a grid and on points that no grid holds."""
    bars = mrt.data.simulate(bars=sizes.bars, freq="1h", seed=1)
    for work in (LEVELS, STOPS, BOTH_SIDES, SIZED):
        with with_threads(1):
            yield from _beside_loop(work, bars, grid_of(work, sizes.points), sizes.few)
            points = scattered(work, sizes.points)
            (figure, *_) = _beside_loop(work, bars, points, sizes.least)
            yield Figure("the same at scattered points, of which hardly two share anything", figure.measured, "x",
                         at_least=True)  # fmt: skip


def _beside_loop(work: Work, bars, points: pd.DataFrame, repeats: int) -> Iterator[Figure]:
    store = mrt.FeatureStore(memory="8 GiB")
    reference = work.reference(bars, store, points)
    result = work.backtest(bars, store).run(points, metrics=METRICS)
    reference.check(result)
    n, trades = len(points), result["trades"].values.mean()
    pairs = in_pairs(lambda: work.backtest(bars).run(points, metrics=METRICS), reference.run, repeats=repeats)
    what = f"{n:,} points of {work.name} ({len(points.columns)} parameters, {trades:.0f} trades each), all in"
    yield Figure(
        f"{what}: times faster than the reference loop", pairs.times_faster, "x", work.floor, at_least=True,
        aim=work.aim,
    )  # fmt: skip
    yield Figure("microseconds a trial of that", np.array(pairs.ours) * 1e6 / n, "us")
    loop = np.array(pairs.theirs) * 1e9 / n / bars.sizes["time"]
    yield Figure("the reference loop, nanoseconds a bar and trial", loop, "ns")


def long_history(sizes: Sizes) -> Iterator[Figure]:
    """A hundred times the bars: time a trial and bar."""
    points = pairs_of(sizes.many_lookbacks)
    much, little = (mrt.data.simulate(bars=n, freq="1min", seed=1) for n in (sizes.many_bars, sizes.bars))
    many_times = max(1, sizes.many_bars // sizes.bars // 4)  # as short a time as one small sweep takes says little
    store = mrt.FeatureStore(memory="2 GiB")
    result = CROSSES.backtest(much, store).run(points, metrics=METRICS)
    CROSSES.reference(much, store, points).check(result)
    del store, result

    def on_much() -> object:
        return CROSSES.backtest(much, mrt.FeatureStore(memory="2 GiB")).run(points, metrics=METRICS)

    def on_little() -> None:
        for _ in range(many_times):
            CROSSES.backtest(little, mrt.FeatureStore(memory="2 GiB")).run(points, metrics=METRICS)

    with with_threads(1):
        on_little()
        pairs = in_pairs(on_much, on_little, repeats=sizes.few)
    ratios = np.array(pairs.ratios) * many_times * sizes.bars / sizes.many_bars
    what = f"{sizes.many_bars:,} bars against {sizes.bars:,} ({len(points)} pairs, all in): time a trial and bar"
    yield Figure(what, ratios, "x", 1.3, aim=1.0)
    scale = 1e9 / len(points)
    yield Figure("nanoseconds a trial and bar of the long one", np.array(pairs.ours) * scale / sizes.many_bars, "ns")


def many_assets(sizes: Sizes) -> Iterator[Figure]:
    """Many assets of daily bars, side by side in one backtest, all in."""
    bars = mrt.data.simulate(bars=sizes.asset_bars, assets=sizes.assets, freq="1D", seed=1)
    points = pd.DataFrame({
        "fast": np.repeat(sizes.asset_fasts, len(sizes.asset_slows)),
        "slow": np.tile(sizes.asset_slows, len(sizes.asset_fasts)),
    })  # fmt: skip
    references = _references(bars, points)

    def ours():
        return CROSSES.backtest(bars, mrt.FeatureStore()).run(points, metrics=METRICS)  # as users call it: 256 MiB

    def loop() -> None:
        for reference in references:
            reference.run()

    with with_threads(1):
        result = ours()
        for k, reference in enumerate(references):
            reference.check(result.isel(asset=k))
        del result
        pairs = in_pairs(ours, loop, repeats=sizes.least)
    work = len(points) * sizes.assets * sizes.asset_bars
    what = f"{sizes.assets:,} assets by {sizes.asset_bars:,} daily bars by {len(points)} trials, all in"
    yield Figure(f"{what}: times faster than the reference loop", pairs.times_faster, "x", 4, at_least=True, aim=8)
    yield Figure("nanoseconds a bar and trial of that", np.array(pairs.ours) * 1e9 / work, "ns")
    yield Figure("the reference loop, nanoseconds a bar and trial", np.array(pairs.theirs) * 1e9 / work, "ns", 2)


def _references(bars, points: pd.DataFrame) -> list[Reference]:
    """The reference loop of each asset, its features lying ready."""
    store = mrt.FeatureStore(memory="4 GiB")
    lookbacks = sorted({*points["fast"], *points["slow"]})
    features = store.fetch(bars, [mrt.ema(int(n)) for n in lookbacks])  # each (asset, time)
    rows = np.searchsorted(lookbacks, points[["fast", "slow"]].to_numpy())
    prices = [np.ascontiguousarray(bars[name].values.T) for name in ("open", "high", "low", "close")]
    return [
        Reference.from_arrays(
            CROSSES, tuple(one[k] for one in prices), np.stack([feature[k] for feature in features]), rows, points
        )
        for k in range(bars.sizes["asset"])
    ]


def textbook(sizes: Sizes) -> Iterator[Figure]:
    """The textbook's search whole, beside the loop that people write."""
    bars = mrt.data.simulate(bars=sizes.bars, freq="1h", seed=0)
    store = mrt.FeatureStore()
    points = check(bars, search(bars, store), store)
    with with_threads(1):
        pairs = in_pairs(
            lambda: search(bars, mrt.FeatureStore()),
            lambda: pandas_loop(bars, points, pandas_sharpe),
            repeats=sizes.few,
        )
    what = f"the textbook search ({TRIALS} trials, twelve metrics), times faster than the pandas loop for Sharpe alone"
    yield Figure(what, pairs.times_faster, "x", 50, at_least=True, aim=200)
    yield Figure("milliseconds of that search", pairs.ms(), "ms")
    yield Figure("milliseconds of the pandas loop", pairs.ms("theirs"), "ms")
