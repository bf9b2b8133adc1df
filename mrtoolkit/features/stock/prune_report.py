"""`PruneReport`: what was removed from a store, as a value that prints itself; and the lines of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrtoolkit.features.disk.commit import Signature
from mrtoolkit.features.sizes import format_size
from mrtoolkit.features.stock.tables import TableColumn, html_lines, html_table, terminal_width, text_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """One thing that is to be removed.

    Attributes
    ----------
    folder : Path
        Of a family, or what an interrupted write left over.
    expression : str
        The family's pattern, "" for a leftover.
    data : str
        Fingerprint of its bars.
    features : int
    n_bytes : int
        What removing it frees, all before it being gone; files that other data shares stay.
    why : str
    signature : tuple of int or None
        Of the family's record when this was planned; a family that was written since stays.
    """

    folder: Path
    expression: str
    data: str
    features: int
    n_bytes: int
    why: str
    signature: Signature | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What was removed from a store; prints itself, in a notebook as HTML.

    Attributes
    ----------
    path : str
        The store's.
    removed : tuple of Doomed
    n_bytes : int
        Freed.
    seconds : float
    """

    path: str
    removed: tuple[Doomed, ...]
    n_bytes: int
    seconds: float

    def __repr__(self) -> str:
        if not self.removed:
            return self._headline()
        return f"{self._headline()}\n{plan_text(self.removed, terminal_width())}"

    def _repr_html_(self) -> str:
        table = html_table(_columns(self.removed)) if self.removed else ""
        return html_lines([self._headline()]) + table

    def _headline(self) -> str:
        if not self.removed:
            return f"feature store {self.path}: nothing to remove"
        return (
            f"feature store {self.path}: removed {counted(self.removed)}, {format_size(self.n_bytes)} freed "
            f"in {self.seconds:.1f} s"
        )


def counted(plan: Sequence[Doomed]) -> str:
    """Return how much a plan removes: "2 families with 14 features and 1 leftover"."""
    families = [one for one in plan if one.expression]
    n_leftovers, n_features = len(plan) - len(families), sum(one.features for one in families)
    parts = [
        f"{_number(len(families), 'family', 'families')} with {_number(n_features, 'feature', 'features')}",
        _number(n_leftovers, "leftover", "leftovers"),
    ]
    return " and ".join(part for part, count in zip(parts, (len(families), n_leftovers), strict=True) if count)


def plan_text(plan: Sequence[Doomed], width: int) -> str:
    """Return what is to be removed as a table for a terminal `width` letters wide."""
    return text_table(_columns(plan), width)


def _columns(plan: Sequence[Doomed]) -> list[TableColumn]:
    def column(head: str, cells: Sequence[str], rank: int, narrowest: int | None = None) -> TableColumn:
        is_text = narrowest is not None
        wraps = narrowest is not None and rank == 0
        return TableColumn(head=head, cells=tuple(cells), rank=rank, is_text=is_text, narrowest=narrowest, wraps=wraps)

    return [
        column("features of", [one.expression or one.folder.name for one in plan], 0, 16),
        column("bars", [one.data[:8] for one in plan], 2, 8),
        column("features", [f"{one.features:,}" if one.expression else "" for one in plan], 1),
        column("freed", [format_size(one.n_bytes) for one in plan], 0),
        column("because", [one.why for one in plan], 0, 20),
    ]


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
