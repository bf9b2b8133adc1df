"""What goes wrong or hardly happens, with the numbers that the trading model gives it, on both engines.

Bars open, rise and fall nowhere but at their close, unless the test says so; orders fill at the next open. Expected
values are sums that can be done on paper.
"""

from __future__ import annotations

import numpy as np
import pytest
from oracles.agreement import ENGINES, statistics_of
from oracles.random_bars import as_dataset

import mrtoolkit as mrt
from mrtoolkit.backtest._kernels.columns import GROWTH, HELD, POSITION, STATISTICS, TRADES, TURNOVER
from mrtoolkit.errors import BarsError, StrategyError

CASH = 1_000.0
ENTER, LEAVE = mrt.input("enter") > 0, mrt.input("leave") > 0
NEVER = [False]

pytestmark = pytest.mark.parametrize("engine", ENGINES)


def bars_of(close, enter=NEVER, leave=NEVER, **prices):
    """Bars of these closes (and other prices, else the close), with signals on the bars named True."""
    close = np.array(close, dtype=float)
    signals = {
        name: np.where(np.broadcast_to(np.array(values, dtype=bool), close.shape), 1.0, -1.0)
        for name, values in (("enter", enter), ("leave", leave))
    }
    open_ = np.array(prices.get("open", close), dtype=float)
    ends = {"open": open_, "high": np.fmax(open_, close), "low": np.fmin(open_, close)}
    return as_dataset({"close": close, **ends, **prices, **signals})


def at(n_bars, *bars):
    """True at some bars of n."""
    return np.isin(np.arange(n_bars), [bar % n_bars for bar in bars])


class Outcome:
    """One trial: metrics, and with a block a bar each bar's statistics."""

    def __init__(self, engine, bars, *, costs=None, fill="next_open", start=None, **words):
        words = {"entry": ENTER, "exit": LEAVE} | words
        settings = {
            "costs": mrt.Costs(**(costs or {})), "fill": fill, "engine": engine, "cash": CASH, "start": start,
            "periods_per_year": 252.0, "store": mrt.FeatureStore(),
        }  # fmt: skip
        whole = mrt.Backtest(bars, mrt.Strategy(**words), blocks=1, **settings)
        a_bar = mrt.Backtest(bars, mrt.Strategy(**words), blocks=bars.sizes["time"], **settings)
        run = whole.run([{}])
        self.metrics = {name: float(run[name][0]) for name in whole.metrics}
        self.by_bar, self.all = statistics_of(a_bar, [{}])[0, 0], statistics_of(whole, [{}])[0, 0, 0]
        self.equity = CASH * np.cumprod(self.by_bar[:, GROWTH])

    def column(self, column):
        """One statistic, a number a bar."""
        return self.by_bar[:, column].tolist()


def assert_flat(outcome):
    """Nothing was ever traded."""
    assert outcome.metrics["trades"] == outcome.metrics["exposure"] == outcome.metrics["turnover"] == 0.0
    assert outcome.metrics["total_return"] == outcome.metrics["volatility"] == outcome.metrics["max_drawdown"] == 0.0
    assert np.isnan([outcome.metrics[name] for name in ("sharpe", "sortino", "win_rate", "profit_factor")]).all()
    quiet = dict.fromkeys(STATISTICS, 0.0) | {"bars": 1.0, "growth": 1.0, "highest": 1.0, "lowest": 1.0}
    np.testing.assert_array_equal(outcome.by_bar, np.tile(list(quiet.values()), (len(outcome.by_bar), 1)))


@pytest.mark.parametrize("side", ["long", "short", "both"])
def test_no_entry_at_all_leaves_the_account_alone(engine, side):
    bars = bars_of(100.0 + np.arange(200) % 7)
    if side != "both":
        assert_flat(Outcome(engine, bars, side=side))
        assert_flat(Outcome(engine, bars, side=side, stop_loss=0.1, max_bars=3, size=0.5))
    assert_flat(Outcome(engine, bars, side=side, costs={"fee": 0.01, "minimum": 30.0}))


@pytest.mark.parametrize("n_bars", [64, 65, 128, 200])
def test_entry_on_every_bar_is_one_trade_held_to_the_end(engine, n_bars):
    close = 100.0 * 1.001 ** np.arange(n_bars)
    outcome = Outcome(engine, bars_of(close, [True]))
    assert outcome.metrics["trades"] == outcome.metrics["win_rate"] == 1.0
    assert outcome.metrics["total_return"] == pytest.approx(1.001 ** (n_bars - 2) - 1.0, rel=1e-12)
    assert outcome.metrics["exposure"] == (n_bars - 1) / n_bars
    assert outcome.column(TRADES) == [0.0] * (n_bars - 1) + [1.0]
    assert outcome.column(HELD) == [0.0] + [1.0] * (n_bars - 1)
    assert outcome.all[TURNOVER] == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("n_bars", [3, 64, 65, 129])
