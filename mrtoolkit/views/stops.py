"""Where the stops and targets of one trial's trades stood, bar by bar: to be drawn over the price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.backtest.trial import Trial
from mrtoolkit.data.stamps import wall_clock
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Constant, Node
from mrtoolkit.strategy.strategy import Strategy
from mrtoolkit.views.arguments import check_trial
from mrtoolkit.views.bar_table import asset_name, one_asset, trades_of
from mrtoolkit.views.theme import zone_of

COLUMNS = ["trade", "time", "stop", "target"]


def stops_data(backtest: Backtest, trial: Trial, *, asset: str | None = None) -> pd.DataFrame:
    """Return the levels at which each trade of a trial would have been thrown out.

    Parameters
    ----------
    backtest : Backtest
        What made the trial (`backtest.trial(params)`).
    trial : Trial
    asset : str, optional
        Which asset of several; the first where not given.

    Returns
    -------
    pd.DataFrame
        A row where a level begins, and one at the exit: `trade` (row of the trial's trades of this asset), `time` (on
        the bars' wall clock), `stop` (the nearer of stop-loss and trailing stop) and `target`, raw prices, NaN where
        there is none. Empty for a strategy without stops, and for a position function.

    Raises
    ------
    StudyError
        If it is no trial, or the asset is unknown.
    """
    check_trial(trial)
    strategy, bars = backtest.strategy, backtest.bars
    trades = trades_of(trial, asset_name(bars, asset))
    if not isinstance(strategy, Strategy) or trades.empty:
        return pd.DataFrame(columns=COLUMNS)
    limits = {
        name: _values(backtest, getattr(strategy, name), trial.params, asset)
        for name in ("stop_loss", "take_profit", "trailing_stop")
    }
    if not any(np.isfinite(each).any() for each in limits.values()):
        return pd.DataFrame(columns=COLUMNS)
    times = bars["time"].to_numpy()
    prices = {name: one_asset(bars[name], asset).to_numpy() for name in ("open", "high", "low", "close")}
    is_late = backtest.fill != "close"
    parts = []
    firsts, lasts = (np.searchsorted(times, trades[name].to_numpy()) for name in ("entry_time", "exit_time"))
    for number, (side, first, last) in enumerate(zip(trades["side"], firsts, lasts, strict=True)):
        read = {name: float(each[max(first - is_late, 0) if each.size > 1 else 0]) for name, each in limits.items()}
        stop, target = _levels(prices, 1.0 if side == "long" else -1.0, (int(first), int(last)), read, is_late=is_late)
        kept = np.flatnonzero(np.append(True, np.diff(np.nan_to_num(stop)) != 0.0))
        kept = np.unique(np.append(kept, stop.size - 1))
        parts.append(
            pd.DataFrame({"trade": number, "time": times[first + kept], "stop": stop[kept], "target": target[kept]})
        )
    table = pd.concat(parts, ignore_index=True)
    table["time"] = wall_clock(table["time"].to_numpy(), zone_of(bars)).view("datetime64[ns]")
    return table


def _levels(
    prices: Mapping[str, np.ndarray], side: float, span: tuple[int, int], read: Mapping[str, float], *, is_late: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return stop and target at each bar of a trade from fill to exit, both (bar,), NaN where there is none."""
    first, last = span
    fill = prices["open" if is_late else "close"][first]
    best = prices["high" if side > 0 else "low"][first:last]
    # the best price since the fill, up to the bar before; what came before a fill at the close does not count
    best = np.concatenate([[fill], best if is_late else np.append(fill, best[1:])[: last - first]])
    extreme = np.fmax.accumulate(best) if side > 0 else np.fmin.accumulate(best)
    with np.errstate(invalid="ignore"):
        fixed = np.full(extreme.size, fill * (1.0 - side * read["stop_loss"]))
        trail = extreme * (1.0 - side * read["trailing_stop"])
        stop = np.maximum(fixed, trail) if side > 0 else np.minimum(fixed, trail)
        target = np.full(extreme.size, fill * (1.0 + side * read["take_profit"]))
    return np.where(np.isfinite(stop), stop, np.nan), np.where(np.isfinite(target), target, np.nan)


def _values(backtest: Backtest, node: Node, params: Mapping[str, Any], asset: str | None) -> np.ndarray:
    """Return a setting as the engine reads it, (time,) or (1,): infinite where there is none."""
    bound = bind(node, params)
    if isinstance(bound, Constant):
        return np.array([np.inf if bound.value is None else float(bound.value)])
    values = np.asarray(backtest.store.array(backtest.bars, bound), dtype=float)
    if values.ndim == 1:
        return values
    names = [str(name) for name in backtest.bars["asset"].to_numpy()]
    return values[:, names.index(asset_name(backtest.bars, asset))]
