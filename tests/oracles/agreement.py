"""When two engines agree: every statistic of every block, every metric, every trade, every bar.

**The scale of a statistic** is what its rounding is proportional to, and no more:

- counts (bars, trades, wins, held) have none: they are equal.
- `sum` of returns: the root of the sum of their squares, which is less than the sum of their sizes; it does not shrink
  where gains and losses cancel.
- sums of terms of one sign (sum_sq, downside_sq, turnover, gains, losses) and ratios (growth, highest, lowest, worst):
  themselves.
- `position` is value / equity, and equity is cash + value, so p is as exact as p * (1 + p).

Statistics agree where they differ by less than `RELATIVE` of that scale. What is left is the rounding of single numbers
near zero: a return is a ratio less one, known to some units of `EPS`, so a sum of n of them to n units, a sum of their
squares to 2 * n * units * root mean square. A unit grows with gearing: equity that is a small difference of cash and
position has lost the digits that these share, and so has equity that is a small rest of what was paid in. The gearing
of a trial is looked up only where it fails without. Beyond `HOPELESS` the engines' own digits are gone (a price fell to
a ten-billionth within one trade, a rounding error of cash was charged interest for years, equity is under 1e-290):
there is nothing to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import naive
import numpy as np
import xarray as xr
from oracles.naive_rules import trial_inputs

from mrtoolkit.backtest._kernels.columns import STATISTICS

EVENT = "event"
ENGINES = ("dense", EVENT)

PRICES = ("open", "high", "low", "close")
ROUNDED = 1e-6  # a gain smaller than this holds few digits, and the ratio of such gains and losses fewer
RELATIVE = 1e-9
EPS = 2.0**-52
UNITS = 16.0  # roundings on the way to one return: price, value, cost, cash, equity, ratio, and as many again
GEARING = 8.0
HOPELESS = 1e10
LEAST = 1e-290
COUNTS = ("bars", "trades", "wins", "held")
SPARE = RELATIVE * 1e-3  # a metric that agrees to this needs no look at what it was made of


def tolerances(blocks: np.ndarray, gearing: float = GEARING) -> np.ndarray:
    """How far each of the statistics (..., block, statistic) may lie from these, as the module's text derives it."""
    column = {name: np.abs(blocks[..., k]) for k, name in enumerate(STATISTICS)}
    n, unit = column["bars"], UNITS * EPS * gearing
    root = {name: np.sqrt(column[name]) for name in ("sum_sq", "downside_sq")}
    squares = {name: RELATIVE * column[name] + 2.0 * unit * np.sqrt(n) * root[name] + n * unit**2 for name in root}
    booked = unit * (1.0 + column["trades"])
    allowed = {
        **{name: np.zeros_like(n) for name in COUNTS},
        "sum": RELATIVE * root["sum_sq"] + n * unit,
        **squares,
        **{name: (RELATIVE + unit) * column[name] for name in ("growth", "highest", "lowest")},
        "worst": RELATIVE * column["worst"] + unit,
        **{name: RELATIVE * column[name] + booked for name in ("gains", "losses")},
        "turnover": (RELATIVE + unit) * column["turnover"],
        "position": (RELATIVE + unit) * column["position"] * (1.0 + column["position"]),
    }
    return np.stack([allowed[name] for name in STATISTICS], axis=-1)


def differing(found: np.ndarray, wanted: np.ndarray, gearing: float = GEARING) -> np.ndarray:
    """Where statistics differ by more than they may; what is not finite must be the same."""
    with np.errstate(invalid="ignore"):
        near = np.abs(found - wanted) <= tolerances(wanted, gearing)
    return ~(near | (found == wanted) | (np.isnan(found) & np.isnan(wanted)))


