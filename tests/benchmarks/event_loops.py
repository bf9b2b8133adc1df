"""The reference loops, pinned: each rule on cached features, as the least that a loop over the bars can be.

Fills at the next open, fee inside the budget, an account of one unit; total return, Sharpe, trades and win rate. No
NaN, no blocks, no choices: a loop knows one rule, and reads of its features what that rule needs. What they mean stands
in `mrtoolkit/backtest/model.py`, and every run holds their results against ours.

A loop takes `prices` (open, high, low, close), each (time,); `features` (feature, time) and which `rows` of it are its
own; the rule's `numbers`; the `first` bar at which all its features have a value; and writes `out` (4,).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numba
import numpy as np

METRICS = ("total_return", "sharpe", "trades", "win_rate")
_loop = numba.njit(nogil=True, error_model="numpy")


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _write(equity, total, total_sq, trades, wins, n, year, out):
    out[0] = equity - 1.0
    variance = (total_sq - total * total / n) / (n - 1)
    out[1] = total / n / np.sqrt(variance) * np.sqrt(year)
    out[2] = trades
    out[3] = wins / trades


@_loop
def long_cross(prices, features, rows, numbers, first, fee, year, out):
    """Long while fast > slow; features fast, slow."""
    open_, _, _, close = prices
    fast, slow = features[rows[0]], features[rows[1]]
    n = close.size
    shares, cash, equity, entry_equity = 0.0, 1.0, 1.0, 1.0
    total, total_sq, trades, wins = 0.0, 0.0, 0, 0
    wanted = False
    for t in range(n):
        if wanted and shares == 0.0:
            entry_equity = cash
            shares = cash / (open_[t] * (1.0 + fee))
            cash = 0.0
        elif shares > 0.0 and not wanted:
            cash = shares * open_[t] * (1.0 - fee)
            shares = 0.0
            trades += 1
            wins += cash > entry_equity
        now = cash + shares * close[t]
        r = now / equity - 1.0
        total += r
        total_sq += r * r
        equity = now
        wanted = t >= first and fast[t] > slow[t]
    if shares > 0.0:
        trades += 1
        wins += equity > entry_equity
    _write(equity, total, total_sq, trades, wins, n, year, out)


@_loop
def cross_and_level(prices, features, rows, numbers, first, fee, year, out):
    """Long from fast > slow and rsi < level on, until close < mean; features fast, slow, rsi, mean; numbers level."""
    open_, _, _, close = prices
    fast, slow, rsi, mean = features[rows[0]], features[rows[1]], features[rows[2]], features[rows[3]]
    level = numbers[0]
    n = close.size
    shares, cash, equity, entry_equity = 0.0, 1.0, 1.0, 1.0
    total, total_sq, trades, wins = 0.0, 0.0, 0, 0
    wanted = False
    for t in range(n):
        if wanted and shares == 0.0:
            entry_equity = cash
            shares = cash / (open_[t] * (1.0 + fee))
            cash = 0.0
        elif shares > 0.0 and not wanted:
            cash = shares * open_[t] * (1.0 - fee)
            shares = 0.0
            trades += 1
            wins += cash > entry_equity
        now = cash + shares * close[t]
        r = now / equity - 1.0
        total += r
        total_sq += r * r
        equity = now
        if t >= first:  # the exit goes first
            wanted = (close[t] >= mean[t]) & (wanted | ((fast[t] > slow[t]) & (rsi[t] < level)))
    if shares > 0.0:
        trades += 1
        wins += equity > entry_equity
    _write(equity, total, total_sq, trades, wins, n, year, out)


@_loop
def cross_with_stops(prices, features, rows, numbers, first, fee, year, out):
    """The same with a stop-loss and a trailing stop; numbers level, stop_loss, trailing_stop."""
    open_, high, low, close = prices
    fast, slow, rsi, mean = features[rows[0]], features[rows[1]], features[rows[2]], features[rows[3]]
    level, stop_loss, trailing_stop = numbers[0], numbers[1], numbers[2]
    n = close.size
    shares, cash, equity, entry_equity = 0.0, 1.0, 1.0, 1.0
    total, total_sq, trades, wins = 0.0, 0.0, 0, 0
    wanted, waits = False, False
    stop, below_high = 0.0, 1.0 - trailing_stop
    for t in range(n):
        if wanted and shares == 0.0:
            entry_equity = cash
            shares = cash / (open_[t] * (1.0 + fee))
            cash = 0.0
            stop = open_[t] * max(1.0 - stop_loss, below_high)
        elif shares > 0.0 and not wanted:
            cash = shares * open_[t] * (1.0 - fee)
            shares = 0.0
            trades += 1
            wins += cash > entry_equity
        if shares > 0.0:
            if low[t] <= stop:
                cash = shares * min(open_[t], stop) * (1.0 - fee)
                shares = 0.0
                trades += 1
                wins += cash > entry_equity
                wanted, waits = False, True
            stop = max(stop, high[t] * below_high)
        now = cash + shares * close[t]
        r = now / equity - 1.0
        total += r
        total_sq += r * r
        equity = now
        if t >= first:
            entry = (fast[t] > slow[t]) & (rsi[t] < level)
            waits &= entry
            wanted = (close[t] >= mean[t]) & (wanted | (entry > waits))
    if shares > 0.0:
        trades += 1
        wins += equity > entry_equity
    _write(equity, total, total_sq, trades, wins, n, year, out)


@_loop
def long_and_short(prices, features, rows, numbers, first, fee, year, out):
    """Long while fast > slow, short while short_fast < short_slow, neither from flat where both; a stop of k ATR.

    Features fast, slow, short_fast, short_slow, atr; numbers k.
    """
    open_, high, low, close = prices
    fast, slow, short_fast, short_slow, atr = (
        features[rows[0]],
        features[rows[1]],
        features[rows[2]],
        features[rows[3]],
        features[rows[4]],
    )
    k = numbers[0]
    n = close.size
    shares, cash, equity, entry_equity = 0.0, 1.0, 1.0, 1.0  # shares sold short are negative
    total, total_sq, trades, wins = 0.0, 0.0, 0, 0
    side, long_waits, short_waits = 0, False, False
    fraction, stop = 0.0, 0.0
    held = 0
    for t in range(n):
        if side != held:
            if held != 0:
                cash += shares * open_[t] - abs(shares) * open_[t] * fee
                shares = 0.0
                trades += 1
                wins += cash > entry_equity
            if side != 0:
                entry_equity = cash
                shares = side * cash / (open_[t] * (1.0 + fee))
                cash -= shares * open_[t] + abs(shares) * open_[t] * fee
                stop = open_[t] * (1.0 - side * fraction)
            held = side
        hit = False
        if held > 0:
            hit = low[t] <= stop
        elif held < 0:
            hit = high[t] >= stop
        if hit:
            level = min(open_[t], stop) if held > 0 else max(open_[t], stop)
            cash += shares * level - abs(shares) * level * fee
            shares = 0.0
            trades += 1
            wins += cash > entry_equity
            long_waits, short_waits = long_waits or held > 0, short_waits or held < 0
            side = held = 0
        now = cash + shares * close[t]
        r = now / equity - 1.0
        total += r
        total_sq += r * r
        equity = now
        if t >= first:
            up, down = fast[t] > slow[t], short_fast[t] < short_slow[t]
            long_waits &= up
            short_waits &= down
            stays = up if side > 0 else down & (side < 0)
            if not stays:  # flat, or leaving
                side = (up > long_waits) - (down > short_waits)
                if side != 0:
                    fraction = k * atr[t] / close[t]
    if held != 0:
        trades += 1
        wins += equity > entry_equity
    _write(equity, total, total_sq, trades, wins, n, year, out)


@_loop
def sized_cross(prices, features, rows, numbers, first, fee, year, out):
    """Long while fast > slow, with risk * close / atr of the account; features fast, slow, atr; numbers risk."""
    open_, _, _, close = prices
    fast, slow, atr = features[rows[0]], features[rows[1]], features[rows[2]]
    risk = numbers[0]
    n = close.size
    shares, cash, equity, entry_equity = 0.0, 1.0, 1.0, 1.0
    total, total_sq, trades, wins = 0.0, 0.0, 0, 0
    wanted, size = False, 0.0
    for t in range(n):
        if wanted and shares == 0.0:
            entry_equity = cash
            shares = size * cash / (open_[t] * (1.0 + fee))
            cash -= shares * open_[t] * (1.0 + fee)
        elif shares > 0.0 and not wanted:
            cash += shares * open_[t] * (1.0 - fee)
            shares = 0.0
            trades += 1
            wins += cash > entry_equity
        now = cash + shares * close[t]
        r = now / equity - 1.0
        total += r
        total_sq += r * r
        equity = now
        if t >= first:
            entry = fast[t] > slow[t]
            if entry and not wanted:
                size = risk * close[t] / atr[t]
            wanted = entry
    if shares > 0.0:
        trades += 1
        wins += equity > entry_equity
    _write(equity, total, total_sq, trades, wins, n, year, out)


@cache
def over_trials(loop: Callable[..., None]) -> Callable[..., None]:
    """The loop for one trial after the other in machine code: a call from Python would count at few bars."""

    @_loop
    def run(prices, features, rows, numbers, first, fee, year, out):
        for k in range(first.size):
            loop(prices, features, rows[k], numbers[k], first[k], fee, year, out[k])

    return run
