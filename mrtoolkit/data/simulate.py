"""Random bars from a seed: geometric Brownian motion whose volatility clusters, any number of bars and assets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mrtoolkit.data.assemble import build_bars
from mrtoolkit.data.stamps import UTC
from mrtoolkit.data.timeframe import parse_timeframe
from mrtoolkit.errors import BarsError, check_count

_YEAR_NS = 365.25 * 86_400e9
_LAST_YEAR_NS = 2**63 - 1
_PERSISTENCE = 0.97  # of log-volatility from bar to bar: half of a shock is left after 23 bars
_GAP_SHARE = 0.1  # of a bar's variance that falls between the close before it and its open
_FIRST_PRICE = 100.0
_MEAN_VOLUME = 1e6
_LARGEST_LOG = 600.0


def simulate(
    *,
    bars: int = 1_000,
    assets: int | Sequence[str] | None = None,
    freq: str = "1D",
    seed: int = 0,
    volatility: float = 0.2,
    drift: float = 0.05,
    clustering: float = 0.5,
    correlation: float = 0.3,
) -> xr.Dataset:
    """Return random bars: geometric Brownian motion with clustered volatility, the same for the same seed.

    The last bits of prices may differ between two kinds of processors, as exponentials do.

    Parameters
    ----------
    bars : int
        How many, at least 2.
    assets : int or sequence of str, optional
        Adds the asset dimension: that many assets, or these labels. None: bars without assets.
    freq : str
        Timeframe such as "1h" or "15min", around the clock and through weekends; "1B" is Monday to Friday.
    seed : int
        Not negative. A longer history begins with the shorter one, and more assets begin with the fewer.
    volatility, drift : float
        Standard deviation and mean of a year's log and simple return, as fractions (0.2 is 20 percent).
    clustering : float
        Standard deviation of the logarithm of volatility; 0 is plain geometric Brownian motion.
    correlation : float
        Correlation of two assets' returns in a bar, in [0, 1].

    Returns
    -------
    xr.Dataset
        open, high, low, close, volume over (time,) or (time, asset), from 2000-01-03 in UTC. Highs and lows are those
        of a Brownian bridge from open to close. The arrays are read-only: change a `bars.copy(deep=True)`.

    Raises
    ------
    BarsError
        For settings without meaning, or a history that ends after the year 2262.

    Examples
    --------
    >>> simulate(bars=3, seed=1)["close"].shape
    (3,)
    """
    _check_settings(bars, seed, volatility, clustering, correlation)
    labels = _labels(assets)
    time = _times(bars, freq)
    years = parse_timeframe(freq).nanoseconds * (1.4 if _is_weekdays(freq) else 1.0) / _YEAR_NS
    market = _Streams.make(seed, 0)
    shared = market.returns.standard_normal(bars)
    columns = {name: np.empty((len(labels), bars)) for name in ("open", "high", "low", "close", "volume")}
    for row in range(len(labels)):
        streams = _Streams.make(seed, row + 1)
        own = streams.returns.standard_normal(bars)
        shocks = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
        levels = _log_volatility(streams.volatility, bars, clustering)
        sigma = volatility * np.sqrt(years) * np.exp(levels - clustering**2)
        made = _one_asset(streams, shocks, sigma, drift * years)
        made["volume"] = _volumes(streams.volumes, shocks, levels)
        for name, values in made.items():
            columns[name][row] = values
    about = {
        "source": f"simulated by mrtoolkit: geometric Brownian motion with clustered volatility, seed {seed}",
        "licence": "none needed",
        "price_column": "close",
    }
    return build_bars(time, columns, assets=None if assets is None else labels, zone=UTC, attrs=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Streams:
    """One generator a quantity, so that no quantity's length moves another's numbers."""

    returns: np.random.Generator
    volatility: np.random.Generator
    opens: np.random.Generator
    ranges: np.random.Generator
    volumes: np.random.Generator

    @classmethod
    def make(cls, seed: int, index: int) -> _Streams:
        made = [np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index, kind]))) for kind in range(5)]
        return cls(returns=made[0], volatility=made[1], opens=made[2], ranges=made[3], volumes=made[4])


def _check_settings(bars: int, seed: int, volatility: float, clustering: float, correlation: float) -> None:
    check_count("bars", bars, BarsError, minimum=2)
    check_count("seed", seed, BarsError, minimum=0)
    allowed = {
        f"volatility={volatility!r} must be above 0 and at most 10 (a year, as a fraction)": 0 < volatility <= 10,
        f"clustering={clustering!r} must lie from 0 to 2": 0 <= clustering <= 2,
        f"correlation={correlation!r} must lie from 0 to 1": 0 <= correlation <= 1,
    }
    for message, holds in allowed.items():
        if not holds:
            raise BarsError(f"simulated bars: {message}; change it.")


def _labels(assets: int | Sequence[str] | None) -> list[str]:
    if assets is None:
        return ["asset"]
    if isinstance(assets, int | np.integer):
        check_count("assets", assets, BarsError)
        return [f"A{number}" for number in range(assets)]
    return [str(label) for label in assets]


def _times(bars: int, freq: str) -> np.ndarray:
    start = np.datetime64("2000-01-03", "ns")
    frame = parse_timeframe(freq)
    if frame.nanoseconds * (bars + 1) * (1.4 if _is_weekdays(freq) else 1.0) > _LAST_YEAR_NS - start.astype(np.int64):
        raise BarsError(f"{bars:,} bars of {freq} end after the year 2262; take fewer bars or a shorter freq.")
    if not _is_weekdays(freq) and not frame.months:
        return start + np.arange(bars) * np.timedelta64(frame.nanoseconds, "ns")
    alias = f"{frame.count}B" if _is_weekdays(freq) else str(frame)
    return np.asarray(pd.date_range(start, periods=bars, freq=alias).to_numpy(), dtype="datetime64[ns]")


def _is_weekdays(freq: str) -> bool:
    return freq.strip().upper().endswith("B")


def _log_volatility(stream: np.random.Generator, bars: int, spread: float) -> np.ndarray:
    from scipy.signal import lfilter  # 0.2 s to import, and only simulated bars need it

    first = stream.standard_normal()
    steps = stream.standard_normal(bars) * np.sqrt(1 - _PERSISTENCE**2)
    path, _ = lfilter([1.0], [1.0, -_PERSISTENCE], steps, zi=[_PERSISTENCE * first])
    return np.asarray(path * spread)


def _one_asset(streams: _Streams, shocks: np.ndarray, sigma: np.ndarray, drift: float) -> dict[str, np.ndarray]:
    gap_shocks = streams.opens.standard_normal(shocks.size)
    # Splits the bar's shock in two independent parts, before and after the open, whose sum it is.
    within = np.sqrt(_GAP_SHARE * (1 - _GAP_SHARE))
    gaps = sigma * (_GAP_SHARE * shocks + within * gap_shocks)
    moves = sigma * shocks + drift - sigma**2 / 2
    log_close = np.cumsum(moves)
    if np.abs(log_close).max() > _LARGEST_LOG:
        raise BarsError(
            "simulated bars: prices leave the range of numbers; take fewer bars, less drift or less volatility."
        )
    before = np.concatenate(([0.0], log_close[:-1]))
    log_open = before + gaps
    body, variance = log_close - log_open, (1 - _GAP_SHARE) * sigma**2
    uniforms = 1.0 - streams.ranges.random((shocks.size, 2))
    reach = np.sqrt(body[:, np.newaxis] ** 2 - 2 * variance[:, np.newaxis] * np.log(uniforms))
    log_high = log_open + (body + reach[:, 0]) / 2
    log_low = log_open + (body - reach[:, 1]) / 2
    open_, close = (_FIRST_PRICE * np.exp(path) for path in (log_open, log_close))
    high = np.maximum(_FIRST_PRICE * np.exp(log_high), np.maximum(open_, close))
    low = np.minimum(_FIRST_PRICE * np.exp(log_low), np.minimum(open_, close))
    return {"open": open_, "high": high, "low": low, "close": close}


def _volumes(stream: np.random.Generator, shocks: np.ndarray, levels: np.ndarray) -> np.ndarray:
    # More is traded in bars that move and in times that are volatile.
    noise = stream.standard_normal(shocks.size)
    return np.asarray(np.round(_MEAN_VOLUME * np.exp(0.3 * np.abs(shocks) + 0.3 * noise + levels)))
