"""A search in a notebook: its figures on one board, the controls that steer it, and what stays without a kernel.

Three threads meet here and none waits for another: the search's, which only wakes the view; the kernel's, whose
callbacks only leave wishes; and the view's own, which reads the study, draws, and does what was wished.
"""

from __future__ import annotations

import html
import logging
import time
import traceback
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import ipywidgets
from IPython.display import display

from mrtoolkit._compiling import compiling_words
from mrtoolkit.errors import MrtoolkitError
from mrtoolkit.search.events import Event, StateChanged, Steered
from mrtoolkit.search.looking import EmptyBoxError, as_bounds
from mrtoolkit.search.study import Study
from mrtoolkit.search.study_text import failure_note
from mrtoolkit.views.replay import replay
from mrtoolkit.views.words import label
from mrtoolkit.widgets.beside_cells import hear_beside_cells
from mrtoolkit.widgets.board import Board
from mrtoolkit.widgets.cell_request import is_attended
from mrtoolkit.widgets.closing import close_all
from mrtoolkit.widgets.controls import Controls
from mrtoolkit.widgets.convergence_chart import ConvergenceChart
from mrtoolkit.widgets.level_table import level_table
from mrtoolkit.widgets.map_chart import MapChart
from mrtoolkit.widgets.model import SearchModel
from mrtoolkit.widgets.one_per_cell import take_over
from mrtoolkit.widgets.picture_times import Moment, PictureTimes
from mrtoolkit.widgets.runtime import runtime
from mrtoolkit.widgets.stand_in import COUNT, Shown, Snapshot, StandIn
from mrtoolkit.widgets.tabs import Tabs
from mrtoolkit.widgets.ticker import LONGEST_REST, REST, Ticker

_HEIGHT = 420  # pixels of a figure
_PATIENCE = 3.0  # seconds until a front end has answered
# A search at full speed uses every processor, and a page on the same machine paints for ten times as long as is drawn
# here: words come each two seconds then, and figures as a twentieth of one processor allows. What is pressed shows at
# once.
_FULL_SPEED_REST = 200.0  # seconds for a second of work
_LONGEST_FULL_SPEED_REST = 2.0  # seconds
_FIGURES_REST = 20.0  # seconds for a second of drawing, here and in the page
_LONGEST_FIGURES_REST = 8.0  # seconds
_FEW = 100.0  # trials a second, up to which figures come sooner: so few can be followed one by one
_LONGEST_REST_OF_FEW = 4.0  # seconds; at two, a fifth of a second of painting took more than a twentieth
_PAINTING = 2.0  # processor seconds in all threads of a page for one that its own is busy
_LOOK_EVERY = 1.0  # seconds: the clock goes on, and a study that somebody else fills tells nothing
_ANSWERED = ("pause", "resume", "step", "stop")  # wishes after which the search tells its new state
_ANSWERS = (StateChanged, Steered)  # of all else there may be more than a view is drawn: a region a round
_SLOW = ("inspect", "open", "picture")
_NOT_ANSWERED = (
    "The live view did not appear within 3 seconds: this editor did not answer, or its widgets do not fit "
    "ipywidgets 8. Here are a picture and the best trials instead."
)

_UNATTENDED = (
    "This cell was run by a program, to which nothing can be shown live: run it in JupyterLab for that. Here are a "
    "picture and the best trials."
)

_log = logging.getLogger(__name__)


