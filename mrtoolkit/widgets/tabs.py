"""What lies below a view: one trial from all sides, and the whole study; each made when it is first opened.

Buttons that stay pressed do for tabs: ipywidgets' own tabs cannot all be closed and are not reached by the keyboard.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets

from mrtoolkit.search.study import Study
from mrtoolkit.widgets.closing import close_all
from mrtoolkit.widgets.explore import Explorer
from mrtoolkit.widgets.inspector import TrialInspector

NOTHING, TRIAL, STUDY = "nothing", "one trial", "the whole study"


class Tabs:
    """Nothing, one trial, or the whole study.

    Parameters
    ----------
    study : Study
    tell : callable
        Told ("open", tab) when the user opens one; `open` is then to be called, in a thread that may take its time.

    Attributes
    ----------
    box : ipywidgets.VBox
    inspector : TrialInspector or None
    explorer : Explorer or None
    """

    def __init__(self, study: Study, tell: Callable[[str, Any], None]) -> None:
        self._study, self._tell = study, tell
        self._closing = threading.Lock()
        self._quiet_thread: int | None = None
        self.inspector: TrialInspector | None = None
        self.explorer: Explorer | None = None
        self.choice = ipywidgets.ToggleButtons(
            options=[NOTHING, TRIAL, STUDY], description="Look closer at", style={"description_width": "auto"},
        )  # fmt: skip
        self.choice.style.button_width = "auto"
        self.choice.observe(self._chosen, "value")
        self._page = ipywidgets.VBox(layout={"width": "100%"})
        self.box = ipywidgets.VBox([self.choice, self._page], layout={"width": "100%"})

    def open(self, tab: str) -> None:
        """Show a tab: the trial that was looked at last, or the best; or the figures of the study."""
        self._choose(tab)  # a trial that was opened late may have pressed its own button meanwhile
        if tab == TRIAL:
            best = self._study.scoring.best() if self.inspector is None else None
            if best is not None:
                self.show_trial(best)
            else:
                self._show(self.inspector, "No trial counts yet; click one on the map.")
        elif tab == STUDY:
            if self.explorer is None and len(self._study):
                self.explorer = Explorer(self._study)
                self.explorer.show()
            self._show(self.explorer, "No trial yet.")
        else:
            self._page.children = ()

    def show_trial(self, trial: int) -> None:
        """Show a trial, by its number from 0; the first one takes some seconds, as its pictures are compiled for."""
        if self.inspector is None:
            self._page.children = (ipywidgets.HTML(f"Opening trial {trial + 1:,} …"),)
            self._choose(TRIAL)
        self.inspector = self.inspector or TrialInspector(self._study)
        self.inspector.show(trial)
        self._show(self.inspector, "")
        self._choose(TRIAL)

    def close(self) -> None:
        """End all of it; once more, by whoever opened something meanwhile, ends that too."""
        with self._closing:
            for part in (self.inspector, self.explorer):
                if part is not None:
                    part.close()
            close_all(self.box)

    def _show(self, part: TrialInspector | Explorer | None, otherwise: str) -> None:
        self._page.children = (part.box if part is not None else ipywidgets.HTML(otherwise),)

    def _choose(self, tab: str) -> None:
        self._quiet_thread = threading.get_ident()
        self.choice.value = tab
        self._quiet_thread = None

    def _chosen(self, change: dict[str, Any]) -> None:
        if self._quiet_thread != threading.get_ident():
            self._tell("open", change["new"])
