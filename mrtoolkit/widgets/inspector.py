"""One trial from all sides in a notebook: price, account, trades, numbers, and its neighbours, each a click away."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import ipywidgets
from bokeh.events import Tap

from mrtoolkit.errors import MrtoolkitError
from mrtoolkit.search.foreign_study import as_study
from mrtoolkit.views.neighbours import codes_of, neighbour_texts
from mrtoolkit.views.page import text
from mrtoolkit.views.words import metric_text
from mrtoolkit.widgets.board import Board
from mrtoolkit.widgets.theming import themed_board
from mrtoolkit.widgets.ticker import Ticker
from mrtoolkit.widgets.trial_look import TrialLook, look_at, look_figures, look_texts

_ROWS = (("status",), ("price",), ("growth", "drawdown"), ("neighbours", "numbers"), ("trades",))


class TrialInspector:
    """Shows one trial of a study, and whichever of its neighbours is clicked or chosen next.

    Parameters
    ----------
    source : Study, RunningSearch or optuna.study.Study
        One that still grows is asked as it is when a trial is shown.

    Attributes
    ----------
    box : ipywidgets.VBox
        What a notebook displays.
    look : TrialLook, optional
        What is shown now.

    Raises
    ------
    StudyError
        If it is no study.
    """

    def __init__(self, source: Any) -> None:
        self.study = as_study(source)
        self.look: TrialLook | None = None
        self.board: Board | None = None
        self._lock = threading.RLock()
        self._before: list[dict[str, Any]] = []
        self._clicked: dict[str, Any] | None = None
        self._ticker: Ticker | None = None
        self._is_closed = False
        self._make_controls()
        self.box = ipywidgets.VBox([self._controls, self._said], layout=ipywidgets.Layout(width="100%"))

    def _make_controls(self) -> None:
        wide = ipywidgets.Layout(width="auto", min_width="12em", max_width="26em", flex="1 1 14em")
        small = ipywidgets.Layout(width="auto")
        self._choice = ipywidgets.Dropdown(description="Beside it", layout=wide)
        self._go = ipywidgets.Button(description="Show it", layout=small)
        self._back = ipywidgets.Button(description="Back", disabled=True, layout=small)
        self._evaluate = ipywidgets.Button(description="Try the untried ones", layout=small)
        self._asset = ipywidgets.Dropdown(description="Asset", layout=wide)
        self._said = ipywidgets.HTML()
        row = [self._choice, self._go, self._evaluate, self._back]
        bars = None if self.study.backtest is None else self.study.backtest.bars
        if bars is not None and "asset" in bars.dims:
            self._asset.options = [str(name) for name in bars["asset"].to_numpy()]
            self._asset.observe(lambda _: self._again(), names="value")
            row.append(self._asset)
        self._go.on_click(lambda _: self._show_choice())
        self._back.on_click(lambda _: self._show_before())
        self._evaluate.on_click(lambda _: self._again(evaluate=True))
        if self.study.evaluator is None:
            self._evaluate.layout.display = "none"
        flow = ipywidgets.Layout(width="100%", flex_flow="row wrap", align_items="center")
        self._controls = ipywidgets.Box(row, layout=flow)

    def show(self, trial: int | Mapping[str, Any]) -> ipywidgets.VBox:
        """Show a trial, by its number in the study (from 0) or by the values of its parameters; return the box.

        Raises
        ------
        StudyError
            If there is no such trial, or the point is not on the lattice.
        """
        point = self.study.space.point(codes_of(self.study, trial))
        with self._lock:
            if self.look is not None:
                self._before.append(dict(self._point))
            self._draw(point)
        return self.box

    def close(self) -> None:
        """Stop everything and take the box out of the notebook."""
        self._is_closed = True
        if self._ticker is not None:
            self._ticker.close()  # without the lock, which what it is drawing may hold
        with self._lock:
            if self.board is not None:
                self.board.close()
            self.box.close()

    def _draw(self, point: Mapping[str, Any], *, evaluate: bool = False) -> None:
        look = look_at(self.study, point, evaluate=evaluate)
        asset = self._asset.value
        figures, labels = look_figures(self.study, look, asset=asset)
        texts = look_texts(self.study, look, asset=asset)
        named = {*figures, *texts}
        rows = [[name for name in row if name in named] for row in _ROWS]
        if self._is_closed:  # meanwhile: nobody would close the board
            return
        figures["neighbours"].on_event(Tap, self._tapped)
        board = themed_board(figures, texts=texts, rows=[row for row in rows if row], labels=labels)
        former, self.board, self.look, self._point = self.board, board, look, dict(point)
        self._said.value = ""
        self._fill_controls(look)
        self.box.children = [self._controls, self._said, board]
        if former is not None:
            former.close()

    def _fill_controls(self, look: TrialLook) -> None:
        name = self.study.value_name
        rows = zip(neighbour_texts(self.study, look.neighbours), look.neighbours["value"], strict=True)
        tried = look.neighbours["trial"].to_numpy() >= 0
        options = []
        for place, (words, found) in enumerate(rows):
            known = metric_text(name, found) if found == found else "no value" if tried[place] else "not tried"
            options.append((f"{words}: {known}", place))
        self._choice.options = options
        self._choice.index = 0 if options else None
        self._choice.disabled = self._go.disabled = not options
        self._evaluate.disabled = bool(tried.all())
        self._back.disabled = not self._before

    def _neighbour(self, place: int) -> dict[str, Any]:
        look = self.look
        if look is None or not 0 <= place < len(look.neighbours):
            return {}
        row = look.neighbours.iloc[place]
        return {name: row[name] for name in self.study.space if row[name] != "-"}

    def _show_choice(self) -> None:
        point = self._neighbour(int(self._choice.value)) if self._choice.value is not None else {}
        if point:
            self._safely(point)

    def _show_before(self) -> None:
        with self._lock:
            if self._before:
                point = self._before.pop()
                self._attempt(lambda: self._draw(point))

    def _again(self, *, evaluate: bool = False) -> None:
        with self._lock:
            if self.look is not None:
                self._attempt(lambda: self._draw(self._point, evaluate=evaluate))

    def _safely(self, point: Mapping[str, Any]) -> None:
        self._attempt(lambda: self.show(point))

    def _attempt(self, work: Any) -> None:
        """Do what a button asks for; what goes wrong is said beside it, as no cell would show it."""
        try:
            work()
        except MrtoolkitError as error:
            self._said.value = f"<p>{text(error)}</p>"

    def _tapped(self, event: Any) -> None:
        """Remember what was clicked: bokeh calls this under the board's lock, where nothing may be drawn."""
        if event.y is None:
            return
        self._clicked = self._neighbour(round(event.y))
        if self._clicked:
            if self._ticker is None:
                self._ticker = Ticker(self._follow_click)
            self._ticker.wake()

    def _follow_click(self) -> None:
        point, self._clicked = self._clicked, None
        if point:
            self._safely(point)
