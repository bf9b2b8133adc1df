"""The buttons and fields of a view: each tells one wish, and what can be pressed follows from the search's state alone.

A callback may come on any thread of the kernel, so it does nothing but tell: the view's own thread acts on it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets
import numpy as np

from mrtoolkit.maps.scale import Scale
from mrtoolkit.search.dimensions import Categorical, Integer
from mrtoolkit.search.steering import MOST
from mrtoolkit.widgets.closing import close_all
from mrtoolkit.widgets.model import SearchModel

Tell = Callable[[str, Any], None]

_PACES = ("1 trials/s", "5 trials/s", "20 trials/s", "100 trials/s")
_AT_WORK = ("running", "paused")
_CAN_GO_ON = (*_AT_WORK, "done")  # with more trials, also after its end
_ROW = {"display": "flex", "flex_flow": "row wrap", "align_items": "center", "width": "100%"}
_BUTTON = {"width": "auto", "min_width": "88px"}


class Controls:
    """What the user presses.

    Parameters
    ----------
    model : SearchModel
        Says which parameters, levels and labels there are.
    search : RunningSearch, optional
        Without one there is nothing to pause: only what is looked at can be chosen.
    tell : callable
        Takes a wish and its value: ("pause", None), ("resume", None), ("step", "batch" | "level"), ("stop", None),
        ("more", trials), ("pace", text | None), ("x", name), ("y", name), ("level", number from 0 | None),
        ("look", bounds).

    Attributes
    ----------
    box : ipywidgets.VBox
    """

    def __init__(self, model: SearchModel, search: Any, tell: Tell) -> None:
        self._model, self._search, self._tell = model, search, tell
        self._quiet_thread: int | None = None
        self._fields_of: tuple[str, str | None] | None = None
        self._limits: dict[str, tuple[Any, Any]] = {}
        self._make_look()
        rows = [self._look_row]
        if search is not None:
            self._make_run()
            self._fields = ipywidgets.HBox(layout=_ROW)
            self._fields.add_class("mrt-fields")
            rows = [self._run_row, self._look_row, self._fields]
        self.box = ipywidgets.VBox(rows, layout={"width": "100%"})
        self.box.add_class("mrt-controls")
        self.update()

    def update(self) -> None:
        """Let every button and field say what holds now."""
        with self._quietly():
            if self._search is not None:
                self._update_run(self._model.state.state)
                self._update_fields()
            self._update_look()

    def show_region(self, bounds: dict[str, tuple[Any, Any]]) -> None:
        """Write a region into the number fields."""
        with self._quietly():
            for name, (low, high) in bounds.items():
                if name in self._limits:
                    self._limits[name][0].value, self._limits[name][1].value = low, high

    # How the search goes

    def _make_run(self) -> None:
        self._pause = self._button("Pause", "Let no further batch begin", self._toggle)
        self._pause.add_class("mrt-pause")
        self._batch = self._button("Next batch", "Make one batch and pause", lambda: self._tell("step", "batch"))
        self._level_step = self._button(
            "Next level", "Go on to the next level and pause", lambda: self._tell("step", "level")
        )
        self._stop = self._button("Stop", "End the search with what it has found", lambda: self._tell("stop", None))
        self._stop.add_class("mrt-stop")
        self._trials = self._whole(
            ipywidgets.BoundedFloatText, 200, min=1, max=MOST, step=100, description="More",
            tooltip="How many trials more", layout={"width": "130px"}, style={"description_width": "40px"},
        )
        self._more = self._button(
            "+ trials", "Add so many trials", lambda: self._tell("more", round(self._trials.value))
        )
        self._pace = ipywidgets.Dropdown(
            options=self._paces(), description="Pace", layout={"width": "220px"}, tooltip="How fast the search goes",
            style={"description_width": "40px"},
        )  # fmt: skip
        self._pace.observe(self._loudly(lambda change: self._tell("pace", change["new"] or None)), "value")
        children = [self._pause, self._batch, self._level_step, self._stop, self._trials, self._more, self._pace]
        self._run_row = ipywidgets.HBox(children, layout=_ROW)

    def _toggle(self) -> None:
        self._tell("resume" if self._model.state.state == "paused" else "pause", None)

    def _paces(self) -> list[tuple[str, str]]:
        own = getattr(self._search, "pace", None)
        known = _PACES if own is None or own in _PACES else (*_PACES, own)
        return [("as fast as it goes", ""), *((text.replace("1 trials", "1 trial"), text) for text in known)]

    def _update_run(self, state: str) -> None:
        is_at_work = state in _AT_WORK
        self._pause.description = "Resume" if state == "paused" else "Pause"
        for button in (self._pause, self._batch, self._level_step, self._stop, self._pace):
            button.disabled = not is_at_work
        self._more.disabled = self._trials.disabled = state not in _CAN_GO_ON
        pace = self._search.pace or ""
        if pace != self._pace.value:
            self._pace.options = self._paces()
            self._pace.value = pace

    # What is looked at

    def _make_look(self) -> None:
        names = list(self._model.params)
        style = {"description_width": "20px"}
        self._x = ipywidgets.Dropdown(
            options=names, value=self._model.x, description="x", tooltip="Parameter along the map",
            layout={"width": "180px"}, style=style,
        )  # fmt: skip
        self._x.observe(self._loudly(lambda change: self._tell("x", change["new"])), "value")
        self._y = ipywidgets.Dropdown(
            options=names if self._model.y is not None else [""], value=self._model.y or "", description="y",
            tooltip="Parameter up the map", layout={"width": "180px"}, style=style,
        )  # fmt: skip
        self._y.observe(self._loudly(lambda change: self._tell("y", change["new"])), "value")
        self._level = ipywidgets.IntSlider(
            1, min=1, max=max(2, len(self._model.level_names)), description="Level", continuous_update=False,
            layout={"width": "260px"}, style={"description_width": "40px"}, tooltip="Look at one level",
        )  # fmt: skip
        self._level.observe(self._loudly(lambda change: self._tell("level", change["new"] - 1)), "value")
        self._follow = ipywidgets.Checkbox(
            True, description="Follow the search", indent=False, layout={"width": "auto", "margin": "0 8px"}
        )
        self._follow.observe(self._loudly(self._followed), "value")
        self._look_row = ipywidgets.HBox([self._x, self._y, self._level, self._follow], layout=_ROW)

    def _followed(self, change: dict[str, Any]) -> None:
        self._tell("level", None if change["new"] else self._level.value - 1)

    def _update_look(self) -> None:
        model = self._model
        self._x.value = model.x
        if model.y is not None:
            self._y.value = model.y
        self._x.layout.display = None if len(model.params) > 1 else "none"
        self._y.layout.display = None if model.y is not None else "none"
        n_levels = max(len(model.level_names), 1)
        self._level.max = max(n_levels, 2)
        for part in (self._level, self._follow):
            part.layout.display = None if n_levels > 1 else "none"
        looked_at = model.looked_at if model.looked_at is not None else model.state.level
        self._level.value = min(max(looked_at + 1, 1), n_levels)
        self._follow.value = model.shown_level is None
        is_live = model.state.is_live or model.state.state == "paused"
        self._follow.description = "Follow the search" if is_live else "All levels"

    # Where the search is sent

    def _update_fields(self) -> None:
        model = self._model
        if self._fields_of != (model.x, model.y):
            self._fields_of = (model.x, model.y)
            scales = [scale for scale in (model.map.x, model.map.y) if scale is not None]
            self._limits = {scale.name: (self._field(scale, 0), self._field(scale, -1)) for scale in scales}
            self._look = self._button("Search this region", "Send the next batch there", self._told_region)
            self._look.add_class("mrt-look")
            pairs = [  # a pair stays together where the row is broken
                ipywidgets.HBox([low, high], layout={"margin": "0 8px 0 0"})
                for name, (low, high) in self._limits.items()
            ]
            title = ipywidgets.Label("Look here (or draw a box on the map):")
            old, self._fields.children = self._fields.children, (title, *pairs, self._look)
            close_all(*old)
        for widget in (self._look, *(field for pair in self._limits.values() for field in pair)):
            widget.disabled = model.state.state not in _CAN_GO_ON

    def _field(self, scale: Scale, at: int) -> Any:
        """Return a field for one end of a region, at the end of the axis."""
        # its own description, not a label beside it: that is what a screen reader reads out with the field
        end = f"{scale.name} to" if at else f"{scale.name} from"
        look = {"layout": {"width": "auto"}, "style": {"description_width": "auto"}, "description": end}
        if isinstance(scale.dimension, Categorical):
            labels = list(scale.dimension.labels)
            options = [(text, value) for text, value in zip(scale.categories, labels, strict=True)]
            return ipywidgets.Dropdown(options=options, value=labels[at], **look)
        label = scale.dimension.decode(np.array([scale.dimension.size - 1 if at else 0])).tolist()[0]
        if isinstance(scale.dimension, Integer):
            return self._whole(ipywidgets.FloatText, label, **look)
        return ipywidgets.FloatText(label, **look)

    def _told_region(self) -> None:
        space = self._model.study.space
        bounds = {name: (low.value, high.value) for name, (low, high) in self._limits.items()}
        for name, (low, high) in bounds.items():
            if isinstance(space[name], Integer):
                bounds[name] = tuple(round(end) if math.isfinite(end) else end for end in (low, high))
        self._tell("look", bounds)

    # How they are made

    def _whole(self, kind: Any, value: int, **options: Any) -> Any:
        """Return a field for a whole number: what it shows is what it means.

        A page reads "1e12" in a field of ipywidgets for integers as 1, and goes on showing 1e12.
        """
        field = kind(value, **options)

        def shown(change: dict[str, Any]) -> None:
            if math.isfinite(change["new"]) and change["new"] != round(change["new"]):
                field.value = round(change["new"])

        field.observe(shown, "value")
        return field

    def _button(self, text: str, tip: str, press: Callable[[], object]) -> Any:
        button = ipywidgets.Button(description=text, tooltip=tip, layout=_BUTTON)
        button.on_click(lambda _button: press())
        return button

    def _loudly(self, tell: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
        """Return an observer that hears the user, and not what this object itself writes into the fields."""

        def observer(change: dict[str, Any]) -> None:
            if self._quiet_thread != threading.get_ident():
                tell(change)

        return observer

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._quiet_thread = self._quiet_thread, threading.get_ident()
        try:
            yield
        finally:
            self._quiet_thread = before
