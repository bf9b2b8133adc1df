"""What a view of a search shows, as plain values: read from the growing study, step by step, without a plot."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

from mrtoolkit.backtest.metrics import UNITS
from mrtoolkit.errors import StudyError
from mrtoolkit.maps.axes import examples, map_params
from mrtoolkit.maps.heat import Heat
from mrtoolkit.maps.level_boxes import Box
from mrtoolkit.maps.levels import LevelGroups, level_entries, level_groups, names_of_levels
from mrtoolkit.maps.map_part import MapPart, Points, Window
from mrtoolkit.search.study import Study
from mrtoolkit.widgets.level_rows import ShownLevel, ended_row, running_row
from mrtoolkit.widgets.reading import Convergence, TrialReading
from mrtoolkit.widgets.state import SearchState, state_of
from mrtoolkit.widgets.status_words import status_words

_HEAT_SECONDS = 0.4  # between two images while the search runs: each is 60 kB on its way to the page
_WISHES = 12  # boxes of the user's that are drawn
_MOST_FOR_PLATEAU = 100_000  # trials: its neighbourhoods take up to a second there
_NO_STATE = SearchState(state="", level=-1, n_levels=0, done=0, total=0, seconds=math.nan, seconds_left=math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A trial that stands out: its number from 0, its objective, the parameters that matter there, its place."""

    trial: int
    value: float
    params: Mapping[str, Any]
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Where the user sent the search: after how many trials, and the borders of the box on the map."""

    after: int
    box: Window


class SearchModel:
    """A view of a search or a study as plain values, refreshed in steps whose cost does not grow with the study.

    Parameters
    ----------
    source : RunningSearch or Study
        A study may be finished, loaded, or still filled by somebody else.
    x, y : str, optional
        Parameters of the map; those that vary first where not given, numbers before categories.

    Attributes
    ----------
    study : Study
    map : MapPart
        The two axes, and what is on them.
    state : SearchState
    convergence : Convergence
    points : Points
    boxes : list of Box
    cells : Heat or None
        None for one parameter.
    window : (left, right, bottom, top)
        What the map shows; NaN at the bottom and top for one parameter.
    apart : str
        That no trial yet has a place on the map, as its two parameters never matter together; or nothing.
    looked : list of Looked
        Where the user sent the search, the last twelve times.
    table : list of ShownLevel
    status : str
    best, plateau : Mark or None
        None where no trial counts; the plateau is looked for when the search has ended, among up to 100,000 trials.
    level_names : list of str
        Of all levels that are planned.
    level_groups : LevelGroups
        Which of them a picture tells apart.
    version : int
        Counts the refreshes that changed something.

    Raises
    ------
    StudyError
        If a parameter is unknown or named twice.
    """

    def __init__(self, source: Any, x: str | None = None, y: str | None = None) -> None:
        self._source = source
        self._lock = RLock()
        self._shown_level: int | None = None
        self.study: Study = getattr(source, "study", source)
        self.version = 0
        self.state: SearchState = _NO_STATE
        self.convergence: Convergence
        self.points: Points
        self.boxes: list[Box]
        self.window: Window
        self.cells: Heat | None = None
        self.plateau: Mark | None = None
        self._is_stale = True
        self._plateau: tuple[int, int | None] = (-1, None)
        self._begin()
        self._choose_axes(x, y)
        self.refresh()

    @property
    def params(self) -> tuple[str, ...]:
        """The names of all parameters."""
        return self.study.space.params

    @property
    def objective(self) -> str:
        """What a trial's value is, as text: the objective, of several the first."""
        return self.study.value_name

    @property
    def unit(self) -> str:
        """The objective's unit; nothing where it has none or it is not known."""
        return UNITS.get(self.objective, "")

    @property
    def objective_with_unit(self) -> str:
        """The objective as an axis names it: "volatility (fraction a year)"."""
        return f"{self.objective} ({self.unit})" if self.unit else self.objective

    @property
    def x(self) -> str:
        """The parameter along the map."""
        return self.map.x.name

    @x.setter
    def x(self, name: str) -> None:
        self.choose(x=name)

    @property
    def y(self) -> str | None:
        """The parameter up the map, None for a space of one."""
        return None if self.map.y is None else self.map.y.name

    @y.setter
    def y(self, name: str) -> None:
        self.choose(y=name)

    @property
    def shown_level(self) -> int | None:
        """The level that is looked at; None follows the search, and shows the whole space in the end."""
        return self._shown_level

    @shown_level.setter
    def shown_level(self, level: int | None) -> None:
        n_levels = max(len(self.level_names), 1)
        if level is not None and (isinstance(level, bool) or not 0 <= level < n_levels):
            raise StudyError(f"level {level!r} was to be shown; show one from 0 to {n_levels - 1}, or None to follow.")
        with self._lock:
            self._is_stale |= level != self._shown_level
            self._shown_level = level

    @property
    def looked_at(self) -> int | None:
        """The level whose regions the map shows now; None for the whole space."""
        if self._shown_level is not None:
            return self._shown_level
        return None if self.state.state in ("done", "failed") else max(self.state.level, 0)

    @property
    def has_plateau(self) -> bool:
        """Whether the plateau is looked for: where the search stands still, among up to 100,000 trials."""
        is_over = not self.state.is_live and self.state.state != "paused"
        return is_over and len(self.study) <= _MOST_FOR_PLATEAU

    def choose(self, *, x: str | None = None, y: str | None = None) -> None:
        """Choose the parameters of the map; one that the other axis has changes places with it.

        Raises
        ------
        StudyError
            If a parameter is unknown, or there is no second one.
        """
        with self._lock:
            old_x, old_y = self.x, self.y
            if y is not None and old_y is None:
                raise StudyError(f"y={y!r} was chosen, but the map of one parameter, {old_x!r}, has no second axis.")
            if x is not None and y is None and x == old_y:
                y = old_x
            elif y is not None and x is None and y == old_x:
                x = old_y
            self._choose_axes(x or old_x, y or old_y)

    def bounds(self, left: float, right: float, bottom: float, top: float) -> dict[str, tuple[Any, Any]]:
        """Return a rectangle of the map as first and last label of its parameters, at least two labels each."""
        return self.map.bounds((left, right, bottom, top))

    def edges(self, bounds: Mapping[str, tuple[Any, Any]]) -> Window:
        """Return the left, right, bottom and top of bounds on this map; of a parameter that has none, its axis."""
        return self.map.edges(bounds)

    def refresh(self, *, has_figures: bool = True) -> bool:
        """Read what is new; say whether anything changed. False means that every attribute is as it was.

        Takes the time of what is new, not of what there is: the study may grow meanwhile, in another thread. Without
        figures, the map and its heat stay as they are until they are asked for.
        """
        with self._lock:
            n = len(self.study.log)  # first: every column is at least so long, and these rows do not change
            if n < self._reading.n:
                self._begin()
                self._take_axes(self.x, self.y)
            state = state_of(self._source, self.study, n)
            is_grown = n != self._reading.n
            is_wider = self.map.read_regions()
            is_other = is_grown or is_wider or self._is_stale or not state.is_like(self.state)
            is_other |= self.study.n_rows != len(self._ended) or len(self.study.steering) != self._n_wishes
            if not is_other and not self._is_heat_due(n, state):
                return False
            has_moved = (state.level, state.state) != (self.state.level, self.state.state)
            self.state = state
            if is_grown or self.version == 0:
                self._reading.read(n)
                self.convergence = self._reading.convergence()
            self._read_levels()
            self._is_stale |= is_grown or is_wider or has_moved
            self.apart = self.map.apart(n)
            if has_figures:
                self._draw_map_anew(n)
            self._read_wishes()
            self._find_marks()
            self._write_words()
            self.version += 1
            return True

    def _begin(self) -> None:
        self._reading = TrialReading(self.study.log, 1.0 if self.study.direction == "maximize" else -1.0)
        self._ended: list[ShownLevel] = []
        self._n_wishes = 0
        self.looked: list[Looked] = []
        self.level_names: list[str] = []
        self.level_groups: LevelGroups = level_groups(self.study, [])
        self.state = _NO_STATE

    def _choose_axes(self, x: str | None, y: str | None) -> None:
        study = self.study
        is_over = bool(study.stopped) and len(study) > 0  # the first trials of a search say little of those to come
        self._take_axes(*map_params(study.space, study.log.codes if is_over else examples(study.space), x, y))

    def _take_axes(self, x: str, y: str | None) -> None:
        self.map = MapPart(self.study, x, y)
        self.map.read_regions()
        self._heat_of: tuple[Any, ...] = ()
        self._heat_at = -math.inf
        self._is_stale = True

    def _read_levels(self) -> None:
        n_levels = max(self.state.level + 1, self.state.n_levels, len(level_entries(self.study)))
        planned = names_of_levels(self.study, n_levels)
        self.level_names, self.level_groups = planned, level_groups(self.study, planned)
        if self.study.n_rows != len(self._ended):
            rows = list(self.study.rows)
            self._ended = [ended_row(row, self.study.memory.get(i, math.nan)) for i, row in enumerate(rows)]
        self.table = list(self._ended)
        if len(self._ended) <= self.state.level and self.state.state not in ("done", ""):
            name, best = planned[self.state.level], self._reading.level_best(self.state.level)
            self.table.append(running_row(self.study, self.state, name, self._ended, best))

    def _read_wishes(self) -> None:
        wishes = self.study.steering
        self._n_wishes = len(wishes)
        boxes = [wish for wish in wishes if wish["bounds"]][-_WISHES:]
        self.looked = [Looked(after=int(wish["after"]), box=self.map.edges(wish["bounds"])) for wish in boxes]

    def _draw_map_anew(self, n: int) -> None:
        if self._is_stale:
            self._draw_map()
        if self._is_heat_due(n, self.state):
            self._draw_heat(n)
        self._is_stale = False

    def _draw_map(self) -> None:
        self.boxes = [] if self.apart else self.map.boxes(self._shown_level)
        self.points = self.map.points(self._reading.chosen, self._shown_level)
        self.window = self.map.window(self.looked_at, self._reading.best if self._shown_level is None else None)

    def _is_heat_due(self, n: int, state: SearchState) -> bool:
        """Say whether the image is to be drawn: not at every batch, as long as more of them follow."""
        if self._heat_of == (n, self.looked_at, self._shown_level):
            return False
        is_view_the_same = self._heat_of[1:] == (self.looked_at, self._shown_level)
        return not (is_view_the_same and state.is_live and time.monotonic() < self._heat_at + _HEAT_SECONDS)

    def _draw_heat(self, n: int) -> None:
        self.cells = self.map.heat(n, self.window, self._shown_level)
        self._heat_of = (n, self.looked_at, self._shown_level)
        self._heat_at = time.monotonic()

    def _find_marks(self) -> None:
        goal = self.study.goal
        is_plain = goal is None or goal.is_plain
        is_over = not self.state.is_live and self.state.state != "paused"
        # of a front or of neighbourhoods the study knows, once it stands still
        trial = self._reading.best if is_plain or not is_over else self.study.scoring.best()
        self.best = self._mark(trial)
        n = self._reading.n
        if not self.has_plateau or self.best is None:
            self.plateau = None
            return
        if self._plateau[0] != n:
            self._plateau = (n, self.study.plateau.trial)
        self.plateau = self._mark(self._plateau[1])

    def _mark(self, trial: int | None) -> Mark | None:
        if trial is None:
            return None
        log, (x, y) = self.study.log, self.map.place(trial)
        params = self.study.space.active_point(log.codes[trial])
        return Mark(trial=trial, value=float(log.value[trial]), params=params, x=x, y=y)

    def _write_words(self) -> None:
        goal = self.study.goal
        objective = "" if goal is not None and goal.others else self.objective
        best = None if self.best is None else (objective, self.best.value, self.best.params)
        name = self.level_names[self.state.level] if 0 <= self.state.level < len(self.level_names) else ""
        self.status = status_words(
            self.state, level_name=name, n_trials=self._reading.n, best=best, stopped=self.study.stopped
        )
