"""The price, and on it what one trial did: where it went in and out, on which side, and while it held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from bokeh.models import ColumnDataSource, CustomJS
from bokeh.plotting import figure

from mrtoolkit.backtest.trial import Trial
from mrtoolkit.data.stamps import wall_clock
from mrtoolkit.errors import StudyError
from mrtoolkit.views.arguments import check_bars, check_trial
from mrtoolkit.views.bar_table import FULL, THIN, asset_name, in_window, one_asset, trades_of
from mrtoolkit.views.following import time_figure
from mrtoolkit.views.legends import style_legend
from mrtoolkit.views.theme import GREY, LINES, LONG, SHORT, SKY, VERMILLION, add_hover, zone_of
from mrtoolkit.views.thinning import thinned_places
from mrtoolkit.views.words import counted

_CANDLES = 180  # bars in sight up to which candles are drawn
_PRICES = ("open", "high", "low", "close")

_SWITCH = """
const few = (range.end - range.start) / step <= limit;
if (few !== body.visible) {
  body.visible = few; wicks.visible = few; line.glyph.line_alpha = few ? 0.25 : 0.9;
}
"""


def price_data(bars: xr.Dataset, *, asset: str | None = None, start: Any = None, end: Any = None) -> pd.DataFrame:
    """Return one asset's bars as they are drawn: `time` (wall clock of the bars' zone), `open`, `high`, `low`, `close`.

    Above 10,000 bars the lowest and highest close of each stretch stand for it, about 4,000 points in all.

    Raises
    ------
    StudyError
        If the asset is unknown or no bar lies between `start` and `end`.
    """
    check_bars(bars)
    part = one_asset(in_window(bars, start, end), asset)
    kept = thinned_places(part["close"].to_numpy(), THIN, full=FULL)
    times = wall_clock(part["time"].to_numpy()[kept], zone_of(bars)).view("datetime64[ns]")
    return pd.DataFrame({"time": times, **{name: part[name].to_numpy()[kept] for name in _PRICES}})


def trades_data(
    trial: Trial, bars: xr.Dataset, *, asset: str | None = None, start: Any = None, end: Any = None
) -> pd.DataFrame:
    """Return the trades of one asset that touch the window: the trial's columns, its times on the bars' wall clock.

    Raises
    ------
    StudyError
        If the asset is unknown or no bar lies between `start` and `end`.
    """
    check_trial(trial)
    check_bars(bars)
    part = in_window(bars, start, end)
    trades = trades_of(trial, asset_name(bars, asset))
    first, last = part["time"].to_numpy()[[0, -1]]
    inside = (trades["exit_time"].to_numpy() >= first) & (trades["entry_time"].to_numpy() <= last)
    table: pd.DataFrame = trades[inside].reset_index(drop=True)
    for name in ("entry_time", "exit_time"):
        table[name] = wall_clock(table[name].to_numpy(), zone_of(bars)).view("datetime64[ns]")
    return table


def price(
    trial: Trial,
    bars: xr.Dataset,
    *,
    overlays: Mapping[str, Any] | None = None,
    stops: pd.DataFrame | None = None,
    asset: str | None = None,
    start: Any = None,
    end: Any = None,
    height: int = 400,
) -> figure:
    """Return the price with a trial's trades: triangles for fills, shading while a position is held.

    Entries are filled triangles and exits hollow ones; they point up for a buy and down for a sale. Long is blue, short
    vermillion. The price is a line, and candles (hollow where it rose) once at most 180 bars are in sight.

    Parameters
    ----------
    trial : Trial
        Its `trades` are drawn.
    bars : xr.Dataset
        The bars it ran on.
    overlays : mapping of name to (time,) array, optional
        Lines in price units over all of `bars`, such as its moving averages (`rule_features`).
    stops : pd.DataFrame, optional
        Where stops and targets stood (`stops_data`); drawn as steps, of many trades the longest.
    asset : str, optional
        Which asset of several; the first where not given.
    start, end : time, optional
        The window to draw, in UTC, both ends included.
    height : int
        Pixels.

    Raises
    ------
    StudyError
        If the asset is unknown, no bar lies in the window, or an overlay is not as long as the bars.
    """
    check_trial(trial)
    data = price_data(bars, asset=asset, start=start, end=end)
    trades = trades_data(trial, bars, asset=asset, start=start, end=end)
    source = ColumnDataSource({str(n): data[n].to_numpy() for n in data})
    count = in_window(bars, start, end).sizes["time"]
    title = _title(asset_name(bars, asset), trades, count)
    plot = time_figure(
        source, ["low", "high"], title=title, x_label=f"Time ({zone_of(bars)})", y_label="Price", height=height
    )
    _draw_holdings(plot, trades)
    _draw_overlays(plot, overlays or {}, bars, (asset, start, end))  # below: a short average lies on the price
    line = plot.line("time", "close", source=source, color=GREY, line_width=1.2, line_alpha=0.9, legend_label="close")
    if count <= FULL:
        _draw_candles(plot, data, source, line)
    _draw_stops(plot, stops, _edges(source))
    _draw_fills(plot, trades)
    prices = [(n.capitalize(), f"@{n}{{0,0.00[00]}}") for n in _PRICES]
    add_hover(plot, [line], [("Bar", "@time{%F %H:%M}"), *prices], formatters={"@time": "datetime"}, mode="vline")
    style_legend(plot)
    return plot


def _title(name: str, trades: pd.DataFrame, count: int) -> str:
    many = f" (line thinned from {count:,} bars)" if count > FULL else ""
    made = counted(len(trades), "trade")
    return f"{name}: {made}{many}" if name else f"Price: {made}{many}"


def _draw_holdings(plot: figure, trades: pd.DataFrame) -> None:
    for side, colour in (("long", LONG), ("short", SHORT)):
        part = trades[trades["side"] == side]
        if len(part):
            plot.vstrip(
                x0=part["entry_time"].to_numpy(), x1=part["exit_time"].to_numpy(), fill_color=colour, fill_alpha=0.10,
                line_color=None, level="underlay",
            )  # fmt: skip


def _draw_candles(plot: figure, data: pd.DataFrame, source: ColumnDataSource, line: Any) -> None:
    times = data["time"].to_numpy()
    step = float(np.median(np.diff(times)).astype("timedelta64[us]").astype(float)) / 1e3 if times.size > 1 else 6e4
    few = times.size <= _CANDLES
    rising = (data["close"] >= data["open"]).to_numpy()
    source.data["body"] = np.where(rising, 0.0, 0.9)
    wicks = plot.segment("time", "high", "time", "low", source=source, line_color=GREY, visible=few)
    body = plot.vbar(
        "time", step * 0.7, "open", "close", source=source, fill_color=GREY, fill_alpha="body", line_color=GREY,
        visible=few,
    )  # fmt: skip
    line.glyph.line_alpha = 0.25 if few else 0.9
    models = {"range": plot.x_range, "step": step, "limit": _CANDLES, "body": body, "wicks": wicks, "line": line}
    plot.x_range.js_on_change("end", CustomJS(args=models, code=_SWITCH))
    plot.x_range.js_on_change("start", CustomJS(args=models, code=_SWITCH))


def _draw_overlays(
    plot: figure, overlays: Mapping[str, Any], bars: xr.Dataset, window: tuple[str | None, Any, Any]
) -> None:
    asset, start, end = window
    count = bars.sizes["time"]
    for i, (name, values) in enumerate(overlays.items()):
        array = np.asarray(values, dtype=float)
        if array.ndim == 2 and "asset" in bars.dims and array.shape == (count, bars.sizes["asset"]):
            array = array[:, [str(a) for a in bars["asset"].to_numpy()].index(asset_name(bars, asset))]
        if array.shape != (count,):
            msg = (
                f"the overlay {name!r} has shape {array.shape}, but there are {count:,} bars; give it one value a bar."
            )
            raise StudyError(msg)
        series = xr.DataArray(array, dims="time", coords={"time": bars["time"].to_numpy()}).sel(time=slice(start, end))
        kept = thinned_places(series.to_numpy(), THIN, full=FULL)
        times = wall_clock(series["time"].to_numpy()[kept], zone_of(bars)).view("datetime64[ns]")
        colour = LINES[i % len(LINES)]
        plot.line(times, series.to_numpy()[kept], color=colour, line_width=3.5, alpha=0.55, legend_label=str(name))


def _edges(source: ColumnDataSource) -> tuple[Any, Any]:
    times = np.asarray(source.data["time"])
    return times[0], times[-1]


def _draw_stops(plot: figure, stops: pd.DataFrame | None, window: tuple[Any, Any]) -> None:
    """Draw levels as steps, a gap between two trades; too many steps lose those of the shortest trades first."""
    if stops is None or stops.empty:
        return
    inside = stops[(stops["time"] >= window[0]) & (stops["time"] <= window[1])]
    by_trade = inside.groupby("trade")["time"]
    longest = (by_trade.max() - by_trade.min()).sort_values(ascending=False, kind="stable").index
    fits = by_trade.size().loc[longest].add(1).cumsum() <= THIN
    kept = inside[inside["trade"].isin(longest[fits.to_numpy()])]
    for name, colour, dash in (("stop", VERMILLION, "dashed"), ("target", SKY, "dotted")):
        part = kept[np.isfinite(kept[name])]
        if part.empty:
            continue
        gap = part.groupby("trade").tail(1).assign(**{name: np.nan})  # a step line breaks where a value is missing
        steps = pd.concat([part, gap]).sort_values(["trade", "time"], kind="stable")
        look = {"line_color": colour, "line_dash": dash, "line_width": 1.4, "legend_label": name}
        plot.step(steps["time"].to_numpy(), steps[name].to_numpy(), mode="after", **look)


def _draw_fills(plot: figure, trades: pd.DataFrame) -> None:
    for side, colour, entry_shape, exit_shape in (
        ("long", LONG, "triangle", "inverted_triangle"),
        ("short", SHORT, "inverted_triangle", "triangle"),
    ):
        part = trades[trades["side"] == side]
        if part.empty:
            continue
        columns = {
            n: part[n].to_numpy() for n in ("entry_time", "exit_time", "entry_price", "exit_price", "gain", "bars")
        }
        source = ColumnDataSource({**columns, "reason": part["reason"].astype(str).tolist()})
        entries = plot.scatter(
            "entry_time", "entry_price", source=source, marker=entry_shape, size=10, fill_color=colour,
            line_color="#ffffff", line_width=0.7, legend_label=f"{side} entry",
        )  # fmt: skip
        exits = plot.scatter(
            "exit_time", "exit_price", source=source, marker=exit_shape, size=10, fill_alpha=0.0,
            line_color=colour, line_width=1.6, legend_label=f"{side} exit",
        )  # fmt: skip
        rows = [("In", "@entry_time{%F %H:%M} at @entry_price{0,0.00[00]}")]
        rows += [("Out", "@exit_time{%F %H:%M} at @exit_price{0,0.00[00]}, @reason"), ("Gain", "@gain{0.00%}")]
        formats = {"@entry_time": "datetime", "@exit_time": "datetime"}
        add_hover(plot, [entries, exits], [(f"{side.capitalize()} trade", "@bars bars"), *rows], formatters=formats)
