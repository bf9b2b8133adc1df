"""`StoreInfo`: what a store holds, as a value that prints itself."""

from __future__ import annotations

import html
from dataclasses import dataclass

from mrtoolkit.features.counters import Counters
from mrtoolkit.features.sizes import format_size

_HEADS = ("features of", "bars", "in memory", "on disk", "memory", "disk", "ns a value", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyInfo:
    """What a store holds of one family over one data set.

    Attributes
    ----------
    expression : str
        The family's pattern, "ema(P.lookback)".
    fingerprint : str
        Of the bars.
    in_memory, on_disk : int
        Features.
    memory_bytes, disk_bytes : int
        Of their values.
    ns_per_bar : float
        Least measured cost of one value in nanoseconds, NaN where it was not computed.
    code : str
        Name and version of the indicators.
    """

    expression: str
    fingerprint: str
    in_memory: int
    on_disk: int
    memory_bytes: int
    disk_bytes: int
    ns_per_bar: float
    code: str

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        cost = "" if self.ns_per_bar != self.ns_per_bar else f"{self.ns_per_bar:.1f}"
        sizes = (format_size(self.memory_bytes), format_size(self.disk_bytes))
        return (
            self.expression, self.fingerprint[:8], f"{self.in_memory:,}", f"{self.on_disk:,}", *sizes, cost, self.code,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """What a store holds and did; prints as a table, in a notebook as HTML.

    Attributes
    ----------
    path : str, or None
        Folder, None for memory alone.
    families : tuple of FamilyInfo
    counters : Counters
    memory_bytes, memory_limit, disk_bytes : int
    """

    path: str | None
    families: tuple[FamilyInfo, ...]
    counters: Counters
    memory_bytes: int
    memory_limit: int
    disk_bytes: int

    def __repr__(self) -> str:
        rows = [_HEADS, *(family.cells() for family in self.families)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADS))]
        lines = [
            "  ".join(_aligned(cell, w, k) for k, (cell, w) in enumerate(zip(r, widths, strict=True))) for r in rows
        ]
        return "\n".join([self._headline(), *(line.rstrip() for line in lines)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{cell}</th>" for cell in _HEADS)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in family.cells()) + "</tr>"
            for family in self.families
        )
        return f"<p>{html.escape(self._headline())}</p><table><tr>{head}</tr>{body}</table>"

    def _headline(self) -> str:
        c = self.counters
        return (
            f"feature store {self.path or 'in memory'}: {format_size(self.memory_bytes)} of "
            f"{format_size(self.memory_limit)} in memory, {format_size(self.disk_bytes)} on disk; "
            f"computed {c.computed:,}, found {c.memory_hits:,} in memory and {c.disk_hits:,} on disk, "
            f"evicted {c.evicted:,}"
        )


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column in (0, 1, len(_HEADS) - 1) else cell.rjust(width)
