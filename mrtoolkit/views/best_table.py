"""The best trials as a few lines of plain text: what a saved notebook says of a search to who reads it on GitHub."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.search.study import Study
from mrtoolkit.views.still import held_still
from mrtoolkit.views.trial_table import level_names
from mrtoolkit.views.words import counted, label, metric_text


def best_text(study: Study, n: int = 5, *, with_plateau: bool = True) -> str:
    """Return the n best trials as a table, the plateau marked if asked for, and why the search stopped.

    Rounded and without timings, so that it is equal wherever the search was the same.

    Parameters
    ----------
    study : Study
        One without trials, or without a best, says so.
    n : int
    with_plateau : bool
        Of many trials it takes long to find.

    Raises
    ------
    StudyError
        If it is no study or n is no count.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> study = mrt.optimize(lambda p: -abs(p["x"] - 7), mrt.Space(x=mrt.Integer(0, 9)))
    >>> print(best_text(study, 2))
    The best 2 of 10 trials, by value (maximize)
         value  x  level
    1   0.0000  7  whole lattice  plateau
    2  -1.0000  6  whole lattice
    It stopped: the one level is done after 10 trials.
    """
    check_count("best_text(n): n", n, StudyError)
    still = held_still(study)
    ranked = still.log.ranking(n).tolist()
    ending = f"It has not ended: this is how it stood after {counted(len(still), 'trial')}."
    if still.stopped:
        ending = f"It stopped: {still.stopped}"
    if not ranked:
        return f"{still.why_no_best()}\n{ending}" if len(still) else still.why_no_best()
    marked = still.plateau.trial if with_plateau else ranked[0]
    shown = ranked if marked in ranked else [*ranked, marked]
    points, names = still.space.shown(still.log.codes[shown]), level_names(still)
    lines = []
    for place, (trial, point) in enumerate(zip(shown, points.itertuples(index=False), strict=True), start=1):
        rank = str(place) if place <= len(ranked) else ""
        value, level = _value(still, float(still.log.value[trial])), names[int(still.log.level[trial])]
        lines.append([rank, value, *map(label, point), level, "plateau" if with_plateau and trial == marked else ""])
    held = still.benchmark_value
    if math.isfinite(held):
        lines.append(["", _value(still, held), *[""] * len(still.space), "", "buy and hold"])
    head = f"The best {len(ranked):,} of {counted(len(still), 'trial')}"
    table = _columns(["", still.value_name, *still.space, "level", ""], lines, words=2)
    return "\n".join([f"{head}, by {still.value_name} ({still.direction})", *table, ending])


def _value(study: Study, value: float) -> str:
    return metric_text(study.value_name, value).replace("\u00a0", " ").replace("−", "-")


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> list[str]:
    """Return the lines of a table; all but the last `words` columns to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    right = len(header) - words
    lines = []
    for row in [header, *rows]:
        cells = [c.rjust(w) for c, w in zip(row[:right], widths[:right], strict=True)]
        cells += [c.ljust(w) for c, w in zip(row[right:], widths[right:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines
