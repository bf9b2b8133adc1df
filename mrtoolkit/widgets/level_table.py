"""The table of levels as HTML: the same figures as the pictures, for who reads rather than looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from mrtoolkit.backtest.metric_words import metric_text
from mrtoolkit.widgets.level_rows import ShownLevel
from mrtoolkit.words import number, percent, seconds

_NOTHING = "–"
_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;text-align:right"
_CELL = "padding:2px 10px"  # where there is no style sheet; on a board, a narrow one turns rows into columns
_NOT_NOTED = "Not known: it is noted as a level ends, where a backtest holds features and the search runs here."
_UNITS = ("B", "kB", "MB", "GB")


def level_table(rows: Sequence[ShownLevel], objective: str) -> str:
    """Return the rows of a `SearchModel` as an HTML table with a caption and scopes; every text is escaped.

    Parameters
    ----------
    rows : sequence of ShownLevel
    objective : str
        Heads the column of the best.
    """
    heads = ["Level", *_COLUMNS, f"Best {objective}"]
    head = "".join(
        f'<th scope="col" style="{_CELL}{";text-align:left" if i == 0 else ""}">{escape(name)}</th>'
        for i, name in enumerate(heads)
    )
    body = "".join(_row(row, objective) for row in rows)
    empty = f'<tr><td colspan="{len(heads)}" style="{_CELL};text-align:left">No level has begun.</td></tr>'
    caption = '<caption style="text-align:left">Levels of the search</caption>'
    return (
        f'<div style="overflow-x:auto"><table class="mrt-turned" style="{_STYLE}">{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{body or empty}</tbody></table></div>"
    )


def _row(row: ShownLevel, objective: str) -> str:
    name = f"{row.name} (running)" if row.is_running else row.name
    cells = {head: write(row) for head, write in _COLUMNS.items()}
    cells["best"] = _NOTHING if math.isnan(row.best) else metric_text(objective, row.best)
    why = {"Memory": f' title="{_NOT_NOTED}"'} if math.isnan(row.memory) and not row.is_running else {}
    return (
        f'<tr><th scope="row" style="{_CELL};text-align:left">{escape(name)}</th>'
        + "".join(f'<td style="{_CELL}"{why.get(head, "")}>{escape(text)}</td>' for head, text in cells.items())
        + "</tr>"
    )


def _count(value: float) -> str:
    return _NOTHING if math.isnan(value) else f"{value:,.0f}"


def _trials(row: ShownLevel) -> str:
    is_whole = math.isnan(row.total) or row.total == row.trials
    return _count(row.trials) if is_whole else f"{row.trials:,} of {row.total:,}"


def size_text(value: float) -> str:
    """Return bytes in the unit that a person would say, a dash for NaN.

    Examples
    --------
    >>> size_text(2_500_000), size_text(800)
    ('2.5 MB', '800 B')
    """
    if math.isnan(value):
        return _NOTHING
    power = 0 if value < 1_000 else min(int(math.log10(value) // 3), len(_UNITS) - 1)
    return f"{number(float(f'{value / 1_000**power:.3g}'))} {_UNITS[power]}"


_COLUMNS: dict[str, Callable[[ShownLevel], str]] = {
    "Trials": _trials,
    "Points reused": lambda row: _count(row.reused),
    "Features computed": lambda row: _count(row.features_computed),
    "Features reused": lambda row: _count(row.features_reused),
    "Cache hit rate": lambda row: percent(row.hit_rate),
    "Memory": lambda row: size_text(row.memory),
    "Time": lambda row: seconds(row.seconds),
}
