"""The table of levels as HTML: the same figures as the pictures, for who reads rather than looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from mrtoolkit.backtest.metric_words import metric_text
from mrtoolkit.widgets.level_rows import ShownLevel
from mrtoolkit.words import number, percent, seconds

_NOTHING = "–"
_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;text-align:right"
_CELL = "padding:2px 10px"  # where there is no style sheet; on a board, a narrow one turns rows into columns
_NOT_NOTED = "Not known: it is noted as a level ends, where a backtest holds features and the search runs here."
_COMPILED = 0.5  # seconds of compiling that are worth a word
_RATE = "Cache hit rate"
_TITLES = {
    "Points reused": "Points of this level that an earlier level had evaluated",
    "Features computed": "Distinct features that this level was the first to need",
    "Features reused": "Distinct features of this level that were there before it began",
    _RATE: "Features reused, as part of all distinct features that the level uses",
    "Memory": "Features in memory when the level ended",
    "Time": "Time of work, without pauses; what a pace waits is not in it",
}
_UNITS = ("B", "kB", "MB", "GB")


def level_table(rows: Sequence[ShownLevel], objective: str, *, compiled: float = 0.0) -> str:
    """Return the rows of a `SearchModel` as an HTML table with a caption and scopes; every text is escaped.

    Below it stands what its numbers would leave a reader to guess.

    Parameters
    ----------
    rows : sequence of ShownLevel
    objective : str
        Heads the column of the best.
    compiled : float
        Seconds of the search's time in which kernels were compiled.
    """
    heads = ["Level", *_COLUMNS, f"Best {objective}"]
    head = "".join(
        f'<th scope="col"{_title(name)} style="{_CELL}{";text-align:left" if i == 0 else ""}">{escape(name)}</th>'
        for i, name in enumerate(heads)
    )
    body = "".join(_row(row, objective, is_first=i == 0) for i, row in enumerate(rows))
    empty = f'<tr><td colspan="{len(heads)}" style="{_CELL};text-align:left">No level has begun.</td></tr>'
    caption = '<caption style="text-align:left">Levels of the search</caption>'
    return (
        f'<div style="overflow-x:auto"><table class="mrt-turned" style="{_STYLE}">{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{body or empty}</tbody></table></div>"
        + "".join(f'<p style="margin:4px 0 0">{escape(note)}</p>' for note in _notes(rows, compiled))
    )


def _notes(rows: Sequence[ShownLevel], compiled: float) -> Iterator[str]:
    if any(row.features_computed > 0 or row.features_reused > 0 for row in rows):
        yield (
            "A feature is computed once, however many trials of a level use it. Reused are those that were there "
            "before the level began, so the first level of a new cache has none."
        )
    if compiled >= _COMPILED:
        yield f"Time includes {seconds(compiled)} in which kernels were compiled; the next search does without."


def _title(name: str) -> str:
    return f' title="{escape(_TITLES[name])}"' if name in _TITLES else ""


def _row(row: ShownLevel, objective: str, *, is_first: bool) -> str:
    name = f"{row.name} (running)" if row.is_running else row.name
    cells = {head: write(row) for head, write in _COLUMNS.items()}
    cells["best"] = _NOTHING if math.isnan(row.best) else metric_text(objective, row.best)
    if is_first and row.hit_rate == 0:  # "0 %" would read as if the cache did nothing
        cells[_RATE] = _NOTHING
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
    _RATE: lambda row: percent(row.hit_rate),
    "Memory": lambda row: size_text(row.memory),
    "Time": lambda row: seconds(row.seconds),
}
