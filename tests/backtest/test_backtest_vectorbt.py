"""One trial of the dense engine beside vectorbt's `Portfolio.from_signals`, over the same bars and the same signals.

Where the models coincide (same-close fill, full size, fee and slippage) total return, Sharpe and the number of trades
agree to 1e-9 relative. Where they differ, and what is done about it here:

- vectorbt ignores an entry and an exit on one bar; ours closes and does not enter. It is fed `entry & ~exit`.
- vectorbt turns a position round on an opposite entry alone (or ignores that, as told); ours first needs the exit. The
  rules of the long-and-short tests let every short entry be a long exit and the other way round.
- vectorbt fills one order a bar: after a stop nothing more happens on that bar. Ours may enter again at the same close
  (`reentry="state"`), or, after `entry` has been false once, later (`"signal"`). The stop tests enter on single bars,
  one direction at a time: then both wait for the next one.
- vectorbt's trailing stop replaces its stop-loss (one stop with a flag); ours takes the nearer of the two. Here one at
  a time.
- Where a bar opens beyond the target and then falls to the stop, vectorbt takes the stop and ours the open. The stop
  and the target here lie further apart than any bar is long.
- vectorbt's stops fill without slippage unless `stop_exit_price="stopmarket"`; ours always slip.
- vectorbt has no ruin: a short's equity may go on under zero. None of these trials is ruined.
- vectorbt's Sharpe is inf where the returns do not vary; ours is NaN. Its calendar has 365 days: both are given 252.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from oracles.random_bars import as_dataset, random_prices

import mrtoolkit as mrt
from mrtoolkit import P

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import vectorbt as vbt

FEE, SLIPPAGE, YEAR = 0.002, 0.001, 252
SIGNALS = {name: mrt.input(name) > 0 for name in ("enter", "leave", "enter_short", "leave_short")}


@pytest.fixture(scope="module")
def bars():
    """2,000 bars with four columns of random signals; enters come on single bars."""
    rng = np.random.default_rng(7)
    columns = random_prices(rng, 2_000, "quiet")
    for name in SIGNALS:
        signal = rng.random(2_000) < 0.1
        if name == "enter":
            signal[1:] &= ~signal[:-1]
        columns[name] = np.where(signal, 1.0, -1.0)
    # every short entry is a long exit and the other way round
    columns["leave_long_too"] = np.maximum(columns["leave"], columns["enter_short"])
    columns["leave_short_too"] = np.maximum(columns["leave_short"], columns["enter"])
    return as_dataset(columns)


def ours(bars, **words):
    """Our trial of a strategy over these bars, filled at the close."""
    backtest = mrt.Backtest(
        bars, mrt.Strategy(**words, size=P.size), costs=mrt.Costs(fee=FEE, slippage=SLIPPAGE), fill="close",
        store=mrt.FeatureStore(), periods_per_year=YEAR,
    )  # fmt: skip
    return backtest.trial({"size": 1.0})


def theirs(bars, entries, exits, short_entries=None, short_exits=None, **words):
    """vectorbt's portfolio of the same signals."""
    index = pd.DatetimeIndex(bars["time"].values)
    column = {name: pd.Series(bars[name].values, index=index) for name in bars.data_vars}
    kept = {"direction", "sl_stop", "sl_trail", "tp_stop", "upon_opposite_entry"}
    assert set(words) <= kept
    signals = {"entries": entries, "exits": exits, "short_entries": short_entries, "short_exits": short_exits}
    signals = {name: pd.Series(values, index=index) for name, values in signals.items() if values is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        portfolio = vbt.Portfolio.from_signals(
            column["close"], open=column["open"], high=column["high"], low=column["low"], fees=FEE, slippage=SLIPPAGE,
            init_cash=100_000.0, freq="1D", stop_exit_price="stopmarket", stop_entry_price="close", **signals, **words,
        )  # fmt: skip
        sharpe = portfolio.sharpe_ratio(freq="1D", year_freq=f"{YEAR} days")
        figures = {"total_return": portfolio.total_return(), "sharpe": sharpe, "trades": portfolio.trades.count()}
        return figures, portfolio.value().to_numpy() / 100_000.0


def assert_same(trial, peer):
    """Total return, Sharpe, trades and the whole equity curve."""
    figures, equity = peer
    assert trial.metrics["trades"] == figures["trades"] > 50
    assert trial.metrics["total_return"] == pytest.approx(figures["total_return"], rel=1e-9)
    assert trial.metrics["sharpe"] == pytest.approx(figures["sharpe"], rel=1e-9)
    ratio = trial.equity.values / equity
    np.testing.assert_allclose(ratio / ratio[0], 1.0, rtol=1e-9)


def mask(bars, name):
    """A column of signals as booleans."""
    return bars[name].values > 0


@pytest.mark.parametrize("side", ["long", "short"])
def test_one_direction_agrees_with_vectorbt(bars, side):
    trial = ours(bars, entry=SIGNALS["enter"], exit=SIGNALS["leave"], side=side)
    enter, leave = mask(bars, "enter"), mask(bars, "leave")
    assert_same(trial, theirs(bars, enter & ~leave, leave, direction=f"{side}only"))


def test_long_and_short_rules_agree_with_vectorbt(bars):
    trial = ours(
        bars, entry=SIGNALS["enter"], exit=mrt.input("leave_long_too") > 0,
        short_entry=SIGNALS["enter_short"], short_exit=mrt.input("leave_short_too") > 0,
    )  # fmt: skip
    enter, leave = mask(bars, "enter"), mask(bars, "leave_long_too")
    enter_short, leave_short = mask(bars, "enter_short"), mask(bars, "leave_short_too")
    signals = (enter & ~leave, leave, enter_short & ~leave_short, leave_short)
    assert_same(trial, theirs(bars, *signals, upon_opposite_entry="reverse"))


def test_moving_average_cross_long_and_short_agrees_with_vectorbt(bars):
    trial = ours(bars, entry=mrt.sma(10) > mrt.sma(30), side="both")
    close = pd.Series(bars["close"].values)
    fast, slow = close.rolling(10).mean(), close.rolling(30).mean()
    up, down = (fast > slow).to_numpy(), (fast <= slow).to_numpy()
    assert_same(trial, theirs(bars, up, None, down, upon_opposite_entry="reverse"))


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize(
    ("stops", "peer_stops"),
    [
        ({"stop_loss": 0.05}, {"sl_stop": 0.05}),
        ({"take_profit": 0.04}, {"tp_stop": 0.04}),
        ({"stop_loss": 0.06, "take_profit": 0.06}, {"sl_stop": 0.06, "tp_stop": 0.06}),
        ({"trailing_stop": 0.05}, {"sl_stop": 0.05, "sl_trail": True}),
    ],
    ids=["stop loss", "take profit", "both", "trailing"],
)
def test_stops_agree_with_vectorbt(bars, side, stops, peer_stops):
    assert float((bars["high"] / bars["low"]).max()) < 1.11, "a bar longer than stop and target are apart"
    trial = ours(bars, entry=SIGNALS["enter"], exit=SIGNALS["leave"], side=side, **stops)
    assert {"stop_loss", "take_profit", "trailing_stop"} & set(trial.trades["reason"])
    enter, leave = mask(bars, "enter"), mask(bars, "leave")
    assert_same(trial, theirs(bars, enter & ~leave, leave, direction=f"{side}only", **peer_stops))