def assert_same_statistics(
    found: np.ndarray, wanted: np.ndarray, gearing_of: Callable[[int, int], float] | None = None
) -> None:
    """Statistics (trial, asset, block, statistic) of two engines; `gearing_of(trial, asset)` is asked in doubt."""
    assert found.shape == wanted.shape
    bad = differing(found, wanted)
    for trial, asset in np.argwhere(bad.any(axis=(2, 3))):
        one, other = found[trial, asset], wanted[trial, asset]
        gearing = GEARING if gearing_of is None else max(GEARING, gearing_of(int(trial), int(asset)))
        where = np.argwhere(differing(one, other, gearing))
        if len(where) and gearing < HOPELESS:
            lines = [
                f"block {b} {STATISTICS[k]}: {one[b, k]!r} beside {other[b, k]!r}, "
                f"off {one[b, k] - other[b, k]:.3g}, allowed {tolerances(other, gearing)[b, k]:.3g}"
                for b, k in where[:12]
            ]
            raise AssertionError(f"trial {trial}, asset {asset}, gearing {gearing:.3g}:\n  " + "\n  ".join(lines))


def gearing_of(backtest: Any, rows: list[dict[str, Any]]) -> Callable[[int, int], float]:
    """What the rounding of one trial on one asset is a multiple of, as the dense engine has it.

    While a trade is held its equity is as exact as the larger of the position and of the equity it was entered with;
    what rounding leaves in its cash may be a debt, which grows as debts do.
    """
    a_bar = 1.0 + backtest.costs.financing / backtest.periods_per_year

    def look_up(trial: int, asset: int) -> float:
        done = backtest.trial(rows[trial])
        equity = done.equity.values.reshape(-1, len(backtest._market.prices))[:, asset]
        position = done.position.values.reshape(equity.size, -1)[:, asset]
        trades = done.trades if "asset" not in done.equity.dims else done.trades[done.trades["asset"] == f"A{asset}"]
        paid_in, time = np.zeros(equity.size), done.equity["time"].values
        before = np.concatenate([[backtest.cash], equity[:-1]])
        entered, left = (np.searchsorted(time, trades[name].to_numpy()) for name in ("entry_time", "exit_time"))
        for first, last in zip(entered, left, strict=True):
            owed = before[first] * a_bar ** np.arange(last + 1 - first)
            paid_in[first : last + 1] = np.maximum(paid_in[first : last + 1], owed)
        if np.any((equity > 0.0) & (equity < LEAST)):
            return np.inf
        share = np.divide(paid_in, equity, out=np.zeros(equity.size), where=equity > 0.0)
        return 1.0 + float(np.max(2.0 * np.abs(position) + share))

    return look_up


def statistics_of(backtest: Any, rows: list[dict[str, Any]]) -> np.ndarray:
    """The record of some points, (point, asset, block, statistic)."""
    blocks = backtest.blocks(rows)
    values = np.stack([blocks[name].values for name in STATISTICS], axis=-1)
    return values if values.ndim == 4 else values[:, np.newaxis]


def assert_metrics_follow(
    metrics: Mapping[str, np.ndarray],
    wanted: np.ndarray,
    compute: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    gearing_of: Callable[[int, int], float] | None = None,
) -> None:
    """Metrics (trial, asset) agree with those of the statistics `wanted` as well as statistics may.

    A metric is allowed what it moves when the statistics move by their tolerances, one kind at a time: a Sharpe ratio
    of nearly constant returns is as undecided as its deviation.
    """
    expected = compute(wanted)
    assert set(metrics) == set(expected)
    doubtful = {name: ~_close(metrics[name], expected[name], SPARE) for name in metrics}
    trials = np.unique(np.argwhere(np.any([bad.any(axis=1) for bad in doubtful.values()], axis=0)))
    for trial in trials:
        blocks = wanted[trial]
        assets = range(len(blocks))
        gearings = [GEARING if gearing_of is None else max(GEARING, gearing_of(int(trial), asset)) for asset in assets]
        if max(gearings) > HOPELESS:
            continue
        allowed = dict.fromkeys(metrics, 0.0)
        moved = np.stack([tolerances(*pair) for pair in zip(blocks, gearings, strict=True)])
        for k in range(blocks.shape[-1]):
            for sign in (1.0, -1.0):
                shifted = blocks.copy()
                shifted[..., k] += sign * moved[..., k]
                for name, values in compute(shifted).items():
                    with np.errstate(invalid="ignore"):
                        off = np.abs(values - expected[name][trial])
                    same = (values == expected[name][trial]) | (np.isnan(values) & np.isnan(expected[name][trial]))
                    allowed[name] = allowed[name] + np.where(same, 0.0, np.where(np.isnan(off), np.inf, off))
        for name, spread in allowed.items():
            one, other = metrics[name][trial], expected[name][trial]
            with np.errstate(invalid="ignore"):
                fine = _close(one, other, RELATIVE) | (np.abs(one - other) <= 2.0 * spread) | np.isinf(spread)
            assert fine.all(), f"trial {trial}: {name} {one!r} beside {other!r}, allowed {spread!r}"


