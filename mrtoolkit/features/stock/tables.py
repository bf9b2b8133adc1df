"""Tables of a store: aligned text that fits its terminal, and plain HTML for a notebook."""

from __future__ import annotations

import html
import itertools
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

NARROWEST, WIDEST = 80, 200
SPARE = 5
"""Columns of this rank and above are left out before any cell is cut."""

_WIDEST_CELL = 48
_ELLIPSIS = "..."
_CELL = "padding:0.15em 0.7em;vertical-align:top;"
_HEAD = f"{_CELL}font-weight:600;border-bottom:1px solid rgba(128,128,128,0.5);"
_GROUP = f"{_CELL}padding-top:0.7em;text-align:left;opacity:0.75;"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """One column of a table.

    Attributes
    ----------
    head : str
        Its heading.
    cells : tuple of str
        One a row.
    rank : int
        The column of the highest rank goes first where the table is too wide; one of rank 0 stays.
    is_text : bool
        Text stands to the left, numbers to the right.
    narrowest : int, optional
        Letters down to which cells may be cut; a column without it is shown whole.
    wraps : bool
        What would be cut goes on in the next line.
    """

    head: str
    cells: tuple[str, ...]
    rank: int = 0
    is_text: bool = False
    narrowest: int | None = None
    wraps: bool = False

    @property
    def width(self) -> int:
        """Letters of the widest cell."""
        return max(map(len, (self.head, *self.cells)))


def terminal_width() -> int:
    """Return the columns that a table may take: those of the terminal, 80 to 200."""
    return min(WIDEST, max(NARROWEST, shutil.get_terminal_size().columns))


def text_table(columns: Sequence[TableColumn], width: int, groups: Mapping[int, str] | None = None) -> str:
    """Return the table as text of at most `width` letters a line, where that can be had.

    What does not fit is left out down to rank `SPARE`; then cells are cut, or go on in the next line; then the other
    columns go.

    Parameters
    ----------
    columns : sequence of TableColumn
        Those that are empty are left out.
    width : int
        Letters a line.
    groups : mapping of int to str, optional
        A line to print before the row of that number.
    """
    indent = "  " if groups else ""
    shown, widths = _laid_out([c for c in columns if any(c.cells)], width - len(indent))
    lines = [indent + _line(shown, widths, [column.head for column in shown])]
    for k, row in enumerate(zip(*(column.cells for column in shown), strict=True)):
        if groups and k in groups:
            lines.append(cut(groups[k], width))
        lines += [indent + _line(shown, widths, part) for part in _wrapped(shown, widths, row)]
    return "\n".join(lines)


def html_table(columns: Sequence[TableColumn], groups: Mapping[int, str] | None = None) -> str:
    """Return the table as HTML that takes its colours from the page, light or dark."""
    shown = [column for column in columns if any(column.cells)]
    head = "".join(f'<th style="{_HEAD}{_side(column)}">{html.escape(column.head)}</th>' for column in shown)
    body = []
    for k, row in enumerate(zip(*(column.cells for column in shown), strict=True)):
        if groups and k in groups:
            body.append(f'<tr><td colspan="{len(shown)}" style="{_GROUP}">{html.escape(groups[k])}</td></tr>')
        cells = zip(shown, row, strict=True)
        body.append(
            "<tr>" + "".join(f'<td style="{_CELL}{_side(c)}">{html.escape(t)}</td>' for c, t in cells) + "</tr>"
        )
    style = "border-collapse:collapse;color:inherit;font-size:90%;font-variant-numeric:tabular-nums;margin:0.3em 0;"
    return f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def html_lines(lines: Sequence[str]) -> str:
    """Return lines of text as HTML: the first one bold, the others below."""
    first, *others = (html.escape(line) for line in lines)
    return f'<div style="font-size:90%"><b>{first}</b>' + "".join(f"<br>{line}" for line in others) + "</div>"


def cut(text: str, width: int) -> str:
    """Return text of at most `width` letters, three dots in the place of what is left out."""
    return text if len(text) <= width else text[: max(0, width - len(_ELLIPSIS))].rstrip() + _ELLIPSIS


def _laid_out(columns: Sequence[TableColumn], width: int) -> tuple[list[TableColumn], list[int]]:
    """Return the columns that are shown, and the width of each."""
    shown = list(columns)
    while True:
        last = max(shown, key=lambda column: column.rank)
        widths = [c.width if c.narrowest is None else min(c.width, _WIDEST_CELL) for c in shown]
        if last.rank < SPARE or _excess(widths, width) <= 0:
            widths = _squeezed(shown, widths, width)
            if last.rank == 0 or _excess(widths, width) <= 0:
                return shown, _widened(shown, widths, width)
        shown.remove(last)


def _squeezed(columns: Sequence[TableColumn], widths: Sequence[int], width: int) -> list[int]:
    """Return the widths after letters were taken from the widest columns that may be cut, as many as it needs."""
    squeezed = list(widths)
    for _ in range(_excess(widths, width)):
        cuttable = [k for k, c in enumerate(columns) if c.narrowest is not None and squeezed[k] > c.narrowest]
        if not cuttable:
            break
        squeezed[max(cuttable, key=squeezed.__getitem__)] -= 1
    return squeezed


def _widened(columns: Sequence[TableColumn], widths: Sequence[int], width: int) -> list[int]:
    """Return the widths after columns that wrap got the room that is left, as far as they need it."""
    widened = list(widths)
    for k, column in enumerate(columns):
        if column.wraps:
            widened[k] += max(0, min(-_excess(widened, width), column.width - widened[k]))
    return widened


def _wrapped(columns: Sequence[TableColumn], widths: Sequence[int], row: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each line that a row takes."""
    parts = [
        textwrap.wrap(cell, width) if column.wraps else [cell]
        for column, width, cell in zip(columns, widths, row, strict=True)
    ]
    return itertools.zip_longest(*parts, fillvalue="")


def _excess(widths: Sequence[int], width: int) -> int:
    return sum(widths) + 2 * (len(widths) - 1) - width


def _line(columns: Sequence[TableColumn], widths: Sequence[int], cells: Sequence[str]) -> str:
    parts = [
        cut(cell, width).ljust(width) if column.is_text else cell.rjust(width)
        for column, width, cell in zip(columns, widths, cells, strict=True)
    ]
    return "  ".join(parts).rstrip()


def _side(column: TableColumn) -> str:
    side = "left" if column.is_text else "right"
    return f"text-align:{side};" if column.narrowest is not None else f"text-align:{side};white-space:nowrap;"