class SearchView(ipywidgets.VBox):  # type: ignore[misc]  # it has no types
    """A search or a study in the notebook; `mrt.view` makes it.

    Attributes
    ----------
    search : RunningSearch or None
    study : Study
    model : SearchModel
    board : Board
    """

    def __init__(self, source: Any, *, x: str | None = None, y: str | None = None) -> None:
        self.search: Any = source if hasattr(source, "subscribe") else None
        self.model = SearchModel(source, x, y)
        self._wishes: deque[tuple[str, Any]] = deque()
        self._slow_wishes: deque[tuple[str, Any]] = deque()
        self._trouble = ""
        self._drawn: tuple[int, str, str] = (-1, "", "")  # the model's version, the trouble, the state
        self._figured = -1  # the model's version that the figures show
        self._figures_at, self._figures_took = 0.0, 0.0  # when they were drawn last, and for how long
        self._is_closed = False
        self._shown_at: float | None = None
        self._absence = _NOT_ANSWERED, _PATIENCE  # what is said where nobody has answered, and after how many seconds
        self._pictures = PictureTimes()
        self._convergence = ConvergenceChart(self.model, height=_HEIGHT)
        self._map = MapChart(self.model, height=_HEIGHT)
        theme = runtime().theme
        self._convergence.update(theme)
        self._map.update(theme)
        self._map.on_brush(lambda bounds: self._tell("look", dict(bounds)))
        self._map.on_click(lambda trial: self._tell("inspect", trial))
        self.board = self._make_board()
        self._controls = Controls(self.model, self.search, self._tell)
        self._stand_in = StandIn(lambda: Shown(self.study, self.model.x, self.model.y, self.model.has_plateau))
        self._tabs = Tabs(self.model.study, self._tell)
        super().__init__([self._controls.box, self.board, self._tabs.box], layout={"width": "100%"})
        self.add_class("mrt-view")
        self._ticker = Ticker(self._work, every=_LOOK_EVERY, failed=self._failed)
        self._slow_ticker = Ticker(self._work_slowly, failed=self._failed)
        self._theme: str = theme
        self.board.on_theme(self._themed)
        self._unsubscribe = self.search.subscribe(self._happened) if self.search is not None else lambda: None

    def __repr__(self) -> str:
        return f"SearchView({len(self.study):,} trials)"

    @property
    def study(self) -> Study:
        """The study that is shown, with the trials so far."""
        return self.model.study

    def snapshot(self) -> Snapshot:
        """Return a picture and a table of the best as they are now, which show where there is no kernel."""
        return Snapshot(self.study, self.model.x, self.model.y)

    def replay(self, path: str | Path) -> Path:
        """Write one offline page in which the search plays again, level by level, and return its path."""
        return replay(self.study, path, x=self.model.x, y=self.model.y)

    def close(self) -> None:
        """End the view; the search goes on."""
        if getattr(self, "_is_closed", True):
            return
        self._is_closed = True
        self._unsubscribe()
        self._ticker.close()
        self._slow_ticker.close()
        self.board.close()
        self._tabs.close()
        close_all(*self.children, self.layout)
        super().close()

    def _ipython_display_(self) -> None:
        """Show the view, and after it what stands in for it where there is no kernel."""
        take_over(self)
        hear_beside_cells(self)
        self.board.stand_ins = COUNT
        over = " and ".join(name for name in (self.model.x, self.model.y) if name is not None)
        words = f"Live view of a search over {over}; below is what was kept of it."  # where no widget is shown
        display(self._repr_mimebundle_() | {"text/plain": words}, raw=True)
        self._absence = (_NOT_ANSWERED, _PATIENCE) if is_attended() else (_UNATTENDED, 0.0)
        absence, patience = self._absence
        reason = "" if patience else absence
        has_picture = bool(reason) or not self._is_fast
        # a fast search does not pay at once for what is hidden as long as the view lives
        now = self._moment(reason)
        self._pictures.drawn(now if has_picture else now._replace(n_trials=0), time.monotonic())
        self._stand_in.show(reason, picture=has_picture)
        self._shown_at = time.monotonic()
        self._ticker.wake()

    def _make_board(self) -> Board:
        return Board(
            figures={"convergence": self._convergence.figure, "map": self._map.figure},
            texts={"status": html.escape(self.model.status), "message": "", "levels": self._table()},
            rows=[["status"], ["message"], ["convergence", "map"], ["levels"]],
            labels={"convergence": self._convergence.description, "map": self._map.description},
        )

    def _table(self) -> str:
        return level_table(self.model.table, self.model.objective, compiled=self.model.state.compiled)

    # What others tell: nothing is done here

    def _tell(self, wish: str, value: Any) -> None:
        if wish in _SLOW:
            self._slow_wishes.append((wish, value))
            self._slow_ticker.wake(at_once=True)
        else:
            self._wishes.append((wish, value))
            self._ticker.wake(at_once=True)

    def _themed(self, theme: str) -> None:
        if theme != self._theme:
            self._theme = theme
            self._tell("theme", theme)

    def _happened(self, event: Event) -> None:
        self._ticker.wake(at_once=isinstance(event, _ANSWERS))

    # What the view's own thread does

    def _work(self) -> None:
        is_awaited, is_told = False, bool(self._wishes)
        while self._wishes:
            wish, value = self._wishes.popleft()
            self._do(wish, value)
            is_awaited = wish in _ANSWERED and not self._trouble and not compiling_words()
        if is_awaited:
            return  # the search's answer comes in a moment, and is not to wait for a picture
        # until a page stands there is nobody who sees what is drawn while the search pays for it
        has_figures = is_told or self._are_figures_due()
        is_watched = self.board.is_seen or not self._is_fast
        if is_watched and (self.model.refresh(has_figures=has_figures) or self._is_behind()):
            if not has_figures and self._are_figures_due():  # the search has ended or paused meanwhile
                has_figures = True
                self.model.refresh()
            self._controls.update()
            hear_beside_cells(self)  # fields may be new
            self._draw(has_figures=has_figures)
        self._keep_picture()
        is_waiting = self._shown_at is not None and not self.board.is_seen
        self._ticker.every = _LOOK_EVERY if self.model.state.is_live or is_waiting else None
        is_fast = self._is_fast
        self._ticker.rest = _FULL_SPEED_REST if is_fast else REST
        self._ticker.longest_rest = _LONGEST_FULL_SPEED_REST if is_fast else LONGEST_REST

    @property
    def _is_fast(self) -> bool:
        """Whether a search runs as fast as it goes, so that all that is drawn is taken from it."""
        return self.search is not None and self.search.state == "running" and self.search.pace is None

    @property
    def _makes_few(self) -> bool:
        """Whether trials come so slowly that each may be followed."""
        return len(self.study) <= _FEW * self.model.state.seconds

    def _work_slowly(self) -> None:
        """Draw what takes its time, a tab or the picture of a long search: the buttons are to answer meanwhile."""
        while self._slow_wishes and not self._is_closed:
            wish, value = self._slow_wishes.popleft()
            if wish == "inspect":
                self._tabs.show_trial(value)
            elif wish == "picture":
                begun = time.monotonic()
                self._stand_in.update(value)
                self._pictures.took = time.monotonic() - begun
            else:
                self._tabs.open(value)
        hear_beside_cells(self._tabs.box)
        if self._is_closed:  # `close` does not wait for long: what was made after it is for nobody else to close
            self._tabs.close()

    def _is_behind(self) -> bool:
        return self._drawn[:2] != (self.model.version, self._trouble) or self._figured != self.model.version

    def _are_figures_due(self) -> bool:
        """Whether figures are to be drawn with the words: of a search at full speed, not each time."""
        spent = self._figures_took + _PAINTING * self.board.page_seconds
        longest = _LONGEST_REST_OF_FEW if self._makes_few else _LONGEST_FIGURES_REST
        rest = min(_FIGURES_REST * spent, longest)
        return not self._is_fast or time.monotonic() >= self._figures_at + rest

    def _draw(self, theme: str | None = None, *, has_figures: bool = True) -> None:
        board, state = self.board, self.model.state.state
        before, self._drawn = self._drawn, (self.model.version, self._trouble, state)
        if before[1:] != self._drawn[1:]:  # what the user waits for does not wait for the figures
            with board.change(at_once=True):
                board.set_text("status", html.escape(self.model.status))
                board.set_text("message", self._message())
        with board.change():
            board.set_text("status", html.escape(self.model.status))
            board.set_text("message", self._message())
            if has_figures:
                self._draw_figures(theme)

    def _draw_figures(self, theme: str | None) -> None:
        board, begun = self.board, time.monotonic()
        self._figured = self.model.version
        self._convergence.update(theme)
        self._map.update(theme)
        board.set_label("convergence", self._convergence.description)
        board.set_label("map", self._map.description)
        board.set_text("levels", self._table())
        self._figures_at = time.monotonic()
        self._figures_took = self._figures_at - begun

    def _message(self) -> str:
        parts = [f'<div role="alert">{html.escape(self._trouble)}</div>'] if self._trouble else []
        error = getattr(self.search, "error", None)
        if error is not None:
            text = html.escape("".join(traceback.format_exception(error)))
            parts.append(f"<details><summary>What the evaluator raised</summary><pre>{text}</pre></details>")
        elif self.study.failures:
            parts.append(f"<div>{html.escape(failure_note(self.study))}</div>")
        return "".join(parts)

    def _do(self, wish: str, value: Any) -> None:
        """Do what was wished; what cannot be done is said on the board."""
        search, model = self.search, self.model
        self._trouble = "" if wish != "theme" else self._trouble
        try:
            if wish in ("pause", "resume", "stop"):
                getattr(search, wish)()
            elif wish == "step":
                search.step(value)
            elif wish == "more":
                search.more(trials=value)
            elif wish == "pace":
                search.pace = value
            elif wish in ("x", "y"):
                model.choose(**{wish: value})
            elif wish == "level":
                model.shown_level = value
            elif wish == "theme":
                self._draw(value)
            elif wish == "look":
                self._look_into(value)
        except EmptyBoxError as error:
            self._trouble = error.why
        except MrtoolkitError as error:
            self._trouble = str(error)

    def _look_into(self, bounds: dict[str, tuple[Any, Any]]) -> None:
        ordered = {name: (high, low) if _is_less(high, low) else (low, high) for name, (low, high) in bounds.items()}
        taken = as_bounds(self.study.space, ordered)
        with self.board.change():
            self._map.choose(taken)
        self._controls.show_region(taken)
        if self.search is not None:
            self.search.look_into(taken)
        others = {name: box for name, box in taken.items() if box != ordered[name]}
        if others:
            shown = ", ".join(f"{name} {label(low)} to {label(high)}" for name, (low, high) in others.items())
            self._trouble = f"Looks into {shown}: a box is cut at the ends of the space and holds two values at least."

    def _keep_picture(self) -> None:
        """Bring up to date what the saved notebook shows, when a level or the search has ended or pauses."""
        if self._shown_at is None:
            return
        now, reason = time.monotonic(), ""
        absence, patience = self._absence
        if not self.board.is_seen and now > self._shown_at + patience:
            reason = f"The live view cannot be drawn: {self.board.trouble}." if self.board.trouble else absence
        moment = self._moment(reason)
        if self._pictures.is_due(moment, now):
            self._pictures.drawn(moment, now)
            self._tell("picture", reason)

    def _moment(self, reason: str) -> Moment:
        state, study = self.model.state, self.study
        is_cheap = not self._is_fast or self._makes_few
        return Moment(reason, state.state, len(study.rows), len(study), state.is_live, is_cheap)

    def _failed(self, error: Exception) -> None:
        """Say on the board what went wrong in drawing it; once, for the next attempt may say the same."""
        text = f"The view could not be drawn: {type(error).__name__}: {error}"
        if text != self._trouble:
            _log.error("a view of %r could not be drawn", self.study, exc_info=error)
            self._trouble = text
            with suppress(Exception):
                self.board.set_text("message", self._message())


def _is_less(one: Any, other: Any) -> bool:
    try:
        return bool(one < other)
    except TypeError:  # labels of a category that have no order
        return False
