"""The problems that the search is measured by: bars, rules, lattice and objective, each by name and from seeds.

`tune` and `report` have the same families, sizes and kinds of bars. Whoever improves the search looks at `tune`
alone; what is reported is measured over `report`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from search_data import Span, span
from search_rules import RULES, Rule

import mrtoolkit as mrt
from mrtoolkit.data.fingerprint import fingerprint

FEE = 0.001
LARGE = 60_000  # points; the floors hold up to here


@dataclass(frozen=True)
class Problem:
    """One search to be made.

    Attributes
    ----------
    rule_name : str
        A key of `RULES`.
    kind : str
        Name of the bars.
    objective : str
        A metric.
    part : {"tune", "report"}
    min_trades : int
        A point with fewer trades does not count.
    """

    rule_name: str
    kind: str
    objective: str
    part: str
    min_trades: int = 0

    @property
    def name(self) -> str:
        """What it is called, in tables and in file names."""
        return f"{self.rule_name}-{self.kind}-{self.objective}"

    @property
    def rule(self) -> Rule:
        """Strategy and lattice."""
        return RULES[self.rule_name]

    @property
    def family(self) -> str:
        """What kind of strategy it is."""
        return self.rule.family

    @property
    def space(self) -> mrt.Space:
        """The lattice."""
        return self.rule.space

    @property
    def is_large(self) -> bool:
        """Whether it has more points than the floors speak of."""
        return self.space.size > LARGE

    @property
    def span(self) -> Span:
        """The bars, and the year after them."""
        return span(self.kind)

    @property
    def bars(self) -> xr.Dataset:
        """What the search sees."""
        return self.span.seen

    def description(self) -> str:
        """Everything that its truth depends on, as text, in words that no change of the package's files changes."""
        space = self.space
        ends = {name: [len(d.labels), str(d.labels[0]), str(d.labels[-1])] for name, d in space.dimensions.items()}
        rules = {name: node.key for name, node in self.rule.strategy.rules.items() if node is not None}
        settings = {name: node.key for name, node in self.rule.strategy.settings.items()}
        what = [fingerprint(self.bars), rules, settings, ends, [node.key for node in space.where]]
        return json.dumps([*what, self.objective, self.min_trades, FEE], sort_keys=True)

    def backtest(self, bars: xr.Dataset | None = None, *, start: object = None, **settings: object) -> mrt.Backtest:
        """The evaluator; all points are measured over the same bars, from the first at which the slowest is warm."""
        store = mrt.FeatureStore(memory="1 GiB")
        bars = self.bars if bars is None else bars
        return mrt.Backtest(
            bars, self.rule.strategy, costs=mrt.Costs(fee=FEE), store=store, start=start or self.space, **settings
        )

    def values(self, backtest: mrt.Backtest, points: pd.DataFrame) -> np.ndarray:
        """Return the objective of points, NaN where one does not count."""
        names = {self.objective} | ({"trades"} if self.min_trades else set())
        found = backtest.run(points, metrics=names)
        values = found[self.objective].values.astype(np.float64)
        if self.min_trades:
            values = np.where(found["trades"].values >= self.min_trades, values, np.nan)
        return np.where(np.isfinite(values), values, np.nan)


def _pair(rule: str, tune: str, report: str, *, trades: int = 0) -> list[Problem]:
    """Two problems of one rule, each written "bars objective"."""
    parts = {"tune": tune, "report": report}
    return [Problem(rule, *what.split(), part, trades) for part, what in parts.items()]


PROBLEMS: Sequence[Problem] = [
    *_pair("ema_cross", "AAPL sharpe", "MSFT sharpe"),
    *_pair("ema_cross", "hourly total_return", "hours total_return"),
    *_pair("sma_cross", "IBM total_return", "GOOG sharpe"),
    *_pair("sma_cross", "regimes sharpe", "flat sharpe", trades=10),
    *_pair("ema_cross_rsi", "MSFT total_return", "AAPL total_return"),
    *_pair("ema_cross_rsi", "wild sharpe", "phases sharpe"),
    *_pair("kind_cross", "GOOG sharpe", "IBM sharpe"),
    *_pair("ema_cross_short", "FB sharpe", "quarters total_return"),
    *_pair("rsi_band", "AAPL total_return", "IBM sharpe"),
    *_pair("rsi_band", "hours sharpe", "hourly sharpe"),
    *_pair("rsi_bands", "GOOG total_return", "MSFT sharpe", trades=10),
    *_pair("rsi_bands", "flat sharpe", "regimes total_return"),
    *_pair("breakout", "IBM sharpe", "AAPL sharpe"),
    *_pair("breakout", "long total_return", "rising sharpe"),
    *_pair("breakout_stop", "MSFT sharpe", "GOOG total_return"),
    *_pair("breakout_stop", "hourly sharpe", "wild total_return"),
    *_pair("breakout_trail", "rising sharpe", "long sharpe"),
    *_pair("breakout_short", "quarters sharpe", "FB total_return"),
    *_pair("macd", "AAPL sharpe", "IBM total_return"),
    *_pair("macd", "wild total_return", "hours sharpe"),
    *_pair("macd_stop", "GOOG sharpe", "AAPL sharpe"),
    *_pair("macd_rsi", "regimes total_return", "MSFT total_return", trades=10),
    *_pair("rsi_bands_free", "IBM sharpe", "GOOG sharpe"),
    *_pair("rsi_bands_free", "regimes sharpe", "wild total_return", trades=10),
    *_pair("cross_not_hot", "AAPL sharpe", "MSFT total_return"),
    *_pair("cross_stops", "flat sharpe", "rising total_return"),
    *_pair("breakout_stops", "GOOG sharpe", "AAPL sharpe"),
    *_pair("macd_rsi_stops", "wild sharpe", "IBM sharpe"),
    *_pair("macd_rsi_stops_fine", "MSFT sharpe", "flat sharpe"),
]


def problems(part: str | None = None, *, large: bool | None = None) -> list[Problem]:
    """Return the problems of a part, all or only those above or up to `LARGE` points."""
    return [p for p in PROBLEMS if part in (None, p.part) and large in (None, p.is_large)]
