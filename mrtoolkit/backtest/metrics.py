"""The metrics: names, units and formulas, from block statistics to numbers.

Every metric is a function of the statistics of the measured blocks (`_kernels/columns.py`), so that each window of
time has its own at no further cost. `n` is the number of measured bars, `r` their simple returns net of costs.

============== ============== ================================================================================
name           unit           formula
============== ============== ================================================================================
total_return   fraction       product of (1 + r) - 1
annual_return  fraction/year  (1 + total_return) ** (periods_per_year / n) - 1
volatility     fraction/year  std(r, ddof=1) * sqrt(periods_per_year)
sharpe         per year       (mean(r) - risk_free) / std(r, ddof=1) * sqrt(periods_per_year); Sharpe (1994)
sortino        per year       (mean(r) - risk_free) / sqrt(mean(min(r - risk_free, 0)**2)) * sqrt(periods_per_year)
calmar         ratio          annual_return / max_drawdown; Young (1991), over the whole window
max_drawdown   fraction       largest fall of equity from an earlier high; Magdon-Ismail and Atiya (2004)
trades         count          closed trades, and the one still open at the end
win_rate       fraction       trades that gained / trades
profit_factor  ratio          sum of gains / sum of losses, each a fraction of equity at entry
exposure       fraction       bars with a position at their close / n
turnover       per year       traded value as a fraction of equity, summed over fills, / years
============== ============== ================================================================================

`risk_free` is a yearly rate, divided by periods_per_year for one bar. `sharpe` is NaN without a trade and where the
deviation is under 1e-7 of the root mean square (sums of squares hold no more digits); NaN never wins a search. A
deviation, a downside or a drawdown under 1e-12 is rounding, and counts as none.
`sortino` is NaN without a trade or without a return under the risk-free one, `calmar` without a drawdown.

``sharpe_worst_of_8`` is the lowest, ``sharpe_median_of_8`` the median of the Sharpe ratios of eight equal windows of
the measured bars; likewise for `sortino`, `total_return` and `annual_return`, and other numbers of windows. A window in
which the metric has no value (nothing was traded) counts as 0 there: it neither gained nor lost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mrtoolkit.backtest._kernels.window import WINDOW, join_blocks
from mrtoolkit.backtest.market import Market
from mrtoolkit.errors import StudyError, nearest
from mrtoolkit.statistics.blocks import ROUNDING, Array, deviation


@dataclass(frozen=True, slots=True)
class WindowStatistics:
    """Statistics of a union of blocks, each (...), and the constants that annualise them."""

    n: Array
    total: Array
    total_sq: Array
    downside_sq: Array
    growth: Array
    fall: Array
    deviation: Array
    """Of returns."""
    counts: Mapping[str, Array]
    periods_per_year: float
    risk_free: float

    @classmethod
    def from_joined(cls, joined: Array, periods_per_year: float, risk_free: float) -> WindowStatistics:
        """Name the columns of what `join` gives."""
        columns = np.moveaxis(joined, -1, 0)
        lie_apart = joined.T.flags.c_contiguous  # a column after the other, as `Runner` keeps them
        column = dict(zip(WINDOW, columns if lie_apart else np.ascontiguousarray(columns), strict=True))
        return cls(
            n=column["bars"],
            total=column["sum"],
            total_sq=column["sum_sq"],
            downside_sq=column["downside_sq"],
            growth=column["growth"],
            fall=column["drawdown"],
            deviation=deviation(column["bars"], column["sum"], column["sum_sq"]),
            counts={k: column[k] for k in ("trades", "wins", "gains", "losses", "held", "turnover")},
            periods_per_year=periods_per_year,
            risk_free=risk_free,
        )

    @property
    def drawdown(self) -> Array:
        """The largest fall from an earlier high, 0 where it is rounding."""
        return np.where(self.fall > ROUNDING, self.fall, 0.0)

    @property
    def excess(self) -> Array:
        """Mean return above the risk-free one, a bar."""
        return np.asarray(self.total / self.n - self.risk_free / self.periods_per_year)


def _total_return(w: WindowStatistics) -> Array:
    return w.growth - 1.0


def _annual_return(w: WindowStatistics) -> Array:
    return w.growth ** (w.periods_per_year / w.n) - 1.0


def _volatility(w: WindowStatistics) -> Array:
    stands = np.sqrt(w.total_sq / w.n) <= ROUNDING
    return np.asarray(np.where(stands, 0.0, w.deviation) * math.sqrt(w.periods_per_year))


def _sharpe(w: WindowStatistics) -> Array:
    ratio = w.excess / w.deviation * math.sqrt(w.periods_per_year)
    return np.where(w.counts["trades"] > 0, ratio, np.nan)


def _sortino(w: WindowStatistics) -> Array:
    downside = np.sqrt(w.downside_sq / w.n)
    ratio = w.excess / np.where(downside > ROUNDING, downside, np.nan) * math.sqrt(w.periods_per_year)
    return np.where(w.counts["trades"] > 0, ratio, np.nan)


def _calmar(w: WindowStatistics) -> Array:
    return _annual_return(w) / np.where(w.drawdown > 0.0, w.drawdown, np.nan)


def _profit_factor(w: WindowStatistics) -> Array:
    gains, losses = w.counts["gains"], w.counts["losses"]
    return np.where((gains > 0.0) | (losses > 0.0), gains / losses, np.nan)


METRICS: Mapping[str, Callable[[WindowStatistics], Array]] = {
    "total_return": _total_return,
    "annual_return": _annual_return,
    "volatility": _volatility,
    "sharpe": _sharpe,
    "sortino": _sortino,
    "calmar": _calmar,
    "max_drawdown": lambda w: w.drawdown,
    "trades": lambda w: w.counts["trades"],
    "win_rate": lambda w: w.counts["wins"] / np.where(w.counts["trades"] > 0, w.counts["trades"], np.nan),
    "profit_factor": _profit_factor,
    "exposure": lambda w: w.counts["held"] / w.n,
    "turnover": lambda w: w.counts["turnover"] / w.n * w.periods_per_year,
}

DRAWDOWN_METRICS = frozenset({"calmar", "max_drawdown"})
"""What needs the drawdown of the blocks; without them it is not computed."""

LEAN_METRICS = frozenset({"total_return", "annual_return", "volatility", "sharpe", "trades", "win_rate"})
"""What needs sums of returns, growth, trades and wins alone."""

UNITS: Mapping[str, str] = {
    "total_return": "fraction",
    "annual_return": "fraction a year",
    "volatility": "fraction a year",
    "sharpe": "a year",
    "sortino": "a year",
    "calmar": "ratio",
    "max_drawdown": "fraction",
    "trades": "count",
    "win_rate": "fraction",
    "profit_factor": "ratio",
    "exposure": "fraction",
    "turnover": "a year",
}


_WINDOWED = re.compile(r"(total_return|annual_return|sharpe|sortino)_(worst|median)_of_([1-9]\d{0,3})")


@dataclass(frozen=True, slots=True)
class Windowed:
    """A metric of several windows of time, made one number."""

    metric: str
    word: str
    """"worst" or "median"."""
    n: int
    """Windows."""

    def of(self, windows: Array) -> Array:
        """Return the worst or the median over the last dimension."""
        known = np.where(np.isnan(windows), 0.0, windows)
        return np.asarray(known.min(axis=-1) if self.word == "worst" else np.median(known, axis=-1))


def as_windowed(name: str) -> Windowed | None:
    """Return what a name such as ``sharpe_worst_of_8`` means, None where it is not of this kind."""
    found = _WINDOWED.fullmatch(name)
    return None if found is None else Windowed(found[1], found[2], int(found[3]))


def as_metrics(names: Iterable[str] | str | None) -> tuple[str, ...]:
    """Check names of metrics; None and "all" mean all of them.

    Raises
    ------
    StudyError
        If there is no such metric; names the nearest.
    """
    if names is None or (isinstance(names, str) and names == "all"):
        return tuple(METRICS)
    if not isinstance(names, Iterable):
        raise StudyError(f"metrics is {names!r}, but it is a name, or names, such as ['sharpe', 'trades'], or 'all'.")
    wanted = (names,) if isinstance(names, str) else tuple(names)
    for name in wanted:
        if name not in METRICS and as_windowed(name) is None:
            raise StudyError(f"there is no metric {name!r}{nearest(name, METRICS)}; there are {', '.join(METRICS)}.")
    return wanted


def join(blocks: Array) -> Array:
    """Put blocks (..., block, statistic) together: what metrics are made of, (..., `len(WINDOW)`)."""
    flat = np.ascontiguousarray(blocks).reshape(-1, *blocks.shape[-2:])
    return np.asarray(join_blocks(flat)).reshape(*blocks.shape[:-2], len(WINDOW))


def compute_metrics(blocks: Array, names: Iterable[str], market: Market) -> dict[str, Array]:
    """Metrics (...) of block statistics (..., block, statistic)."""
    return metrics_of_joined(join(blocks), names, market)


def metrics_of_joined(joined: Array, names: Iterable[str], market: Market) -> dict[str, Array]:
    """Metrics (...) of what `join` gives."""
    window = WindowStatistics.from_joined(joined, market.periods_per_year, market.risk_free)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return {name: np.asarray(METRICS[name](window), dtype=float) for name in names}
