"""Points over a few assets at a time, whose features are computed in passing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from mrtoolkit.features._kernels.first_value import find_firsts, survey
from mrtoolkit.features.for_engines import passing
from mrtoolkit.features.passing import Passing
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.strategy.operands import Needed, Operands, needed_by
from mrtoolkit.strategy.pieces import Piece
from mrtoolkit.strategy.span import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class PassingSpans:
    """A piece's points over any assets; of several threads each moves a window of its own over them.

    Parameters
    ----------
    bars : xr.Dataset
    store : FeatureStore
    piece : Piece
    """

    bars: xr.Dataset
    store: FeatureStore
    piece: Piece
    _needed: Needed = field(init=False)
    _passing: Passing = field(init=False)

    def __post_init__(self) -> None:
        needed = needed_by(self.piece.points, self.piece.nodes.values(), self.bars)
        object.__setattr__(self, "_needed", needed)
        object.__setattr__(self, "_passing", passing(self.store, self.bars, needed.wanted))

    @property
    def room(self) -> tuple[int, int]:
        """What the features of one asset need: rows and bars, of float64."""
        return self._passing.n_rows, self._passing.shape[1]

    def span(self, first: int, rows: np.ndarray, before: Span | None = None) -> Span:
        """The points over the assets from `first` on, whose features are written to `rows`, (asset, row, time).

        before : Span, optional
            What this returned for the same memory: most of it serves again.
        """
        n_assets, n_rows, n_bars = rows.shape
        known, begins, is_whole = rows.view(), np.empty((n_assets, n_rows), dtype=np.int64), True
        known.flags.writeable = False
        for k in range(n_assets):
            if self._passing.fill(first + k, rows[k]):
                find_firsts(known[k], begins[k])
            else:
                is_whole = bool(survey(known[k], begins[k])) and is_whole
        places = self._passing.places
        begin = begins[:, places]
        whole = [is_whole] * len(places)
        if before is not None and before.shape[0] == n_assets:
            return before.moved(before.operands.moved(begin, whole))
        operands = Operands(self._needed, (n_assets, n_bars), [known[:, place] for place in places], begin, whole)
        piece = self.piece
        return Span(operands=operands, points=piece.points, positions=piece.positions, nodes=piece.nodes, is_moved=True)
