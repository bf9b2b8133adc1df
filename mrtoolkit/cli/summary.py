"""What a finished search has to say, as text for a terminal."""

from __future__ import annotations

import math
from textwrap import fill
from typing import Any

import xarray as xr

from mrtoolkit.cli.table import number, percent, seconds, table
from mrtoolkit.errors import StudyError
from mrtoolkit.search.study import Candidate, Study

_FRACTIONS = ("total_return", "annual_return", "volatility", "max_drawdown", "win_rate", "exposure")


def bars_text(bars: xr.Dataset) -> str:
    """One line about the prices: whose, how many, from when to when, from where."""
    time = bars["time"].to_numpy().astype("datetime64[D]")
    assets = [str(asset) for asset in bars["asset"].to_numpy()] if "asset" in bars.dims else []
    name = bars.attrs.get("name") or ", ".join(assets)
    about = [f"{len(time):,} bars of {bars.attrs['timeframe']}, {time[0]} to {time[-1]}"]
    if "source" in bars.attrs:
        about.append(str(bars.attrs["source"]))
    return f"{name}: {'; '.join(about)}" if name else "; ".join(about)


def levels_text(study: Study, width: int = 80) -> str:
    """The table of levels with a line of totals: what was run and computed, and what was there already."""
    frame = study.levels
    rows: list[tuple[Any, ...]] = []
    for row in frame.itertuples(index=False):
        *counts, spent = row
        rows.append((*counts, seconds(float(spent))))
    sums = [int(frame[name].sum()) for name in frame.columns[1:-2]]
    rows.append(("all", *sums, study.best.value if has_best(study) else math.nan, seconds(study.seconds)))
    header = ["best value" if name == "best" else name for name in frame.columns]
    return table(rows, header, width=width)


def candidates_text(study: Study, width: int = 80) -> str:
    """Parameters and metrics of the best and the plateau trial, buy and hold beside them."""
    columns: list[tuple[str, Candidate | None]] = [("best", study.best), ("plateau", study.plateau)]
    held = study.benchmark or {}
    if held:
        columns.append(("buy and hold", None))
    rows = [(name, *(_parameter(c, name) for _, c in columns)) for name in study.space]
    if study.objective not in study.best.metrics:
        rows.append(
            (study.objective, *(_metric("", study.benchmark_value if c is None else c.value) for _, c in columns))
        )
    rows += [
        (name, *(_metric(name, held.get(name, math.nan) if c is None else c.metrics[name]) for _, c in columns))
        for name in study.best.metrics
        if name != "value"
    ]
    return table(rows, ["", *(name for name, _ in columns)], width=width)


def warning_text(study: Study, width: int = 80) -> str:
    """The honest word: how many trials the best was chosen from, and what that means."""
    text = (
        f"The best is the best of {len(study):,} trials on one history, so it looks better than it is: some of it is "
        "luck, and more trials find more luck. The plateau is what its neighbours share. Neither is advice."
    )
    return fill(text, min(width, 100), initial_indent="  ", subsequent_indent="  ")


def has_best(study: Study) -> bool:
    """Say whether any trial satisfies the constraints and has a value."""
    try:
        return study.best is not None
    except StudyError:
        return False


def _parameter(candidate: Candidate | None, name: str) -> str:
    if candidate is None:
        return ""
    value = candidate.params[name]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metric(name: str, value: float) -> str:
    return percent(value) if name in _FRACTIONS else number(float(value))
