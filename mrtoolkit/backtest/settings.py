"""Whether a backtest's settings mean something, and where it starts to measure."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.backtest.metrics import METRICS
from mrtoolkit.backtest.model import FILLS, Costs
from mrtoolkit.backtest.points import frame_of
from mrtoolkit.errors import SpaceError, StrategyError, check_count, nearest
from mrtoolkit.evaluation import RESERVED_NAMES
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.plan import Plan
from mrtoolkit.strategy.points import Points
from mrtoolkit.strategy.position_plan import PositionPlan
from mrtoolkit.strategy.positions import Positions
from mrtoolkit.strategy.strategy import Strategy

ENGINES = ("auto", "event", "dense")
_MAX_CORNERS = 4096
_FAR_APART = 0.25  # of the measured bars


def check_settings(
    *, strategy: Any, costs: Any, fill: str, store: Any, engine: str,
    periods_per_year: float | None, risk_free: float, blocks: int, cash: float,
) -> None:  # fmt: skip
    """Refuse settings without a meaning.

    Raises
    ------
    StrategyError
        Naming the setting, what was given and what is allowed.
    """
    _check_strategy(strategy, engine)
    if not isinstance(costs, Costs):
        raise StrategyError(
            f"costs is a {type(costs).__name__}, but must be a Costs; write costs=mrt.Costs(fee=0.001)."
        )
    if store is not None and not isinstance(store, FeatureStore):
        raise StrategyError(
            f"store is a {type(store).__name__}, but must be a FeatureStore; "
            "write store=mrt.FeatureStore('features.zarr')."
        )
    for name in strategy.params:
        if name in METRICS or name in RESERVED_NAMES or hasattr(xr.Dataset, name):
            what = "a metric" if name in METRICS else "a word of results and of xarray"
            raise StrategyError(
                f"the strategy's parameter {name!r} is named like {what}; choose another, as in {name}_n."
            )
    for name, value, allowed in (("fill", fill, FILLS), ("engine", engine, ENGINES)):
        if value not in allowed:
            raise StrategyError(f"{name} is {value!r}, but it is one of {', '.join(allowed)}{nearest(value, allowed)}.")
    _check_number("risk_free", risk_free, low=-1.0, what="a yearly rate, such as 0.02")
    _check_number("cash", cash, low=0.0, what="the account's currency at the start")
    if periods_per_year is not None:
        _check_number("periods_per_year", periods_per_year, low=0.0, what="bars a year, such as 252")
    check_count("blocks", blocks, StrategyError)


def _check_strategy(strategy: Any, engine: str) -> None:
    if not isinstance(strategy, Strategy | Positions):
        function = callable(strategy) and not isinstance(strategy, type)
        cure = "put @mrt.position(features=...) over it" if function else "write strategy=mrt.Strategy(...)"
        raise StrategyError(
            f"strategy is a {type(strategy).__name__}, but must be a Strategy, or Positions made of a function; {cure}."
        )
    if isinstance(strategy, Positions) and engine == "event":
        raise StrategyError(
            f"engine is 'event', which runs rules, but {strategy.name} is a function of your own, which the dense "
            "engine runs bar by bar; leave engine= out, or write the rules as a mrt.Strategy."
        )


def _check_number(name: str, value: Any, *, low: float, what: str) -> None:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= low:
        raise StrategyError(f"{name} is {value!r}, but it is {what}, finite and above {low:g}.")


def resolve_start(start: Any, bars: xr.Dataset, plan: Plan | PositionPlan) -> int:
    """The first measured bar of `start`: None, a bar's number, a time, or a Space whose slowest point decides.

    Raises
    ------
    StrategyError
        If it leaves fewer than two bars, or is none of these.
    """
    n_bars = bars.sizes["time"]
    if start is None:
        return 0
    if hasattr(start, "dimensions"):
        first = _slowest(start, plan)
    elif isinstance(start, (int, np.integer)) and not isinstance(start, bool):
        first = int(start)
    else:
        first = _bar_of(start, bars)
    if not 0 <= first <= n_bars - 2:
        raise StrategyError(
            f"start={start!r} is bar {first:,} of {n_bars:,}, which leaves fewer than two bars to measure; "
            "start earlier or give a longer history."
        )
    return first


def start_text(bars: xr.Dataset, start: int) -> str | None:
    """The first measured bar as text that `resolve_start` reads back; None for the whole history."""
    return None if start == 0 else str(bars["time"].values[start])


def _bar_of(start: Any, bars: xr.Dataset) -> int:
    try:
        when = pd.Timestamp(start)
    except (TypeError, ValueError):
        raise StrategyError(
            f"start is {start!r}, but it is a time such as '2020-01-01', a bar's number, or a Space."
        ) from None
    if when.tzinfo is not None:
        when = when.tz_convert("UTC").tz_localize(None)
    return int(np.searchsorted(bars["time"].values, when.to_datetime64()))


def _slowest(space: Any, plan: Plan | PositionPlan) -> int:
    """The latest first warm bar over the corners of a space: the ends of its numbers, all of its categories."""
    ends = {}
    for name in plan.strategy.params:
        try:
            labels = list(space[name].labels)
        except SpaceError:
            raise StrategyError(
                f"start is a Space without the strategy's parameter {name!r}; add it to the space."
            ) from None
        numbers = all(isinstance(label, (int, float)) and not isinstance(label, bool) for label in labels)
        ends[name] = [labels[0], labels[-1]] if numbers and len(labels) > 1 else labels
    corners = [
        dict(zip(ends, values, strict=True))
        for values in itertools.islice(itertools.product(*ends.values()), _MAX_CORNERS)
    ]
    slowest = {name: labels[-1] for name, labels in ends.items()}
    points = Points.from_frame(frame_of([*corners, slowest]), plan.strategy.params)
    return max(int(span.warm.max()) for span in plan.spans(points))


def warm_far_apart(warm: np.ndarray, start: int, n_bars: int) -> str | None:
    """Say that points cannot be compared well, as their first warm bars lie far apart; None where they do not."""
    first, last = np.maximum([warm.min(), warm.max()], start)
    if last - first <= _FAR_APART * (n_bars - start):
        return None
    return (
        f"the first warm bars of the points lie {last - first:,} of {n_bars - start:,} bars apart, so the slow ones "
        "are measured over years in which they could not trade; give the backtest start=space to measure all alike."
    )
