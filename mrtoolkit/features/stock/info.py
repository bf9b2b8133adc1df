"""`StoreInfo`: what a store holds, as a value that prints itself."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrtoolkit.features.costs import Decision
from mrtoolkit.features.counters import Counters
from mrtoolkit.features.family import Labels
from mrtoolkit.features.sizes import format_size
from mrtoolkit.features.stock.label_texts import labels_text
from mrtoolkit.features.stock.tables import TableColumn, html_lines, html_table, terminal_width, text_table
from mrtoolkit.features.stock.todays import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class DataInfo:
    """One data set that a store has features of.

    Attributes
    ----------
    fingerprint : str
    source, timeframe : str
        What the bars say of themselves, "" for nothing.
    n_bars : int
    n_assets : int or None
        None for bars without a dimension of assets.
    start, stop : datetime64[ns]
        First and last bar.
    extends : str
        Fingerprint of the shorter data that these bars extend, "" for none.
    """

    fingerprint: str
    source: str = ""
    timeframe: str = ""
    n_bars: int
    n_assets: int | None = None
    start: np.datetime64
    stop: np.datetime64
    extends: str = ""

    def __str__(self) -> str:
        first, last = (str(stamp.astype("datetime64[D]")) for stamp in (self.start, self.stop))
        if first == last:
            first, last = (str(stamp.astype("datetime64[m]")) for stamp in (self.start, self.stop))
        count = f"{self.n_bars:,}{f' {self.timeframe}' if self.timeframe else ''} bars"
        parts = [f"bars {self.fingerprint[:8]}: {count}"]
        parts += [] if np.isnat(self.start) else [f"{first} to {last}"]
        parts += [] if self.n_assets is None else [f"{self.n_assets:,} assets"]
        parts += [f"extends {self.extends[:8]}"] if self.extends else []
        parts += [self.source] if self.source else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyInfo:
    """What a store holds of one family over one data set.

    Attributes
    ----------
    expression : str
        The family's pattern, "ema(P.lookback)".
    fingerprint : str
        Of the bars.
    parameters : tuple of str
        What the labels are of.
    label_values : tuple of tuple
        The labels of every feature, sorted.
    in_memory, on_disk : int
        Features.
    memory_bytes, disk_bytes : int
        Of their values in memory; of the family's files, those that it shares with others counted too.
    decision : Decision or None
        What a look-up of one on disk does, and why; None where none is.
    ns_per_bar : float
        Least measured cost of one value in nanoseconds, NaN where it was not computed.
    units, dtype : str
        Of the values.
    code : str
        Name and version of the indicators.
    standing : str
        "today's", "old" or "not registered".
    """

    expression: str
    fingerprint: str
    parameters: tuple[str, ...] = ()
    label_values: tuple[Labels, ...] = ()
    in_memory: int = 0
    on_disk: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0
    decision: Decision | None = None
    ns_per_bar: float = math.nan
    units: str = ""
    dtype: str = "float64"
    code: str
    standing: Standing = "today's"

    @property
    def labels(self) -> str:
        """The labels in a few words: "5..200 step 5 (40)"."""
        return labels_text(self.parameters, self.label_values)

    @property
    def look_up(self) -> str:
        """What a look-up of one on disk does, and why: "reads: 4.1 < 33.0 ns", "~4.1" where none was read yet."""
        if self.decision is None:
            return ""
        if self.standing == "old":
            return "not used"
        read, compute = self.decision.read_ns, self.decision.compute_ns
        shown = f"{'~' if self.decision.is_guess else ''}{_ns(read)}"
        if not self.decision.reads:
            return f"computes: {_ns(compute)} < {shown} ns"
        if math.isnan(compute):
            return "reads"
        return f"reads: {shown} < {'' if read < compute else '2 x '}{_ns(compute)} ns"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """What a store holds and did; prints as a table, in a notebook as HTML.

    Attributes
    ----------
    path : str, or None
        Folder, None for memory alone.
    families : tuple of FamilyInfo
        By data set.
    data : tuple of DataInfo
        The data sets of the families.
    counters : Counters
    memory_bytes, memory_limit, disk_bytes : int
        On disk all files, each once.
    disk_limit : int or None
        None for no limit.
    """

    path: str | None
    families: tuple[FamilyInfo, ...]
    data: tuple[DataInfo, ...] = ()
    counters: Counters
    memory_bytes: int
    memory_limit: int
    disk_bytes: int
    disk_limit: int | None = None

    def __repr__(self) -> str:
        lines = [self._headline(), self._counts()]
        if self.families:
            lines.append(text_table(_columns(self.families), terminal_width(), self._groups()))
        return "\n".join([*lines, *self._notes()])

    def _repr_html_(self) -> str:
        # what reading takes is in the words about a look-up, and a page has no room for it twice
        columns = [column for column in _columns(self.families) if column.head != "ns to read"]
        table = html_table(columns, self._groups()) if self.families else ""
        notes = html_lines(["", *self._notes()]) if self._notes() else ""
        return html_lines([self._headline(), self._counts()]) + table + notes

    def disk_text(self, width: int) -> str:
        """Return what is on disk alone, as the table of a terminal `width` letters wide."""
        count = sum(family.on_disk for family in self.families)
        total = f"feature store {self.path}: {count:,} features, {format_size(self.disk_bytes)} on disk"
        if not self.families:
            return total
        table = text_table(_columns(self.families, memory=False), width, self._groups())
        return "\n".join([total, table, *self._notes()])

    def _groups(self) -> dict[int, str]:
        """Return the line about its bars above the first family of each data set."""
        about = {data.fingerprint: str(data) for data in self.data}
        starts: dict[int, str] = {}
        for fingerprint, group in itertools.groupby(enumerate(self.families), key=lambda pair: pair[1].fingerprint):
            starts[next(group)[0]] = about.get(fingerprint, f"bars {fingerprint[:8]}")
        return starts

    def _headline(self) -> str:
        memory = f"{format_size(self.memory_bytes)} of {format_size(self.memory_limit)} in memory"
        if self.path is None:
            return f"feature store in memory: {memory}"
        limit = "" if self.disk_limit is None else f" of {format_size(self.disk_limit)}"
        return f"feature store {self.path}: {memory}, {format_size(self.disk_bytes)}{limit} on disk"

    def _counts(self) -> str:
        c = self.counters
        ahead = f" ({c.ahead:,} of them before they were asked for, {c.ahead_used:,} used)" if c.ahead else ""
        parts = [
            f"computed {c.computed:,}{ahead}",
            *([f"went on from older bars with {c.extended:,}"] if c.extended else []),
            f"found {c.memory_hits:,} in memory and {c.disk_hits:,} on disk",
            *([f"computed {c.recomputed:,} anew as that is cheaper than reading"] if c.recomputed else []),
            f"evicted {c.evicted:,}",
        ]
        return ", ".join(parts)

    def _notes(self) -> list[str]:
        old = [family for family in self.families if family.standing == "old" and family.on_disk]
        if not old:
            return []
        size = format_size(sum(family.disk_bytes for family in old))
        return [f"{size} of old code are not used; `mrtoolkit store prune PATH` removes them."]


def _columns(families: Sequence[FamilyInfo], *, memory: bool = True) -> list[TableColumn]:
    """Return the table, what is left out first with the highest rank."""
    is_all_todays = all(family.standing == "today's" for family in families)
    columns = [
        _texts("features of", [f.expression for f in families], 0, 16),
        _texts("labels", [f.labels for f in families], 3, 12),
        _numbers("on disk", [f"{f.on_disk:,}" if f.on_disk else "" for f in families], 0),
        _numbers("bytes", [format_size(f.disk_bytes) if f.on_disk else "" for f in families], 1),
        _texts("look-up on disk", [f.look_up for f in families], 2, None),
        _numbers("ns to compute", [_ns(f.ns_per_bar) for f in families], 8),
        _numbers("ns to read", ["" if f.decision is None else _ns(f.decision.read_ns) for f in families], 8),
        _texts("units", [f.units for f in families], 7, 8),
        _texts("type", ["" if f.dtype == "float64" else f.dtype for f in families], 7, None),
        _texts("code", [_code(f) for f in families], 6 if is_all_todays else 0, 14),
    ]
    if memory:
        columns[4:4] = [
            _numbers("in memory", [f"{f.in_memory:,}" if f.in_memory else "" for f in families], 4),
            _numbers("bytes", [format_size(f.memory_bytes) if f.in_memory else "" for f in families], 5),
        ]
    return columns


def _texts(head: str, cells: Sequence[str], rank: int, narrowest: int | None) -> TableColumn:
    return TableColumn(head=head, cells=tuple(cells), rank=rank, is_text=True, narrowest=narrowest)


def _numbers(head: str, cells: Sequence[str], rank: int) -> TableColumn:
    return TableColumn(head=head, cells=tuple(cells), rank=rank)


def _code(family: FamilyInfo) -> str:
    return {"today's": "", "old": "OLD: ", "not registered": "unknown here: "}[family.standing] + family.code


def _ns(value: float) -> str:
    return "" if math.isnan(value) else f"{value:,.0f}" if value >= 1_000 else f"{value:.1f}"