def test_entry_on_the_last_bar_fills_at_its_close_or_not_at_all(engine, n_bars):
    bars = bars_of([100.0] * n_bars, at(n_bars, -1))
    assert_flat(Outcome(engine, bars))
    filled = Outcome(engine, bars, fill="close", costs={"fee": 0.01})
    shares = CASH / 101.0
    assert filled.metrics["trades"] == 1.0
    assert filled.column(HELD)[-2:] == [0.0, 1.0]
    assert filled.equity[-1] == pytest.approx(CASH - shares, rel=1e-12)
    assert filled.by_bar[-1, POSITION] == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("n_bars", [66, 130])
def test_order_to_leave_on_the_last_bar_does_not_fill_at_the_next_open(engine, n_bars):
    bars = bars_of(np.linspace(100.0, 110.0, n_bars), at(n_bars, 0), at(n_bars, -1))
    outcome = Outcome(engine, bars)
    assert outcome.metrics["trades"] == 1.0
    assert outcome.by_bar[-1, HELD] == 1.0
    left = Outcome(engine, bars, fill="close")
    assert left.metrics["trades"] == 1.0
    assert left.by_bar[-1, HELD] == 0.0


def test_exit_and_entry_together_close_and_do_not_enter(engine):
    close = [100.0, 100.0, 110.0, 121.0, 121.0, 121.0]
    together = bars_of(close, [True], at(6, 2))
    outcome = Outcome(engine, together)
    assert outcome.column(HELD) == [0, 1, 1, 0, 1, 1]  # left at bar 3, entered anew at bar 4
    assert outcome.column(TRADES) == [0, 0, 0, 1, 0, 1]
    assert outcome.metrics["total_return"] == pytest.approx(0.21, rel=1e-12)
    assert_flat(Outcome(engine, bars_of(close, [True], [True])))
    assert_flat(Outcome(engine, bars_of(close, [True], [True]), side="both"))


def test_features_that_are_all_missing_are_never_true_nor_false(engine):
    bars = bars_of([100.0] * 100, [True]).assign(none=("time", np.full(100, np.nan)))
    none = mrt.input("none")
    for entry in (none > 0, ~(none > 0), none == none, none != 1.0, ~(none.crosses_above(0.0)), (none > 0).shift(3)):
        assert_flat(Outcome(engine, bars, entry=entry, exit=none < 0))
    never_warm = Outcome(engine, bars, entry=ENTER | (none > 0))  # one of its operands never has a value
    assert_flat(never_warm)
    assert_flat(Outcome(engine, bars, entry=ENTER, size=none + 1.0))
    assert_flat(Outcome(engine, bars, entry=ENTER, stop_loss=none + 0.1))


def test_conditions_that_never_change_hold_for_ever_or_never(engine):
    bars = bars_of(np.linspace(100.0, 199.0, 100), [True])
    for entry in (mrt.close > 0, mrt.close == mrt.close, ~(mrt.close < 0), mrt.close >= mrt.low):
        outcome = Outcome(engine, bars, entry=entry, exit=mrt.close < 0)
        assert outcome.metrics["total_return"] == pytest.approx(199.0 / 101.0 - 1.0, rel=1e-12)
        assert outcome.metrics["trades"] == 1.0
    for entry in (mrt.close < 0, mrt.close != mrt.close, ~(mrt.close > 0), mrt.close > mrt.high):
        assert_flat(Outcome(engine, bars, entry=entry, exit=mrt.close < 0))


def test_one_bar_of_history_is_refused(engine):
    with pytest.raises(BarsError, match="bar"):
        Outcome(engine, bars_of([100.0], [True]))


def test_two_bars_are_enough_to_enter(engine):
    outcome = Outcome(engine, bars_of([100.0, 110.0], [True], open=[100.0, 100.0]))
    assert outcome.metrics["total_return"] == pytest.approx(0.1, rel=1e-12)
    assert outcome.metrics["trades"] == 1.0
    assert outcome.column(HELD) == [0.0, 1.0]
    at_close = Outcome(engine, bars_of([100.0, 110.0], [True]), fill="close")
    assert at_close.metrics["total_return"] == pytest.approx(0.1, rel=1e-12)
    assert at_close.column(HELD) == [1.0, 1.0]
    assert_flat(Outcome(engine, bars_of([100.0, 110.0])))
    with pytest.raises(StrategyError, match="fewer than two bars"):
        Outcome(engine, bars_of([100.0, 110.0], [True]), start=1)


