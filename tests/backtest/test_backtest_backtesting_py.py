"""One trial of the dense engine beside backtesting.py: its 2,148 daily GOOG bars, SMA 10/30 crossings, long and short.

Both fill at the next open without costs, and both turn a position round at one open. Where the models differ:

- backtesting.py trades whole shares (with `cash=1e9` what is left over is a millionth), ours real numbers.
- Its `crossover` is an edge (below at the last bar, above now); so is `crosses_above`. A rule that is a state,
  `sma(10) > sma(30)`, would be in the market from the first warm bar on: one trade more.
- It counts only closed trades unless told to finalize them at the last price; ours counts the open one.
- Its first bar is the second on which every indicator has a value; no crossing here is so early.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit import P

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import backtesting
    from backtesting.lib import crossover
    from backtesting.test import GOOG, SMA

CASH = 1e9


@pytest.fixture(scope="module")
def theirs():
    """Their statistics of the crossings, the last position left open."""

    class Crossings(backtesting.Strategy):
        def init(self):
            self.fast = self.I(SMA, self.data.Close, 10)
            self.slow = self.I(SMA, self.data.Close, 30)

        def next(self):
            if crossover(self.fast, self.slow):
                self.position.close()
                self.buy()
            elif crossover(self.slow, self.fast):
                self.position.close()
                self.sell()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return backtesting.Backtest(GOOG, Crossings, cash=CASH, finalize_trades=False).run()


@pytest.fixture(scope="module")
def ours():
    """Our trial of the crossings over their bars."""
    fast, slow = mrt.sma(P.fast), mrt.sma(P.slow)
    strategy = mrt.Strategy(entry=fast.crosses_above(slow), exit=fast.crosses_below(slow), side="both")
    backtest = mrt.Backtest(mrt.data.from_pandas(GOOG), strategy, fill="next_open", store=mrt.FeatureStore())
    return backtest.trial({"fast": 10, "slow": 30})


def test_goog_crossings_return_what_backtesting_py_returns(theirs, ours):
    assert len(GOOG) == 2_148
    assert theirs["Return [%]"] / 100.0 == pytest.approx(4.262428, abs=1e-6)
    assert ours.metrics["total_return"] == pytest.approx(theirs["Return [%]"] / 100.0, abs=1e-6)
    equity = theirs["_equity_curve"]["Equity"].to_numpy() / CASH
    ratio = ours.equity.values / equity
    np.testing.assert_allclose(ratio / ratio[0], 1.0, rtol=1e-6)


def test_goog_crossings_make_the_trades_of_backtesting_py(theirs, ours):
    closed = theirs["_trades"]
    assert ours.metrics["trades"] == len(ours.trades) == len(closed) + 1 == 66
    mine = ours.trades.iloc[:-1]
    assert list(mine["side"]) == ["long" if size > 0 else "short" for size in closed["Size"]]
    assert list(mine["entry_time"]) == list(closed["EntryTime"])
    assert list(mine["exit_time"]) == list(closed["ExitTime"])
    np.testing.assert_allclose(mine["entry_price"], closed["EntryPrice"], rtol=1e-12)
    np.testing.assert_allclose(mine["exit_price"], closed["ExitPrice"], rtol=1e-12)
    assert ours.trades["reason"].iloc[-1] == "end"
