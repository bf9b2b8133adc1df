"""The growth of 1 in one trial and in what it is held beside."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.backtest.trial import Trial
from mrtoolkit.data.stamps import wall_clock
from mrtoolkit.errors import StudyError
from mrtoolkit.views.arguments import check_backtest, check_benchmark, check_trial
from mrtoolkit.views.bar_table import FULL, THIN, one_asset
from mrtoolkit.views.following import time_figure
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.theme import BLUE, ORANGE, add_hover, zone_of
from mrtoolkit.views.thinning import thinned_places
from mrtoolkit.views.words import percent

Benchmark: TypeAlias = Trial | xr.DataArray | xr.Dataset


def buy_and_hold(backtest: Backtest) -> Trial:
    """Return the trial of buying at the first signal and holding, with the backtest's own costs, fill and start."""
    check_backtest(backtest)
    return backtest.holding().trial({})


def equity_data(trial: Trial, benchmark: Benchmark | None = None, *, asset: str | None = None) -> xr.Dataset:
    """Return the growth of 1 in a trial and in its benchmark, and the fall of each from its highest.

    Parameters
    ----------
    trial : Trial
        With `equity` and `returns` over time.
    benchmark : Trial, DataArray, Dataset or None
        Another trial (`buy_and_hold`), an equity over the same times, or bars, whose close then stands for buying at
        the first and holding, without costs.
    asset : str, optional
        Which asset of several; the first where not given.

    Returns
    -------
    xr.Dataset (time)
        `equity` and `drawdown` (a fraction of the highest so far, the start included, in [0, 1]); with a benchmark
        `hold` and `hold_drawdown`. Times are UTC.

    Raises
    ------
    StudyError
        If the trial has no bars or is none, or the benchmark is none or shares no time with it.
    """
    check_trial(trial)
    check_benchmark(benchmark)
    if trial.equity.sizes["time"] == 0:
        msg = "the equity of a trial was asked for, but it holds 0 bars; give more bars or an earlier start."
        raise StudyError(msg)
    grown = _growth(trial, asset)
    data = {"equity": grown.to_numpy(), "drawdown": _drawdown(grown.to_numpy())}
    if benchmark is not None:
        hold = _benchmark(benchmark, grown, asset)
        data |= {"hold": hold, "hold_drawdown": _drawdown(hold)}
    return xr.Dataset({k: ("time", v) for k, v in data.items()}, coords={"time": grown["time"].to_numpy()})


def growth(
    trial: Trial,
    benchmark: Benchmark | None = None,
    *,
    asset: str | None = None,
    timezone: str | None = None,
    x_range: Any = None,
    height: int = 300,
) -> figure:
    """Return the account of a trial beside its benchmark, as the growth of 1; parameters as those of `equity`.

    Raises
    ------
    StudyError
        If the trial has no bars or is none, or the benchmark is none or shares no time with it.
    """
    data = equity_data(trial, benchmark, asset=asset)
    zone = timezone or zone_of(benchmark if isinstance(benchmark, xr.Dataset) else None)
    source = over_time(data, [str(name) for name in data], "equity", zone)
    names = [name for name in ("equity", "hold") if name in data]
    label = f"Time ({zone})"
    plot = time_figure(
        source, names, x_range=x_range, title=_title(data), x_label=label, y_label="Growth of 1", height=height
    )
    rows = [("Date", "@time{%F %H:%M}"), ("Strategy", "@equity{0.0000}")]
    if "hold" in data:
        plot.line("time", "hold", source=source, color=ORANGE, line_width=1.5, legend_label="buy and hold")
        rows.append(("Buy and hold", "@hold{0.0000}"))
    line = plot.line("time", "equity", source=source, color=BLUE, line_width=2, legend_label="strategy")
    add_hover(plot, [line], rows, formatters={"@time": "datetime"}, mode="vline")
    style_legend(plot)
    return plot


def over_time(data: xr.Dataset, names: list[str], main: str, zone: str) -> ColumnDataSource:
    """Return columns of `equity_data` as a figure draws them: thinned by `main`, on the wall clock of a zone."""
    kept = thinned_places(data[main].to_numpy(), THIN, full=FULL)
    times = wall_clock(data["time"].to_numpy()[kept], zone).view("datetime64[ns]")
    return ColumnDataSource({"time": times, **{name: data[name].to_numpy()[kept] for name in names}})


def _title(data: xr.Dataset) -> str:
    made = f"Growth {percent(float(data['equity'][-1]) - 1.0)}"
    return f"{made}, holding {percent(float(data['hold'][-1]) - 1.0)}" if "hold" in data else made


def _drawdown(growth: np.ndarray) -> np.ndarray:
    highest = np.maximum(np.fmax.accumulate(growth), 1.0)
    return np.asarray(1.0 - growth / highest)


def _growth(trial: Trial, asset: str | None) -> xr.DataArray:
    """Return equity as a multiple of what it was before the first bar."""
    equity = one_asset(trial.equity, asset)
    values = equity.to_numpy().astype(float)
    first = float(one_asset(trial.returns, asset).to_numpy()[0])
    start = values[0] / (1.0 + first) if np.isfinite(first) and first > -1.0 else values[0]
    return xr.DataArray(values / start, dims="time", coords={"time": equity["time"].to_numpy()})


def _benchmark(benchmark: Benchmark, like: xr.DataArray, asset: str | None) -> np.ndarray:
    """Return the growth of 1 in the benchmark at the trial's times."""
    if isinstance(benchmark, Trial):
        return _growth(benchmark, asset).reindex(time=like["time"].to_numpy()).to_numpy()
    prices = one_asset(benchmark["close"] if isinstance(benchmark, xr.Dataset) else benchmark, asset)
    values = prices.reindex(time=like["time"].to_numpy()).to_numpy().astype(float)
    known = np.flatnonzero(np.isfinite(values))
    if known.size == 0:
        msg = "the benchmark has no value at any of the trial's times; give bars or an equity over the same times."
        raise StudyError(msg)
    last = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(values.size), known[0]))
    return np.asarray(values[last] / values[known[0]])
