"""Plain tables for a terminal: aligned, no colour, no wider than asked where that can be had."""

from __future__ import annotations

import math
from collections.abc import Sequence


def table(rows: Sequence[Sequence[object]], header: Sequence[str], *, width: int = 80, indent: str = "  ") -> str:
    """Aligned text, a line a row: the first column to the left, the others to the right.

    Parameters
    ----------
    rows : sequence of sequences
        Cells; text stays as it is, other values go through `number`.
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
    cells = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    heads = [head.split(" ", 1) if " " in head else ["", head] for head in header]
    widths = [max(len(word) for word in (*heads[j], *(row[j] for row in cells))) for j in range(len(header))]
    if len(indent) + sum(widths) + 2 * (len(widths) - 1) > width:
        return _blocks(cells, header, indent)
    lines = [[head[k] for head in heads] for k in (0, 1) if any(head[k] for head in heads)] + cells
    return "\n".join(_line(line, widths, indent) for line in lines)


def number(value: object) -> str:
    """Short text of one number: thousands separators, four digits, a dash for what is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float) or hasattr(value, "dtype"):
        real = float(value)  # type: ignore[arg-type]
        if math.isnan(real):
            return "-"
        if math.isinf(real):
            return "inf" if real > 0 else "-inf"
        if real == int(real) and abs(real) < 1e15:
            return f"{int(real):,}"
        return f"{real:,.4f}" if abs(real) < 100 else f"{real:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def percent(value: float) -> str:
    """A fraction as percent with one digit, a dash where there is none."""
    return "-" if math.isnan(value) else f"{100 * value:,.1f} %"


def seconds(value: float) -> str:
    """A time in the unit that a person would say."""
    if value < 1:
        return f"{1000 * value:,.0f} ms"
    if value < 120:
        return f"{value:,.1f} s"
    return f"{value / 60:,.1f} min" if value < 7200 else f"{value / 3600:,.1f} h"


def _line(cells: Sequence[str], widths: Sequence[int], indent: str) -> str:
    first, *others = zip(cells, widths, strict=True)
    return (indent + "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])).rstrip()


def _blocks(cells: Sequence[Sequence[str]], header: Sequence[str], indent: str) -> str:
    wide = max(len(head) for head in header)
    return "\n\n".join(
        "\n".join(f"{indent}{head.ljust(wide)}  {cell}".rstrip() for head, cell in zip(header, row, strict=True))
        for row in cells
    )
