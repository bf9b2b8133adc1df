"""What a notebook keeps of a view: a picture and a table as outputs of their own, which show where no widget does.

A widget's own output cannot carry them: JupyterLab shows the widget, or an error where the kernel is gone, and never
the picture beside it in the same bundle. So they follow it, are replaced as the search goes on, and the page hides them
as long as the widget lives there (board.css).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from IPython.display import display, update_display

from mrtoolkit.search.study import Study
from mrtoolkit.views.best_table import best_text
from mrtoolkit.views.snapshot import snapshot
from mrtoolkit.words import counted

COUNT = 2  # outputs: the picture, the table
_NOTHING_YET = "No trial had been made when this was kept."

Bundle = dict[str, Any]


class Shown(NamedTuple):
    """What is to be shown, as it is then: the study, the parameters of its map, and whether the plateau is marked."""

    study: Study
    x: str | None
    y: str | None
    has_plateau: bool = True


class Snapshot:
    """A study as it was at one moment, for the last line of a cell: a picture, and below it a table of the best."""

    def __init__(self, study: Study, x: str | None, y: str | None) -> None:
        self.picture, self.table = _bundles(Shown(study, x, y))

    def __repr__(self) -> str:
        return str(self.table["text/plain"])

    def _ipython_display_(self) -> None:
        display(self.picture, raw=True, metadata=_metadata(self.picture))
        display(self.table, raw=True)


class StandIn:
    """The picture and the table after a view.

    Parameters
    ----------
    shown : callable
        Returns what is to be shown, each time anew.
    """

    def __init__(self, shown: Callable[[], Shown]) -> None:
        self._now = shown
        name = uuid.uuid4().hex
        self._ids = (f"{name}-picture", f"{name}-table")
        self._shown: list[Bundle] | None = None
        self.reason = ""

    def show(self, reason: str = "", *, picture: bool = True) -> None:
        """Show both after what was shown last in this cell; `reason` as `update` takes it.

        Without the picture its place is kept for one to come.
        """
        self.reason = reason
        self._shown = list(_bundles(self._now(), self.reason, picture=picture))
        for bundle, name in zip(self._shown, self._ids, strict=True):
            display(bundle, raw=True, metadata=_metadata(bundle), display_id=name)

    def update(self, reason: str = "") -> None:
        """Replace both by how the study is now, wherever they are shown.

        Parameters
        ----------
        reason : str
            Why they are to be seen beside a living kernel; said above the table.
        """
        if self._shown is None:
            return
        self.reason = reason
        before, self._shown = self._shown, list(_bundles(self._now(), reason))
        for old, new, name in zip(before, self._shown, self._ids, strict=True):
            if new != old:
                update_display(new, raw=True, metadata=_metadata(new), display_id=name)


def _bundles(shown: Shown, reason: str = "", *, picture: bool = True) -> tuple[Bundle, Bundle]:
    study, x, y, plateau = shown
    has_picture = picture and len(study) > 0
    if has_picture:
        whole = snapshot(study, x=x, y=y, with_plateau=plateau)
    else:  # of a search that has begun, "run it first" would be wrong
        text = best_text(study, with_plateau=plateau) if len(study) else _NOTHING_YET
        whole = {"text/plain": text}
    table = {"text/plain": f"{reason}\n{whole['text/plain']}" if reason else whole["text/plain"]}
    title = f"Search over {x}" + (f" and {y}" if y else "")
    said = f"{title}, {counted(len(study), 'trial')}: the best after each trial, and a map."
    return {**whole, "text/plain": said} if has_picture else {"text/plain": title}, table


def _metadata(bundle: Bundle) -> Bundle:
    """Return what says to a blind reader what the picture is: to nbconvert's classic template, and books of notebooks.

    JupyterLab 4 and nbconvert's lab template take no such words.
    """
    return {"image/png": {"alt": bundle["text/plain"]}} if "image/png" in bundle else {}
