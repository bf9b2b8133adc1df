"""What `FeatureStore(dtype="float32")` does to results: features are rounded to 24 bits, everything else is float64.

Rounding changes a trial only where it turns a comparison round. How often that is depends on the rule. Measured in full
by `python tests/backtest/test_float32_features.py`, with a fee of 0.1 percent; `moves` are of the Sharpe ratio:

======================================= ====== ======================= ============ ============= ==============
rule                                    trials with a fill elsewhere   mean move    largest move  the best trial
======================================= ====== ======================= ============ ============= ==============
cross of two EMAs, 50,000 hourly bars    4,950 35 percent              0.001        0.02          the same
RSI under and over numbers, the same     3,750 none                    0            0             the same
cross of two EMAs, 3,270 daily bars      2,000 1 trial                 0.000001     0.002         the same
close above an earlier high, the same    1,600 45.5 percent            0.008        0.07          another
======================================= ====== ======================= ============ ============= ==============

The last compares prices, in float64, with a feature made of prices: where the two are equal, rounding decides.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import mrtoolkit as mrt
from mrtoolkit import P

COSTS = mrt.Costs(fee=0.001)
CROSS = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
LEVELS = mrt.Strategy(entry=mrt.rsi(P.n) < P.low, exit=mrt.rsi(P.n) > P.high)
BREAKOUT = mrt.Strategy(entry=mrt.close > mrt.highest(P.n).shift(1), exit=mrt.close < mrt.lowest(P.m).shift(1))
DTYPES = ("float64", "float32")


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Of rounded features on the trials of a rule: how many fill at another bar, how far their Sharpe ratio moves."""

    trials: int
    changed: float  # share
    mean: float
    most: float
    same_best: bool


def effect(bars: xr.Dataset, strategy: mrt.Strategy, points: Any) -> Effect:
    """Measured; of rules whose features are compared and nothing else, so that equal fills give equal results."""
    metrics = ["sharpe", "total_return"]
    exact, rounded = (backtest(bars, strategy, dtype).run(points, metrics=metrics) for dtype in DTYPES)
    changed = (exact.total_return != rounded.total_return).values
    moves = abs(exact.sharpe - rounded.sharpe).values  # NaN without a trade
    return Effect(
        trials=changed.size,
        changed=changed.mean(),
        mean=np.nanmean(moves),
        most=np.nanmax(moves),
        same_best=np.nanargmax(exact.sharpe.values) == np.nanargmax(rounded.sharpe.values),
    )


def backtest(bars: xr.Dataset, strategy: mrt.Strategy, dtype: str, engine: str = "auto") -> mrt.Backtest:
    return mrt.Backtest(bars, strategy, costs=COSTS, store=mrt.FeatureStore(dtype=dtype), engine=engine)


def pairs_of(lookbacks: range) -> pd.DataFrame:
    return pd.DataFrame(itertools.combinations(lookbacks, 2), columns=["fast", "slow"])


def test_a_trial_changes_where_rounding_turns_a_comparison_and_nowhere_else():
    bars, pairs = mrt.data.simulate(bars=20_000, freq="1h", seed=1), pairs_of(range(5, 65, 3))
    averages = mrt.FeatureStore().compute_batch(bars, mrt.ema(range(5, 65, 3))).ema
    above = [
        values.sel(ema_lookback=pairs.fast.values).values > values.sel(ema_lookback=pairs.slow.values).values
        for values in (averages, averages.astype(np.float32))
    ]
    turned = (above[0] != above[1]).any(axis=averages.dims.index("time"))
    assert 0 < turned.sum() < turned.size / 2
    exact, rounded = (backtest(bars, CROSS, dtype).blocks(pairs) for dtype in DTYPES)
    same = np.all([(exact[name] == rounded[name]).all("block") for name in exact], axis=0)
    np.testing.assert_array_equal(same, ~turned)  # to the bit


@pytest.mark.parametrize("strategy", [CROSS, mrt.Strategy(entry=CROSS.entry, stop_loss=2 * mrt.atr(14) / mrt.close)])
def test_both_engines_take_the_same_rounded_features(strategy):
    bars, pairs = mrt.data.simulate(bars=3_000, freq="1h", seed=2), pairs_of(range(5, 45, 4))
    event, dense = (backtest(bars, strategy, "float32", engine).run(pairs) for engine in ("event", "dense"))
    for name in event:
        np.testing.assert_allclose(event[name], dense[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_stops_and_sizes_move_in_the_eighth_digit():
    bars = mrt.data.simulate(bars=3_000, freq="1h", seed=3)
    strategy = mrt.Strategy(
        entry=CROSS.entry, stop_loss=2 * mrt.atr(14) / mrt.close, size=0.005 / (mrt.atr(20) / mrt.close)
    )
    exact, rounded = (backtest(bars, strategy, dtype).run({"fast": 10, "slow": 40}) for dtype in DTYPES)
    assert exact.trades == rounded.trades
    assert 0.0 < abs(rounded.total_return - exact.total_return) < 1e-6 * abs(exact.total_return)


def test_a_close_that_equals_an_earlier_high_is_above_it_once_that_is_rounded_down():
    prices = np.array([0.5, 0.6, 0.7, 0.6, 0.7, 0.6, 0.5, 0.5])
    assert float(np.float32(0.7)) < 0.7
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), prices))
    frame.index = pd.date_range("2020-01-01", periods=len(prices), name="time")
    bars = mrt.data.from_pandas(frame)
    strategy = mrt.Strategy(entry=mrt.close > mrt.highest(P.n).shift(1), exit=mrt.close < 0.55)
    exact, rounded = (backtest(bars, strategy, dtype).run({"n": 3}) for dtype in DTYPES)
    assert (exact.trades, rounded.trades) == (0, 1)


def test_the_effect_on_a_sweep_is_as_small_as_the_text_says():
    hours = mrt.data.simulate(bars=20_000, freq="1h", seed=0)
    found = effect(hours, CROSS, pairs_of(range(5, 105, 5)))
    assert found.changed < 0.5
    assert found.mean < 0.005
    assert effect(hours, LEVELS, {"n": [5, 14], "low": range(20, 45, 5), "high": range(55, 80, 5)}).changed < 0.01


def main() -> None:
    """Print the table of this module's text."""
    hours, days = mrt.data.simulate(bars=50_000, freq="1h", seed=0), mrt.data.sample("AAPL")
    levels = {"n": [5, 7, 9, 14, 21, 30], "low": range(20, 45), "high": range(55, 80)}
    print(effect(hours, CROSS, pairs_of(range(5, 105))))
    print(effect(hours, LEVELS, levels))
    print(effect(days, CROSS, {"fast": range(5, 45), "slow": range(50, 100)}))
    print(effect(days, BREAKOUT, {"n": range(5, 45), "m": range(5, 45)}))


if __name__ == "__main__":
    main()
