"""`VerifyReport`: whether a store is whole, as a value that prints itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from mrtoolkit.features.sizes import format_size
from mrtoolkit.features.stock.tables import TableColumn, html_lines, html_table, terminal_width, text_table

_MOST_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One thing that is not as it was committed.

    Attributes
    ----------
    data : str
        Fingerprint of the bars.
    feature : str
        The feature, or what all features of a family are called where none of them can be read.
    folder : Path
        Of the family.
    reason : str
        Which file, and what is wrong with it.
    of_all : bool
        Whether it concerns the family as a whole and not one feature.
    """

    data: str
    feature: str
    folder: Path
    reason: str
    of_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What a check of every committed byte found; true where the store is whole. Prints itself.

    Attributes
    ----------
    path : str
        The store's.
    families, features : int
        Checked.
    n_bytes : int
        Of values that were read and are as committed.
    seconds : float
    damage : tuple of Damage
    """

    path: str
    families: int
    features: int
    n_bytes: int
    seconds: float
    damage: tuple[Damage, ...]

    def __bool__(self) -> bool:
        return not self.damage

    def __repr__(self) -> str:
        return self.to_text(terminal_width())

    def to_text(self, width: int, *, is_command: bool = False) -> str:
        """Return the result for a terminal `width` letters wide: a line where the store is whole, else what is not.

        What to do about it is a call of Python, or with `is_command` a command of the shell.
        """
        if not self.damage:
            return self._headline()
        lines = text_table(self._columns(), width)
        return "\n".join([self._headline(), lines, *self._notes(is_command=is_command)])

    def _repr_html_(self) -> str:
        if not self.damage:
            return html_lines([self._headline()])
        return html_lines([self._headline(), *self._notes()]) + html_table(self._columns())

    def _headline(self) -> str:
        count = (
            f"{self.families:,} {'family' if self.families == 1 else 'families'} with "
            f"{self.features:,} {'feature' if self.features == 1 else 'features'} checked, "
            f"{format_size(self.n_bytes)} in {self.seconds:.1f} s"
        )
        result = f"{len(self.damage):,} DAMAGED" if self.damage else "all whole"
        return f"feature store {self.path}: {count}: {result}"

    def _notes(self, *, is_command: bool = False) -> list[str]:
        more = len(self.damage) - _MOST_LINES
        notes = [f"... and {more:,} more in .damage"] if more > 0 else []
        if not all(one.of_all for one in self.damage):
            notes.append("A damaged feature is never used; asked for again, by store.array(bars, ...), it is computed.")
        names = sorted(
            {one.folder.name.partition("@")[0] for one in self.damage if one.of_all and "@" in one.folder.name}
        )
        if names:
            call = f"store.prune(names={names}, everything=True)"
            if is_command:
                call = f"mrtoolkit store prune {shlex.quote(self.path)} --names {','.join(names)} --everything"
            notes.append(f"Remove what is damaged as a whole: {call}; it is computed again when it is asked for.")
        return notes

    def _columns(self) -> list[TableColumn]:
        shown = self.damage[:_MOST_LINES]
        return [
            TableColumn(
                head="damaged", cells=tuple(one.feature for one in shown), is_text=True, narrowest=20, wraps=True
            ),
            TableColumn(head="bars", cells=tuple(one.data[:8] for one in shown), rank=5, is_text=True),
            TableColumn(head="why", cells=tuple(one.reason for one in shown), is_text=True, narrowest=30, wraps=True),
            TableColumn(head="folder", cells=tuple(one.folder.name for one in shown), rank=6, is_text=True),
        ]
