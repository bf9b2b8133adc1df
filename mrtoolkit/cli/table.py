"""Plain tables for a terminal: aligned, no colour, no wider than asked where that can be had."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrtoolkit.words import fixed, number, plain


def table(rows: Sequence[Sequence[str | float]], header: Sequence[str], *, width: int = 80, indent: str = "  ") -> str:
    """Return aligned text, a line a row: the first column to the left, the others to the right.

    Parameters
    ----------
    rows : sequence of sequences
        Cells; text stays as it is, whole numbers and others are written as in the report.
    header : sequence of str
        A word a column; one of several parts, "features computed", is broken over two lines.
    width : int
        Columns of the terminal. A table that does not fit is printed a block a row instead.
    indent : str
        What each line begins with.

    Returns
    -------
    str
        Lines without trailing blanks.
    """
    cells = [[_cell(cell) for cell in row] for row in rows]
    heads = [head.split(" ", 1) if " " in head else ["", head] for head in header]
    widths = [max(len(word) for word in (*heads[j], *(row[j] for row in cells))) for j in range(len(header))]
    if len(indent) + sum(widths) + 2 * (len(widths) - 1) > width:
        return _blocks(cells, header, indent)
    lines = [[head[k] for head in heads] for k in (0, 1) if any(head[k] for head in heads)] + cells
    return "\n".join(_line(line, widths, indent) for line in lines)


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return plain(fixed(value) if isinstance(value, float | np.floating) else number(value))


def _line(cells: Sequence[str], widths: Sequence[int], indent: str) -> str:
    first, *others = zip(cells, widths, strict=True)
    return (indent + "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])).rstrip()


def _blocks(cells: Sequence[Sequence[str]], header: Sequence[str], indent: str) -> str:
    wide = max(len(head) for head in header)
    return "\n\n".join(
        "\n".join(f"{indent}{head.ljust(wide)}  {cell}".rstrip() for head, cell in zip(header, row, strict=True))
        for row in cells
    )
