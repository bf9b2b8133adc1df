"""Where the numbers of a report come from: what another person needs to get them again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.data.stamps import wall_clock
from mrtoolkit.search.study import Study
from mrtoolkit.views.page import facts, paragraph, text
from mrtoolkit.views.theme import zone_of
from mrtoolkit.views.trial_table import trials_of
from mrtoolkit.views.words import counted, label, number

_PACKAGES = ("mrtoolkit", "numpy", "numba", "pandas", "xarray", "zarr", "bokeh")
_ASSETS = 20


def provenance_part(study: Study) -> str:
    """Return what another person needs to get the same numbers."""
    search = {
        "Objective": f"{study.objective} ({study.direction})",
        "Constraints": ", ".join(study.keys["constraints"]),
        "Parameters": "; ".join(_parameter_line(study, n) for n in study.space),
        "Seed": str(study.seed),
        "Made with": ", ".join(_versions()),
        "Written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    if study.backtest is None:
        note = "The study has no backtest at hand, so bars, rules and costs are not named here."
        return _named_facts("Search", search) + paragraph(note, kind="note")
    bars, rules = _bars_facts(study.backtest.bars), _rules_facts(study.backtest)
    return "\n".join([_named_facts("Bars", bars), _named_facts("Rules", rules), _named_facts("Search", search)])


def periods_per_year(study: Study) -> float | None:
    """Return what the study's metrics are annualised by, None where it has no backtest."""
    if study.backtest is None:
        return None
    return float(study.backtest.periods_per_year)


def bars_words(bars: xr.Dataset) -> str:
    """Return bars in a few words: how many, of what, from when to when."""
    first, last = _ends(bars)
    name = str(bars.attrs.get("name", ""))
    count = bars.sizes["time"]
    return f"{count:,} bars{f' of {name}' if name else ''} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _named_facts(title: str, pairs: Mapping[str, object]) -> str:
    return f"<h3>{text(title)}</h3>{facts(pairs)}"


def _bars_facts(bars: xr.Dataset) -> dict[str, object]:
    attrs = bars.attrs
    first, last = _ends(bars)
    named = {
        "Source": attrs.get("source"),
        "Licence": attrs.get("licence"),
        "Bars": f"{bars.sizes['time']:,}, from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ({zone_of(bars)})",
        "Timeframe": attrs.get("timeframe"),
        "Close taken from": attrs.get("price_column"),
        "Assets": _assets(bars),
        "Fingerprint": fingerprint(bars),
    }
    known = {"source", "licence", "timeframe", "timezone", "price_column", "stamp", "name"}
    return {**named, **{str(k).capitalize(): v for k, v in attrs.items() if k not in known}}


def _ends(bars: xr.Dataset) -> pd.DatetimeIndex:
    """Return the first and the last time, on the bars' own wall clock."""
    return pd.DatetimeIndex(wall_clock(bars["time"].to_numpy()[[0, -1]], zone_of(bars)).view("datetime64[ns]"))


def _assets(bars: xr.Dataset) -> str:
    names = [str(a) for a in bars["asset"].to_numpy()] if "asset" in bars.dims else []
    more = f" and {len(names) - _ASSETS:,} more" if len(names) > _ASSETS else ""
    return ", ".join(names[:_ASSETS]) + more


def _rules_facts(backtest: Backtest) -> dict[str, object]:
    rules = {str(k).replace("_", " ").capitalize(): _named(v) for k, v in backtest.strategy.to_dict().items()}
    costs = {k: v for k, v in backtest.costs.to_dict().items() if v}
    return {
        **rules,
        "Costs": ", ".join(f"{k.replace('_', ' ')} {number(v)}" for k, v in costs.items()) or "none",
        "Fill": {"next_open": "at the next bar's open", "close": "at the same close"}.get(backtest.fill, backtest.fill),
        "Periods per year": number(backtest.periods_per_year),
        "Risk-free rate": f"{number(backtest.risk_free)} a year",
    }


def _named(value: object) -> object:
    """Return a mapping, such as a position function's features, as `fast = ema(P.fast)`."""
    return ", ".join(f"{k} = {v}" for k, v in value.items()) if isinstance(value, Mapping) else value


def _parameter_line(study: Study, name: str) -> str:
    column = trials_of(study)[name].to_numpy()
    if column.dtype.kind in "if":
        tried = counted(np.unique(column).size, "label")
        return f"{name} from {label(np.min(column))} to {label(np.max(column))} ({tried} tried)"
    return f"{name} one of {', '.join(dict.fromkeys(label(v) for v in column))}"


def _versions() -> list[str]:
    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found
