"""What the bars of one market give to all trials: computed when first asked for, kept where it is small."""

from __future__ import annotations

from typing import Any

import numpy as np

from mrtoolkit._jit import read_only
from mrtoolkit.backtest._kernels.tables import TILE, all_tables, last_knowns
from mrtoolkit.backtest._kernels.track import Track, build_track
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.room import room

_KEPT_BARS = 1_000_000  # of all assets: 64 MB of tables


class Ground:
    """Last known closes, prices of fills and tables of running sums, asset by asset."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._marks: dict[int, np.ndarray] = {}
        self._tables: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._tracks: dict[tuple[int, bytes], Track] = {}
        self._plain: dict[int, bool] = {}
        self._keeps = market.n_bars * len(market.prices) <= _KEPT_BARS

    def mark(self, asset: int) -> np.ndarray:
        """The last known close at each bar, (time,)."""
        if asset not in self._marks:
            close = self._market.prices[asset].close
            self._marks[asset] = read_only(last_knowns(close)) if np.isnan(close).any() else close
        return self._marks[asset]

    def track(self, asset: int, edges: np.ndarray) -> Track:
        """What the walk from event to event needs of an asset's prices."""
        key = asset, edges.tobytes()
        track = self._tracks.get(key)
        if track is None:
            market = self._market
            track = build_track(market.prices[asset], market.start, market.risk_free_bar, edges)
            if self._keeps:
                self._tracks[key] = track
        return track

    def is_plain(self, asset: int) -> bool:
        """Whether every order fills, at prices that leave something after costs, from the first measured bar on."""
        if asset not in self._plain:
            market, end = self._market, self._market.ends[asset]
            raw, costs = self._raw(asset)[market.start : end], market.costs
            self._plain[asset] = (
                end > market.start
                and costs.minimum == 0.0
                and not np.isnan(raw).any()
                and not np.isnan(self.mark(asset)[market.start])
                and raw.min() * (1.0 - costs.slippage) * (1.0 - costs.fee) > costs.spread + 2.0 * costs.per_share
            )
        return self._plain[asset]

    def of_long_only(self, asset: int) -> tuple[Any, ...]:
        """What `_kernels/long_only.run_tiles` takes of a market."""
        market, end = self._market, self._market.ends[asset]
        raw, mark = self._raw(asset), self.mark(asset)
        if not self._keeps:
            tables = room("tables", (TILE, 8), np.float64), np.empty((1, 4))
        elif asset in self._tables:
            tables = self._tables[asset]
        else:
            tables = self._tables[asset] = all_tables(raw, mark, market.costs, market.risk_free_bar)
        return (raw, mark, market.costs, market.risk_free_bar, market.at_close, end, self._keeps, *tables)

    def _raw(self, asset: int) -> np.ndarray:
        prices = self._market.prices[asset]
        return prices.close if self._market.at_close else prices.open
