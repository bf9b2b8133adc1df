"""How the memory of a batch is shared out: features, what is worked in beside them, and how many threads that allows.

The limit is the store's, `FeatureStore(memory=...)`: features, bits, tables of the market and statistics of the points
at work stay within it together, where the store's own share grows smaller as more is worked in. What is returned, a
number a point and metric, comes on top, as nobody can hold less of it. A limit under 16 MiB is taken for that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mrtoolkit.backtest._kernels.columns import STATISTICS, TRADE
from mrtoolkit.backtest._kernels.long_joined import JOINED_STATE
from mrtoolkit.backtest._kernels.tables import TILE
from mrtoolkit.backtest._kernels.window import WINDOW
from mrtoolkit.backtest.ground import EXTREME_BYTES, FALL_BYTES, TABLE_BYTES, TRACK_BYTES, Ground
from mrtoolkit.backtest.market import Market
from mrtoolkit.errors import StrategyError
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.expressions.walk import walk
from mrtoolkit.features.sizes import format_size
from mrtoolkit.strategy._kernels.conditions import CONSTANT, SHIFT
from mrtoolkit.strategy.pieces import Piece, is_plain
from mrtoolkit.strategy.rules import Part, rules_of
from mrtoolkit.strategy.strategy import RULES

_SLICE_BYTES = 64 * 2**20  # of a thread: more at once gains nothing
_LONG_POINTS = 8_192  # of a slice: as many as share codes of features
_EVENT_BARS = 40_000_000  # of a slice, bars times points: under 50 ms, so that pause, progress and Ctrl-C do not wait
_DENSE_BARS = 12_000_000
_FUNCTION_BARS = 2**20
_MADE_BYTES = 10 * 2**20  # of features of one asset that one call of a kernel makes
_LEAST_LIMIT = 16 * 2**20
_WORTH_THREADS = 8_000_000  # bars times points: about two milliseconds of the event engine
_WORTH_A_SLICE = 16  # points: of fewer a slice, less threads with more of them are quicker
_BARS_A_TRADE = 20  # fewer bars than most trades take
_EVENT_BYTES = 128  # of a trade, where trials go from event to event
_POINT_BYTES = 256  # of what a trial of a slice carries, and the numbers of its rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What trials take beside their features, in bytes.

    Attributes
    ----------
    kind : {"long", "events", "dense", "function"}
        How they are run.
    kept : int
        Of the market from then on, as long as the backtest lives, for trials of other kinds too.
    thread : int
        Of each thread.
    point : int
        Of each point of a slice, rows of bits or masks left aside.
    row : int
        Of each row of bits or masks.
    rows : int
        Rows a point, at most.
    most_points : int
        Of a slice, whatever the memory.
    """

    kind: str
    kept: int
    thread: int
    point: int
    row: int
    rows: int
    most_points: int

    @property
    def most_a_point(self) -> int:
        """Bytes of a point that shares no row with another."""
        return self.point + self.rows * self.row

    @property
    def least(self) -> int:
        """Bytes of one point on one thread."""
        return self.kept + self.thread + self.most_a_point


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How a piece of a batch is run.

    Attributes
    ----------
    need : Need
    threads : int
    slice_points : int
        Points that a thread takes at once, at most.
    made_bytes : int
        Of features that are made at once, before the store holds them.
    lent_bytes : int
        What is held beside the store, which holds so much less meanwhile.
    """

    need: Need
    threads: int
    slice_points: int
    made_bytes: int
    lent_bytes: int


class Budget:
    """The memory limit of a batch, shared out.

    Parameters
    ----------
    market : Market
    ground : Ground
    limit : int
        Bytes.
    engine : {"event", "dense", "function"}
        What runs the trials; a "function" is a user's own.
    asked : {"blocks", "joined", "lean"}
        All statistics of all blocks, or their sums and the statistics of the whole, or those that need no falls.
    """

    def __init__(self, market: Market, ground: Ground, *, limit: int, engine: str, asked: str = "joined") -> None:
        self.limit = max(limit, _LEAST_LIMIT)
        self._given = limit
        self._market, self._ground, self._engine, self._asked = market, ground, engine, asked
        self._needs: dict[tuple[int, tuple[Node, ...]], Need] = {}

    @property
    def held_bytes(self) -> int:
        """Bytes of the market's tables that are kept now."""
        return self._ground.held_bytes

    def share(self, nodes: Mapping[str, Node]) -> int:
        """Bytes that the arrays of points with these nodes may take: three quarters, or what the rest leaves."""
        return max(0, min(self.limit // 4 * 3, self.limit - self.need(nodes).least))

    def cut(self, piece: Piece, threads: int) -> Cut:
        """Say with how many threads, of those that there are, and in what slices a piece is run.

        Raises
        ------
        StrategyError
            If it is one point and does not fit.
        """
        need, n_bars, n_assets = self.need(piece.nodes), self._market.n_bars, len(self._market.prices)
        left = self.limit - need.kept - piece.n_bytes
        if left < need.thread + need.most_a_point:
            raise StrategyError(self._too_large(piece, need))
        if piece.points.n * n_bars * n_assets < _WORTH_THREADS:
            threads = 1
        each = need.thread + min(_WORTH_A_SLICE, piece.points.n) * need.most_a_point
        threads = max(1, min(threads, left // each, piece.points.n))
        room = min(left // threads - need.thread, _SLICE_BYTES)
        points = max(1, min(room // need.most_a_point, need.most_points, -(-piece.points.n // threads)))
        worked_in = threads * (need.thread + points * need.most_a_point)
        made = min(piece.kept_bytes, max(_MADE_BYTES, 8 * n_bars) * n_assets)
        lent = min(need.kept + piece.own_bytes + made + worked_in, max(0, self._given - piece.kept_bytes))
        return Cut(need=need, threads=threads, slice_points=points, made_bytes=made, lent_bytes=lent)

    def need(self, nodes: Mapping[str, Node]) -> Need:
        """What points with these nodes need."""
        key = self._ground.held_bytes, tuple(nodes.values())
        if key not in self._needs:
            self._needs[key] = self._need(nodes)
        return self._needs[key]

    def _need(self, nodes: Mapping[str, Node]) -> Need:
        if self._engine == "function":
            return self._of_function()
        parts = parts_of(nodes, has_gaps=True)
        if self._engine == "dense":
            return self._of_dense(sum(part.is_condition for name in RULES for part in walk(nodes[name])))
        plain = is_plain(nodes) and all(map(self._ground.is_plain, range(len(self._market.prices))))
        return self._of_long(parts) if plain else self._of_events(parts)

    def _of_long(self, parts: list[Part]) -> Need:
        n_bars, n_blocks = self._market.n_bars, len(self._market.edges) - 1
        has_falls, has_extremes = self._asked != "lean", self._asked == "joined"
        kept = self._ground.bytes_after(
            edges=self._market.edges, with_falls=has_falls, with_extremes=has_extremes
        )
        a_bar = TABLE_BYTES + has_falls * FALL_BYTES + has_extremes * EXTREME_BYTES
        numbers = 2 * n_blocks + len(WINDOW) + len(JOINED_STATE) if has_extremes else n_blocks * len(STATISTICS)
        whole = any(part.kind == SHIFT for part in parts)
        return Need(
            kind="long",
            kept=kept,
            thread=4 * (TILE + 64) + (0 if kept else TILE * a_bar),
            point=_POINT_BYTES + 8 * numbers,
            row=8 * (n_bars // 64 + 1) if whole else TILE // 8,
            rows=len(parts) + 1,
            most_points=_LONG_POINTS,
        )

    def _of_events(self, parts: list[Part]) -> Need:
        n_bars, n_blocks = self._market.n_bars, len(self._market.edges) - 1
        kept = self._ground.bytes_after(edges=None)
        return Need(
            kind="events",
            kept=kept,
            thread=n_bars + n_bars // _BARS_A_TRADE * _EVENT_BYTES + (0 if kept else n_bars * TRACK_BYTES),
            point=_POINT_BYTES + 8 * n_blocks * len(STATISTICS),
            row=8 * (n_bars // 64 + 1),
            rows=len(parts) + 1,
            most_points=_EVENT_BARS // n_bars,
        )

    def _of_dense(self, n_conditions: int) -> Need:
        n_bars, n_assets, n_blocks = self._market.n_bars, len(self._market.prices), len(self._market.edges) - 1
        return Need(
            kind="dense",
            kept=0,
            thread=n_bars * 9 + n_bars // _BARS_A_TRADE * 8 * len(TRADE),
            point=_POINT_BYTES + 2 * 8 * n_assets * n_blocks * len(STATISTICS),
            row=n_assets * n_bars,
            rows=n_conditions + 1,
            most_points=_DENSE_BARS // (n_assets * n_bars),
        )

    def _of_function(self) -> Need:
        n_bars, n_assets, n_blocks = self._market.n_bars, len(self._market.prices), len(self._market.edges) - 1
        return Need(
            kind="function",
            kept=0,
            thread=n_bars * 16 + n_bars // _BARS_A_TRADE * 16 * len(TRADE),
            point=_POINT_BYTES + 2 * 8 * n_assets * n_blocks * len(STATISTICS),
            row=8 * n_assets * n_bars,
            rows=1,
            most_points=_FUNCTION_BARS // (n_assets * n_bars),
        )

    def _too_large(self, piece: Piece, need: Need) -> str:
        features, rest = piece.n_bytes, need.least
        given = max(1, math.ceil((features + rest) / 2**20))
        return (
            f"one trial alone needs {format_size(features + rest)}, {format_size(features)} of it for features and "
            f"{format_size(rest)} to work in, but the store may hold {format_size(self.limit)}; "
            f"give the backtest store=mrt.FeatureStore(memory='{given} MiB') or more, or fewer bars."
        )


def parts_of(nodes: Mapping[str, Node], *, has_gaps: bool = False) -> list[Part]:
    """The distinct conditions of rules, those inside others too; of a position function there are none.

    With gaps in the features a comparison and its negation are two.
    """
    rules = tuple([nodes[name] for name in RULES if name in nodes])
    return [part for part in rules_of(rules, has_gaps=has_gaps).parts if part.kind != CONSTANT]