def test_prices_that_double_ruin_a_short_for_good(engine):
    close = [100.0, 100.0, 150.0, 250.0, 10.0, 10.0, 10.0]
    outcome = Outcome(engine, bars_of(close, [True]), side="short", reentry="state")
    assert outcome.equity[:3] == pytest.approx([1_000.0, 1_000.0, 500.0])
    assert outcome.equity[3:].tolist() == [0.0] * 4
    assert outcome.metrics["total_return"] == outcome.metrics["annual_return"] == -1.0
    assert outcome.metrics["max_drawdown"] == outcome.metrics["trades"] == 1.0
    assert outcome.column(TRADES) == [0, 0, 0, 1, 0, 0, 0]
    assert outcome.column(HELD) == [0, 1, 1, 0, 0, 0, 0]
    assert outcome.column(GROWTH) == pytest.approx([1.0, 1.0, 0.5, 0.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(outcome.by_bar[4:, GROWTH + 1 : TRADES], [[1.0, 1.0, 0.0]] * 3)


@pytest.mark.parametrize("last", [199.9, 200.0, 200.1])
def test_a_short_is_ruined_at_exactly_twice_its_price(engine, last):
    outcome = Outcome(engine, bars_of([100.0, 100.0, last, 100.0], [True], at(4, 2)), side="short")
    ruined = last >= 200.0
    assert (outcome.metrics["total_return"] == -1.0) == ruined
    assert outcome.equity[2] == pytest.approx(max(0.0, (200.0 - last) * 10.0), abs=1e-9)
    assert outcome.metrics["exposure"] == (0.25 if ruined else 0.5)


def test_a_stop_saves_a_short_that_the_close_would_ruin(engine):
    close = [100.0, 100.0, 300.0, 300.0]
    bars = bars_of(close, [True], open=[100.0, 100.0, 100.0, 300.0])
    outcome = Outcome(engine, bars, side="short", stop_loss=0.1)
    assert outcome.metrics["total_return"] == pytest.approx(-0.1, rel=1e-12)
    assert outcome.column(TRADES) == [0, 0, 1, 0]


def test_a_leveraged_long_is_ruined_by_a_fall(engine):
    outcome = Outcome(engine, bars_of([100.0, 100.0, 80.0, 60.0, 500.0], [True]), size=2.5)
    assert outcome.equity.tolist() == pytest.approx([1_000.0, 1_000.0, 500.0, 0.0, 0.0])
    assert outcome.metrics["trades"] == 1.0


@pytest.mark.parametrize("fill", ["next_open", "close"])
def test_costs_ruin_an_account_at_an_exit(engine, fill):
    """Prices fall under the cost of a share: leaving costs more than there is; nothing is bought afterwards."""
    close = [100.0] * 3 + [0.5] * 60 + [100.0] * 60
    bars = bars_of(close, np.arange(123) % 10 == 0, np.arange(123) % 10 == 5)
    outcome = Outcome(engine, bars, costs={"per_share": 1.0}, fill=fill)
    assert outcome.metrics["total_return"] == -1.0
    assert outcome.metrics["trades"] == 1.0
    ruined = 6 if fill == "next_open" else 5
    assert outcome.column(TRADES).index(1.0) == ruined
    assert outcome.equity[ruined - 1] == pytest.approx(0.5 * CASH / 101.0)
    assert outcome.equity[ruined:].tolist() == [0.0] * (123 - ruined)


def test_minimum_costs_eat_an_account(engine):
    bars = bars_of([100.0] * 12, at(12, 0, 2, 4, 6, 8, 10), at(12, 1, 3, 5, 7, 9, 11))
    outcome = Outcome(engine, bars, costs={"minimum": 300.0})
    assert outcome.equity.tolist() == pytest.approx([1_000.0, 700.0, 400.0, 100.0] + [0.0] * 8)
    assert outcome.metrics["trades"] == 2.0


def test_borrowing_ruins_a_short_that_stands_still(engine):
    outcome = Outcome(engine, bars_of([100.0] * 8, [True]), side="short", costs={"borrow": 252.0 * 0.3})
    assert outcome.equity.tolist() == pytest.approx([1_000.0, 700.0, 400.0, 100.0, 0.0, 0.0, 0.0, 0.0])
    assert outcome.metrics["trades"] == 1.0


def test_a_delisting_books_the_position_at_its_last_price(engine):
    nan = float("nan")
    close = [100.0, 100.0, 120.0, nan, 130.0, *[nan] * 70]
    bars = bars_of(close, [True])
    outcome = Outcome(engine, bars, costs={"fee": 0.01})
    shares = CASH / 101.0
    assert outcome.metrics["trades"] == 1.0
    assert outcome.column(TRADES).index(1.0) == 4
    assert outcome.equity[1:5] == pytest.approx([shares * p for p in (100.0, 120.0, 120.0, 130.0)])
    assert outcome.equity[5:] == pytest.approx([shares * 130.0] * 70)  # no costs of leaving, nothing held
    assert outcome.column(HELD) == [0.0, 1.0, 1.0, 1.0, 1.0] + [0.0] * 70
    assert outcome.metrics["exposure"] == 4 / 75


def test_orders_whose_price_is_missing_lapse(engine):
    nan = float("nan")
    close = [100.0, 100.0, 110.0, 121.0, 121.0, 121.0]
    bars = bars_of(close, at(6, 0, 1), at(6, 3, 4), open=[100.0, nan, 100.0, 110.0, nan, 121.0])
    outcome = Outcome(engine, bars)
    assert outcome.column(HELD) == [0, 0, 1, 1, 1, 0]
    assert outcome.metrics["total_return"] == pytest.approx(0.21, rel=1e-12)
