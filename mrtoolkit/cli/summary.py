"""What a finished search has to say, as text for a terminal."""

from __future__ import annotations

import math
from textwrap import fill
from typing import Any

import xarray as xr

from mrtoolkit.cli.table import table
from mrtoolkit.data.stamps import wall_clock
from mrtoolkit.search.candidate import Candidate
from mrtoolkit.search.study import Study
from mrtoolkit.search.study_text import luck_text
from mrtoolkit.views.theme import zone_of
from mrtoolkit.views.words import label, metric_text, seconds
from mrtoolkit.words import plain


def bars_text(bars: xr.Dataset) -> str:
    """Return one line about the prices: whose, how many, from when to when, from where."""
    time = wall_clock(bars["time"].to_numpy(), zone_of(bars)).astype("datetime64[ns]").astype("datetime64[D]")
    assets = [str(asset) for asset in bars["asset"].to_numpy()] if "asset" in bars.dims else []
    name = bars.attrs.get("name") or ", ".join(assets)
    about = [f"{len(time):,} bars of {bars.attrs['timeframe']}, {time[0]} to {time[-1]}"]
    if "source" in bars.attrs:
        about.append(str(bars.attrs["source"]))
    return f"{name}: {'; '.join(about)}" if name else "; ".join(about)


def levels_text(study: Study, width: int = 80) -> str:
    """Return the table of levels with a line of totals: what was run and computed, and what was there already."""
    frame = study.levels
    rows: list[tuple[Any, ...]] = []
    for row in frame.itertuples(index=False):
        *counts, best, spent = row
        rows.append((*counts, _metric(study.objective, best), seconds(spent)))
    sums = [int(frame[name].sum()) for name in frame.columns[1:-2]]
    best = study.best.value if study.has_best else math.nan
    rows.append(("all", *sums, _metric(study.objective, best), seconds(study.seconds)))
    header = ["best value" if name == "best" else name for name in frame.columns]
    return table(rows, header, width=width)


def candidates_text(study: Study, width: int = 80) -> str:
    """Return parameters and metrics of the best and the plateau trial, buy and hold beside them."""
    columns: list[tuple[str, Candidate | None]] = [("best", study.best), ("plateau", study.plateau)]
    held = study.benchmark or {}
    if held:
        columns.append(("buy and hold", None))
    rows = [(name, *(_parameter(c, name) for _, c in columns)) for name in study.space]
    if study.objective not in study.best.metrics:
        values = (study.benchmark_value if c is None else c.value for _, c in columns)
        rows.append((study.objective, *(_metric(study.objective, value) for value in values)))
    rows += [
        (name, *(_metric(name, held.get(name, math.nan) if c is None else c.metrics[name]) for _, c in columns))
        for name in study.best.metrics
        if name != "value"
    ]
    return table(rows, ["", *(name for name, _ in columns)], width=width)


def warning_text(study: Study, width: int = 80) -> str:
    """Return the honest word: how many trials the best was chosen from, and what that means."""
    text = (
        f"The best is the best of {len(study):,} trials on one history, so it looks better than it is: some of it is "
        "luck, and more trials find more luck. The plateau is what its neighbours share. Neither is advice. "
        f"{luck_text(study)}"
    )
    return fill(text, min(width, 100), initial_indent="  ", subsequent_indent="  ")


def _parameter(candidate: Candidate | None, name: str) -> str:
    return "" if candidate is None else label(candidate.shown[name])


def _metric(name: str, value: float) -> str:
    return plain(metric_text(name, value))
