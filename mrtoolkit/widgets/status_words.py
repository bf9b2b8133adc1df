"""The status line: where a search is, in a sentence that can be read aloud."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mrtoolkit.backtest.metric_words import metric_text
from mrtoolkit.widgets.state import SearchState
from mrtoolkit.words import SHOWN, counted, number, params_text, seconds

_BEGINNINGS = {"paused": "Paused. ", "stopping": "Stopping. ", "done": "Done. "}
_AS_PLANNED = ("all ", "the one level ")  # how a search says that it has done what it was to do


def status_words(
    state: SearchState,
    *,
    level_name: str,
    n_trials: int,
    best: tuple[str, float, Mapping[str, Any]] | None,
    stopped: str,
) -> str:
    """Return where a search is, as a line of text without markup.

    Parameters
    ----------
    state : SearchState
    level_name : str
    n_trials : int
        All trials so far.
    best : (objective, value, parameters), optional
        None where no trial counts yet; without an objective where there are several.
    stopped : str
        Why the search ended, or nothing.

    Examples
    --------
    >>> state = SearchState(state="running", level=1, n_levels=3, done=34, total=120, seconds=4.0, seconds_left=6.2)
    >>> best = ("sharpe", 1.21, {"fast": 12, "slow": 80})
    >>> status_words(state, level_name="medium", n_trials=150, best=best, stopped="")
    'Level 2 of 3, medium: 34 of 120 trials; best sharpe 1.21 at fast 12, slow 80; about 6 s left for all levels'
    """
    parts = [_where(state, level_name, n_trials), _best(best, n_trials)]
    if state.state == "running" and math.isfinite(state.seconds_left):
        parts.append(_left(state.seconds_left) + (" for all levels" if state.n_levels > 1 else ""))
    line = _BEGINNINGS.get(state.state, "") + "; ".join(part for part in parts if part)
    if state.state == "failed":
        line = f"Failed with {state.error or 'an error'}; {line}"
    elif state.state == "done" and stopped and not stopped.startswith(_AS_PLANNED):
        line = f"{line}; {stopped.rstrip('.')}"
    notice = state.notice.rstrip(".")
    return f"{notice[0].upper()}{notice[1:]}. {line}" if notice else line


def _where(state: SearchState, level_name: str, n_trials: int) -> str:
    if state.state in ("done", "failed"):
        took = f", {seconds(state.seconds)} of work" if state.seconds > 0 else ""
        return f"{counted(n_trials, 'trial')} in {counted(state.level + 1, 'level')}{took}"
    if state.level < 0 or n_trials == 0:
        return "No trial yet"
    made = f"{state.done:,} of {counted(state.total, 'trial')}" if state.total else counted(state.done, "trial")
    more = f", then {state.more:,} more" if state.more else ""
    return f"Level {state.level + 1} of {state.n_levels}, {level_name}: {made}{more}"


def _best(best: tuple[str, float, Mapping[str, Any]] | None, n_trials: int) -> str:
    if best is None:
        return "none of them has a value that counts" if n_trials else ""
    objective, value, params = best
    where = params_text(params, most=SHOWN)
    if not objective:  # of several objectives: none of them alone is the best
        return f"a knee of the front at {where}"
    return f"best {objective} {value_text(objective, value)} at {where}"


def value_text(objective: str, value: float) -> str:
    """Return a value of the objective as a line of text has it: three digits, or percent."""
    text = metric_text(objective, value)
    return text if text.endswith("%") else number(float(f"{value:.3g}") if math.isfinite(value) else value)


def _left(value: float) -> str:
    if value < 1:
        return "less than a second left"
    return f"about {value:,.0f} s left" if value < 90 else f"about {value / 60:,.0f} min left"
