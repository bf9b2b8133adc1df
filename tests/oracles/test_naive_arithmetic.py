"""The plain loop itself, against sums that can be done on paper."""

from __future__ import annotations

import math

import naive
import pytest

YES, NO = True, False


def flat_bars(*closes):
    """Bars that open, rise and fall nowhere but at their close."""
    return [list(closes)] * 4


def test_fee_lies_inside_the_budget_and_is_paid_on_both_sides():
    prices = flat_bars(100.0, 100.0, 110.0, 110.0)
    trial = naive.backtest(*prices, [YES, YES, NO, NO], [NO, NO, YES, YES], costs={"fee": 0.01}, cash=1_010.0)
    (trade,) = trial.trades
    assert trade.shares == pytest.approx(10.0)  # 10 * 100 + 1 percent of it = 1,010
    assert trial.equity == pytest.approx([1_010.0, 1_000.0, 1_100.0, 1_089.0])
    assert trade.gain == pytest.approx(1_089.0 / 1_010.0 - 1.0)
    assert trial.metrics["turnover"] == pytest.approx((1_000.0 / 1_010.0 + 1.0) * 252.0 / 4.0)
    assert trial.metrics["exposure"] == 0.5


def test_short_gains_what_the_price_falls():
    trial = naive.backtest(*flat_bars(100.0, 100.0, 80.0, 80.0), None, None, [YES, YES, NO, NO], [NO, NO, YES, YES])
    assert trial.metrics["total_return"] == pytest.approx(0.2)
    assert trial.position == pytest.approx([0.0, -1.0, -80.0 / 120.0, 0.0])


def test_reversal_closes_and_opens_at_one_fill_as_two_trades():
    up = [YES, YES, NO, NO, NO]
    down = [not value for value in up]
    trial = naive.backtest(*flat_bars(100.0, 100.0, 110.0, 121.0, 60.5), up, down, down, up)
    assert [(t.side, t.entry_bar, t.exit_bar, t.reason) for t in trial.trades] == [
        ("long", 1, 3, "exit"),
        ("short", 3, 4, "end"),
    ]
    assert trial.metrics["total_return"] == pytest.approx(1.21 * 1.5 - 1.0)


def test_stop_fills_at_its_level_or_at_a_gapping_open():
    entry, never = [YES, NO, NO], [NO] * 3
    touched = naive.backtest(
        [100, 100, 99], [100, 101, 99], [100, 99, 94], [100, 100, 98], entry, never, stop_loss=0.05
    )
    gapped = naive.backtest([100, 100, 90], [100, 101, 91], [100, 99, 89], [100, 100, 90], entry, never, stop_loss=0.05)
    assert touched.trades[0].exit_price == pytest.approx(95.0)
    assert gapped.trades[0].exit_price == 90.0
    assert touched.trades[0].reason == gapped.trades[0].reason == "stop_loss"


def test_stop_is_taken_where_stop_and_target_lie_in_one_bar():
    prices = [100, 100], [100, 106], [100, 94], [100, 100]
    for side, level in (("long", 95.0), ("short", 105.0)):
        rules = ([YES, NO], [NO, NO]) if side == "long" else (None, None, [YES, NO], [NO, NO])
        (trade,) = naive.backtest(*prices, *rules, stop_loss=0.05, take_profit=0.05).trades
        assert (trade.reason, trade.bars) == ("stop_loss", 0)
        assert trade.exit_price == pytest.approx(level)


def test_trailing_stop_follows_the_highs_of_earlier_bars_only():
    highs = [100.0, 100.0, 120.0, 120.0]
    lows = [100.0, 100.0, 107.0, 107.0]  # 120 * 0.9 = 108 counts from the bar after the high on
    (trade,) = naive.backtest(
        [100, 100, 110, 110], highs, lows, [100, 100, 110, 110], [YES] * 4, [NO] * 4, trailing_stop=0.1
    ).trades
    assert (trade.exit_bar, trade.reason) == (3, "trailing_stop")
    assert trade.exit_price == pytest.approx(108.0)


def test_entry_after_a_stop_must_have_been_false_once():
    low = [100.0, 100.0, 90.0, 100.0, 100.0, 100.0, 100.0]
    prices = [[100.0] * 7, [100.0] * 7, low, [100.0] * 7]
    entry = [YES, YES, YES, YES, NO, YES, YES]
    signal = naive.backtest(*prices, entry, [NO] * 7, stop_loss=0.05)
    state = naive.backtest(*prices, entry, [NO] * 7, stop_loss=0.05, reentry="state")
    assert [trade.entry_bar for trade in signal.trades] == [1, 6]
    assert [trade.entry_bar for trade in state.trades] == [1, 3]


@pytest.mark.parametrize(("fill", "entered", "left"), [("next_open", 1, 3), ("close", 0, 2)])
def test_max_bars_counts_the_bars_that_earned(fill, entered, left):
    trial = naive.backtest(*flat_bars(*[100.0] * 5), [YES] * 5, [NO] * 5, max_bars=2, fill=fill)
    assert [(trade.entry_bar, trade.exit_bar, trade.reason) for trade in trial.trades] == [(entered, left, "max_bars")]
    assert trial.trades[0].bars == 2


def test_ruin_ends_the_trial_at_zero():
    trial = naive.backtest(*flat_bars(100.0, 100.0, 250.0, 10.0), None, None, [YES] * 4, [NO] * 4)
    assert trial.equity == [100_000.0, 100_000.0, 0.0, 0.0]
    assert trial.returns == [0.0, 0.0, -1.0, 0.0]
    assert [(trade.reason, trade.gain) for trade in trial.trades] == [("ruin", -1.0)]
    assert trial.metrics["annual_return"] == trial.metrics["total_return"] == -1.0
    assert trial.metrics["max_drawdown"] == 1.0


def test_missing_open_lets_the_signal_lapse_and_missing_close_carries_equity():
    nan = math.nan
    open_, close = [100.0, nan, 100.0, 100.0], [100.0, 100.0, nan, 110.0]
    trial = naive.backtest(open_, close, close, close, [YES, YES, NO, NO], [NO] * 4)
    assert trial.trades[0].entry_bar == 2
    assert trial.returns == pytest.approx([0.0, 0.0, 0.0, 0.1])


def test_borrow_and_financing_are_charged_at_each_close_with_a_position():
    prices, entry, never = flat_bars(*[100.0] * 3), [YES, YES, YES], [NO] * 3
    short = naive.backtest(*prices, None, None, entry, never, costs={"borrow": 2.52}, cash=1_000.0)
    long = naive.backtest(*prices, entry, never, size=3.0, costs={"financing": 2.52}, cash=1_000.0)
    assert short.equity == pytest.approx([1_000.0, 990.0, 980.0])
    assert long.equity == pytest.approx([1_000.0, 980.0, 959.8])  # 1 percent a bar of 2,000, then of 2,020 borrowed


def test_minimum_cost_slippage_and_spread():
    costs = {"fee": 0.001, "minimum": 10.0, "slippage": 0.01, "spread": 2.0}
    trial = naive.backtest(*flat_bars(*[100.0] * 3), [YES, NO, NO], [NO, YES, YES], costs=costs, cash=1_030.0)
    (trade,) = trial.trades
    assert trade.entry_price == pytest.approx(102.0)  # 100 * 1.01 + 1
    assert trade.shares == pytest.approx(10.0)  # (1,030 - 10) / 102
    assert trade.exit_price == pytest.approx(98.0)
    assert trial.equity[-1] == pytest.approx(970.0)


def test_sharpe_of_two_alternating_returns():
    trial = naive.backtest(*flat_bars(100.0, 110.0, 99.0), [YES] * 3, [NO] * 3, fill="close", ppy=4.0)
    r = [0.0, 0.1, -0.1]
    deviation = math.sqrt((0.01 + 0.01) / 2.0)
    assert trial.returns == pytest.approx(r)
    assert trial.metrics["sharpe"] == pytest.approx(0.0, abs=1e-12)
    assert trial.metrics["volatility"] == pytest.approx(2.0 * deviation)
    assert trial.metrics["max_drawdown"] == pytest.approx(0.1)
    assert trial.metrics["calmar"] == pytest.approx((0.99 ** (4.0 / 3.0) - 1.0) / 0.1)
