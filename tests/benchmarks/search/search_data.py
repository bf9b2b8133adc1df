"""The bars of the search's problems: five real shares and simulated ones of several kinds, and the year after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import xarray as xr

import mrtoolkit as mrt


@dataclass(frozen=True)
class Span:
    """What a search may see, and what comes after it.

    Attributes
    ----------
    seen : xr.Dataset
        The bars that are searched over.
    whole : xr.Dataset
        Those and the year that follows; the same bars where nothing follows.
    """

    seen: xr.Dataset
    whole: xr.Dataset

    @property
    def after(self) -> pd.Timestamp | None:
        """The first bar of the year that no search has seen, None where there is none."""
        n = self.seen.sizes["time"]
        return None if n == self.whole.sizes["time"] else pd.Timestamp(self.whole["time"].values[n])


def _share(name: str) -> Span:
    bars = mrt.data.sample(name)
    return _cut(bars, 252)


def _cut(bars: xr.Dataset, after: int) -> Span:
    return Span(bars.isel(time=slice(0, bars.sizes["time"] - after)), bars)


def _simulated(seen: int, freq: str, year: int, seed: int, **kind: float) -> Span:
    return _cut(mrt.data.simulate(bars=seen + year, freq=freq, seed=seed, **kind), year)


def _regimes(each: int, freq: str, year: int, seed: int, kinds: Sequence[tuple[float, float]]) -> Span:
    """Stretches of different drift and volatility, one after the other, each going on from the last one's close."""
    parts, scale = [], 1.0
    for k, (drift, volatility) in enumerate(kinds):
        part = mrt.data.simulate(bars=each, freq=freq, seed=1_000 * seed + k, drift=drift, volatility=volatility)
        prices = scale * np.stack([part[name].values for name in ("open", "high", "low", "close")])
        parts.append(np.concatenate([prices, part["volume"].values[np.newaxis]]))
        scale = prices[3, -1] / 100.0  # simulated prices begin near 100
    values = np.concatenate(parts, axis=1)
    time = mrt.data.simulate(bars=values.shape[1], freq=freq, seed=0)["time"].values
    frame = pd.DataFrame(dict(zip(("open", "high", "low", "close", "volume"), values, strict=True)), index=time)
    return _cut(mrt.data.from_pandas(frame.tz_localize("UTC")), year)


_MIXED = [(0.25, 0.15), (-0.3, 0.35), (0.1, 0.2), (0.0, 0.12), (0.35, 0.25), (-0.15, 0.3), (0.2, 0.18)]
_MAKERS = {
    "AAPL": lambda: _share("AAPL"),
    "GOOG": lambda: _share("GOOG"),
    "IBM": lambda: _share("IBM"),
    "MSFT": lambda: _share("MSFT"),
    "FB": lambda: _cut(mrt.data.sample("FB"), 0),  # 196 bars: there is no year after them
    "rising": lambda: _simulated(2_500, "1B", 252, 11, drift=0.15, volatility=0.18),
    "flat": lambda: _simulated(3_000, "1B", 252, 12, drift=0.0, volatility=0.3),
    "wild": lambda: _simulated(2_000, "1D", 365, 13, drift=0.3, volatility=0.8, clustering=1.0),
    "long": lambda: _simulated(8_000, "1B", 252, 14, drift=0.06, volatility=0.16, clustering=0.7),
    "hourly": lambda: _simulated(10_000, "1h", 8_760, 15, drift=0.2, volatility=0.5),
    "hours": lambda: _simulated(20_000, "1h", 8_760, 16, drift=0.1, volatility=0.7, clustering=0.9),
    "regimes": lambda: _regimes(500, "1B", 252, 17, _MIXED),
    "quarters": lambda: _simulated(16_000, "15min", 35_040, 18, drift=0.5, volatility=0.9, clustering=0.8),
    "years": lambda: _simulated(50_000, "1h", 0, 20, drift=0.2, volatility=0.4, clustering=0.8),  # for the clock
    "phases": lambda: _regimes(3_000, "1h", 8_760, 19, [(d * 2, v * 2) for d, v in _MIXED]),
}  # fmt: skip
KINDS = tuple(_MAKERS)


@cache
def span(name: str) -> Span:
    """Return the bars of a name, made once."""
    return _MAKERS[name]()
