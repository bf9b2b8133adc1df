"""Bokeh figures and HTML texts in one widget, changed from any thread, the same in every view of it.

Bokeh's own widget (`jupyter_bokeh`) needs BokehJS in the page beforehand, loses changes when two threads make them, and
shows the first picture again after the page was reloaded. A board is a thin thing instead: the document and the texts
are the truth; a view gets them whole in the widget's state when it opens (so also while the kernel is busy, after a
reload, in a second view), and afterwards one numbered message for all that changed, at most eight a second. A view that
misses a number asks for the whole again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any, Literal

import anywidget
import bokeh.io.doc
import ipywidgets
import traitlets
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent
from bokeh.model import Model

from mrtoolkit.widgets.changes import Changes
from mrtoolkit.widgets.runtime import BokehRuntime, runtime

_FILES = resources.files("mrtoolkit.widgets").joinpath("js")
_HZ = 8.0  # messages a second
_CALM_HZ = 2.0  # for who asked the system for less motion
_LONGEST_PAINTING = 1.0  # seconds: a page that was held up otherwise did not paint all the time
_GATHER = 0.02  # seconds: changes made outside `change()` wait so long for each other

_log = logging.getLogger(__name__)

Theme = Literal["light", "dark"]


class Board(anywidget.AnyWidget):  # type: ignore[misc]  # it has no types
    """Figures and texts, laid out in rows that become columns where there is no room.

    Parameters
    ----------
    figures : mapping of str to bokeh model
        Figures or layouts of figures by name; each belongs to one board alone.
    texts : mapping of str to str
        HTML by name, written as it is: escape what comes from outside. The text "status" is read out politely.
    rows : sequence of sequence of str, optional
        Names from above to below; those of one row stand side by side from 900 pixels on. Without it each has its own.
    labels : mapping of str to str
        For each figure one sentence that says what it shows, for who cannot see it.

    Attributes
    ----------
    runtime : BokehRuntime
        BokehJS, which all boards of a page share.
    picture : str
        All of it as JSON, for a view that opens; made anew when the browser asks.
    stand_ins : int
        How many outputs after this one are hidden while a view of it lives.
    document : bokeh.document.Document
        The figures, as they are in Python.
    theme : {"light", "dark"}
        The page's, as it last said.
    is_seen : bool
        Whether a front end has drawn it, or asked to.
    trouble : str
        Why a front end could not draw it, in its own words; empty where none said so.
    page_seconds : float
        What the page last took to paint a change, 1 at most.

    Raises
    ------
    ValueError
        If a name in `rows` or `labels` is no figure and no text, or a figure is shown elsewhere.

    Examples
    --------
    >>> from bokeh.plotting import figure
    >>> plot = figure()
    >>> line = plot.line([1, 2], [3, 4])
    >>> board = Board(figures={"line": plot}, texts={"status": "two points"})
    >>> with board.change():
    ...     line.data_source.stream({"x": [3], "y": [5]})
    ...     board.set_text("status", "three points")
    >>> board.close()
    """

    _esm = _FILES.joinpath("board.js").read_text(encoding="utf-8")
    _css = _FILES.joinpath("board.css").read_text(encoding="utf-8")
    runtime = traitlets.Instance(BokehRuntime).tag(sync=True, **ipywidgets.widget_serialization)
    picture = traitlets.Unicode(help="all of it as JSON; made when the browser asks").tag(sync=True)
    stand_ins = traitlets.Int(0, help="outputs after this one that are hidden while a view of it lives").tag(sync=True)

    def __init__(
        self,
        figures: Mapping[str, Model] | None = None,
        texts: Mapping[str, str] | None = None,
        rows: Sequence[Sequence[str]] | None = None,
        labels: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self._figures, self._texts = dict(figures or {}), dict(texts or {})
        self._rows = [list(row) for row in rows] if rows is not None else [[name] for name in self._names()]
        self._labels = dict.fromkeys(self._figures, "") | dict(labels or {})
        self._check()
        self._lock = threading.RLock()
        self._depth = 0
        self._is_urgent = False
        self._number, self._sent_at = 0, deque([0.0], maxlen=int(_HZ))
        self._timer: threading.Timer | None = None
        self._stale: dict[str, set[str]] = {"texts": set(), "labels": set()}
        self._on_theme: list[Callable[[Theme], object]] = []
        self._hz = _HZ
        self._is_closed = True  # until it is open
        self.is_seen = False  # a front end has drawn it, or has said why it cannot
        self.trouble = ""  # why it could not, in its own words
        self.page_seconds = 0.0  # that the page last took to paint a change
        self.document = Document()
        with self.document.models.freeze():  # or bokeh looks through all models again at each
            for figure in self._figures.values():
                self.document.add_root(figure)
        self._changes = Changes(self.document)
        library = runtime()
        self.theme: Theme = library.theme
        self._is_closed = False
        super().__init__(runtime=library, **options)
        self.document.on_change_dispatch_to(self)
        self.on_msg(self._heard)

    def __repr__(self) -> str:
        return f"Board({', '.join(self._names())})"

    def _names(self) -> list[str]:
        return [*self._texts, *self._figures]

    def _check(self) -> None:
        placed = [name for row in self._rows for name in row]
        if sorted(placed) != sorted(self._names()):
            raise ValueError(f"rows places {placed}; it should place each of {self._names()} once")
        if unknown := set(self._labels) - set(self._figures):
            raise ValueError(f"labels names {sorted(unknown)}; the figures are {list(self._figures)}")
        for name, figure in self._figures.items():
            if figure.document is not None:
                raise ValueError(f"figure {name!r} is shown elsewhere already; make another one for this board")

    # What Python changes

    @contextlib.contextmanager
    def change(self, *, at_once: bool = False) -> Iterator[None]:
        """Hold the one lock; what is changed inside leaves as one message.

        Parameters
        ----------
        at_once : bool
            Without the usual distance from the message before, as what the user pressed: still at most 8 in a second.
        """
        with self._lock:
            self._depth += 1
            self._is_urgent |= at_once
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    self._flush_or_wait()
                    self._is_urgent = False

    def set_text(self, name: str, html: str) -> None:
        """Replace the text `name` by `html`, which is written as it is."""
        self._set(self._texts, "texts", name, html)

    def set_label(self, name: str, sentence: str) -> None:
        """Replace what is read out for the figure `name`; plain text."""
        self._set(self._labels, "labels", name, sentence)

    def _set(self, values: dict[str, str], kind: str, name: str, value: str) -> None:
        if name not in values:
            raise KeyError(f"{name!r} is none of this board's {kind}: {list(values)}")
        with self.change():
            if values[name] != value:
                values[name] = value
                self._stale[kind].add(name)

    def on_theme(self, callback: Callable[[Theme], object]) -> None:
        """Have `callback("light" | "dark")` called now and whenever the page's theme changes, inside `change()`."""
        self._on_theme.append(callback)
        with self.change():
            callback(self.theme)

    def close(self) -> None:
        """Stop everything; the figures are free for another board, and every view of this one is gone."""
        if getattr(self, "_is_closed", True):
            return
        with self._lock:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self.document.remove_on_change(self)
            self.document.clear()
            self._on_theme.clear()
            self.on_msg(self._heard, remove=True)
            self.layout.close()
            super().close()

    # What the browser is told

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """Return the widget's state, with the picture as it is now: a reloaded page asks for it."""
        wanted = key is None or key == "picture" or (not isinstance(key, str) and "picture" in key)
        with self._lock:
            if wanted and not self._is_closed:
                self._flush()
                state = super().get_state(key, drop_defaults)
                state["picture"] = self._whole()
                return dict(state)
            return dict(super().get_state(key, drop_defaults))

    def _whole(self) -> str:
        names = {figure.id: name for name, figure in self._figures.items()}
        return json.dumps(
            {
                "number": self._number,
                "document": self.document.to_json(deferred=False),
                "figures": [names[root.id] for root in self.document.roots],
                "texts": self._texts,
                "labels": self._labels,
                "rows": self._rows,
            }
        )

    def _document_patched(self, event: DocumentPatchedEvent) -> None:
        if event.setter is self:  # the browser did that
            return
        with self._lock:
            self._changes.add(event)
            if not self._depth:
                self._wait(_GATHER)

    def _flush_or_wait(self) -> None:
        if self._is_closed or not (self._changes or any(self._stale.values())):
            return
        early = self._sent_at[-1] + 1.0 / self._hz - time.monotonic()
        if self._is_urgent:
            early = self._sent_at[0] + 1.0 - time.monotonic() if len(self._sent_at) == _HZ else 0.0
        if early <= 0:
            self._flush()
        else:
            self._wait(early)

    def _wait(self, seconds: float) -> None:
        if self._is_urgent and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and not self._is_closed:
            self._timer = threading.Timer(seconds, self._ring)
            self._timer.daemon = True
            self._timer.start()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
            self._flush_or_wait()

    def _flush(self) -> None:
        """Send what is not sent yet; under the lock, so that messages leave in the order of their numbers."""
        if self.comm is None or self._is_closed or not (self._changes or any(self._stale.values())):
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        stale, self._stale = self._stale, {"texts": set(), "labels": set()}
        self._number += 1
        self._sent_at.append(time.monotonic())
        message: dict[str, Any] = {"kind": "patch", "number": self._number}
        message["texts"] = {name: self._texts[name] for name in stale["texts"]}
        message["labels"] = {name: self._labels[name] for name in stale["labels"]}
        try:
            patch, buffers = self._changes.take() or ("", [])
            message["patch"] = patch
            message["buffers"] = [buffer.id for buffer in buffers]
            self.send(message, [buffer.to_bytes() for buffer in buffers])
        except Exception:  # the number is used up, so that each view will ask for the whole
            _log.exception("a change of %r could not be sent", self)

    # What the browser says

    def _heard(self, _widget: object, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        """Act on a message; on whatever thread the kernel chose."""
        kind = content.get("kind")
        with self.change():
            if self._is_closed:
                return
            if kind in ("here", "theme"):
                self._hz = _CALM_HZ if content.get("calm") else _HZ
                self._take_theme("dark" if content.get("theme") == "dark" else "light")
            if kind in ("here", "ask"):
                self.is_seen = True
                self._flush()
                if content.get("number") == self._number:
                    return
                if kind == "here":  # what it lacks may be on its way; after this it knows, and asks
                    self.send({"kind": "at", "number": self._number})
                else:
                    self.send({"kind": "whole", "number": self._number, "picture": self._whole()})
            elif kind == "painted":
                self.page_seconds = min(max(float(content.get("ms", 0.0)) / 1_000.0, 0.0), _LONGEST_PAINTING)
            elif kind == "trouble":
                self.is_seen, self.trouble = False, str(content.get("text", ""))
            elif kind == "events":
                for event in content.get("events", ()):
                    self._happened(event)

    def _take_theme(self, theme: Theme) -> None:
        self.runtime.theme = theme
        if theme == self.theme:
            return
        self.theme = theme
        for callback in list(self._on_theme):
            try:
                callback(theme)
            except Exception:
                _log.exception("a figure of %r could not take the %s theme", self, theme)

    def _happened(self, event: dict[str, Any]) -> None:
        """Let the document, and who listens to it, know of one event; what a listener raises is written down."""
        try:
            for model in self.document.models:  # bokeh forgets who asked for events after the document was made
                for name in model.subscribed_events:
                    self.document.callbacks.subscribe(name, model)
            self.document.apply_json_patch({"events": [event]}, setter=self)
        except Exception:
            _log.exception("an event from the page of %r could not be taken", self)
            self._give_up_curdoc()

    def _give_up_curdoc(self) -> None:
        """Let this document be the current one no more.

        Bokeh makes it so while it calls a listener, and leaves it so where the listener raises: once the board is
        closed and gone, `curdoc()` would raise in whatever else draws, a report too.
        """
        stack = bokeh.io.doc._PATCHED_CURDOCS  # noqa: SLF001 - it has no public name
        stack[:] = [document for document in stack if document() is not self.document]
