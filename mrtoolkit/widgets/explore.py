"""A study to be looked through in a notebook: one figure at a time, made when it is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
from bokeh.model import Model

from mrtoolkit.errors import MrtoolkitError, StudyError
from mrtoolkit.search.foreign_study import as_study
from mrtoolkit.search.still import still
from mrtoolkit.search.study import Study
from mrtoolkit.views.front import front, front_data, front_sentence, has_front
from mrtoolkit.views.importance import importance_data, importance_figure, importance_sentence
from mrtoolkit.views.in_and_out import in_and_out_data, in_and_out_figure, in_and_out_sentence
from mrtoolkit.views.page import paragraph
from mrtoolkit.views.parallel import parallel, parallel_sentence
from mrtoolkit.views.plateau_and_peak import plateau_and_peak, plateau_sentence
from mrtoolkit.views.report_text import candidates_part
from mrtoolkit.views.slices import slices, slices_sentence
from mrtoolkit.views.surface import heatmap
from mrtoolkit.views.trial_table import two_axes
from mrtoolkit.widgets.board import Board
from mrtoolkit.widgets.theming import themed_board

Made = tuple[Model, str]


def _map(study: Study) -> Made:
    x_axis, y_axis = two_axes(study, None, None)
    over = x_axis.name if y_axis is None else f"{x_axis.name} and {y_axis.name}"
    return heatmap(study), f"{study.value_name} over {over}, every label that was tried."


def _importance(study: Study) -> Made:
    data = importance_data(study)
    return importance_figure(study, data), importance_sentence(data)


def _in_and_out(study: Study) -> Made:
    data = in_and_out_data(study)
    return in_and_out_figure(study, data), in_and_out_sentence(data)


def _front(study: Study) -> Made:
    return front(study), f"{front_sentence(study, front_data(study))}."


_FIGURES: dict[str, tuple[str, Callable[[Study], Made]]] = {
    "front": ("The front of the objectives", _front),
    "parallel": ("All parameters at once", lambda study: (parallel(study), parallel_sentence(study))),
    "slices": ("Each parameter by itself", lambda study: (slices(study), slices_sentence(study))),
    "map": ("The map of two parameters", _map),
    "importance": ("Which parameters matter", _importance),
    "plateau": ("Best and plateau side by side", lambda study: (plateau_and_peak(study), plateau_sentence(study))),
    "in_and_out": ("Early against late", _in_and_out),
}


def figures_for(study: Study) -> dict[str, str]:
    """Return the figures that a study can be looked through with, by name, and what a reader calls each."""
    left_out = set() if has_front(study) else {"front"}
    if study.backtest is None and "sum" not in study.log.blocks:
        left_out.add("in_and_out")  # nothing is known of when a trial gained
    if len(study.space) == 1:
        left_out |= {"parallel", "importance"}  # the slice says it all
    return {name: words for name, (words, _) in _FIGURES.items() if name not in left_out}


def explored(study: Study, name: str) -> Made:
    """Return one figure, made now, and a sentence that says what it shows.

    Raises
    ------
    StudyError
        If the study has not what the figure needs: trials, or enough of them.
    """
    return _FIGURES[name][1](study)


class Explorer:
    """A drop-down of figures of a study, each made when it is chosen.

    Parameters
    ----------
    source : Study, RunningSearch or optuna.study.Study
        One that still grows is drawn as it is when a figure is chosen.

    Attributes
    ----------
    box : ipywidgets.VBox
        What a notebook displays.

    Raises
    ------
    StudyError
        If it is no study.
    """

    def __init__(self, source: Any) -> None:
        self.study = as_study(source)
        self.board: Board | None = None
        self._still: Study | None = None  # what is drawn: the study may grow meanwhile
        names = figures_for(self.study)
        self.choice = ipywidgets.Dropdown(
            description="Figure", options=[(words, name) for name, words in names.items()], value=next(iter(names)),
            layout=ipywidgets.Layout(width="auto", max_width="28em"),
        )  # fmt: skip
        again = ipywidgets.Button(description="Draw again", layout=ipywidgets.Layout(width="auto"))
        again.on_click(lambda _: self.show(self.choice.value))
        self.choice.observe(lambda change: self.show(str(change["new"])), names="value")
        flow = ipywidgets.Layout(width="100%", flex_flow="row wrap", align_items="center")
        self._controls = ipywidgets.Box([self.choice, again], layout=flow)
        self.box = ipywidgets.VBox([self._controls], layout=ipywidgets.Layout(width="100%"))

    def show(self, name: str | None = None) -> ipywidgets.VBox:
        """Draw a figure by its name (`parallel`, `slices`, `map`, ...; the chosen one by default); return the box.

        Raises
        ------
        StudyError
            If this study has no such figure.
        """
        chosen = str(self.choice.value if name is None else name)
        names = [value for _, value in self.choice.options]
        if chosen not in names:
            raise StudyError(f"show({chosen!r}): this study has no such figure; choose one of {', '.join(names)}.")
        if chosen != self.choice.value:
            self.choice.value = chosen  # which draws it
            return self.box
        figures: dict[str, Any] = {}
        labels: dict[str, str] = {}
        texts: dict[str, str] = {}
        if self._still is None or len(self._still) != len(self.study):
            self._still = still(self.study)
        study = self._still
        try:
            figures["figure"], labels["figure"] = explored(study, chosen)
            texts["status"] = paragraph(labels["figure"])
            if chosen == "plateau":
                texts["numbers"] = candidates_part(study)
        except MrtoolkitError as error:
            texts["status"] = paragraph(error)
        rows = [[name] for name in ("status", "figure", "numbers") if name in {*figures, *texts}]
        former, self.board = self.board, themed_board(figures, texts=texts, labels=labels, rows=rows)
        self.box.children = [self._controls, self.board]
        if former is not None:
            former.close()
        return self.box

    def close(self) -> None:
        """Stop everything and take the box out of the notebook."""
        if self.board is not None:
            self.board.close()
        self.box.close()
