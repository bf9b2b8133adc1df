"""What changed in a bokeh document since the browser last heard of it, as one patch.

Bokeh tells of each change as an event and leaves it to a server to write them down at once. A widget that sends eight
messages a second collects them instead, and events that wait are no longer true when they are written: a value that was
set and then streamed to would arrive with the stream in it, and the stream again. So what waits here is *which*
attribute changed; its value is read when the patch is written. The exceptions are streamed and patched columns, which
stay as they are as long as nothing else happened to their source.
"""

from __future__ import annotations

from typing import Any

from bokeh.core.json_encoder import serialize_json
from bokeh.core.serialization import Buffer, Serializer
from bokeh.document import Document
from bokeh.document.events import (
    ColumnDataChangedEvent,
    ColumnsPatchedEvent,
    ColumnsStreamedEvent,
    DocumentPatchedEvent,
    ModelChangedEvent,
)
from bokeh.model import Model

_PIECES = (ColumnsStreamedEvent, ColumnsPatchedEvent)
_MOST_PIECES = 100  # more streams than this to one source since the last message: its columns are sent whole


class Changes:
    """Changes of one document that wait to be sent; the caller holds the lock.

    Parameters
    ----------
    document : Document
        As the browser has it now.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._known: set[Model] = set(document.models)
        self._waiting: dict[Any, list[DocumentPatchedEvent]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, event: DocumentPatchedEvent) -> None:
        """Remember that something changed."""
        if isinstance(event, ModelChangedEvent | ColumnDataChangedEvent | ColumnsStreamedEvent | ColumnsPatchedEvent):
            key = (event.model, event.attr)
            self._waiting[key] = _joined(self._waiting.get(key), event)
        else:
            self._waiting[id(event)] = [event]

    def take(self) -> tuple[str, list[Buffer]] | None:
        """Return the patch as JSON and its binary columns, and forget them; None where nothing is to be sent.

        What happened to a model that the browser does not know yet is left out: the model is written whole, as it is
        now, where it is first referred to.
        """
        waiting, self._waiting = self._waiting, {}
        events = [
            event
            for events in waiting.values()
            for event in events
            if not hasattr(event, "model") or (event.model in self._known and event.model.document is self._document)
        ]
        if not events:
            return None
        serializer = Serializer(references=self._known)
        patch = {"events": serializer.encode([_as_it_is_now(event) for event in events])}
        self._known = set(self._document.models)
        return serialize_json(patch), serializer.buffers


def _joined(before: list[DocumentPatchedEvent] | None, event: DocumentPatchedEvent) -> list[DocumentPatchedEvent]:
    """Return what is to be told of one attribute after one more change to it."""
    if before is None:
        return [event]
    if isinstance(event, _PIECES):
        if isinstance(before[-1], type(event)) and len(before) < _MOST_PIECES:
            before.append(event)
            return before
        return [_whole(event)]
    if isinstance(event, ColumnDataChangedEvent) and isinstance(before[-1], ColumnDataChangedEvent):
        if event.cols is not None and before[-1].cols is not None:
            columns = list(dict.fromkeys([*before[-1].cols, *event.cols]))
            return [ColumnDataChangedEvent(event.document, event.model, event.attr, cols=columns)]
        return [_whole(event)]
    if isinstance(before[-1], (ColumnDataChangedEvent, *_PIECES)):
        return [_whole(event)]
    return [event]


def _whole(event: Any) -> DocumentPatchedEvent:
    """Return an event that carries all columns, as they are when it is written."""
    return ColumnDataChangedEvent(event.document, event.model, event.attr)


def _as_it_is_now(event: DocumentPatchedEvent) -> DocumentPatchedEvent:
    if isinstance(event, ModelChangedEvent):
        return ModelChangedEvent(event.document, event.model, event.attr, getattr(event.model, event.attr))
    if isinstance(event, ColumnDataChangedEvent):
        return ColumnDataChangedEvent(event.document, event.model, event.attr, cols=event.cols)
    return event
