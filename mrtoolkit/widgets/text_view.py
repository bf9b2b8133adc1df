"""A search where there is no notebook: its state in words, and on a terminal a bar a level."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from mrtoolkit.search.progress_bars import ProgressBars
from mrtoolkit.search.study import Study
from mrtoolkit.widgets.model import SearchModel


class TextView:
    """A search or a study in words; `mrt.view` makes it.

    Attributes
    ----------
    search : RunningSearch or None
    study : Study
    model : SearchModel
    """

    def __init__(self, source: Any, *, x: str | None = None, y: str | None = None) -> None:
        self.search: Any = source if hasattr(source, "subscribe") else None
        self.model = SearchModel(source, x, y)
        self._bars = ProgressBars()
        self._unsubscribe = self.search.subscribe(self._bars) if self.search is not None else lambda: None

    def __repr__(self) -> str:
        self.model.refresh()
        return self.model.status

    @property
    def study(self) -> Study:
        """The study that is shown, with the trials so far."""
        return self.model.study

    def snapshot(self) -> Any:
        """Return a picture and a table of the best as they are now, for a notebook."""
        made = import_module("mrtoolkit.widgets.stand_in")  # it draws: what it needs is loaded when it is asked for
        return made.Snapshot(self.study, self.model.x, self.model.y)

    def replay(self, path: str | Path) -> Path:
        """Write one offline page in which the search plays again, level by level, and return its path."""
        made: Path = import_module("mrtoolkit.views").replay(self.study, path, x=self.model.x, y=self.model.y)
        return made

    def close(self) -> None:
        """End the view; the search goes on."""
        self._unsubscribe()
        self._bars.close()
