"""Hundreds of random rules on the event engine beside vectorbt: the bars of every trade, its side, return and Sharpe.

Where the models coincide (see `test_backtest_vectorbt.py` for where they do not): fills at the signal's own close, the
whole account, fee and slippage; stops one at a time or far apart, entered on single bars in one direction. The rules
are worked out for vectorbt by the plain loops of `oracles/naive_rules.py`. With a block a bar, the event engine's own
statistics tell on which bars positions are held, on which side, and where trades end.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.agreement import EVENT, statistics_of
from oracles.long_form import IS_LONG
from oracles.naive_rules import trial_inputs
from oracles.random_bars import as_dataset, random_prices
from oracles.random_rules import random_condition, random_point

import mrtoolkit as mrt
from mrtoolkit.backtest._kernels.columns import HELD, POSITION, TRADES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import vectorbt as vbt

N_BARS, YEAR = 400, 252
N_RULES = 200 if IS_LONG else 40  # of each kind
FEE, SLIPPAGE = 0.002, 0.001
KINDS = ("long", "short", "turned round", "four rules", "stopped long", "stopped short")
STOPS = (
    ({"stop_loss": 0.05}, {"sl_stop": 0.05}),
    ({"take_profit": 0.04}, {"tp_stop": 0.04}),
    ({"stop_loss": 0.06, "take_profit": 0.06}, {"sl_stop": 0.06, "tp_stop": 0.06}),
    ({"trailing_stop": 0.05}, {"sl_stop": 0.05, "sl_trail": True}),
)


@dataclass(frozen=True)
class Rule:
    """A strategy with parameter values, and what vectorbt is told of it."""

    words: dict[str, Any]
    point: dict[str, Any]
    peer: dict[str, Any]


def random_rule(rng, kind):
    """Rules of indicators; a position's exits are such that both models mean the same."""
    condition = lambda: random_condition(rng, int(rng.integers(0, 3)), flags=False)
    entry, leave = condition(), condition()
    words, peer = {"entry": entry, "exit": leave}, {}
    if kind == "turned round":
        words["side"] = "both"
    elif kind == "four rules":  # every short entry is a long exit and the other way round
        short_entry = condition()
        words = {"entry": entry, "exit": leave | short_entry, "short_entry": short_entry, "short_exit": entry | leave}
    else:
        words["side"] = kind.removeprefix("stopped ")
        if kind.startswith("stopped"):
            stops, peer = STOPS[rng.integers(0, len(STOPS))]
            words |= {"entry": entry & ~entry.shift(1)} | stops
    return Rule(words, random_point(rng), peer)


def ours(bars, rule):
    """Metrics of a rule on the event engine, and of each bar whether a trade ends there and the signed position."""
    strategy = mrt.Strategy(**rule.words)
    settings = {"costs": mrt.Costs(fee=FEE, slippage=SLIPPAGE), "fill": "close", "periods_per_year": YEAR}
    backtest = mrt.Backtest(bars, strategy, engine=EVENT, blocks=N_BARS, store=mrt.FeatureStore(), **settings)
    rows = [{name: rule.point[name] for name in backtest.params}]
    metrics = backtest.run(rows)
    by_bar = statistics_of(backtest, rows)[0, 0]
    np.testing.assert_array_equal(by_bar[:, HELD], by_bar[:, POSITION] != 0.0)
    return {name: float(metrics[name][0]) for name in metrics.data_vars}, by_bar[:, TRADES], by_bar[:, POSITION]


def signals_of(columns, rule):
    """Entries, exits, short entries and short exits for vectorbt, (time,) each."""
    told = trial_inputs(columns, rule.point, rule.words)
    never, warm = [False] * N_BARS, np.arange(N_BARS) >= told["warm"]
    entry, leave, short_entry, short_exit = (
        np.array(told.get(name, never), dtype=bool) for name in ("entry", "exit", "short_entry", "short_exit")
    )
    return entry & ~leave & warm, leave & warm, short_entry & ~short_exit & warm, short_exit & warm


def theirs(bars, signals, rules):
    """vectorbt's portfolio of all rules of a kind, a column each."""
    index = pd.DatetimeIndex(bars["time"].values)
    entries, exits, short_entries, short_exits = (
        pd.DataFrame(np.stack(s, axis=1), index=index) for s in zip(*signals, strict=True)
    )
    stops = {
        name: np.array([[rule.peer.get(name, filler) for rule in rules]])
        for name, filler in (("sl_stop", np.nan), ("tp_stop", np.nan), ("sl_trail", False))
    }
    price = {name: pd.Series(bars[name].values, index=index) for name in ("open", "high", "low", "close")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        portfolio = vbt.Portfolio.from_signals(
            price.pop("close"), **price, fees=FEE, slippage=SLIPPAGE, init_cash=100_000.0, freq="1D",
            stop_exit_price="stopmarket", stop_entry_price="close", upon_opposite_entry="reverse", entries=entries,
            exits=exits, short_entries=short_entries, short_exits=short_exits, **stops,
        )  # fmt: skip
        figures = {
            "total_return": portfolio.total_return().to_numpy(),
            "sharpe": portfolio.sharpe_ratio(freq="1D", year_freq=f"{YEAR} days").to_numpy(),
        }
    return figures, portfolio.trades.records, portfolio.assets().to_numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_random_rules_trade_as_vectorbt_does(kind):
    rng = np.random.default_rng(KINDS.index(kind))
    columns = random_prices(rng, N_BARS, "quiet")
    bars = as_dataset(columns)
    assert float((bars["high"] / bars["low"]).max()) < 1.11, "a bar longer than stop and target are apart"
    rules = [random_rule(rng, kind) for _ in range(N_RULES)]
    figures, trades, shares = theirs(bars, [signals_of(columns, rule) for rule in rules], rules)
    total = 0
    for k, rule in enumerate(rules):
        metrics, ended, position = ours(bars, rule)
        mine = trades[trades["col"] == k]
        message = f"{kind} {k}: {rule.words} {rule.point}"
        np.testing.assert_array_equal(np.sign(position), np.sign(shares[:, k]), err_msg=message)
        closed = np.bincount(mine["exit_idx"], minlength=N_BARS)  # those still open end at the last bar
        np.testing.assert_array_equal(ended, closed, err_msg=message)
        assert metrics["trades"] == len(mine), message
        assert metrics["total_return"] == pytest.approx(figures["total_return"][k], rel=1e-9, abs=1e-12), message
        if len(mine):
            assert metrics["sharpe"] == pytest.approx(figures["sharpe"][k], rel=1e-9, abs=1e-9), message
        total += len(mine)
    assert total > 3 * N_RULES