def _close(one: np.ndarray, other: np.ndarray, relative: float) -> np.ndarray:
    return np.isclose(one, other, rtol=relative, atol=0.0, equal_nan=True)


def naive_trial(bars: xr.Dataset, words: Mapping[str, Any], point: Mapping[str, Any], **settings: Any) -> naive.Result:
    """The plain loop's trial of `Strategy(**words)` with these parameter values."""
    columns = {str(name): bars[name].values for name in bars.data_vars}
    prices = [[float(x) for x in columns[name]] for name in PRICES]
    return naive.backtest(*prices, **trial_inputs(columns, point, words), **settings)


def assert_same_bars(trial: Any, expected: naive.Result) -> None:
    """Equity, returns and position of every measured bar."""
    scale = max(expected.equity)
    np.testing.assert_allclose(trial.equity.values, expected.equity, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(trial.returns.values, expected.returns, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(trial.position.values, expected.position, rtol=1e-8, atol=1e-9)


def assert_same_trades(trades: Any, expected: naive.Result, time: np.ndarray) -> None:
    """The list of trades: sides, bars, prices, shares, gains, reasons."""
    theirs = expected.trades
    assert list(trades["side"]) == [trade.side for trade in theirs]
    assert list(trades["reason"]) == [trade.reason for trade in theirs]
    assert list(trades["entry_time"].to_numpy()) == [time[trade.entry_bar] for trade in theirs]
    assert list(trades["exit_time"].to_numpy()) == [time[trade.exit_bar] for trade in theirs]
    assert list(trades["bars"]) == [trade.exit_bar - trade.entry_bar for trade in theirs]
    for name in ("entry_price", "exit_price", "shares"):
        values = [getattr(trade, name) for trade in theirs]
        np.testing.assert_allclose(trades[name].to_numpy(dtype=float), values, rtol=1e-9, err_msg=name)
    gains = [trade.gain for trade in theirs]
    np.testing.assert_allclose(trades["gain"].to_numpy(dtype=float), gains, rtol=1e-9, atol=1e-11)


def assert_same_blocks(blocks: np.ndarray, expected: naive.Result) -> None:
    """The record per block, (block, statistic), in the order of both.

    The plain loop books gains and losses that are nothing but rounding too, and its equity may be a small difference of
    large numbers.
    """
    theirs = np.array(list(expected.blocks.values())).T
    assert blocks.shape == theirs.shape
    gearing = 1.0 + 2.0 * max(map(abs, expected.position))
    blocks, theirs = blocks.copy(), theirs.copy()
    for name in ("gains", "losses"):
        k = STATISTICS.index(name)
        slight = naive.ROUNDING * (1.0 + theirs[:, STATISTICS.index("trades")])
        theirs[:, k] = np.where(np.abs(blocks[:, k] - theirs[:, k]) <= slight, blocks[:, k], theirs[:, k])
    assert_same_statistics(blocks[None, None], theirs[None, None], lambda *_: gearing)


def assert_same_metrics(metrics: Mapping[str, float], expected: naive.Result) -> None:
    """All twelve metrics to 1e-9, counts exactly."""
    assert set(metrics) == set(expected.metrics)
    assert metrics["trades"] == expected.metrics["trades"]
    undecided = set()
    if any(0.0 < abs(trade.gain) < ROUNDED for trade in expected.trades):
        undecided.add("profit_factor")
    if is_nearly_flat(np.array(expected.returns)):
        undecided |= {"sharpe", "volatility"}
    for name in set(metrics) - undecided:
        np.testing.assert_allclose(float(metrics[name]), expected.metrics[name], rtol=1e-9, atol=1e-12, err_msg=name)


def is_nearly_flat(returns: np.ndarray) -> bool:
    """Whether the returns vary so little that their deviation is a matter of rounding."""
    if len(returns) < 2:
        return False
    return bool(returns.std(ddof=1) < 1e-3 * np.sqrt(np.mean(returns**2)))
