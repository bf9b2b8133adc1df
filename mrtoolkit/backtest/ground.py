"""What the bars of one market give to all trials: computed when first asked for, kept where it is small."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from threading import RLock

import numpy as np

from mrtoolkit._jit import read_only
from mrtoolkit.backtest._kernels.extremes import TILE_NUMBERS, fill_all_extremes, n_extremes
from mrtoolkit.backtest._kernels.falls import fill_falls
from mrtoolkit.backtest._kernels.long_only import LongMarket
from mrtoolkit.backtest._kernels.tables import TILE, Cells, cut_cells, fill_all, last_knowns, least
from mrtoolkit.backtest._kernels.track import Track, build_track
from mrtoolkit.backtest.market import Market
from mrtoolkit.backtest.room import room
from mrtoolkit.features._kernels.first_value import is_whole
from mrtoolkit.features.row_memory import row_memory
from mrtoolkit.features.surveys import address_of

TABLE_BYTES, FALL_BYTES = 64, 64  # a bar: of running sums that begin anew at the edges of blocks, and of falls
EXTREME_BYTES = 8 * TILE_NUMBERS // TILE  # a bar: of highest and lowest prices
TRACK_BYTES = 42  # a bar; 58 where an open lies outside of its low and high, or one of them alone is missing
_MOST_BYTES = 2 * TABLE_BYTES + FALL_BYTES + EXTREME_BYTES + TRACK_BYTES  # a bar, where all take turns
_KEPT_BARS, _KEPT_ASSETS = 1_000_000, 16  # of many assets each is soon made, but memory for all of them is not


class Ground:
    """Last known closes, prices of fills and tables of running sums, asset by asset.

    Parameters
    ----------
    market : Market
    most_bytes : int
        What takes more is not kept but made anew, a tile or an asset at a time.
    """

    def __init__(self, market: Market, most_bytes: int) -> None:
        n_bars = market.n_bars * len(market.prices)
        few = n_bars <= _KEPT_BARS and len(market.prices) <= _KEPT_ASSETS
        self.keeps = few and n_bars * _MOST_BYTES <= most_bytes
        self._market = market
        self._lock = RLock()  # threads that begin at once would make, and hold, the same twice
        self._marks: dict[int, np.ndarray] = {}
        self._tables: dict[tuple[int, bytes], tuple[Cells, np.ndarray, np.ndarray]] = {}
        self._falls: dict[int, np.ndarray] = {}
        self._extremes: dict[int, np.ndarray] = {}
        self._tracks: dict[int, Track] = {}
        self._plain: dict[int, bool] = {}
        self._cells: dict[tuple[int, bytes], Cells] = {}

    def of_assets(self, market: Market, first: int) -> Ground:
        """Of the market of some of the assets, from `first` on, keeping no tables."""
        part = Ground(market, 0)
        part._cells = self._cells
        for asset in range(len(market.prices)):
            part._marks[asset], part._plain[asset] = self.mark(first + asset), self.is_plain(first + asset)
        return part

    @property
    def held_bytes(self) -> int:
        """Bytes that are kept now."""
        with self._lock:  # a plan may be asked for while a search fills them
            tables = [array for _, *arrays in self._tables.values() for array in arrays]
            tracks = [array for track in self._tracks.values() for array in track if isinstance(array, np.ndarray)]
            paths = *self._falls.values(), *self._extremes.values()
            arrays = {id(array): array for array in (*tables, *tracks, *paths)}  # some are there twice
            return sum(array.nbytes for array in arrays.values())

    def bytes_after(
        self, *, edges: np.ndarray | None, with_falls: bool = False, with_extremes: bool = False
    ) -> int:
        """Bytes that are kept after a run: of long trials over blocks with these edges, or from event to event."""
        if not self.keeps:
            return 0
        with self._lock:
            tables = {key for _, key in self._tables} | (set() if edges is None else {edges.tobytes()})
            has_falls, has_tracks = with_falls or bool(self._falls), edges is None or bool(self._tracks)
            has_extremes = with_extremes or bool(self._extremes)
        a_bar = len(tables) * TABLE_BYTES + has_falls * FALL_BYTES + has_tracks * TRACK_BYTES
        a_bar += has_extremes * EXTREME_BYTES
        return a_bar * self._market.n_bars * len(self._market.prices)

    def mark(self, asset: int) -> np.ndarray:
        """The last known close at each bar, (time,)."""
        if asset not in self._marks:
            close = self._market.prices[asset].close
            self._marks[asset] = close if is_whole(close, 0) else read_only(last_knowns(close))
        return self._marks[asset]

    def track(self, asset: int) -> Track:
        """What the walk from event to event needs of an asset's prices."""
        market = self._market
        if not self.keeps:
            return build_track(market.prices[asset], market.start)
        with self._lock:
            if asset not in self._tracks:
                self._tracks[asset] = build_track(market.prices[asset], market.start)
            return self._tracks[asset]

    def is_plain(self, asset: int) -> bool:
        """Whether every order fills, at prices that leave something after costs, from the first measured bar on."""
        if asset not in self._plain:
            market, end = self._market, self._market.ends[asset]
            raw, costs = self._raw(asset)[market.start : end], market.costs
            lowest = least(raw)
            self._plain[asset] = bool(
                end > market.start
                and costs.minimum == 0.0
                and not math.isnan(self.mark(asset)[market.start])
                and lowest * (1.0 - costs.slippage) * (1.0 - costs.fee) > costs.spread + 2.0 * costs.per_share
            )
        return self._plain[asset]

    def long_market(self, asset: int, edges: np.ndarray) -> LongMarket:
        """What the kernels of long positions need of an asset, with sums that begin anew at the edges of blocks."""
        market, end = self._market, self._market.ends[asset]
        raw, mark, costs, risk_free = self._raw(asset), self.mark(asset), market.costs, market.risk_free_bar
        key = asset, edges.tobytes()
        with self._lock:
            if self.keeps and key not in self._tables:
                cells = self._cut(edges, end)
                made = _table(mark.size), np.empty((len(cells.block), 4))
                fill_all(raw, mark, costs, risk_free, cells, *made)
                self._tables[key] = (cells, *made)
            kept = self._tables.get(key)
        if kept is None:
            cells = self._cut(edges, end)
            kept = cells, room("tables", (TILE, 8), np.float64), np.empty((len(cells.block), 4))
        cells, tables, totals = kept
        return LongMarket(raw, mark, costs, risk_free, market.at_close, end, cells, self.keeps, tables, totals)

    def tables_ahead(
        self, edges: np.ndarray, *, with_falls: bool, with_extremes: bool
    ) -> Callable[[], None] | None:
        """What makes the tables of long trials that are kept, if it is called; None where they are there."""
        assets = range(len(self._market.prices))
        if not self.keeps or all((asset, edges.tobytes()) in self._tables for asset in assets):
            return None

        def make() -> None:
            for asset in assets:
                self.long_market(asset, edges)
                if with_falls:
                    self.falls(asset)
                if with_extremes:
                    self.extremes(asset)

        return make

    def falls(self, asset: int) -> np.ndarray:
        """Highest, lowest and largest fall from each bar to its chunk's borders, (bar, 8), or room for a tile."""
        if not self.keeps:
            return room("falls", (TILE, 8), np.float64)
        with self._lock:
            if asset not in self._falls:
                falls = _table(self._market.n_bars)
                fill_falls(self.mark(asset), falls)
                self._falls[asset] = falls
            return self._falls[asset]

    def extremes(self, asset: int) -> np.ndarray:
        """Highest and lowest prices of stretches of bars (`_kernels/extremes.py`), or room for those of a tile."""
        if not self.keeps:
            return room("extremes", (TILE_NUMBERS,), np.float64)
        with self._lock:
            if asset not in self._extremes:
                made = np.empty(n_extremes(self._market.n_bars))
                fill_all_extremes(self.mark(asset), made)
                self._extremes[asset] = made
            return self._extremes[asset]

    @cached_property
    def addresses(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each asset's prices of fills lie, and its last known closes, (asset,) uint64 each."""
        assets = range(len(self._market.prices))
        found = [(address_of(self._raw(asset)), address_of(self.mark(asset))) for asset in assets]
        raws, marks = np.array(found, dtype=np.uint64).T.copy()
        return raws, marks

    def _cut(self, edges: np.ndarray, end: int) -> Cells:
        key = end, edges.tobytes()
        if key not in self._cells:
            self._cells[key] = cut_cells(edges, end)
        return self._cells[key]

    def _raw(self, asset: int) -> np.ndarray:
        prices = self._market.prices[asset]
        return prices.close if self._market.at_close else prices.open


def _table(n_bars: int) -> np.ndarray:
    """A table (bar, 8) to be filled, in the memory of one that nobody needs any more where there is such."""
    (row,), _ = row_memory.take(1, 8 * n_bars)
    return row.reshape(n_bars, 8)
