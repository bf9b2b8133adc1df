"""`mrt.view`: the live view where there is a notebook, words and bars where there is none."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mrtoolkit.search.foreign_study import as_study
from mrtoolkit.search.running import RunningSearch
from mrtoolkit.widgets.text_view import TextView

if TYPE_CHECKING:
    from mrtoolkit.widgets.search_view import SearchView


def view(
    source: Any, *, x: str | None = None, y: str | None = None, live: bool | None = None
) -> SearchView | TextView:
    """Return a search or a study to look at: as the last line of a notebook's cell it shows itself, and goes on.

    Parameters
    ----------
    source : RunningSearch, Study or optuna.study.Study
        A search that runs, `optimizer.start()`; or a study that is finished, loaded, or filled by somebody else. Of an
        Optuna study the trials so far are shown.
    x, y : str, optional
        Parameters of the map; those that vary first where not given. They can be chosen in the view too.
    live : bool, optional
        False for words, and bars on a terminal, without a widget; True for widgets; by default widgets in a notebook.

    Returns
    -------
    SearchView or TextView
        Both have `search`, `study`, `model`, `snapshot()`, `replay()` and `close()`.

    Raises
    ------
    StudyError
        If `source` is none of these, or a parameter is unknown or named twice.

    Examples
    --------
    >>> import mrtoolkit as mrt
    >>> study = mrt.optimize(lambda p: -abs(p["x"] - 7), mrt.Space(x=mrt.Integer(0, 9)))
    >>> mrt.view(study, live=False)
    Done. 10 trials in 1 level; best value 0 at x 7
    """
    source = source if isinstance(source, RunningSearch) else as_study(source)
    if in_notebook() if live is None else live:
        # bokeh and ipywidgets are loaded here: a script's search pays for none of them
        made: SearchView = import_module("mrtoolkit.widgets.search_view").SearchView(source, x=x, y=y)
        return made
    return TextView(source, x=x, y=y)


def in_notebook() -> bool:
    """Say whether this is a kernel that a notebook talks to."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
