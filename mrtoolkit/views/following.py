"""Figures over time: zoomed along time alone, with the values in sight filling the height."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, Range1d
from bokeh.plotting import figure

from mrtoolkit.views.theme import themed_figure, time_axis, value_axis

_WIDE = 6.0  # times the lowest that the highest is, from which a line is read better by ratios
_ROOM = 0.06  # of the height, above and below

_FOLLOW = """
const time = source.data.time;
let low = Infinity, high = -Infinity;
for (let i = 0; i < time.length; i++) {
  if (time[i] < x.start || time[i] > x.end) continue;
  for (const name of names) {
    const value = source.data[name][i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
}
if (low < high) {
  const space = is_log ? Math.pow(high / low, room) : (high - low) * room;
  y.setv(is_log ? {start: low / space, end: high * space} : {start: low - space, end: high + space});
}
"""


def value_scale(values: np.ndarray) -> str:
    """Return "log" for positive values whose highest is over six times their lowest, else "linear"."""
    known = values[np.isfinite(values)]
    is_wide = known.size > 0 and float(known.min()) > 0 and float(known.max()) > _WIDE * float(known.min())
    return "log" if is_wide else "linear"


def time_figure(source: ColumnDataSource, names: list[str], *, x_range: Any = None, **options: Any) -> figure:
    """Return an empty figure over the source's `time` whose height follows what of `names` is in sight.

    Parameters
    ----------
    source : ColumnDataSource
        With `time` (datetime64) and the columns `names`.
    names : list of str
        Columns that the height is to hold.
    x_range : bokeh range, optional
        Shared with another figure; over all times where not given.
    **options
        Passed to `themed_figure`.
    """
    values = np.concatenate([np.asarray(source.data[name], dtype=float) for name in names])
    scale = value_scale(values)
    y_range = _y_range(values, is_log=scale == "log")
    plot = themed_figure(
        x_axis_type="datetime", y_axis_type=scale, x_range=x_range or time_range(source.data["time"]), y_range=y_range,
        along="width", **options,
    )  # fmt: skip
    models = {
        "source": source,
        "names": names,
        "x": plot.x_range,
        "y": y_range,
        "is_log": scale == "log",
        "room": _ROOM,
    }
    follow = CustomJS(args=models, code=_FOLLOW)
    for edge in ("start", "end"):
        plot.x_range.js_on_change(edge, follow)
    time_axis(plot)
    value_axis(plot.yaxis[0])
    if scale == "log":
        plot.yaxis.axis_label = f"{plot.yaxis[0].axis_label} (log scale)"
    return plot


def time_range(times: Any) -> Range1d:
    """Return a range over all of `times`, a little wider than they are."""
    start, end = np.asarray(times)[[0, -1]]
    margin = max((end - start) // 100, np.timedelta64(1, "ms").astype("timedelta64[ns]"))
    low, high = ((t.astype("datetime64[ms]").astype(float)) for t in (start - margin, end + margin))
    return Range1d(low, high)


def _y_range(values: np.ndarray, *, is_log: bool) -> Range1d:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if is_log:
        space = (high / low) ** _ROOM
        return Range1d(low / space, high * space)
    space = (high - low) * _ROOM or max(abs(high) * _ROOM, 0.5)
    return Range1d(low - space, high + space)
